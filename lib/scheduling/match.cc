#include "lib/scheduling/match.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/base/text.h"
#include "lib/base/units.h"

namespace ioc {
namespace {

using Op = LabelCondition::Op;

// Of what a class says in words. It travels with each demand and is compared with each other class.
constexpr size_t kMaxTextBytes = 1024;
constexpr size_t kMaxTextsBytes = size_t{128} << 10;
constexpr size_t kMaxAskedResources = 1000;

bool IsWordEdge(const std::string& text, size_t position) {
  return position == 0 || position >= text.size() || !absl::ascii_isalnum(text[position - 1]) ||
         !absl::ascii_isalnum(text[position]);
}

// Whether `words` appears in `text`, whole words only, in any case.
bool ContainsWords(const std::string& text, const std::string& words) {
  const std::string haystack = absl::AsciiStrToLower(text);
  const std::string needle = absl::AsciiStrToLower(words);
  if (needle.empty()) return false;
  for (size_t at = haystack.find(needle); at != std::string::npos; at = haystack.find(needle, at + 1)) {
    if (IsWordEdge(haystack, at) && IsWordEdge(haystack, at + needle.size())) return true;
  }
  return false;
}

bool RegionContains(const std::string& wanted, const std::string& region) {
  if (!absl::StartsWithIgnoreCase(region, wanted)) return false;
  return region.size() == wanted.size() || region[wanted.size()] == '-';
}

template <typename Predicate>
bool AnyOf(const std::vector<std::string>& values, Predicate predicate) {
  return std::any_of(values.begin(), values.end(), predicate);
}

bool AnyEqualIgnoringCase(const std::vector<std::string>& values, const std::string& value) {
  return AnyOf(values, [&](const std::string& one) { return absl::EqualsIgnoreCase(one, value); });
}

bool CompareNumbers(const std::string& left, Op op, const std::string& right) {
  double a = 0;
  double b = 0;
  if (!absl::SimpleAtod(left, &a) || !absl::SimpleAtod(right, &b)) return false;
  return op == Op::kLess ? a < b : a > b;
}

bool LabelHolds(const LabelCondition& condition, const NodeInfo& node) {
  const auto it = node.labels.find(condition.key);
  const bool exists = it != node.labels.end();
  const auto is_listed = [&] {
    return exists && std::find(condition.values.begin(), condition.values.end(), it->second) != condition.values.end();
  };
  switch (condition.op) {
    case Op::kIn:
      return is_listed();
    case Op::kNotIn:
      return !is_listed();
    case Op::kExists:
      return exists;
    case Op::kNotExists:
      return !exists;
    case Op::kLess:
    case Op::kGreater:
      return exists && !condition.values.empty() && CompareNumbers(it->second, condition.op, condition.values.front());
  }
  return false;
}

std::string Alternatives(const std::vector<std::string>& values) { return ShownList(values, " or "); }

std::string DescribeLabel(const LabelCondition& label) {
  if (ShunsDrivers(label)) return "are not a driver's own";
  switch (label.op) {
    case Op::kIn:
      return absl::StrCat("have the label ", Shown(label.key), "=", Alternatives(label.values));
    case Op::kNotIn:
      return absl::StrCat("are without the label ", Shown(label.key), "=", Alternatives(label.values));
    case Op::kExists:
      return absl::StrCat("have the label ", Shown(label.key));
    case Op::kNotExists:
      return absl::StrCat("are without the label ", Shown(label.key));
    case Op::kLess:
      return absl::StrCat("have a label ", Shown(label.key), " below ", Alternatives(label.values));
    case Op::kGreater:
      return absl::StrCat("have a label ", Shown(label.key), " above ", Alternatives(label.values));
  }
  return "";
}

absl::Status Invalid(const std::string& message) { return MakeError(Cause::kInvalidArgument, message); }

absl::Status CheckBound(const char* member, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  return Invalid(absl::StrCat("where.", member, " is ", value, "; it must be a number, 0 (no condition) or more"));
}

// Counts what the members of a Where say in words.
class TextBudget {
 public:
  absl::Status Charge(const char* member, const std::string& text) {
    total_ += text.size();
    if (text.size() <= kMaxTextBytes) return absl::OkStatus();
    return Invalid(absl::StrCat("where.", member, " has ", Shown(text), "; one can have ", kMaxTextBytes));
  }
  absl::Status Charge(const char* member, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) IOC_RETURN_IF_ERROR(Charge(member, text));
    return absl::OkStatus();
  }
  absl::Status Check() const {
    if (total_ <= kMaxTextsBytes) return absl::OkStatus();
    return Invalid(absl::StrCat("the names and values in where are ", total_, " bytes together; they can be ",
                                kMaxTextsBytes, "; give nodes that belong together a label in common"));
  }

