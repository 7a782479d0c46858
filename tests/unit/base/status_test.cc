#include "lib/base/status.h"

#include <absl/strings/cord.h>

#include <catch2/catch.hpp>
#include <set>
#include <string>

namespace ioc {
namespace {

TEST_CASE("An error carries its cause, message and a fitting code") {
  const absl::Status status = MakeError(Cause::kWorkerDied, "worker 7 exited with code 41");
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(status.message() == "worker 7 exited with code 41");
  CHECK(CauseOf(status) == Cause::kWorkerDied);
}

TEST_CASE("Every cause survives its status, its number on the wire, and has a name of its own") {
  std::set<std::string_view> names;
  for (int number = 1; number <= static_cast<int>(Cause::kInternal); ++number) {
    const Cause cause = CauseFromWire(number);
    CHECK(static_cast<int>(cause) == number);
    const absl::Status status = MakeError(cause, "text");
    CHECK_FALSE(status.ok());
    CHECK(CauseOf(status) == cause);
    names.insert(CauseName(cause));
  }
  CHECK(names.size() == static_cast<size_t>(Cause::kInternal));
  CHECK(names.count("unknown") == 0);
}

TEST_CASE("A cause of a newer release is internal, and statuses of others have none") {
  CHECK(CauseFromWire(static_cast<int>(Cause::kInternal) + 1) == Cause::kInternal);
  CHECK(CauseFromWire(-1) == Cause::kInternal);
  CHECK(CauseOf(absl::OkStatus()) == Cause::kNone);
  CHECK(CauseOf(absl::NotFoundError("elsewhere")) == Cause::kNone);
  CHECK(CauseName(static_cast<Cause>(1000)) == "unknown");
}

TEST_CASE("Context is put before the message; code, cause and other payloads stay") {
  absl::Status status = MakeError(Cause::kDeadline, "took too long");
  status.SetPayload("other", absl::Cord("kept"));
  const absl::Status wrapped = WithContext(status, "node a");
  CHECK(wrapped.message() == "node a: took too long");
  CHECK(wrapped.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(CauseOf(wrapped) == Cause::kDeadline);
  CHECK(wrapped.GetPayload("other").has_value());
  CHECK(WithContext(absl::OkStatus(), "node a").ok());
}

absl::StatusOr<int> Half(int number) {
  if (number % 2 != 0) return MakeError(Cause::kInvalidArgument, "odd");
  return number / 2;
}

absl::StatusOr<int> Quarter(int number) {
  IOC_ASSIGN_OR_RETURN(const int half, Half(number));
  IOC_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST_CASE("The macros return the first error and pass values on") {
  CHECK(Quarter(8).value() == 2);
  CHECK(CauseOf(Quarter(6).status()) == Cause::kInvalidArgument);
  CHECK(CauseOf(Quarter(7).status()) == Cause::kInvalidArgument);
}

}  // namespace
}  // namespace ioc
