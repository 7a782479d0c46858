#include "lib/scheduling/place.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <compare>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/base/units.h"
#include "lib/scheduling/match.h"

namespace ioc {
namespace {

// More of these in a suggestion would only be noise.
constexpr size_t kMaxOffersListed = 5;
// What a node that declares fewer is taken to have, when loads are compared.
constexpr double kLeastCpus = 0.1;

// 0 is empty, 1 is full; of the scarcest resource.
double Fullness(const NodeView& node) {
  double fullest = 0;
  for (const auto& [name, total] : node.info->total.amounts()) {
    if (total <= 0) continue;
    const double free = static_cast<double>(node.free.GetTicks(name));
    fullest = std::max(fullest, 1 - free / static_cast<double>(total));
  }
  return fullest;
}

// Leases a CPU, if it had one more. A node without CPUs is the last that one would choose.
double Load(const NodeView& node) {
  const double cpus = std::max(node.info->total.Get(kCpu), kLeastCpus);
  return (1 + node.leases + Fullness(node)) / cpus;
}

bool OwnsGpus(const NodeView& node) { return node.info->total.GetTicks(kGpu) > 0; }

// The better node has the smaller key.
using Key = std::tuple<double, double, std::string_view, NodeId>;

Key KeyOf(const NodeView& node, const SchedulingClass& request) {
  const double fullness = Fullness(node);
  switch (request.strategy) {
    case Strategy::kPack:
      return {0, -fullness, node.info->name, node.id};
    case Strategy::kSpread:
      return {node.leases, fullness, node.info->name, node.id};
    case Strategy::kDefault:
      break;
  }
  const bool wastes_gpus = OwnsGpus(node) && request.resources.GetTicks(kGpu) <= 0;
  const double load = request.resources.empty() ? Load(node) : -fullness;
  return {wastes_gpus ? 1 : 0, load, node.info->name, node.id};
}

// "have a GPU" with the verb that goes with `count`.
std::string Conjugate(size_t count, const std::string& phrase) {
  if (count != 1) return phrase;
  static constexpr std::pair<std::string_view, std::string_view> kVerbs[] = {
      {"have ", "has "}, {"are ", "is "}, {"run ", "runs "}, {"cost ", "costs "}};
  for (const auto& [plural, singular] : kVerbs) {
    const absl::string_view prefix(plural.data(), plural.size());
    if (!absl::StartsWith(phrase, prefix)) continue;
    return absl::StrCat(std::string(singular), phrase.substr(plural.size()));
  }
  return phrase;
}

// Narrows the candidates down condition by condition and writes down how many are left.
class Funnel {
 public:
  explicit Funnel(std::span<const NodeView> nodes) {
    for (const NodeView& node : nodes) {
      if (node.alive) left_.push_back(&node);
    }
    text_ = Count(left_.size(), "node");
  }

  // False once nobody is left; `left()` are then those that met every condition but this last one.
  template <typename Predicate>
  bool Narrow(const std::string& phrase, Predicate holds) {
    std::vector<const NodeView*> kept;
    std::copy_if(left_.begin(), left_.end(), std::back_inserter(kept),
                 [&](const NodeView* node) { return holds(*node); });
    absl::StrAppend(&text_, "; ", kept.size(), narrowed_ ? " of them " : " ", Conjugate(kept.size(), phrase));
    narrowed_ = true;
    if (kept.empty()) return false;
    left_ = std::move(kept);
    return true;
  }

  const std::vector<const NodeView*>& left() const { return left_; }
  const std::string& text() const { return text_; }

