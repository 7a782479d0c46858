#include "lib/serde/function_table.h"

#include <catch2/catch.hpp>
#include <ios>
#include <sstream>
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

template <typename T>
T Same(T value) {
  return value;
}

constexpr auto kIncrementInt = static_cast<int (*)(int)>(Increment);
constexpr auto kIncrementDouble = static_cast<int (*)(double)>(Increment);

const FunctionInfo& FirstLambda() {
  return internal::TaskEntry<[](int x) { return x + 1; }>::info();
}
const FunctionInfo& SecondLambda() {
  return internal::TaskEntry<[](int x) { return x + 2; }>::info();
}

// As another build of the program would ask for it.
FunctionKeyParts FromAnotherBuild(const FunctionInfo& info) {
  FunctionKeyParts key = KeyOf(info);
  key.build_id = "0123";
  key.offset += 64;
  return key;
}

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

TEST_CASE("OverloadsAndInstancesOfATemplateAreToldApartInOneBuildAndAcross") {
  const FunctionInfo* const infos[] = {
      &internal::TaskEntry<kIncrementInt>::info(), &internal::TaskEntry<kIncrementDouble>::info(),
      &internal::TaskEntry<Same<int>>::info(), &internal::TaskEntry<Same<std::string>>::info()};
  for (const FunctionInfo* info : infos) {
    CHECK(FindFunction(KeyOf(*info)).value() == info);
    CHECK(FindFunction(FromAnotherBuild(*info)).value() == info);
    for (const FunctionInfo* other : infos) {
      if (other == info) continue;
      CHECK(KeyOf(*other).offset != KeyOf(*info).offset);
      CHECK(KeyOf(*other).name != KeyOf(*info).name);
    }
  }
}

TEST_CASE("AFunctionThatIsMissingIsNamedAsPeopleDoAndOneWithOtherParametersSaysSo") {
  FunctionKeyParts key = FromAnotherBuild(internal::TaskEntry<kIncrementInt>::info());
  key.name = "N3ioc8internal9TaskEntryE";
  const absl::Status other = FindFunction(key).status();
  CHECK(CauseOf(other) == Cause::kProgramMissing);
  CHECK(Says(other, "this program has 'Increment' with other parameters"));
  CHECK_FALSE(Says(other, "N3ioc"));
  key.label = "Decrement";
  CHECK(FindFunction(key).status().message() ==
        "this program has no task function 'Decrement'; run the same program on both sides");
}

TEST_CASE("LambdasOfOneFileAreToldApartWithinABuild") {
  REQUIRE(FirstLambda().entry != SecondLambda().entry);
  CHECK(FindFunction(KeyOf(FirstLambda())).value() == &FirstLambda());
  CHECK(FindFunction(KeyOf(SecondLambda())).value() == &SecondLambda());
}

TEST_CASE("TwinsAndLambdasOfAnotherBuildAreRefusedAndNamed") {
  for (const FunctionInfo* twin : {&TwinA(), &TwinB()}) {
    const absl::Status ambiguous = FindFunction(FromAnotherBuild(*twin)).status();
    CHECK(CauseOf(ambiguous) == Cause::kInvalidArgument);
    CHECK(Says(ambiguous, "'Twin' of another build may be 'Twin' at offset 0x"));
    for (const FunctionInfo* one : {&TwinA(), &TwinB()}) {
      std::ostringstream offset;
      offset << "'Twin' at offset 0x" << std::hex << KeyOf(*one).offset;
      CHECK(Says(ambiguous, offset.str()));
    }
  }
  for (const FunctionInfo* lambda : {&LambdaA(), &LambdaB(), &FirstLambda(), &SecondLambda()}) {
    FunctionKeyParts theirs = FromAnotherBuild(*lambda);
    theirs.label = "their label";
    const absl::Status refused = FindFunction(theirs).status();
    CHECK(CauseOf(refused) == Cause::kInvalidArgument);
    CHECK(Says(refused, "'their label' is a lambda"));
    CHECK(Says(refused, std::string(lambda->label)));
  }
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
