#include "lib/scheduling/place.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "lib/scheduling/match.h"

namespace ioc {
namespace {

// A cluster written down in a line: Nodes().Add("a", 4, 1)...
class Nodes {
 public:
  Nodes& Add(const std::string& name, double cpus, double free_cpus, double gpus = 0, uint32_t leases = 0) {
    NodeInfo& info = *infos_.emplace_back(std::make_shared<NodeInfo>());
    info.name = name;
    info.address.node = NodeId(infos_.size());
    info.total.Set(kCpu, cpus);
    info.total.Set(kGpu, gpus);
    NodeView view{.id = info.address.node, .info = &info, .free = info.total, .leases = leases};
    view.free.Set(kCpu, free_cpus);
    views_.push_back(view);
    return *this;
  }

  NodeInfo& info(size_t i) { return *infos_[i]; }
  NodeView& view(size_t i) { return views_[i]; }
  const std::vector<NodeView>& views() const { return views_; }

  std::string Chosen(const SchedulingClass& request) const {
    const std::optional<size_t> chosen = Place(views_, request);
    return chosen.has_value() ? views_[*chosen].info->name : "none";
  }

 private:
  std::vector<std::shared_ptr<NodeInfo>> infos_;  // where the views point to, also those of a copy
  std::vector<NodeView> views_;
};

SchedulingClass Wants(double cpus, double gpus = 0, Strategy strategy = Strategy::kDefault) {
  SchedulingClass request;
  request.resources.Set(kCpu, cpus);
  request.resources.Set(kGpu, gpus);
  request.strategy = strategy;
  return request;
}

TEST_CASE("The default fills the fullest node that fits") {
  const Nodes nodes = Nodes().Add("empty", 4, 4).Add("half", 4, 2).Add("full", 4, 0);
  CHECK(nodes.Chosen(Wants(1)) == "half");
  CHECK(nodes.Chosen(Wants(3)) == "empty");
  CHECK(nodes.Chosen(Wants(5)) == "none");
}

TEST_CASE("CPU work stays off GPU nodes while another has room") {
  const Nodes nodes = Nodes().Add("gpu", 4, 1, 2).Add("plain", 4, 4);
  CHECK(nodes.Chosen(Wants(1)) == "plain");
  CHECK(nodes.Chosen(Wants(1, 1)) == "gpu");
  CHECK(Nodes().Add("gpu", 4, 1, 2).Add("plain", 4, 0).Chosen(Wants(1)) == "gpu");
}

TEST_CASE("Spread takes the node with the fewest leases, pack the fullest") {
  const Nodes nodes = Nodes().Add("a", 4, 1, 0, 3).Add("b", 4, 3, 0, 1).Add("c", 8, 7, 0, 1);
  CHECK(nodes.Chosen(Wants(1, 0, Strategy::kSpread)) == "c");
  CHECK(nodes.Chosen(Wants(1, 0, Strategy::kPack)) == "a");
}

TEST_CASE("What asks for nothing is spread") {
  CHECK(Nodes().Add("a", 4, 4, 0, 2).Add("b", 4, 4, 0, 1).Chosen(Wants(0)) == "b");
}

TEST_CASE("What asks for nothing goes where there are the fewest leases a CPU") {
  CHECK(Nodes().Add("a", 2, 2, 0, 2).Add("b", 8, 8, 0, 6).Chosen(Wants(0)) == "b");
  CHECK(Nodes().Add("a", 0, 0, 0, 0).Add("b", 8, 8, 0, 6).Chosen(Wants(0)) == "b");
  CHECK(Nodes().Add("a", 0, 0, 0, 0).Chosen(Wants(0)) == "a");
}

TEST_CASE("Ties go to the first by name, whatever the order of the view") {
  CHECK(Nodes().Add("b", 4, 4).Add("a", 4, 4).Chosen(Wants(1)) == "a");
}

TEST_CASE("Dead and closed nodes take nothing, but a closed one makes it possible") {
  Nodes nodes = Nodes().Add("dead", 4, 4).Add("closed", 4, 4);
  nodes.view(0).alive = false;
  nodes.view(1).open = false;
  CHECK(nodes.Chosen(Wants(1)) == "none");
  CHECK_FALSE(IsPossible(nodes.view(0), Wants(1)));
  CHECK(IsPossible(nodes.view(1), Wants(1)));
}

TEST_CASE("The explanation counts condition by condition and names the remedy") {
  Nodes nodes = Nodes().Add("a", 4, 4, 1).Add("b", 4, 4).Add("c", 8, 8);
  nodes.info(0).gpu_model = "RTX 4090";
  nodes.info(0).region = "us";
  SchedulingClass request = Wants(1, 1);
  request.where = {.gpu_models = {"RTX 4090"}, .regions = {"eu"}};
  CHECK_THAT(
      ExplainUnplaceable(nodes.views(), request),
      Catch::Contains("3 nodes; 1 has the GPU RTX 4090; 0 of them are in eu") && Catch::Contains("on offer: us"));
}

TEST_CASE("The explanation says so where only drivers have nodes") {
  Nodes nodes = Nodes().Add("a", 4, 4);
  nodes.info(0).labels = {{kDriverLabel, "true"}};
  SchedulingClass request;
  request.dedicated = true;
  request.where.labels = {{.key = kDriverLabel, .op = LabelCondition::Op::kNotExists}};
  CHECK(ExplainUnplaceable(nodes.views(), request) ==
        "no node could ever run an actor: 1 node; 0 are not a driver's own (only nodes that drivers have of their own "
        "are there, and those end with them; start one with 'iocluster node --head HOST:PORT')");
}

TEST_CASE("The explanation of a lacking resource names the largest offer") {
  const Nodes nodes = Nodes().Add("a", 4, 4, 2).Add("b", 16, 16);
  CHECK_THAT(ExplainUnplaceable(nodes.views(), Wants(1, 64)),
             Catch::Contains("0 of them have 64 GPU") && Catch::Contains("largest offer is 2 GPU (node a)"));
  CHECK_THAT(ExplainUnplaceable(Nodes().Add("a", 4, 4).views(), Wants(1, 1)), Catch::Contains("offers any GPU"));
  CHECK_THAT(ExplainUnplaceable({}, Wants(1)), Catch::Contains("none is registered"));
}

// The rules of place.h once more, said in another way: sort all candidates by the strategy's order.
std::optional<size_t> BruteForce(const std::vector<NodeView>& nodes, const SchedulingClass& request) {
  std::vector<size_t> candidates;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const NodeView& node = nodes[i];
    bool fits = node.alive && node.open && Matches(request.where, *node.info);
    for (const auto& [name, ticks] : request.resources.amounts()) {
      fits = fits && node.free.GetTicks(name) >= ticks && node.info->total.GetTicks(name) >= ticks;
    }
    if (fits) candidates.push_back(i);
  }
  if (candidates.empty()) return std::nullopt;
  const auto fullness = [&](size_t i) {
    double fullest = 0;
    for (const auto& [name, total] : nodes[i].info->total.amounts()) {
      fullest = std::max(fullest, 1 - static_cast<double>(nodes[i].free.GetTicks(name)) / static_cast<double>(total));
    }
    return fullest;
  };
  const auto wastes_gpus = [&](size_t i) {
    return request.strategy == Strategy::kDefault && request.resources.GetTicks(kGpu) == 0 &&
           nodes[i].info->total.GetTicks(kGpu) > 0;
  };
  std::stable_sort(candidates.begin(), candidates.end(), [&](size_t a, size_t b) {
    if (wastes_gpus(a) != wastes_gpus(b)) return wastes_gpus(b);
    if (request.strategy == Strategy::kSpread && nodes[a].leases != nodes[b].leases) {
      return nodes[a].leases < nodes[b].leases;
    }
    if (fullness(a) != fullness(b)) {
      return request.strategy == Strategy::kSpread ? fullness(a) < fullness(b) : fullness(a) > fullness(b);
    }
    if (nodes[a].info->name != nodes[b].info->name) return nodes[a].info->name < nodes[b].info->name;
    return nodes[a].id < nodes[b].id;
  });
  return candidates.front();
}

TEST_CASE("Random clusters are placed as by brute force") {
  std::mt19937_64 random(20260101);
  const auto below = [&](uint64_t bound) { return random() % bound; };
  for (int trial = 0; trial < 5000; ++trial) {
    Nodes nodes;
    const size_t count = below(7);
    for (size_t i = 0; i < count; ++i) {
      const double cpus = 1 + static_cast<double>(below(4));
      nodes.Add(std::string(1, static_cast<char>('a' + below(4))), cpus, static_cast<double>(below(5)) - 1,
                static_cast<double>(below(3)), static_cast<uint32_t>(below(4)));
      nodes.info(i).region = below(2) == 0 ? "eu" : "us";
      nodes.view(i).alive = below(8) != 0;
      nodes.view(i).open = below(8) != 0;
    }
    SchedulingClass request =
        Wants(1 + static_cast<double>(below(3)), static_cast<double>(below(2)), static_cast<Strategy>(below(3)));
    if (below(2) == 0) request.where.regions = {"eu"};
    INFO("trial " << trial);
    REQUIRE(Place(nodes.views(), request) == BruteForce(nodes.views(), request));
  }
}

}  // namespace
}  // namespace ioc
