// Actors that share processes: state, order, waiting, ends, restarts, placement.
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "runtime/client/shared_hosts.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

// Where and how often the objects with a number were made, and how many of them there are.
std::map<int, int>& TimesMade() {
  static std::map<int, int> times;
  return times;
}
int living = 0;

class Cell {
 public:
  explicit Cell(int number) : number_(number) {
    ++TimesMade()[number];
    ++living;
  }
  ~Cell() { --living; }
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  int Add(int by) { return sum_ += by; }
  int AddSlowly(int by, int milliseconds) {
    Work(absl::Milliseconds(milliseconds));
    return sum_ += by;
  }
  int WorkUntilCancelled() {
    int rounds = 0;
    while (!Cancelled()) {
      Work(absl::Milliseconds(20));
      ++rounds;
    }
    return rounds;
  }
  int AskOther(const ActorHandle<Cell>& other, int milliseconds) {
    return other.Call<&Cell::AddSlowly>(number_, milliseconds).Get().value();
  }
  int64_t Process() { return ThisProcess().host().pid; }
  std::string Node() { return Cluster::Current().node_name(); }
  void Keep(const ObjectRef<int>& ref) { kept_ = ref; }
  int Kept() { return kept_.Get().value(); }

 private:
  const int number_;
  int sum_ = 0;
  ObjectRef<int> kept_;
};

const ActorOptions kShared = {.shared_process = true};

std::vector<ActorHandle<Cell>> MakeCells(Driver& driver, const ActorOptions& options, int count) {
  const ActorCreator creator = driver.cluster.With(options);
  std::vector<ActorHandle<Cell>> cells;
  for (int i = 0; i < count; ++i) cells.push_back(creator.Create<Cell>(i));
  return cells;
}

void AddToAll(const std::vector<ActorHandle<Cell>>& cells, int by, int expected) {
  std::vector<ObjectRef<int>> sums;
  for (const auto& cell : cells) sums.push_back(cell.Call<&Cell::Add>(by));
  for (const auto& sum : sums) {
    const absl::StatusOr<int> got = sum.Get(absl::Minutes(2));
    INFO(got.status().ToString());
    REQUIRE(got.ok());
    CHECK(*got == expected);
  }
}

// Those that these live in.
std::set<int64_t> ProcessesOf(const std::vector<ActorHandle<Cell>>& cells) {
  std::set<int64_t> processes;
  for (const auto& cell : cells) processes.insert(cell.Call<&Cell::Process>().Get(absl::Minutes(1)).value());
  return processes;
}

SimEnv& ProcessWith(SimCluster& cluster, int64_t pid) {
  for (const auto& process : cluster.world().processes()) {
    if (process->alive() && process->host().pid == pid) return *process;
  }
  throw std::runtime_error("there is no such process");
}

TEST_CASE("a thousand actors live in one process, each with its own state, and it ends with the last of them") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        std::vector<ActorHandle<Cell>> cells = MakeCells(driver, kShared, 1000);
        AddToAll(cells, 1, 1);
        AddToAll(cells, 2, 3);
        CHECK(living == 1000);
        CHECK(ProcessesOf(cells).size() == 1);
        cells.resize(10);
        driver.Sleep(absl::Seconds(2));
        CHECK(living == 10);
        AddToAll(cells, 1, 4);
      }
      driver.Sleep(absl::Seconds(5));
      CHECK(living == 0);
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("actors that wait for others hold up nobody, though there are more of them than threads run at a time") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      static constexpr int kWaiting = 40;
      const std::vector<ActorHandle<Cell>> cells = MakeCells(driver, kShared, kWaiting + 1);
      std::vector<ObjectRef<int>> asked;
      for (int i = 0; i < kWaiting; ++i) asked.push_back(cells[i].Call<&Cell::AskOther>(cells[kWaiting], 10));
      int sum = 0;
      for (int i = 0; i < kWaiting; ++i) {
        const absl::StatusOr<int> answer = asked[i].Get(absl::Minutes(1));
        INFO(answer.status().ToString());
        REQUIRE(answer.ok());
        sum += i;
      }
      // One at a time, each once.
      CHECK(cells[kWaiting].Call<&Cell::Add>(0).Get(absl::Minutes(1)).value() == sum);
      CHECK(ProcessesOf(cells).size() == 1);
    });
  });
}

