// Amounts of named resources ("CPU", "GPU", "memory", a user's own), exact to a ten-thousandth, so that fractions add
// up.
#ifndef IOCLUSTER_LIB_BASE_RESOURCES_H_
#define IOCLUSTER_LIB_BASE_RESOURCES_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ioc {

inline constexpr std::string_view kCpu = "CPU";
inline constexpr std::string_view kGpu = "GPU";
inline constexpr std::string_view kMemory = "memory";  // bytes

// The built-in resource that `name` means, in any case and number ("cpu", "GPUs"); empty for a user's own.
std::string_view BuiltinResource(std::string_view name);

// A value. Names are sorted; a resource that is not there has the amount 0. Amounts may go below zero: a task that
// wakes takes its CPU at once (DESIGN section 3).
class ResourceSet {
 public:
  static constexpr int64_t kUnit = 10000;  // ticks a whole one

  ResourceSet() = default;

  // In whole ones (or bytes). `amount` must be finite; it is rounded to a tick.
  void Set(std::string_view name, double amount);
  double Get(std::string_view name) const;
  void SetTicks(std::string_view name, int64_t ticks);
  int64_t GetTicks(std::string_view name) const;

  // Amounts end at what an int64_t holds: about 800 TiB of memory.
  void Add(const ResourceSet& other);
  void Subtract(const ResourceSet& other);
  // Whether at least `other` is here, in every resource that `other` asks for (> 0).
  bool Covers(const ResourceSet& other) const;
  // Whether both have some of the same resource.
  bool Shares(const ResourceSet& other) const;
  bool empty() const { return amounts_.empty(); }

  const std::vector<std::pair<std::string, int64_t>>& amounts() const { return amounts_; }

  // "2 CPU, 1 GPU, 4 GiB memory"; "nothing" if empty.
  std::string ToString() const;

  friend bool operator==(const ResourceSet&, const ResourceSet&) = default;
  friend auto operator<=>(const ResourceSet&, const ResourceSet&) = default;

 private:
  std::vector<std::pair<std::string, int64_t>> amounts_;  // sorted by name, no zeros
};

// InvalidArgument, naming the resource and the amount, if one is negative or not a number.
absl::StatusOr<ResourceSet> MakeResources(const std::vector<std::pair<std::string, double>>& amounts);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_RESOURCES_H_
