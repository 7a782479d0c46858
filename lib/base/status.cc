#include "lib/base/status.h"

#include <absl/strings/cord.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <optional>
#include <string>

namespace ioc {
namespace {

constexpr char kCausePayload[] = "iocluster/cause";

absl::StatusCode CodeOf(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return absl::StatusCode::kUnknown;
    case Cause::kTaskThrew:
      return absl::StatusCode::kAborted;
    case Cause::kWorkerDied:
    case Cause::kNodeDied:
    case Cause::kActorDied:
    case Cause::kOwnerDied:
    case Cause::kDisconnected:
      return absl::StatusCode::kUnavailable;
    case Cause::kObjectLost:
      return absl::StatusCode::kDataLoss;
    case Cause::kOutOfMemory:
    case Cause::kStoreFull:
      return absl::StatusCode::kResourceExhausted;
    case Cause::kCancelled:
      return absl::StatusCode::kCancelled;
    case Cause::kDeadline:
      return absl::StatusCode::kDeadlineExceeded;
    case Cause::kUnschedulable:
    case Cause::kProgramMissing:
      return absl::StatusCode::kFailedPrecondition;
    case Cause::kTypeMismatch:
    case Cause::kInvalidArgument:
      return absl::StatusCode::kInvalidArgument;
    case Cause::kInternal:
      return absl::StatusCode::kInternal;
  }
  return absl::StatusCode::kUnknown;
}

// With the payloads of `status`.
absl::Status Changed(const absl::Status& status, absl::StatusCode code, absl::string_view message) {
  absl::Status changed(code, message);
  status.ForEachPayload(
      [&changed](absl::string_view url, const absl::Cord& payload) { changed.SetPayload(url, payload); });
  return changed;
}

}  // namespace

Cause CauseOf(const absl::Status& status) {
  if (status.ok()) return Cause::kNone;
  const absl::optional<absl::Cord> payload = status.GetPayload(kCausePayload);
  if (!payload.has_value()) return Cause::kNone;
  int value = 0;
  if (!absl::SimpleAtoi(std::string(*payload), &value)) return Cause::kNone;
  return CauseFromWire(value);
}

Cause CauseFromWire(int value) {
  if (value < 0 || value > static_cast<int>(Cause::kInternal)) return Cause::kInternal;
  return static_cast<Cause>(value);
}

std::string_view CauseName(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return "none";
    case Cause::kTaskThrew:
      return "task threw";
    case Cause::kWorkerDied:
      return "worker died";
    case Cause::kNodeDied:
      return "node died";
    case Cause::kActorDied:
      return "actor died";
    case Cause::kOwnerDied:
      return "owner died";
    case Cause::kObjectLost:
      return "object lost";
    case Cause::kOutOfMemory:
      return "out of memory";
    case Cause::kStoreFull:
      return "object store full";
    case Cause::kCancelled:
      return "cancelled";
    case Cause::kDeadline:
      return "deadline";
    case Cause::kUnschedulable:
      return "unschedulable";
    case Cause::kProgramMissing:
      return "program missing";
    case Cause::kTypeMismatch:
      return "type mismatch";
    case Cause::kDisconnected:
      return "disconnected";
    case Cause::kInvalidArgument:
      return "invalid argument";
    case Cause::kInternal:
      return "internal";
  }
  return "unknown";
}

absl::Status MakeError(Cause cause, std::string_view message) {
  absl::Status status(CodeOf(cause), absl::string_view(message.data(), message.size()));
  if (cause != Cause::kNone) {
    status.SetPayload(kCausePayload, absl::Cord(absl::StrCat(static_cast<int>(cause))));
  }
  return status;
}

absl::Status WithCode(const absl::Status& status, absl::StatusCode code) {
  return status.ok() ? status : Changed(status, code, status.message());
}

absl::Status WithContext(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return Changed(status, status.code(),
                 absl::StrCat(absl::string_view(context.data(), context.size()), ": ", status.message()));
}

}  // namespace ioc