TEST_CASE("killing one of many ends that one alone: what it runs is cancelled and dropped, what waits has died") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const std::vector<ActorHandle<Cell>> cells = MakeCells(driver, kShared, 20);
        AddToAll(cells, 1, 1);
        const ObjectRef<int> running = cells[7].Call<&Cell::WorkUntilCancelled>();
        AwaitWork(driver, 1);
        const ObjectRef<int> behind = cells[7].Call<&Cell::Add>(1);
        CHECK(driver.cluster.Kill(cells[7]).ok());
        for (const auto& lost : {running, behind, cells[7].Call<&Cell::Add>(1)}) {
          CHECK(CauseOf(lost.Get(absl::Minutes(1)).status()) == Cause::kActorDied);
        }
        driver.Sleep(absl::Seconds(1));
        CHECK(ProcessesAtWork().empty());
        CHECK(living == 19);
        std::vector<ActorHandle<Cell>> others = cells;
        others.erase(others.begin() + 7);
        AddToAll(others, 1, 2);
        CHECK(ProcessesOf(others).size() == 1);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a forced cancel ends no process that others live in") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const std::vector<ActorHandle<Cell>> cells = MakeCells(driver, kShared, 5);
      AddToAll(cells, 1, 1);
      const ObjectRef<int> stubborn = cells[0].Call<&Cell::AddSlowly>(5, 3000);
      AwaitWork(driver, 1);
      CHECK(driver.cluster.Cancel(stubborn, {.force = true}).ok());
      CHECK(CauseOf(stubborn.Get(absl::Minutes(1)).status()) == Cause::kCancelled);
      driver.Sleep(absl::Seconds(5));
      CHECK(cells[0].Call<&Cell::Add>(0).Get(absl::Minutes(1)).value() == 6);
      CHECK(cells[1].Call<&Cell::Add>(1).Get(absl::Minutes(1)).value() == 2);
    });
  });
}

