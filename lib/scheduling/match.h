// Whether a node meets the hard conditions of a request, and whether a request makes sense at all.
//
// Pure functions of their arguments, thread-safe. A free resource is not a condition: see place.h.
#ifndef IOCLUSTER_LIB_SCHEDULING_MATCH_H_
#define IOCLUSTER_LIB_SCHEDULING_MATCH_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <string>

#include "iocluster/options.h"
#include "lib/protocol/common.h"

namespace ioc {

// On a node that a driver has of its own, which ends with it.
inline constexpr char kDriverLabel[] = "iocluster/driver";

// Whether the condition is that a node is no driver's own.
bool ShunsDrivers(const LabelCondition& label);

// One condition of a Where. Borrows from the Where that it came from.
struct Condition {
  enum class Kind {
    kNode,
    kGpuModel,
    kGpuMemory,
    kArchitecture,
    kSystem,
    kRegion,
    kDownMbps,
    kUpMbps,
    kLabel,
    kPrice,
  };

  Kind kind = Kind::kNode;
  const LabelCondition* label = nullptr;  // of kLabel
};

// Calls `visit` with each condition that `where` really sets, in the order of Condition::Kind, until it returns false.
void ForEachCondition(const Where& where, absl::FunctionRef<bool(const Condition&)> visit);

// Whether `node` meets `condition` of `where`:
// - a GPU model matches where its words appear in the node's model, in any case ("rtx 4090" in "NVIDIA GeForce RTX
// 4090");
// - a region matches itself and what lies in it ("eu" matches "eu-west");
// - a node is named by its name or its id;
// - a label that is not there is not in any list, and neither less nor greater than anything.
bool Holds(const Where& where, const Condition& condition, const NodeInfo& node);

// What the condition asks for, as the end of "3 nodes ...": "have an RTX 4090", "are in eu or us".
std::string Describe(const Where& where, const Condition& condition);

// What `node` has instead, for `why` and suggestions: "no GPU", "region us"; empty if there is nothing to say.
std::string DescribeOffer(const Condition& condition, const NodeInfo& node);

// Whether `node` meets all conditions of `where`. If not, `why` (where given) is set to a phrase that names the node
// and the first condition it fails.
bool Matches(const Where& where, const NodeInfo& node, std::string* why = nullptr);

// kInvalidArgument, naming the member and its value, for a request that no node could make sense of: a negative
// resource, a bound that is no number, a label condition with the wrong number of values.
absl::Status CheckRequest(const SchedulingClass& request);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_SCHEDULING_MATCH_H_