 private:
  size_t total_ = 0;
};

absl::Status CheckTexts(const Where& where) {
  TextBudget budget;
  IOC_RETURN_IF_ERROR(budget.Charge("gpu_models", where.gpu_models));
  IOC_RETURN_IF_ERROR(budget.Charge("regions", where.regions));
  IOC_RETURN_IF_ERROR(budget.Charge("architectures", where.architectures));
  IOC_RETURN_IF_ERROR(budget.Charge("systems", where.systems));
  IOC_RETURN_IF_ERROR(budget.Charge("nodes", where.nodes));
  for (const LabelCondition& label : where.labels) {
    IOC_RETURN_IF_ERROR(budget.Charge("labels", label.key));
    IOC_RETURN_IF_ERROR(budget.Charge("labels", label.values));
  }
  return budget.Check();
}

absl::Status CheckLabel(const LabelCondition& label) {
  if (label.key.empty()) return Invalid("a condition in where.labels has no key");
  if (label.op < Op::kIn || label.op > Op::kGreater) {
    return Invalid(absl::StrCat("the condition on the label ", Shown(label.key), " has the op ",
                                static_cast<int>(label.op), "; it must be one of LabelCondition::Op"));
  }
  const bool is_comparison = label.op == Op::kLess || label.op == Op::kGreater;
  const bool wants_values = is_comparison || label.op == Op::kIn || label.op == Op::kNotIn;
  if (!wants_values && !label.values.empty()) {
    return Invalid(absl::StrCat("the condition on the label ", Shown(label.key), " takes no values but has ",
                                label.values.size()));
  }
  if (wants_values && label.values.empty()) {
    return Invalid(absl::StrCat("the condition on the label ", Shown(label.key), " needs a value to compare with"));
  }
  double number = 0;
  if (is_comparison && (label.values.size() != 1 || !absl::SimpleAtod(label.values.front(), &number))) {
    return Invalid(absl::StrCat("the condition on the label ", Shown(label.key),
                                " compares numbers and needs exactly one, not ", Alternatives(label.values)));
  }
  return absl::OkStatus();
}

}  // namespace

bool ShunsDrivers(const LabelCondition& label) {
  return label.key == kDriverLabel && label.op == LabelCondition::Op::kNotExists;
}

void ForEachCondition(const Where& where, absl::FunctionRef<bool(const Condition&)> visit) {
  using Kind = Condition::Kind;
  const std::pair<Kind, bool> before_labels[] = {
      {Kind::kNode, !where.nodes.empty()},          {Kind::kGpuModel, !where.gpu_models.empty()},
      {Kind::kGpuMemory, where.min_gpu_memory > 0}, {Kind::kArchitecture, !where.architectures.empty()},
      {Kind::kSystem, !where.systems.empty()},      {Kind::kRegion, !where.regions.empty()},
      {Kind::kDownMbps, where.min_down_mbps > 0},   {Kind::kUpMbps, where.min_up_mbps > 0},
  };
  for (const auto& [kind, is_set] : before_labels) {
    if (is_set && !visit({.kind = kind})) return;
  }
  for (const LabelCondition& label : where.labels) {
    if (!visit({.kind = Kind::kLabel, .label = &label})) return;
  }
  if (where.max_price_per_hour > 0) visit({.kind = Kind::kPrice});
}

bool Holds(const Where& where, const Condition& condition, const NodeInfo& node) {
  switch (condition.kind) {
    case Condition::Kind::kNode:
      return AnyOf(where.nodes, [&](const std::string& wanted) {
        return wanted == node.name || absl::EqualsIgnoreCase(wanted, node.address.node.ToString());
      });
    case Condition::Kind::kGpuModel:
      return AnyOf(where.gpu_models, [&](const std::string& wanted) { return ContainsWords(node.gpu_model, wanted); });
    case Condition::Kind::kGpuMemory:
      return node.gpu_memory >= where.min_gpu_memory;
    case Condition::Kind::kArchitecture:
      return AnyEqualIgnoringCase(where.architectures, node.arch);
    case Condition::Kind::kSystem:
      return AnyEqualIgnoringCase(where.systems, node.os);
    case Condition::Kind::kRegion:
      return AnyOf(where.regions, [&](const std::string& wanted) { return RegionContains(wanted, node.region); });
    case Condition::Kind::kDownMbps:
      return node.down_mbps >= where.min_down_mbps;
    case Condition::Kind::kUpMbps:
      return node.up_mbps >= where.min_up_mbps;
    case Condition::Kind::kLabel:
      return LabelHolds(*condition.label, node);
    case Condition::Kind::kPrice:
      return node.price_per_hour <= where.max_price_per_hour;
  }
  return false;
}

