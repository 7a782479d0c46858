#include "lib/objects/spill_table.h"

#include <catch2/catch.hpp>
#include <vector>

#include "lib/objects/extent_allocator.h"

namespace ioc {
namespace {

ObjectId Object(uint64_t sequence) { return {ProcessId(7), sequence}; }

std::vector<std::byte> Bytes(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  return bytes;
}

TEST_CASE("what is reserved counts against the limit, in whole pages, until it is released") {
  SpillTable table;
  CHECK_FALSE(table.Reserve(1));
  table.set_limit(4 * kStorePageBytes);
  const Extent first = table.Reserve(1).value();
  CHECK(first.length == kStorePageBytes);
  const Extent second = table.Reserve(3 * kStorePageBytes).value();
  CHECK(table.used() == 4 * kStorePageBytes);
  CHECK_FALSE(table.Reserve(0));
  CHECK_FALSE(table.Reserve(kStorePageBytes + 1, kStorePageBytes));
  CHECK_FALSE(table.Reserve(~uint64_t{0}));
  CHECK((first.end() <= second.offset || second.end() <= first.offset));
  table.Release(first);
  CHECK(table.Reserve(100).value() == first);  // the room is used again
  table.Release(second);
  CHECK(table.used() == kStorePageBytes);
}

TEST_CASE("fragments of the file are no obstacle, as it can be as long as need be") {
  SpillTable table;
  table.set_limit(8 * kStorePageBytes);
  std::vector<Extent> pages;
  for (int i = 0; i < 8; ++i) pages.push_back(table.Reserve(1).value());
  for (int i = 0; i < 8; i += 2) table.Release(pages[i]);
  CHECK(table.Reserve(4 * kStorePageBytes));
}

TEST_CASE("objects are found by their ids and makers, and removed once") {
  SpillTable table;
  table.set_limit(1 << 20);
  for (uint64_t i = 3; i > 0; --i) table.Add(Object(i), {.place = table.Reserve(10).value(), .size = 10});
  CHECK(table.Find(Object(2))->size == 10);
  CHECK(table.MadeBy(ProcessId(7)) == std::vector{Object(1), Object(2), Object(3)});
  CHECK(table.MadeBy(ProcessId(8)).empty());
  CHECK(table.Remove(Object(2)).has_value());
  CHECK_FALSE(table.Remove(Object(2)));
  CHECK(table.Find(Object(2)) == nullptr);
  CHECK(table.size() == 2);
}

TEST_CASE("a changed byte is found in whichever block it is") {
  std::vector<std::byte> bytes = Bytes(2 * kSpillBlockBytes + 1000);
  const std::vector<uint64_t> checksums = BlockChecksums(bytes);
  CHECK(checksums.size() == 3);
  CHECK(BlocksAreRight(bytes, checksums, 0));
  const std::span<const std::byte> all(bytes);
  CHECK(BlocksAreRight(all.subspan(kSpillBlockBytes, kSpillBlockBytes), checksums, 1));
  CHECK(BlocksAreRight(all.subspan(kSpillBlockBytes), checksums, 1));
  CHECK_FALSE(BlocksAreRight(all.subspan(kSpillBlockBytes), checksums, 0));
  CHECK_FALSE(BlocksAreRight(bytes, checksums, 1));
  for (const size_t at : {size_t{0}, size_t{kSpillBlockBytes}, bytes.size() - 1}) {
    bytes[at] ^= std::byte{1};
    CHECK_FALSE(BlocksAreRight(bytes, checksums, 0));
    bytes[at] ^= std::byte{1};
  }
  CHECK(BlockChecksums({}).empty());
  CHECK(BlocksAreRight({}, {}, 0));
}

}  // namespace
}  // namespace ioc
