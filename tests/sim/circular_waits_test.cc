// Actors that wait for each other: found where they can do nothing else, and left alone where they can.
#include <catch2/catch.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

using Catch::Contains;

class Member;
int AskInTask(const ActorHandle<Member>& member);

class Member {
 public:
  int Answer() { return 1; }

  // Asks the next one to ask on; the last one asks the first.
  int AskAround(const std::vector<ActorHandle<Member>>& ring, int next) {
    const ActorHandle<Member>& other = ring[static_cast<size_t>(next) % ring.size()];
    const bool last = next == static_cast<int>(ring.size());
    const absl::StatusOr<int> answer =
        last ? other.Call<&Member::Answer>().Get() : other.Call<&Member::AskAround>(ring, next + 1).Get();
    if (last) error_ = std::string(answer.status().message());
    return answer.value_or(-1) + 1;
  }
  // Each waits for the other from the start.
  int AskEachOther(const ActorHandle<Member>& other) {
    Work(absl::Milliseconds(500));
    const absl::StatusOr<int> answer = other.Call<&Member::Answer>().Get();
    error_ = std::string(answer.status().message());
    return answer.value_or(-1);
  }
  int AskByTask(const ActorHandle<Member>& self) {
    const absl::StatusOr<int> answer = Cluster::Current().Submit<AskInTask>(self).Get();
    error_ = std::string(answer.status().message());
    return answer.value_or(-1);
  }
  int AskWithPatience(const ActorHandle<Member>& other, int milliseconds) {
    return other.Call<&Member::Answer>().Get(absl::Milliseconds(milliseconds)).ok() ? 1 : 0;
  }
  // Waits for a call that itself calls back but does not wait for that.
  int AskWhoTellsUs(const ActorHandle<Member>& self, const ActorHandle<Member>& other) {
    return other.Call<&Member::TellAndWork>(self).Get().value();
  }
  int TellAndWork(const ActorHandle<Member>& other) {
    other.Call<&Member::Hear>();
    Work(absl::Seconds(3));
    return 7;
  }
  // The first of two answers is enough; one of them would come back here.
  int AskTwo(const ActorHandle<Member>& self, const ActorHandle<Member>& other) {
    const std::vector<ObjectRef<int>> answers = {self.Call<&Member::Answer>(), other.Call<&Member::AnswerLate>()};
    return static_cast<int>(Cluster::Current().Wait(answers, 1).ready.size());
  }
  int AnswerLate() {
    Work(absl::Seconds(3));
    return 2;
  }
  void Hear() { ++heard_; }
  int heard() { return heard_; }
  std::string error() { return error_; }

 private:
  int heard_ = 0;
  std::string error_;
};

int AskInTask(const ActorHandle<Member>& member) {
  const absl::StatusOr<int> answer = member.Call<&Member::Answer>().Get();
  if (!answer.ok()) throw std::runtime_error(std::string(answer.status().message()));
  return *answer;
}

std::vector<ActorHandle<Member>> MakeRing(Driver& driver, int members, const ActorOptions& options = {}) {
  std::vector<ActorHandle<Member>> ring;
  for (int i = 0; i < members; ++i) ring.push_back(driver.cluster.With(options).Create<Member>());
  return ring;
}

TEST_CASE("a call that would wait for its own end fails, with the circle named, and the others end") {
  for (const bool shared : {false, true}) {
    for (const int members : {1, 2, 4}) {
      RunSeeds({.nodes = 3}, [members, shared](SimCluster& cluster) {
        cluster.Drive([&](Driver& driver) {
          {
            const ActorOptions options{.strategy = Strategy::kSpread, .shared_process = shared};
            const auto ring = MakeRing(driver, members, options);
            CHECK(ring[0].Call<&Member::AskAround>(ring, 1).Get(absl::Minutes(1)).value() == members - 1);
            const std::string error = ring.back().Call<&Member::error>().Get(absl::Minutes(1)).value();
            CHECK_THAT(error, Contains("a circular wait: ") && Contains("Answer") && Contains("AskAround") &&
                                  Contains(ring[0].id().ToString()) && Contains(ring.back().id().ToString()));
            for (const auto& member : ring) CHECK(member.Call<&Member::Answer>().Get(absl::Minutes(1)).value() == 1);
          }
          CheckQuiet(driver);
        });
      });
    }
  }
}

