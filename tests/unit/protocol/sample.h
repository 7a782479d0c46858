// Fills any message with random values, and prints any message, by looking at its fields: a field that is added is
// covered without anybody thinking of it.
#ifndef IOCLUSTER_TESTS_UNIT_PROTOCOL_SAMPLE_H_
#define IOCLUSTER_TESTS_UNIT_PROTOCOL_SAMPLE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <boost/pfr.hpp>
#include <concepts>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lib/base/status.h"
#include "lib/protocol/codec.h"

namespace ioc {

template <typename E>
inline constexpr E kLastOf = E();
template <>
inline constexpr Role kLastOf<Role> = Role::kTool;
template <>
inline constexpr ActorPhase kLastOf<ActorPhase> = ActorPhase::kCutOff;
template <>
inline constexpr HostedState kLastOf<HostedState> = HostedState::kEnded;
template <>
inline constexpr Strategy kLastOf<Strategy> = Strategy::kSpread;
template <>
inline constexpr LabelCondition::Op kLastOf<LabelCondition::Op> = LabelCondition::Op::kGreater;
template <>
inline constexpr ValueKind kLastOf<ValueKind> = ValueKind::kStored;
template <>
inline constexpr TaskKind kLastOf<TaskKind> = TaskKind::kActorCall;
template <>
inline constexpr TaskOutcome kLastOf<TaskOutcome> = TaskOutcome::kReturned;

// Makes messages in which no field has its default value, so that a field that a codec forgets is seen.
class Sampler {
 public:
  explicit Sampler(uint64_t seed) : random_(seed) {}

  uint64_t Number(uint64_t first, uint64_t last) {
    return std::uniform_int_distribution<uint64_t>(first, last)(random_);
  }

  template <typename T>
  T Make() {
    T value;
    Fill(value);
    return value;
  }

  void Fill(bool& value) { value = !value; }
  template <std::integral T>
  void Fill(T& value) {
    value = static_cast<T>(Number(2, std::numeric_limits<T>::max()));
  }
  void Fill(double& value) { value = static_cast<double>(Number(1, 1'000'000)) / 8; }
  template <typename E>
  requires std::is_enum_v<E>
  void Fill(E& value) { value = static_cast<E>(Number(1, static_cast<uint64_t>(kLastOf<E>))); }
  template <typename Tag>
  void Fill(Id64<Tag>& value) {
    value = Id64<Tag>(Make<uint64_t>());
  }
  void Fill(std::string& value) {
    value.resize(Number(1, 40));
    for (char& c : value) c = static_cast<char>(Number(0, 255));
  }
  void Fill(std::string_view& value) { value = texts_.emplace_back(Make<std::string>()); }
  void Fill(absl::Duration& value) { value = absl::Nanoseconds(Number(1, uint64_t{1} << 60)); }
  void Fill(absl::Status& value) {
    const std::string message = Make<std::string>();
    value = Number(0, 1) == 0 ? absl::Status(static_cast<absl::StatusCode>(Number(1, 16)), message)
                              : MakeError(static_cast<Cause>(Number(1, static_cast<int>(Cause::kInternal))), message);
  }
  void Fill(ResourceSet& value) {
    for (uint64_t n = Number(1, 3); n > 0; --n) {
      value.SetTicks(Make<std::string>(), static_cast<int64_t>(Number(1, 1000)) - 2000 * static_cast<int64_t>(n % 2));
    }
  }
  void Fill(std::map<std::string, std::string>& value) {
    for (uint64_t n = Number(1, 3); n > 0; --n) value[Make<std::string>()] = Make<std::string>();
  }
  template <typename T>
  void Fill(std::vector<T>& value) {
    value.resize(Number(1, 3));
    for (T& element : value) Fill(element);
  }
  template <typename T>
  requires std::is_aggregate_v<T>
  void Fill(T& value) {
    boost::pfr::for_each_field(value, [this](auto& field) { Fill(field); });
  }

 private:
  std::mt19937_64 random_;
  std::deque<std::string> texts_;  // what views point to
};

inline std::string Print(std::string_view text) { return '"' + std::string(text) + '"'; }
inline std::string Print(const std::string& text) { return Print(std::string_view(text)); }
template <typename T>
requires std::is_arithmetic_v<T> std::string Print(T value) { return std::to_string(value); }
template <typename E>
requires std::is_enum_v<E> std::string Print(E value) { return std::to_string(static_cast<int>(value)); }
template <typename Tag>
std::string Print(Id64<Tag> id) {
  return id.ToString();
}
inline std::string Print(absl::Duration duration) { return absl::FormatDuration(duration); }
inline std::string Print(const absl::Status& status) {
  return status.ToString() + "/" + std::string(CauseName(CauseOf(status)));
}
inline std::string Print(const ResourceSet& resources) {
  std::string text;
  for (const auto& [name, ticks] : resources.amounts()) text += Print(name) + "=" + std::to_string(ticks) + " ";
  return text;
}
inline std::string Print(const std::map<std::string, std::string>& map) {
  std::string text;
  for (const auto& [key, value] : map) text += Print(key) + ":" + Print(value) + " ";
  return text;
}
template <typename T>
std::string Print(const std::vector<T>& values);
template <typename T>
requires std::is_aggregate_v<T> std::string Print(const T& value) {
  std::string text = "{";
  boost::pfr::for_each_field(value, [&text](const auto& field) { text += Print(field) + ", "; });
  return text + "}";
}
template <typename T>
std::string Print(const std::vector<T>& values) {
  std::string text = "[";
  for (const T& value : values) text += Print(value) + ", ";
  return text + "]";
}

// Any message, so that a check is compiled once and not once a message.
class AnyMessage {
 public:
  virtual ~AnyMessage() = default;
  virtual const char* name() const = 0;
  virtual std::unique_ptr<AnyMessage> New() const = 0;  // of the same type, with its defaults
  virtual void FillFrom(Sampler& sampler) = 0;
  virtual void EncodeTo(BodyBuffer& body) const = 0;
  virtual absl::Status DecodeFrom(std::span<const std::byte> body) = 0;
  virtual std::string Printed() const = 0;
};

// One of each, with its defaults.
std::vector<std::unique_ptr<AnyMessage>> AllMessages();

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_PROTOCOL_SAMPLE_H_