TEST_CASE("when their process dies, each actor dies or is made again by its own options") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    TimesMade().clear();
    cluster.Drive([&](Driver& driver) {
      {
        const std::vector<ActorHandle<Cell>> mortal = MakeCells(driver, kShared, 10);
        const ActorOptions again{.max_restarts = 1, .shared_process = true};
        std::vector<ActorHandle<Cell>> immortal;
        for (int i = 0; i < 30; ++i) immortal.push_back(driver.cluster.With(again).Create<Cell>(100 + i));
        AddToAll(mortal, 1, 1);
        AddToAll(immortal, 1, 1);
        const std::set<int64_t> processes = ProcessesOf(mortal);
        REQUIRE(ProcessesOf(immortal) == processes);
        cluster.world().Crash(ProcessWith(cluster, *processes.begin()));
        AddToAll(immortal, 1, 1);
        for (const auto& cell : mortal) {
          const absl::Status status = cell.Call<&Cell::Add>(1).Get(absl::Minutes(1)).status();
          CHECK(CauseOf(status) == Cause::kActorDied);
          CHECK_THAT(std::string(status.message()), Catch::Contains("signal 9"));
        }
        for (int i = 0; i < 30; ++i) CHECK(TimesMade()[100 + i] == 2);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an actor is made once though the connection breaks while it and others are") {
  for (int milliseconds = 0; milliseconds < 240; milliseconds += 30) {
    RunSeeds({.nodes = 2}, [milliseconds](SimCluster& cluster) {
      TimesMade().clear();
      cluster.Drive([&](Driver& driver) {
        {
          const ActorOptions there{.where = {.nodes = {"n1"}}, .shared_process = true};
          const std::vector<ActorHandle<Cell>> first = MakeCells(driver, there, 1);
          AddToAll(first, 1, 1);
          INFO("broken after " << milliseconds << " ms");
          cluster.world().At(absl::Milliseconds(milliseconds),
                             [&cluster] { cluster.world().Disconnect(cluster.machine(0), cluster.machine(1)); });
          std::vector<ActorHandle<Cell>> cells;
          for (int i = 0; i < 50; ++i) cells.push_back(driver.cluster.With(there).Create<Cell>(1 + i));
          AddToAll(cells, 1, 1);
          AddToAll(first, 1, 2);
          for (const auto& [number, times] : TimesMade()) {
            INFO("actor " << number);
            CHECK(times == 1);
          }
        }
        CheckQuiet(driver);
      });
    });
  }
}

// Adds to a cell again and again, however often that is killed meanwhile.
int AddOften(const ActorHandle<Cell>& cell, int times) {
  int lost = 0;
  for (int i = 0; i < times; ++i) {
    if (!cell.Call<&Cell::AddSlowly>(1, 20).Get().ok()) ++lost;
  }
  return lost;
}

TEST_CASE("an actor that is killed with leave to restart is made again, and its callers find it") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    TimesMade().clear();
    cluster.Drive([&](Driver& driver) {
      {
        const ActorOptions again{.max_restarts = -1, .max_task_retries = 3, .shared_process = true};
        const auto cell = driver.cluster.With(again).Create<Cell>(1);
        const auto other = driver.cluster.With(again).Create<Cell>(2);
        CHECK(other.Call<&Cell::Add>(1).Get(absl::Minutes(1)).value() == 1);
        const ObjectRef<int> elsewhere =
            driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread}).Submit<AddOften>(cell, 30);
        std::vector<ObjectRef<int>> here;
        for (int i = 0; i < 30; ++i) here.push_back(cell.Call<&Cell::AddSlowly>(1, 20));
        for (int i = 0; i < 3; ++i) {
          driver.Sleep(absl::Milliseconds(150));
          CHECK(driver.cluster.Kill(cell, {.no_restart = false}).ok());
        }
        for (const auto& sum : here) {
          const absl::StatusOr<int> got = sum.Get(absl::Minutes(1));
          INFO(got.status().ToString());
          CHECK(got.ok());
        }
        CHECK(elsewhere.Get(absl::Minutes(2)).value() <= 3);
        CHECK(TimesMade()[1] >= 2);
        CHECK(TimesMade()[2] == 1);
        CHECK(other.Call<&Cell::Add>(1).Get(absl::Minutes(1)).value() == 2);
        CHECK(living == 2);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a shared actor that is made again lives once, though word of its end is lost with a connection") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    TimesMade().clear();
    cluster.Drive([&](Driver& driver) {
      {
        const auto cell = driver.cluster
                              .With(ActorOptions{.where = {.nodes = {SimCluster::NodeName(1)}},
                                                 .max_restarts = -1,
                                                 .max_task_retries = -1,
                                                 .shared_process = true})
                              .Create<Cell>(1);
        for (int i = 0; i < 5; ++i) {
          CHECK(cell.Call<&Cell::Add>(1).Get(absl::Minutes(1)).ok());
          CHECK(driver.cluster.Kill(cell, {.no_restart = false}).ok());
          cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
        }
        CHECK(cell.Call<&Cell::Add>(1).Get(absl::Minutes(1)).ok());
        driver.Sleep(absl::Seconds(30));
        CHECK(living == 1);
      }
      CheckQuiet(driver);
      CHECK(living == 0);
    });
  });
}

TEST_CASE("shared actors that are to be spread live on nearly all nodes, as many on each") {
  RunSeeds({.nodes = 5}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const ActorOptions spread{.strategy = Strategy::kSpread, .shared_process = true};
        const std::vector<ActorHandle<Cell>> cells = MakeCells(driver, spread, 60);
        std::map<std::string, int> on;
        for (const auto& cell : cells) ++on[cell.Call<&Cell::Node>().Get(absl::Minutes(1)).value()];
        // The head's view of its nodes may lag behind by one.
        CHECK(on.size() >= 4);
        for (const auto& [node, count] : on) {
          CHECK(count >= 12);
          CHECK(count <= 15);
        }
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a shared actor keeps the references that it was given until it ends") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const std::vector<ActorHandle<Cell>> cells = MakeCells(driver, kShared, 3);
        {
          const ObjectRef<int> kept = driver.cluster.Put(4711);
          for (const auto& cell : cells) CHECK(cell.Call<&Cell::Keep>(kept).Get(absl::Minutes(1)).ok());
        }
        CHECK(driver.cluster.Kill(cells[0]).ok());
        driver.Sleep(absl::Seconds(1));
        CHECK(cells[1].Call<&Cell::Kept>().Get(absl::Minutes(1)).value() == 4711);
      }
      CheckQuiet(driver);
    });
  });
}

class Refusing {
 public:
  explicit Refusing(int number) {
    if (number % 3 == 0) throw std::invalid_argument("three is one too many");
  }
  int Fine() { return 1; }
};

