// Which function a worker runs: the one that was meant, whatever else is called alike.
#include <catch2/catch.hpp>
#include <string>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/functions.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

int Describe(int) { return 1; }
int Describe(double) { return 2; }
int Describe(const std::string&) { return 3; }

template <typename T>
size_t SizeOf(T) {
  return sizeof(T);
}

template <int N>
int Times(int x) {
  return N * x;
}

struct Machine {
  static int Start(int x) { return x + 1; }
  struct Part {
    static int Start(int x) { return x + 2; }
  };
};

TEST_CASE("Static functions of one name in two files are told apart") {
  const Cluster cluster = Embedded();
  CHECK(SubmitTwinOfA(cluster, 5).Get(kPatience).value() == 51);
  CHECK(SubmitTwinOfB(cluster, 5).Get(kPatience).value() == 52);
}

TEST_CASE("Lambdas without captures are told apart, in one file and in two") {
  const Cluster cluster = Embedded();
  CHECK(SubmitLambdaOfA(cluster, 5).Get(kPatience).value() == 501);
  CHECK(SubmitLambdaOfB(cluster, 5).Get(kPatience).value() == 502);
  CHECK(cluster.Submit<[](int x) { return x + 1; }>(1).Get(kPatience).value() == 2);
  CHECK(cluster.Submit<[](int x) { return x + 2; }>(1).Get(kPatience).value() == 3);
}

TEST_CASE("Overloads are told apart") {
  const Cluster cluster = Embedded();
  CHECK(cluster.Submit<static_cast<int (*)(int)>(Describe)>(1).Get(kPatience).value() == 1);
  CHECK(cluster.Submit<static_cast<int (*)(double)>(Describe)>(1).Get(kPatience).value() == 2);
  CHECK(cluster.Submit<static_cast<int (*)(const std::string&)>(Describe)>("1").Get(kPatience).value() == 3);
}

TEST_CASE("Instances of a template, and static members of classes, are told apart") {
  const Cluster cluster = Embedded();
  CHECK(cluster.Submit<SizeOf<char>>('x').Get(kPatience).value() == 1);
  CHECK(cluster.Submit<SizeOf<double>>(1.0).Get(kPatience).value() == 8);
  CHECK(cluster.Submit<Times<3>>(7).Get(kPatience).value() == 21);
  CHECK(cluster.Submit<Times<4>>(7).Get(kPatience).value() == 28);
  CHECK(cluster.Submit<&Machine::Start>(1).Get(kPatience).value() == 2);
  CHECK(cluster.Submit<&Machine::Part::Start>(1).Get(kPatience).value() == 3);
}

}  // namespace
}  // namespace ioc
