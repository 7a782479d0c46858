// Messages for a reader that may be stalled.
#include "lib/env_asio/error_output.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

#include "lib/env_asio/fd.h"

namespace ioc {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

TEST_CASE("What is written comes out in order, and the end waits for it") {
  Pipe pipe;
  {
    ErrorOutput output(pipe.write.get());
    output.Write("one\n");
    output.Write("");
    output.Write("two\n");
  }
  char text[64] = "";
  CHECK(::read(pipe.read.get(), text, sizeof text) == 8);
  CHECK(std::string(text) == "one\ntwo\n");
}

TEST_CASE("Nobody waits for a reader that is stalled, and what is dropped for it is counted") {
  constexpr int kLines = 50000;
  const std::string line = std::string(99, 'x') + "\n";
  Pipe pipe;
  ErrorOutput output(pipe.write.get());
  for (int i = 0; i < kLines; ++i) output.Write(line);
  CHECK_FALSE(output.Flush(absl::ZeroDuration()));

  // The reader comes back and finds each line, or that it is missing.
  int whole = 0;
  int dropped = 0;
  std::string text;
  while (whole + dropped < kLines) {
    char bytes[65536];
    const ssize_t got = ::read(pipe.read.get(), bytes, sizeof bytes);
    REQUIRE(got > 0);
    text.append(bytes, static_cast<size_t>(got));
    for (size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      const std::string next = text.substr(0, end + 1);
      int missing = 0;
      if (next == line) {
        ++whole;
      } else {
        REQUIRE(std::sscanf(next.c_str(), "iocluster: %d lines were dropped here", &missing) == 1);
        dropped += missing;
      }
    }
  }
  CHECK(dropped > 0);
  output.Write("and so on\n");
  char bytes[64] = "";
  CHECK(::read(pipe.read.get(), bytes, sizeof bytes) == 10);
}

}  // namespace
}  // namespace ioc