TEST_CASE("a constructor that throws in a shared process is the error of that actor's calls alone") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        std::vector<ActorHandle<Refusing>> actors;
        for (int i = 0; i < 30; ++i) actors.push_back(driver.cluster.With(kShared).Create<Refusing>(i));
        for (int i = 0; i < 30; ++i) {
          const absl::StatusOr<int> fine = actors[i].Call<&Refusing::Fine>().Get(absl::Minutes(1));
          CHECK(fine.ok() == (i % 3 != 0));
          if (i % 3 == 0) CHECK_THAT(std::string(fine.status().message()), Catch::Contains("three is one too many"));
        }
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an actor that is killed while its process is out of reach is made again when that is back") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        TimesMade().clear();
        const ActorOptions there = {.where = {.nodes = {"n1"}}, .max_restarts = 1, .shared_process = true};
        const auto cells = MakeCells(driver, there, 2);
        AddToAll(cells, 1, 1);
        cluster.world().Stop(ProcessWith(cluster, *ProcessesOf(cells).begin()), absl::Seconds(5));
        cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
        driver.Sleep(absl::Seconds(1));
        CHECK(driver.cluster.Kill(cells[0], {.no_restart = false}).ok());
        driver.Sleep(absl::Seconds(30));
        CHECK(TimesMade()[0] == 2);
        CHECK(TimesMade()[1] == 1);
        CHECK(cells[1].Call<&Cell::Add>(1).Get(absl::Minutes(1)).value() == 2);
        CHECK(cells[0].Call<&Cell::Add>(1).Get(absl::Minutes(1)).value() == 1);
      }
      CheckQuiet(driver);
    });
  });
}

// Has much to be sent along when it is made, or made again.
class Bulky {
 public:
  Bulky(const std::string& text, int milliseconds) : text_(text) { Work(absl::Milliseconds(milliseconds)); }
  size_t Grow(size_t size) {
    text_.resize(size, 'x');
    return text_.size();
  }
  size_t size() { return text_.size(); }

  std::string Checkpoint() const { return text_; }
  void Restore(std::string text) { text_ = std::move(text); }

 private:
  std::string text_;
};

constexpr int kBulky = 250;
constexpr size_t kBulk = 80'000;  // all together more than a message may have
static_assert(kBulky * kBulk > kMaxBodyBytes);

void CheckBulk(const std::vector<ActorHandle<Bulky>>& actors) {
  std::vector<ObjectRef<size_t>> sizes;
  for (const auto& actor : actors) sizes.push_back(actor.Call<&Bulky::size>());
  for (const auto& size : sizes) {
    const absl::StatusOr<size_t> got = size.Get(absl::Minutes(2));
    INFO(got.status().ToString());
    REQUIRE(got.ok());
    CHECK(*got == kBulk);
  }
}

TEST_CASE("many actors with much to be made from are made, though the connection breaks meanwhile") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      std::vector<ActorHandle<Bulky>> actors;
      const ActorCreator creator =
          driver.cluster.With(ActorOptions{.where = {.nodes = {"n1"}}, .shared_process = true});
      for (int i = 0; i < kBulky; ++i) actors.push_back(creator.Create<Bulky>(std::string(kBulk, 'x'), 100));
      AwaitWork(driver, 4);
      driver.Sleep(absl::Milliseconds(500));
      cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
      CheckBulk(actors);
    });
  });
}

TEST_CASE("many actors with much that was saved are made again") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      std::vector<ActorHandle<Bulky>> actors;
      const ActorOptions saved = {.where = {.nodes = {"n1"}},
                                  .max_restarts = 1,
                                  .max_task_retries = -1,
                                  .checkpoint_every = 1,
                                  .shared_process = true};
      const ActorCreator creator = driver.cluster.With(saved);
      for (int i = 0; i < kBulky; ++i) actors.push_back(creator.Create<Bulky>(std::string("small"), 0));
      std::vector<ObjectRef<size_t>> grown;
      for (const auto& actor : actors) grown.push_back(actor.Call<&Bulky::Grow>(kBulk));
      for (const auto& size : grown) REQUIRE(size.Get(absl::Minutes(1)).value() == kBulk);
      for (SimEnv* worker : cluster.Workers(1)) cluster.world().Crash(*worker);
      CheckBulk(actors);
    });
  });
}

}  // namespace
}  // namespace ioc::sim
