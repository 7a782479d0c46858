// A set that forgets what was put into it first once it has `limit` elements.
#ifndef IOCLUSTER_RUNTIME_NODE_RECENT_SET_H_
#define IOCLUSTER_RUNTIME_NODE_RECENT_SET_H_

#include <cstddef>
#include <cstdint>
#include <map>

namespace ioc {

template <typename T>
class RecentSet {
 public:
  explicit RecentSet(size_t limit) : limit_(limit) {}

  bool contains(const T& element) const { return added_.contains(element); }
  size_t size() const { return added_.size(); }
  // What is there already keeps its place.
  void Insert(const T& element) {
    if (!added_.emplace(element, last_ + 1).second) return;
    order_.emplace(++last_, element);
    if (added_.size() > limit_) Erase(T(order_.begin()->second));
  }
  // Says whether it was there.
  bool Erase(const T& element) {
    const auto found = added_.find(element);
    if (found == added_.end()) return false;
    order_.erase(found->second);
    added_.erase(found);
    return true;
  }

 private:
  const size_t limit_;
  uint64_t last_ = 0;
  std::map<T, uint64_t> added_;  // and when, counted up
  std::map<uint64_t, T> order_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_RECENT_SET_H_
