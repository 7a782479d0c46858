// What is still held in a cluster, from what Cluster::ObjectsJson or `iocluster objects --json` says.
#ifndef IOCLUSTER_TESTS_HELD_H_
#define IOCLUSTER_TESTS_HELD_H_

#include <string>
#include <string_view>
#include <vector>

namespace ioc {

// A line for each count that is not zero: "n1: objects 3", "worker pid 7 on m1: owned 1". Idle workers, and connections
// between processes that live (also of one with itself), are no more than that. Empty: nothing is held.
std::vector<std::string> HeldIn(std::string_view objects_json);

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_HELD_H_
