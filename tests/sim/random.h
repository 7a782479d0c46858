// The simulator's random numbers: SplitMix64 (Steele, Lea, Flood 2014), the same on every machine and with every
// library.
#ifndef IOCLUSTER_TESTS_SIM_RANDOM_H_
#define IOCLUSTER_TESTS_SIM_RANDOM_H_

#include <absl/time/time.h>

#include <cstdint>

namespace ioc::sim {

struct DurationRange {
  absl::Duration min;
  absl::Duration max;
};

// Spreads the bits of `value` over the whole word.
inline uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15u); }
  // Below `bound`, which is not 0. The bias of the remainder is too small to matter here.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // In [0, 1).
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  bool Chance(double probability) { return Fraction() < probability; }
  // In whole nanoseconds, so that sums of times stay exact.
  absl::Duration Between(DurationRange range) {
    const int64_t nanoseconds = absl::ToInt64Nanoseconds(range.max - range.min);
    return range.min + absl::Nanoseconds(nanoseconds <= 0 ? 0 : static_cast<int64_t>(Below(nanoseconds + 1)));
  }

 private:
  uint64_t state_;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_RANDOM_H_
