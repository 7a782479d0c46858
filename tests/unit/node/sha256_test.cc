#include "runtime/node/sha256.h"

#include <catch2/catch.hpp>
#include <string>

namespace ioc {

TEST_CASE("the hash of bytes in pieces is the hash of the whole") {
  Sha256 hash;
  const std::string text = "abc";
  for (char letter : text) hash.Update(std::as_bytes(std::span(&letter, 1)));
  CHECK(hash.Finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace ioc
