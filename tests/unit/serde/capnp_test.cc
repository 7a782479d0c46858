#include "iocluster/capnp.h"

#include <capnp/schema.capnp.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/serde/coding.h"

namespace ioc {
namespace {

using Node = capnp::schema::Node;  // a generated struct that Cap'n Proto itself brings

Capnp<Node> SomeNode() {
  capnp::MallocMessageBuilder builder;
  builder.initRoot<Node>().setDisplayName("a name");
  return Capnp<Node>(builder);
}

}  // namespace

TEST_CASE("ACapnpMessageComesBack") {
  CHECK(std::string(RoundTrip(SomeNode()).Root().getDisplayName().cStr()) == "a name");
  CHECK(RoundTrip(Capnp<Node>()).Root().getDisplayName().size() == 0);
  CHECK(std::string(RoundTrip(Capnp<Node>(SomeNode().Root())).Root().getDisplayName().cStr()) == "a name");
  const auto many = RoundTrip(std::vector<Capnp<Node>>(3, SomeNode()));
  CHECK(std::string(many.at(2).Root().getDisplayName().cStr()) == "a name");
}

TEST_CASE("ADamagedCapnpMessageIsAnErrorOrAnException") {
  std::mt19937 random(3);
  const internal::EncodedValue good = EncodeWhole(SomeNode());
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(good.bytes);
    bytes[4 + random() % (bytes.size() - 4)] = static_cast<char>(random());
    const absl::StatusOr<Capnp<Node>> node = internal::DecodeValue<Capnp<Node>>({.bytes = bytes});
    if (!node.ok()) continue;
    try {
      static_cast<void>(node->Root().getDisplayName().size());
    } catch (const kj::Exception&) {
    }
  }
}

}  // namespace ioc
