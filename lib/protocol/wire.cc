#include "lib/protocol/wire.h"

#include <absl/strings/str_cat.h>
#include <kj/exception.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <exception>
#include <stdexcept>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {
namespace {

static_assert(std::endian::native == std::endian::little, "BodyBuilder writes the segment table as it lies in memory");

constexpr size_t kFirstWords = 256;
// What a BodyBuffer keeps from one message to the next: 1 MiB.
constexpr size_t kMaxKeptWords = size_t{1} << 17;

constexpr int kMaxNesting = 32;
// A segment costs memory before it is read; our own messages have one or a few.
constexpr uint32_t kMaxSegments = 512;
constexpr size_t kTraversalsPerWord = 4;
constexpr size_t kSpareTraversals = 1024;

constexpr size_t kDecodedBytesPerByte = 32;
constexpr size_t kSpareDecodedBytes = size_t{64} << 10;
constexpr size_t kMaxDecodedBytes = size_t{128} << 20;

class BadBody : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

absl::Status BadMessage(std::string_view name, std::string_view why) {
  return MakeError(Cause::kInvalidArgument, "bad " + std::string(name) + " message: " + std::string(why));
}

void CheckFrame(std::span<const std::byte> body) {
  if (reinterpret_cast<uintptr_t>(body.data()) % sizeof(uint64_t) != 0) RejectBody("it is not aligned to 8 bytes");
  if (body.size() % sizeof(uint64_t) != 0)
    RejectBody(absl::StrCat("its length is ", body.size(), ", not a multiple of 8"));
  if (body.empty()) RejectBody("it is empty");
  uint32_t last_segment = 0;
  std::memcpy(&last_segment, body.data(), sizeof(last_segment));
  if (last_segment >= kMaxSegments) RejectBody(absl::StrCat("it has more than ", kMaxSegments, " segments"));
}

}  // namespace

BodyBuilder::BodyBuilder(BodyBuffer& body) : body_(body) {
  std::vector<uint64_t>& words = body.words_;
  if (words.size() > kMaxKeptWords) words = std::vector<uint64_t>();
  std::fill_n(words.begin(), std::min(body.size_, words.size()), 0);
  if (words.size() < kFirstWords) words.resize(kFirstWords);
  body.size_ = 0;
}

kj::ArrayPtr<capnp::word> BodyBuilder::allocateSegment(unsigned minimum_words) {
  std::span<uint64_t> segment;
  if (!started_) {
    started_ = true;
    if (body_.words_.size() < minimum_words + size_t{1}) body_.words_.resize(minimum_words + size_t{1});
    segment = std::span(body_.words_).subspan(1);
  } else {
    segment = overflow_.emplace_back(std::max<size_t>(minimum_words, allocated_words_));
  }
  allocated_words_ += segment.size();
  return {reinterpret_cast<capnp::word*>(segment.data()), segment.size()};
}

void BodyBuilder::Finish() {
  const kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments = getSegmentsForOutput();
  IOC_CHECK(segments.size() > 0) << "a message without a root";
  if (segments.size() == 1) {
    body_.words_[0] = static_cast<uint64_t>(segments[0].size()) << 32;
    body_.size_ = 1 + segments[0].size();
    return;
  }
  std::vector<uint32_t> table = {static_cast<uint32_t>(segments.size() - 1)};
  for (const auto& segment : segments) table.push_back(static_cast<uint32_t>(segment.size()));
  if (table.size() % 2 != 0) table.push_back(0);
  const size_t size = capnp::computeSerializedSizeInWords(*this);
  // Room for a message a quarter larger, so that the next one like it fits into one segment.
  std::vector<uint64_t> words(size + size / 4);
  std::memcpy(words.data(), table.data(), table.size() * sizeof(uint32_t));
  uint64_t* out = words.data() + table.size() / 2;
  for (const auto& segment : segments) {
    std::memcpy(out, segment.begin(), segment.size() * sizeof(uint64_t));
    out += segment.size();
  }
  body_.words_ = std::move(words);
  body_.size_ = size;
}

void RejectBody(std::string_view what) { throw BadBody(std::string(what)); }

Budget::Budget(size_t body_bytes)
    : left_(std::min(kMaxDecodedBytes, kSpareDecodedBytes + kDecodedBytesPerByte * body_bytes)) {}

void Budget::Charge(size_t bytes) {
  if (bytes > left_) RejectBody("it stands for more than a message of its size may");
  left_ -= bytes;
}

absl::Status DecodeBody(std::string_view name, std::span<const std::byte> body,
                        absl::FunctionRef<void(Budget&, capnp::MessageReader&)> read) {
  try {
    CheckFrame(body);
    const size_t words = body.size() / sizeof(uint64_t);
    capnp::ReaderOptions options;
    options.traversalLimitInWords = words * kTraversalsPerWord + kSpareTraversals;
    options.nestingLimit = kMaxNesting;
    capnp::FlatArrayMessageReader reader({reinterpret_cast<const capnp::word*>(body.data()), words}, options);
    Budget budget(body.size());
    read(budget, reader);
    return absl::OkStatus();
  } catch (const kj::Exception& error) {
    // Its what() would resolve the stack trace; the description is enough.
    return BadMessage(name, error.getDescription().cStr());
  } catch (const std::exception& error) {
    return BadMessage(name, error.what());
  }
}

int64_t NonNegative(int64_t value, const char* what) {
  if (value < 0) RejectBody(absl::StrCat(what, " is ", value, ", below zero"));
  return value;
}

double NonNegative(double value, const char* what) {
  if (!std::isfinite(value) || value < 0) RejectBody(absl::StrCat(what, " is ", value, ", not an amount"));
  return value;
}

}  // namespace ioc
