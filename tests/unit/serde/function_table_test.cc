#include "lib/serde/function_table.h"

#include <catch2/catch.hpp>
#include <string>

#include "iocluster/internal/entry.h"
#include "tests/unit/serde/twins.h"

int Increment(int x) { return x + 1; }
int Increment(double x) { return static_cast<int>(x) + 1; }

namespace ioc {
namespace {

struct Machine {
  int Run(int x) { return x; }
  static int Start() { return 0; }
};

using internal::FunctionInfo;

constexpr auto kIncrementInt = static_cast<int (*)(int)>(Increment);

bool Says(const absl::Status& status, const std::string& words) {
  return status.message().find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("AFunctionIsFoundByItsPlaceInTheBuild") {
  const FunctionInfo& info = internal::TaskEntry<kIncrementInt>::info();
  const FunctionKeyParts key = KeyOf(info);
  CHECK(key.build_id == ExecutableBuildId());
  CHECK(key.build_id.size() >= 16);
  CHECK(key.offset != 0);
  CHECK(FindFunction(key).value() == &info);
}

TEST_CASE("StaticFunctionsOfOneNameAreToldApartWithinABuild") {
  REQUIRE(TwinA().entry != TwinB().entry);
  CHECK(KeyOf(TwinA()).name == KeyOf(TwinB()).name);
  CHECK(FindFunction(KeyOf(TwinA())).value() == &TwinA());
  CHECK(FindFunction(KeyOf(TwinB())).value() == &TwinB());
  CHECK(FindFunction(KeyOf(LambdaA())).value() == &LambdaA());
  CHECK(FindFunction(KeyOf(LambdaB())).value() == &LambdaB());
}

TEST_CASE("AnotherBuildsFunctionIsFoundByName") {
  const FunctionInfo& info = internal::TaskEntry<kIncrementInt>::info();
  FunctionKeyParts key = KeyOf(info);
  key.build_id = "0123";
  key.offset = 99;
  CHECK(FindFunction(key).value() == &info);
  key.build_id = "";
  CHECK(FindFunction(key).value() == &info);
}

TEST_CASE("TwinsAndLambdasOfAnotherBuildAreRefusedByName") {
  FunctionKeyParts twin = KeyOf(TwinA());
  twin.build_id = "0123";
  const absl::Status ambiguous = FindFunction(twin).status();
  CHECK(CauseOf(ambiguous) == Cause::kInvalidArgument);
  CHECK(Says(ambiguous, "'Twin' at offset 0x"));
  FunctionKeyParts lambda = KeyOf(LambdaA());
  lambda.build_id = "0123";
  CHECK(Says(FindFunction(lambda).status(), "is a lambda"));
}

TEST_CASE("AHostileOffsetFindsNothing") {
  FunctionKeyParts key = KeyOf(internal::TaskEntry<kIncrementInt>::info());
  for (int64_t shift : {-16, -1, 1, 4, 16, 4096}) {
    FunctionKeyParts other = key;
    other.offset += shift;
    const absl::StatusOr<const FunctionInfo*> found = FindFunction(other);
    if (found.ok()) CHECK(KeyOf(**found).offset == other.offset);  // another entry of this very program
  }
  key.offset = ~uint64_t{0};
  CHECK(CauseOf(FindFunction(key).status()) == Cause::kProgramMissing);
}

TEST_CASE("AnUnknownNameIsAnErrorThatSaysWhatToDo") {
  const absl::Status status =
      FindFunction({.build_id = "0123", .offset = 0, .name = "_Z4Nonev", .label = "None"}).status();
  CHECK(CauseOf(status) == Cause::kProgramMissing);
  CHECK(Says(status, "'None'"));
  CHECK(Says(status, "run the same program"));
}

TEST_CASE("LabelsAreWhatPeopleCallFunctions") {
  CHECK(internal::TaskEntry<kIncrementInt>::info().label == "Increment");
  CHECK(internal::TaskEntry<&Machine::Start>::kLabel.ends_with("Machine::Start"));
  CHECK(internal::MethodEntry<Machine, &Machine::Run>::kLabel.ends_with("Machine::Run"));
  CHECK(TwinA().label == "Twin");
}

}  // namespace ioc
