// A set of offsets kept as disjoint ranges that don't touch: free space, committed space. Finds the smallest range that
// holds a length in logarithmic time. A plain value.
#ifndef IOCLUSTER_LIB_OBJECTS_INTERVAL_SET_H_
#define IOCLUSTER_LIB_OBJECTS_INTERVAL_SET_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace ioc {

struct Extent {
  uint64_t offset = 0;
  uint64_t length = 0;

  uint64_t end() const { return offset + length; }
  friend auto operator<=>(const Extent&, const Extent&) = default;
};

class IntervalSet {
 public:
  // Adds a range, none of which is in the set; it melts into its neighbours.
  void Add(Extent range);
  // Takes out what of `range` is in the set and returns it, in order.
  std::vector<Extent> Take(Extent range);
  // The smallest range of at least `length` bytes, the first of equal ones.
  std::optional<Extent> BestFit(uint64_t length) const;
  // The largest range; of length 0 if the set is empty.
  Extent Largest() const;
  // In order.
  std::vector<Extent> All() const;

  uint64_t total() const { return total_; }

 private:
  void Insert(Extent range);
  void Erase(std::map<uint64_t, uint64_t>::iterator position);

  std::map<uint64_t, uint64_t> by_offset_;             // offset to length
  std::set<std::pair<uint64_t, uint64_t>> by_length_;  // (length, offset) of the same
  uint64_t total_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_OBJECTS_INTERVAL_SET_H_
