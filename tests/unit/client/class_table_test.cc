#include "runtime/client/class_table.h"

#include <absl/hash/hash.h>

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

namespace ioc {
namespace {

constexpr int kMany = 20'000;

SchedulingClass WithMemory(int bytes) {
  SchedulingClass spec;
  spec.job = JobId(7);
  spec.resources.Set(kMemory, bytes);
  return spec;
}

TEST_CASE("A class is found again, and each has a number of its own") {
  ClassTable table;
  std::set<uint32_t> ids;
  for (int i = 1; i <= kMany; ++i) ids.insert(table.Get(WithMemory(i), nullptr).id);
  CHECK(ids.size() == kMany);
  for (int i = 1; i <= kMany; ++i) ids.insert(table.Get(WithMemory(i), nullptr).id);
  CHECK(ids.size() == kMany);
  CHECK(table.size() == kMany);
}

TEST_CASE("The number of a class that is gone is not given to the next one") {
  ClassTable table;
  ClassQueue& first = table.Get(WithMemory(1), nullptr);
  const uint32_t id = first.id;
  table.Erase(first);
  CHECK(table.Find(id) == nullptr);
  CHECK(table.Get(WithMemory(1), nullptr).id != id);
  CHECK(table.size() == 1);
}

TEST_CASE(
    "Whatever classes differ in, they have different hashes: looking for one compares it with none of the others") {
  std::vector<SchedulingClass> classes;
  for (int i = 1; i <= kMany; ++i) {
    const std::string name = "r" + std::to_string(i);
    classes.push_back(WithMemory(i));
    SchedulingClass spec;
    spec.resources.Set(name, 1);
    classes.push_back(spec);
    spec = {};
    spec.where.nodes = {name};
    classes.push_back(spec);
    spec = {};
    spec.where.labels = {{.key = "rank", .op = LabelCondition::Op::kLess, .values = {name}}};
    classes.push_back(spec);
    spec = {};
    spec.where.min_down_mbps = i;
    classes.push_back(spec);
    spec = {};
    spec.placement_timeout = absl::Seconds(100 + i);
    classes.push_back(spec);
  }
  std::set<size_t> hashes;
  for (const SchedulingClass& spec : classes) hashes.insert(absl::Hash<SchedulingClass>()(spec));
  CHECK(hashes.size() == classes.size());
}

}  // namespace
}  // namespace ioc