TEST_CASE("of two calls that each wait behind the other one fails") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto pair = MakeRing(driver, 2, {.strategy = Strategy::kSpread});
      const ObjectRef<int> one = pair[0].Call<&Member::AskEachOther>(pair[1]);
      const ObjectRef<int> other = pair[1].Call<&Member::AskEachOther>(pair[0]);
      const int sum = one.Get(absl::Minutes(1)).value() + other.Get(absl::Minutes(1)).value();
      CHECK(sum == 0);  // 1 and -1
      CHECK_THAT(pair[0].Call<&Member::error>().Get().value() + pair[1].Call<&Member::error>().Get().value(),
                 Contains("a circular wait"));
    });
  });
}

TEST_CASE("a circle is found through tasks, and through who owns what is waited for") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto member = driver.cluster.Create<Member>();
      CHECK(member.Call<&Member::AskByTask>(member).Get(absl::Minutes(1)).value() == -1);
      CHECK_THAT(member.Call<&Member::error>().Get(absl::Minutes(1)).value(),
                 Contains("a circular wait") && Contains("AskInTask"));
    });
  });
}

TEST_CASE("an actor that may run the call meanwhile runs it") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto ring = MakeRing(driver, 2, {.max_concurrency = 2});
      CHECK(ring[0].Call<&Member::AskAround>(ring, 1).Get(absl::Minutes(1)).value() == 3);
    });
  });
}

// Two actors on different nodes; afterwards none of them has heard of a circle.
void CheckLeftAlone(const std::function<void(const std::vector<ActorHandle<Member>>&)>& wait) {
  RunSeeds({.nodes = 3}, [&wait](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto pair = MakeRing(driver, 2, {.strategy = Strategy::kSpread});
      wait(pair);
      for (const auto& member : pair) CHECK(member.Call<&Member::error>().Get(absl::Minutes(1)).value().empty());
    });
  });
}

TEST_CASE("a wait for a call that comes back, but waits for nobody, is left alone") {
  CheckLeftAlone([](const auto& pair) {
    CHECK(pair[0].template Call<&Member::AskWhoTellsUs>(pair[0], pair[1]).Get(absl::Minutes(1)).value() == 7);
    CHECK(pair[0].template Call<&Member::heard>().Get(absl::Minutes(1)).value() == 1);
  });
}

TEST_CASE("a wait for one of two answers is left alone") {
  CheckLeftAlone([](const auto& pair) {
    CHECK(pair[0].template Call<&Member::AskTwo>(pair[0], pair[1]).Get(absl::Minutes(1)).value() == 1);
  });
}

TEST_CASE("a wait that soon ends by itself is left alone") {
  CheckLeftAlone([](const auto& pair) {
    CHECK(pair[0].template Call<&Member::AskWithPatience>(pair[0], 2000).Get(absl::Minutes(1)).value() == 0);
  });
}

int AddThree(int a, int b, int c) { return a + b + c > 0 ? 1 : 0; }
int AddNothing(int number) { return number; }

// Waits for a task that waits for others in very many ways, or in a very long chain, while the first of them computes.
class Planner {
 public:
  int AwaitLayers(int layers) {
    const Cluster cluster = Cluster::Current();
    std::vector<ObjectRef<int>> layer(3, cluster.Submit<WorkFor>(20'000, 1));
    for (int i = 0; i < layers; ++i) {
      std::vector<ObjectRef<int>> next;
      for (int j = 0; j < 3; ++j) next.push_back(cluster.Submit<AddThree>(layer[0], layer[1], layer[2]));
      layer = std::move(next);
    }
    return layer[0].Get().value();
  }
  int AwaitChain(int length) {
    const Cluster cluster = Cluster::Current();
    ObjectRef<int> last = cluster.Submit<WorkFor>(20'000, 1);
    for (int i = 0; i < length; ++i) last = cluster.Submit<AddNothing>(last);
    const absl::StatusOr<int> value = last.Get(absl::Seconds(15));  // the rest is let go
    return CauseOf(value.status()) == Cause::kDeadline ? 1 : 0;
  }
};

TEST_CASE("a wait for what waits for others in a billion ways, or in a long chain, is looked at in no time") {
  RunSeeds({.nodes = 1}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      const auto planner = driver.cluster.Create<Planner>();
      CHECK(planner.Call<&Planner::AwaitLayers>(30).Get(absl::Minutes(2)).value() == 1);
    });
  });
  SimCluster cluster(1, {.nodes = 1});
  cluster.Drive([](Driver& driver) {
    const auto planner = driver.cluster.Create<Planner>();
    CHECK(planner.Call<&Planner::AwaitChain>(100'000).Get(absl::Minutes(2)).value() == 1);
  });
}

}  // namespace
}  // namespace ioc::sim
