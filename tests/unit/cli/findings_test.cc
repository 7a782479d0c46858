#include "runtime/cli/findings.h"

#include <catch2/catch.hpp>
#include <string>

#include "iocluster/status.h"

namespace ioc {
namespace {

using Catch::Contains;

const EnvironmentSetting kGood = {.name = "IOCLUSTER_CPUS", .value = "3", .is_set = true, .about = "how many"};

EnvironmentSetting Bad(const std::string& value) {
  return {.name = "IOCLUSTER_GPUS",
          .value = value,
          .is_set = true,
          .about = "how many",
          .status = MakeError(Cause::kInvalidArgument, "not an amount; write a number")};
}

TEST_CASE("A setting is shown with its source, and what is wrong with it instead of what it is for") {
  const std::string text = FindingsText({FindingOf(kGood), FindingOf(Bad("many"))});
  CHECK(text ==
        "settings\n"
        "   IOCLUSTER_CPUS  3     environment: how many\n"
        "!  IOCLUSTER_GPUS  many  environment: not an amount; write a number\n");
}

TEST_CASE("A spill disk with nothing free is a problem, with its directory and what to set") {
  CHECK_FALSE(FindingOfSpillDisk("/big", uint64_t{5} << 30).is_problem);
  CHECK(FindingOfSpillDisk("/big", uint64_t{5} << 30).value == "5 GiB");
  const Finding full = FindingOfSpillDisk("/full", uint64_t{0});
  CHECK(full.is_problem);
  CHECK_THAT(full.remark, Contains("nothing is free in /full") && Contains("IOCLUSTER_SPILL_DIRECTORY"));
  CHECK(FindingOfSpillDisk("/gone", MakeError(Cause::kInvalidArgument, "/gone is gone")).is_problem);
}

TEST_CASE("The verdict names the first problem and counts the others") {
  CHECK(Verdict({FindingOf(kGood)}).ok());
  CHECK(std::string(Verdict({FindingOf(kGood), FindingOf(Bad("many"))}).message()) ==
        "IOCLUSTER_GPUS (many): not an amount; write a number");
  CHECK_THAT(std::string(Verdict({FindingOf(Bad("x")), FindingOf(Bad("y"))}).message()),
             Contains("; and 1 more problem, marked with !"));
}

TEST_CASE("Findings are JSON for programs") {
  const std::string json = FindingsJson({FindingOf(Bad("many"))});
  CHECK_THAT(json, Contains(R"("source": "environment")") && Contains(R"("problem": true)"));
}

}  // namespace
}  // namespace ioc
