// Detached actors in an embedded cluster: what they may be made from, who finds them, when they end.
#include <absl/time/time.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Catch::Contains;

class Tally {
 public:
  explicit Tally(int start) : sum_(start) {}
  explicit Tally(const std::string& text) : sum_(static_cast<int>(text.size())) {}
  explicit Tally(const std::vector<ObjectRef<int>>& numbers) {
    for (const auto& number : numbers) sum_ += number.Get().value();
  }
  // Goes on where another one is.
  explicit Tally(const ActorHandle<Tally>& other) : sum_(other.Call<&Tally::Add>(0).Get().value()) {}
  int Add(int number) { return sum_ += number; }
  int64_t Pid() const { return ::getpid(); }

 private:
  int sum_ = 0;
};

ActorOptions Named(std::string name) { return {.name = std::move(name), .lifetime = Lifetime::kDetached}; }

int SlowNumber(int milliseconds) {
  WaitUntil([] { return false; }, absl::Milliseconds(milliseconds));
  return milliseconds;
}

std::string LongText(int size) { return std::string(static_cast<size_t>(size), 'x'); }

int MakeDetached(int start) {
  return Cluster::Current().With(Named("made in a task")).Create<Tally>(start).Call<&Tally::Add>(1).Get().value();
}

int AddTo(const ActorHandle<Tally>& tally, int number) { return tally.Call<&Tally::Add>(number).Get().value(); }

std::string ErrorOf(const ActorHandle<Tally>& tally) {
  const absl::Status status = tally.Call<&Tally::Add>(1).Get(kPatience).status();
  CHECK(CauseOf(status) == Cause::kInvalidArgument);
  return std::string(status.message());
}

TEST_CASE("A detached actor outlives its handles, takes dependencies, and ends with its embedded cluster") {
  int64_t pid = 0;
  {
    const Cluster cluster = Embedded();
    { const auto lost = cluster.With(Named("tally")).Create<Tally>(cluster.Submit<SlowNumber>(50)); }
    absl::StatusOr<ActorHandle<Tally>> found;
    REQUIRE(WaitUntil([&] { return (found = cluster.FindActor<Tally>("tally")).ok(); }));
    CHECK(found->Call<&Tally::Add>(1).Get(kPatience).value() == 51);
    CHECK(cluster.Submit<AddTo>(*found, 9).Get(kPatience).value() == 60);
    pid = found->Call<&Tally::Pid>().Get(kPatience).value();
    CHECK(::kill(static_cast<pid_t>(pid), 0) == 0);
  }
  CHECK(WaitUntil([&] { return ::kill(static_cast<pid_t>(pid), 0) != 0; }));
}

TEST_CASE("A detached actor is made in a task, and from the handle of another") {
  const Cluster cluster = Embedded();
  CHECK(cluster.Submit<MakeDetached>(10).Get(kPatience).value() == 11);
  const auto first = cluster.FindActor<Tally>("made in a task").value();
  const auto second = cluster.With(Named("second")).Create<Tally>(first);
  CHECK(second.Call<&Tally::Add>(5).Get(kPatience).value() == 16);
  CHECK(cluster.Kill(first).ok());
  CHECK(second.Call<&Tally::Add>(5).Get(kPatience).value() == 21);
}

TEST_CASE("What a detached actor can't be made from is refused with a sentence") {
  const Cluster cluster = Embedded();
  CHECK_THAT(ErrorOf(cluster.With(Named("")).Create<Tally>(1)), Contains("needs a name"));
  const std::vector<ObjectRef<int>> numbers = {cluster.Put(1)};
  CHECK_THAT(ErrorOf(cluster.With(Named("a")).Create<Tally>(numbers)),
             Contains("may end before a detached actor does") && Contains(numbers[0].id().ToString()));
  const auto mortal = cluster.Create<Tally>(1);
  CHECK_THAT(ErrorOf(cluster.With(Named("b")).Create<Tally>(mortal)), Contains("may end before"));
  CHECK_THAT(ErrorOf(cluster.With(Named("c")).Create<Tally>(std::string(3 * kMiB, 'x'))),
             Contains("3 MiB") && Contains("1 MiB") && Contains("method"));
  CHECK_THAT(ErrorOf(cluster.With(Named("d")).Create<Tally>(cluster.Put(std::string(2 * kMiB, 'x')))),
             Contains("2 MiB") && Contains("method"));
}

TEST_CASE("Arguments that lie in the object store are copied for a detached actor") {
  const Cluster cluster = Embedded();
  const auto here = cluster.With(Named("a")).Create<Tally>(std::string(900 * kKiB, 'x'));
  CHECK(here.Call<&Tally::Add>(1).Get(kPatience).value() == 900 * 1024 + 1);
  const auto there = cluster.With(Named("b")).Create<Tally>(cluster.Submit<LongText>(500 * 1024));
  CHECK(there.Call<&Tally::Add>(1).Get(kPatience).value() == 500 * 1024 + 1);
}

TEST_CASE("A detached actor that is killed while its arguments are awaited never is") {
  const Cluster cluster = Embedded();
  const auto tally = cluster.With(Named("late")).Create<Tally>(cluster.Submit<SlowNumber>(200));
  CHECK(cluster.Kill(tally).ok());
  CHECK_THAT(std::string(tally.Call<&Tally::Add>(1).Get(kPatience).status().message()), Contains("was killed"));
  CHECK(cluster.Submit<SlowNumber>(300).Get(kPatience).ok());
  CHECK(WaitUntil([&] { return !cluster.FindActor<Tally>("late").ok(); }));
}

TEST_CASE("The names of a name space are listed") {
  const Cluster cluster = Embedded();
  ActorOptions in_town = Named("resident");
  in_town.name_space = "town";
  const auto resident = cluster.With(in_town).Create<Tally>(1);
  const auto guest = cluster.With(ActorOptions{.name = "guest", .name_space = "town"}).Create<Tally>(1);
  const auto stranger = cluster.With(ActorOptions{.name = "stranger"}).Create<Tally>(1);
  for (const auto& actor : {resident, guest, stranger}) REQUIRE(actor.Call<&Tally::Add>(1).Get(kPatience).ok());
  CHECK(cluster.ActorNames("town").value() == std::vector<std::string>{"guest", "resident"});
  CHECK(cluster.ActorNames().value() == std::vector<std::string>{"stranger"});
  CHECK(cluster.ActorNames("nowhere").value().empty());
  // The guest's owner tells the head when it is up; that may take a moment longer than the call.
  CHECK(WaitUntil([&] {
    const std::string json = cluster.ActorsJson().value();
    return json.find("placing") == std::string::npos && json.find("\"alive\"") != std::string::npos;
  }));
}

}  // namespace
}  // namespace ioc
