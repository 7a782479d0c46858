#include "lib/base/resources.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>

#include "lib/base/status.h"

namespace ioc {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("Built-in resources are known in any case and number") {
  for (const char* name : {"CPU", "cpu", "Cpus"}) CHECK(BuiltinResource(name) == kCpu);
  CHECK(BuiltinResource("gpus") == kGpu);
  CHECK(BuiltinResource("Memory") == kMemory);
  for (const char* name : {"tpu", "", "cp", "memory2"}) CHECK(BuiltinResource(name).empty());
}

TEST_CASE("Fractions add up exactly") {
  ResourceSet set;
  ResourceSet tenth;
  tenth.Set(kGpu, 0.1);
  for (int i = 0; i < 10; ++i) set.Add(tenth);
  CHECK(set.Get(kGpu) == 1.0);
  for (int i = 0; i < 10; ++i) set.Subtract(tenth);
  CHECK(set.empty());
  CHECK(set == ResourceSet());
}

TEST_CASE("A set covers what asks for no more than it has") {
  const ResourceSet node = *MakeResources({{"CPU", 4}, {"GPU", 1}, {"memory", 1 << 30}});
  CHECK(node.Covers({}));
  CHECK(node.Covers(node));
  CHECK(node.Covers(*MakeResources({{"CPU", 3.9999}})));
  CHECK_FALSE(node.Covers(*MakeResources({{"CPU", 4.0001}})));
  CHECK_FALSE(node.Covers(*MakeResources({{"licence", 1}})));
  // Zero of something that isn't there, and less than nothing, are covered.
  CHECK(node.Covers(*MakeResources({{"licence", 0}})));
  ResourceSet debt;
  debt.Set(kCpu, -1);
  CHECK(ResourceSet().Covers(debt));
  CHECK_FALSE(debt.Covers(*MakeResources({{"CPU", 1}})));
}

TEST_CASE("Equal amounts make equal sets, however they came about") {
  ResourceSet one, two;
  one.Set("b", 2);
  one.Set("a", 1);
  two.Set("a", 5);
  two.Set("b", 2);
  two.Set("a", 1);
  two.Set("c", 0);
  CHECK(one == two);
  CHECK(one.amounts().front().first == "a");
}

TEST_CASE("Resources read like words") {
  CHECK(ResourceSet().ToString() == "nothing");
  CHECK(MakeResources({{"CPU", 2}, {"GPU", 0.5}, {"memory", 4.0 * (1 << 30)}})->ToString() ==
        "2 CPU, 0.5 GPU, 4 GiB memory");
}

TEST_CASE("Amounts that make no sense are refused by name") {
  const auto refusal = [](double amount) {
    const auto made = MakeResources({{"CPU", 1}, {"tokens", amount}});
    CHECK(CauseOf(made.status()) == Cause::kInvalidArgument);
    return std::string(made.status().message());
  };
  CHECK_THAT(refusal(-1), Contains("tokens") && Contains("-1"));
  CHECK_THAT(refusal(std::numeric_limits<double>::quiet_NaN()), Contains("tokens"));
  CHECK_THAT(refusal(std::numeric_limits<double>::infinity()), Contains("tokens"));
  CHECK_THAT(refusal(1e15), Contains("tokens"));
  CHECK(MakeResources({{"tokens", 1}, {"tokens", 2}})->Get("tokens") == 3);
}

}  // namespace
TEST_CASE("sums past what can be counted end there") {
  ResourceSet node;
  node.Set(kMemory, 1e14);
  ResourceSet total;
  for (int i = 0; i < 10; ++i) total.Add(node);
  CHECK(total.GetTicks(kMemory) == std::numeric_limits<int64_t>::max());
  ResourceSet debt;
  for (int i = 0; i < 10; ++i) debt.Subtract(node);
  CHECK(debt.GetTicks(kMemory) == std::numeric_limits<int64_t>::min());
}

}  // namespace ioc
