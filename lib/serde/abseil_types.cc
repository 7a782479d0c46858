#include <absl/status/status.h>
#include <absl/strings/cord.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <string>

#include "iocluster/serde.h"

namespace ioc::internal {
namespace {

// An absl::Duration counts quarters of a nanosecond.
constexpr int64_t kTicksPerSecond = 4'000'000'000;
enum class DurationKind : uint8_t { kFinite = 0, kInfinite = 1, kMinusInfinite = 2 };

}  // namespace

void BuiltinSerde<absl::Duration>::Write(Encoder& out, absl::Duration value) {
  if (value == absl::InfiniteDuration()) return out.Write(DurationKind::kInfinite);
  if (value == -absl::InfiniteDuration()) return out.Write(DurationKind::kMinusInfinite);
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(value, absl::Seconds(1), &rest);
  const int64_t ticks = absl::IDivDuration(rest, absl::Nanoseconds(1) / 4, &rest);
  out.Write(DurationKind::kFinite);
  out.Write(seconds);
  out.Write(ticks);
}

bool BuiltinSerde<absl::Duration>::Read(Decoder& in, absl::Duration& value) {
  DurationKind kind = DurationKind::kFinite;
  if (!in.Read(kind)) return false;
  if (kind != DurationKind::kFinite) {
    value = kind == DurationKind::kInfinite ? absl::InfiniteDuration() : -absl::InfiniteDuration();
    return kind <= DurationKind::kMinusInfinite || in.Fail("a duration is of an unknown kind");
  }
  int64_t seconds = 0;
  int64_t ticks = 0;
  if (!in.Read(seconds) || !in.Read(ticks)) return false;
  if (ticks <= -kTicksPerSecond || ticks >= kTicksPerSecond) return in.Fail("a duration's fraction is too large");
  value = absl::Seconds(seconds) + absl::Nanoseconds(1) / 4 * ticks;
  return true;
}

void BuiltinSerde<absl::Time>::Write(Encoder& out, absl::Time value) { out.Write(value - absl::UnixEpoch()); }

bool BuiltinSerde<absl::Time>::Read(Decoder& in, absl::Time& value) {
  absl::Duration since_epoch;
  if (!in.Read(since_epoch)) return false;
  value = absl::UnixEpoch() + since_epoch;
  return true;
}

void BuiltinSerde<absl::Status>::Write(Encoder& out, const absl::Status& value) {
  std::map<std::string, std::string> payloads;  // sorted: the same bytes each time
  value.ForEachPayload([&payloads](absl::string_view name, const absl::Cord& payload) {
    payloads.emplace(std::string(name), std::string(payload));
  });
  out.Write(value.raw_code());
  out.Write(std::string(value.message()));
  out.Write(payloads);
}

bool BuiltinSerde<absl::Status>::Read(Decoder& in, absl::Status& value) {
  int code = 0;
  std::string message;
  std::map<std::string, std::string> payloads;
  if (!in.Read(code) || !in.Read(message) || !in.Read(payloads)) return false;
  value = absl::Status(static_cast<absl::StatusCode>(code), message);
  for (const auto& [name, payload] : payloads) value.SetPayload(name, absl::Cord(payload));
  return true;
}

}  // namespace ioc::internal