 private:
  std::vector<const NodeView*> left_;
  std::string text_;
  bool narrowed_ = false;
};

std::string FormatAmount(std::string_view name, int64_t ticks) {
  if (ticks == 0) return absl::StrCat("0 ", std::string(name));
  ResourceSet one;
  one.SetTicks(name, ticks);
  return one.ToString();
}

std::string LargestOffer(const std::vector<const NodeView*>& nodes, const std::string& resource) {
  const auto largest = std::max_element(nodes.begin(), nodes.end(), [&](const NodeView* a, const NodeView* b) {
    return std::make_pair(a->info->total.GetTicks(resource), b->info->name) <
           std::make_pair(b->info->total.GetTicks(resource), a->info->name);
  });
  const int64_t ticks = (*largest)->info->total.GetTicks(resource);
  if (ticks <= 0) return absl::StrCat("none of them offers any ", resource, "; start a node that does");
  return absl::StrCat("the largest offer is ", FormatAmount(resource, ticks), " (node ", (*largest)->info->name,
                      "); ask for at most that, or start a larger node");
}

constexpr char kStartNode[] = "start one with 'iocluster node --head HOST:PORT'";

std::string Offers(const std::vector<const NodeView*>& nodes, const Condition& condition) {
  if (condition.label != nullptr && ShunsDrivers(*condition.label)) {
    return absl::StrCat("only nodes that drivers have of their own are there, and those end with them; ", kStartNode);
  }
  std::set<std::string> offers;
  for (const NodeView* node : nodes) offers.insert(DescribeOffer(condition, *node->info));
  std::vector<std::string> listed(offers.begin(), offers.end());
  const size_t more = listed.size() > kMaxOffersListed ? listed.size() - kMaxOffersListed : 0;
  listed.resize(listed.size() - more);
  return absl::StrCat("on offer: ", absl::StrJoin(listed, ", "), more > 0 ? absl::StrCat(" and ", more, " more") : "",
                      "; relax the condition, or start a node that meets it");
}

// What would make the class possible, or empty if every single condition leaves somebody.
std::string NarrowDown(Funnel& funnel, const SchedulingClass& request) {
  std::string remedy;
  ForEachCondition(request.where, [&](const Condition& condition) {
    const bool some_left = funnel.Narrow(Describe(request.where, condition), [&](const NodeView& node) {
      return Holds(request.where, condition, *node.info);
    });
    if (!some_left) remedy = Offers(funnel.left(), condition);
    return some_left;
  });
  if (!remedy.empty()) return remedy;
  for (const auto& amount : request.resources.amounts()) {
    const bool some_left =
        funnel.Narrow(absl::StrCat("have ", FormatAmount(amount.first, amount.second)),
                      [&](const NodeView& node) { return node.info->total.GetTicks(amount.first) >= amount.second; });
    if (!some_left) return LargestOffer(funnel.left(), amount.first);
  }
  return "";
}

}  // namespace

bool IsPossible(const NodeView& node, const SchedulingClass& request) {
  return node.alive && node.info->total.Covers(request.resources) && Matches(request.where, *node.info);
}

bool Fits(const NodeView& node, const SchedulingClass& request) {
  return node.open && node.free.Covers(request.resources) && IsPossible(node, request);
}

std::optional<size_t> Place(std::span<const NodeView> nodes, const SchedulingClass& request) {
  std::optional<size_t> best;
  Key best_key;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!Fits(nodes[i], request)) continue;
    const Key key = KeyOf(nodes[i], request);
    if (best.has_value() && !(key < best_key)) continue;
    best = i;
    best_key = key;
  }
  return best;
}

std::string ExplainUnplaceable(std::span<const NodeView> nodes, const SchedulingClass& request) {
  const std::string wants = request.resources.empty() ? "" : absl::StrCat(" that wants ", request.resources.ToString());
  const std::string what = absl::StrCat(request.dedicated ? "an actor" : "a task", wants);
  Funnel funnel(nodes);
  if (funnel.left().empty()) {
    return absl::StrCat("no node could ever run ", what, ": none is registered; ", kStartNode);
  }
  const std::string remedy = NarrowDown(funnel, request);
  if (remedy.empty()) return absl::StrCat(what, " is possible: ", funnel.text());
  return absl::StrCat("no node could ever run ", what, ": ", funnel.text(), " (", remedy, ")");
}

}  // namespace ioc