std::string Describe(const Where& where, const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::kNode:
      return absl::StrCat("are named ", Alternatives(where.nodes));
    case Condition::Kind::kGpuModel:
      return absl::StrCat("have the GPU ", Alternatives(where.gpu_models));
    case Condition::Kind::kGpuMemory:
      return absl::StrCat("have ", FormatBytes(where.min_gpu_memory), " or more on a GPU");
    case Condition::Kind::kArchitecture:
      return absl::StrCat("are ", Alternatives(where.architectures));
    case Condition::Kind::kSystem:
      return absl::StrCat("run ", Alternatives(where.systems));
    case Condition::Kind::kRegion:
      return absl::StrCat("are in ", Alternatives(where.regions));
    case Condition::Kind::kDownMbps:
      return absl::StrCat("have ", where.min_down_mbps, " Mbit/s down");
    case Condition::Kind::kUpMbps:
      return absl::StrCat("have ", where.min_up_mbps, " Mbit/s up");
    case Condition::Kind::kLabel:
      return DescribeLabel(*condition.label);
    case Condition::Kind::kPrice:
      return absl::StrCat("cost at most $", where.max_price_per_hour, " an hour");
  }
  return "";
}

std::string DescribeOffer(const Condition& condition, const NodeInfo& node) {
  switch (condition.kind) {
    case Condition::Kind::kNode:
      return node.name;
    case Condition::Kind::kGpuModel:
      return node.gpu_model.empty() ? "no GPU" : node.gpu_model;
    case Condition::Kind::kGpuMemory:
      return absl::StrCat(FormatBytes(node.gpu_memory), " on a GPU");
    case Condition::Kind::kArchitecture:
      return node.arch;
    case Condition::Kind::kSystem:
      return node.os;
    case Condition::Kind::kRegion:
      return node.region.empty() ? "no region" : node.region;
    case Condition::Kind::kDownMbps:
      return absl::StrCat(node.down_mbps, " Mbit/s down");
    case Condition::Kind::kUpMbps:
      return absl::StrCat(node.up_mbps, " Mbit/s up");
    case Condition::Kind::kLabel: {
      const auto it = node.labels.find(condition.label->key);
      return it == node.labels.end() ? absl::StrCat("no label ", Shown(condition.label->key))
                                     : absl::StrCat(it->first, "=", it->second);
    }
    case Condition::Kind::kPrice:
      return absl::StrCat("$", node.price_per_hour, " an hour");
  }
  return "";
}

bool Matches(const Where& where, const NodeInfo& node, std::string* why) {
  bool matches = true;
  ForEachCondition(where, [&](const Condition& condition) {
    matches = Holds(where, condition, node);
    if (!matches && why != nullptr) {
      *why = absl::StrCat("node ", node.name, " (", DescribeOffer(condition, node), ") is not among those that ",
                          Describe(where, condition));
    }
    return matches;
  });
  return matches;
}

absl::Status CheckRequest(const SchedulingClass& request) {
  if (request.resources.amounts().size() > kMaxAskedResources) {
    return Invalid(absl::StrCat("it asks for ", request.resources.amounts().size(), " resources; it can ask for ",
                                kMaxAskedResources));
  }
  for (const auto& [name, ticks] : request.resources.amounts()) {
    if (ticks < 0) {
      return Invalid(absl::StrCat("the resource ", Shown(name), " is ", request.resources.Get(name),
                                  "; a task can't ask for less than 0"));
    }
    if (name.empty()) return Invalid("a resource has no name");
    if (name.size() > kMaxTextBytes) {
      return Invalid(
          absl::StrCat("the resource ", Shown(name), " has a name that is too long; it can have ", kMaxTextBytes));
    }
  }
  IOC_RETURN_IF_ERROR(CheckBound("min_down_mbps", request.where.min_down_mbps));
  IOC_RETURN_IF_ERROR(CheckBound("min_up_mbps", request.where.min_up_mbps));
  IOC_RETURN_IF_ERROR(CheckBound("max_price_per_hour", request.where.max_price_per_hour));
  IOC_RETURN_IF_ERROR(CheckTexts(request.where));
  for (const LabelCondition& label : request.where.labels) IOC_RETURN_IF_ERROR(CheckLabel(label));
  if (request.strategy < Strategy::kDefault || request.strategy > Strategy::kSpread) {
    return Invalid(absl::StrCat("strategy is ", static_cast<int>(request.strategy), "; it must be one of Strategy"));
  }
  if (request.placement_timeout < absl::ZeroDuration()) {
    return Invalid(absl::StrCat("placement_timeout is ", absl::FormatDuration(request.placement_timeout),
                                "; it can't be negative"));
  }
  return absl::OkStatus();
}

}  // namespace ioc
