// Identifiers. Plain values: copy them freely, use them as keys, print them with ToString().
//
// Process, node, job and cluster ids are random 64-bit numbers. An object id is made from the process that made it and
// a counter there, so it is unique without asking anybody. An actor is named by the object that its constructor
// "returns": an actor id is an object id.
#ifndef IOCLUSTER_IDS_H_
#define IOCLUSTER_IDS_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ioc {

// A 64-bit identifier; Tag keeps ids of different things apart. Zero means "none".
template <typename Tag>
class Id64 {
 public:
  constexpr Id64() = default;
  constexpr explicit Id64(uint64_t value) : value_(value) {}

  constexpr uint64_t value() const { return value_; }
  constexpr explicit operator bool() const { return value_ != 0; }
  // Sixteen hexadecimal digits.
  std::string ToString() const;

  friend constexpr auto operator<=>(Id64, Id64) = default;
  template <typename H>
  friend H AbslHashValue(H h, Id64 id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  uint64_t value_ = 0;
};

namespace internal {
std::string HexId(uint64_t value);
}  // namespace internal

template <typename Tag>
std::string Id64<Tag>::ToString() const {
  return internal::HexId(value_);
}

using ClusterId = Id64<struct ClusterIdTag>;
using NodeId = Id64<struct NodeIdTag>;
using ProcessId = Id64<struct ProcessIdTag>;  // a worker or a driver: whatever submits, owns and runs
using JobId = Id64<struct JobIdTag>;          // one driver's run; its value is the driver's process id

// Names an object, a task (by its first result) or an actor.
struct ObjectId {
  ProcessId maker;        // the process that made the id; not necessarily the owner any more
  uint64_t sequence = 0;  // counts up in that process, from 1

  constexpr explicit operator bool() const { return sequence != 0; }
  // "maker:sequence", both hexadecimal.
  std::string ToString() const;

  friend constexpr auto operator<=>(const ObjectId&, const ObjectId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ObjectId& id) {
    return H::combine(std::move(h), id.maker, id.sequence);
  }
};

}  // namespace ioc

#endif  // IOCLUSTER_IDS_H_
