#include "runtime/node/local_scheduler.h"

#include <catch2/catch.hpp>
#include <string>

#include "iocluster/status.h"

namespace ioc {
namespace {

constexpr ProcessId kAlice(1);
constexpr ProcessId kBob(2);

NodeInfo Machine(double cpus, double gpus = 0) {
  NodeInfo info;
  info.name = "here";
  info.total.Set(kCpu, cpus);
  if (gpus > 0) info.total.Set(kGpu, gpus);
  return info;
}

SchedulingClass Wants(double cpus, double gpus = 0) {
  SchedulingClass spec;
  spec.job = JobId(1);
  if (cpus > 0) spec.resources.Set(kCpu, cpus);
  if (gpus > 0) spec.resources.Set(kGpu, gpus);
  return spec;
}

// A scheduler and a clock; demands in one line.
struct Fixture {
  explicit Fixture(NodeInfo info) : scheduler(info, 0x1234567800000000) {}

  void Demand(ProcessId client, const SchedulingClass& spec, uint32_t wanted, uint32_t depth = 0,
              uint32_t class_id = 1) {
    REQUIRE(scheduler.SetDemand({client, class_id}, spec, wanted, depth, now).ok());
  }
  // Takes and grants leases until none is left; the clients in order.
  std::vector<ProcessId> GrantAll() {
    std::vector<ProcessId> clients;
    while (auto lease = scheduler.Next(now)) {
      clients.push_back(scheduler.Find(*lease)->demand.client);
      leases.push_back(*lease);
      scheduler.Granted(*lease, now);
    }
    return clients;
  }

  LocalScheduler scheduler;
  absl::Time now = absl::UnixEpoch();
  std::vector<LeaseId> leases;
};

}  // namespace

TEST_CASE("what the head has refused is forwarded anew when it is wanted again") {
  Fixture f{Machine(1)};
  f.Demand(kAlice, Wants(4), 1);
  CHECK(f.scheduler.TakeForwards(/*urgent_only=*/true).size() == 1);
  f.scheduler.NoteRefused({kAlice, 1});
  CHECK(f.scheduler.TakeForwards(/*urgent_only=*/true).empty());
  f.Demand(kAlice, Wants(4), 1);
  CHECK(f.scheduler.TakeForwards(/*urgent_only=*/true).size() == 1);
}

TEST_CASE("leases are granted while resources last, and again when one ends") {
  Fixture f(Machine(2));
  f.Demand(kAlice, Wants(1), 5);
  CHECK(f.GrantAll().size() == 2);
  CHECK(f.scheduler.waiting() == 3);
  CHECK(f.scheduler.free().Get(kCpu) == 0);
  f.scheduler.End(f.leases[0]);
  CHECK(f.GrantAll().size() == 1);
}

TEST_CASE("a flood of one client does not starve another") {
  Fixture f(Machine(2));
  f.Demand(kAlice, Wants(1), 1000);
  f.GrantAll();
  f.Demand(kBob, Wants(1), 2);
  f.scheduler.End(f.leases[0]);
  f.scheduler.End(f.leases[1]);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kBob, kAlice});
}

TEST_CASE("the deeper task goes first") {
  Fixture f(Machine(1));
  f.Demand(kAlice, Wants(1), 1, /*depth=*/0);
  f.Demand(kBob, Wants(1), 1, /*depth=*/3);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kBob});
}

TEST_CASE("a lease taken and not yet granted is not taken twice when the client repeats itself") {
  Fixture f(Machine(4));
  f.Demand(kAlice, Wants(1), 1);
  auto lease = f.scheduler.Next(f.now);
  REQUIRE(lease);
  f.Demand(kAlice, Wants(1), 1);
  CHECK_FALSE(f.scheduler.Next(f.now));
  CHECK(f.scheduler.IsWanted(*lease));
  f.Demand(kAlice, Wants(1), 0);
  CHECK_FALSE(f.scheduler.IsWanted(*lease));
  f.scheduler.End(*lease);
  CHECK(f.scheduler.free().Get(kCpu) == 4);
}

TEST_CASE("a blocked lease gives back its CPU alone, and takes it again even below zero") {
  Fixture f(Machine(1, 1));
  f.Demand(kAlice, Wants(1, 1), 1);
  f.GrantAll();
  f.scheduler.Block(f.leases[0]);
  f.scheduler.Block(f.leases[0]);
  CHECK(f.scheduler.free().Get(kCpu) == 1);
  CHECK(f.scheduler.free().Get(kGpu) == 0);
  f.Demand(kBob, Wants(1), 1);
  CHECK(f.GrantAll().size() == 1);
  f.scheduler.Unblock(f.leases[0]);
  CHECK(f.scheduler.free().Get(kCpu) == -1);
  f.scheduler.Block(f.leases[0]);
  f.scheduler.End(f.leases[0]);
  f.scheduler.End(f.leases[1]);
  CHECK(f.scheduler.free() == Machine(1, 1).total);
}

TEST_CASE("while another waits, a lease older than the quantum is recalled, once and no more than are missing") {
  Fixture f(Machine(2));
  f.Demand(kAlice, Wants(1), 2);
  f.GrantAll();
  f.Demand(kBob, Wants(1), 1);
  auto early = f.scheduler.LeasesToRecall(f.now);
  CHECK(early.leases.empty());
  CHECK(early.again == kLeaseQuantum);
  f.now += kLeaseQuantum;
  CHECK(f.scheduler.LeasesToRecall(f.now).leases == std::vector<LeaseId>{f.leases[0]});
  f.now += kLeaseQuantum;
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.empty());
}

TEST_CASE("a client's own class, dedicated and blocked leases are not recalled") {
  Fixture f(Machine(3));
  SchedulingClass actor = Wants(1);
  actor.dedicated = true;
  f.Demand(kAlice, actor, 1, 0, /*class_id=*/2);
  f.Demand(kAlice, Wants(1), 9, 0, /*class_id=*/1);
  f.GrantAll();
  f.now += absl::Seconds(1);
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.empty());
}

TEST_CASE("the head hears of what can't be granted at once, and at once of what never fits here") {
  Fixture f(Machine(1));
  f.Demand(kAlice, Wants(1), 3);
  f.Demand(kBob, Wants(0, 1), 2);
  f.GrantAll();
  auto urgent = f.scheduler.TakeForwards(/*urgent_only=*/true);
  REQUIRE(urgent.size() == 1);
  CHECK(urgent[0].demand.client == kBob);
  CHECK(urgent[0].wanted == 2);
  auto rest = f.scheduler.TakeForwards(/*urgent_only=*/false);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].wanted == 2);
  CHECK(f.scheduler.TakeForwards(false).empty());
  f.scheduler.ForgetForwards();
  CHECK(f.scheduler.TakeForwards(false).size() == 2);
}

TEST_CASE("a withdrawn demand is withdrawn from the head as well, once") {
  Fixture f(Machine(1));
  f.Demand(kBob, Wants(0, 1), 2);
  f.scheduler.TakeForwards(true);
  f.scheduler.NotePlaced({kBob, 1});
  f.scheduler.Withdraw({kBob, 1});
  auto forwards = f.scheduler.TakeForwards(true);
  REQUIRE(forwards.size() == 1);
  CHECK(forwards[0].wanted == 0);
  CHECK(f.scheduler.TakeForwards(true).empty());
}

TEST_CASE("what is to be spread is left to the head, which may choose this node") {
  Fixture f(Machine(1));
  SchedulingClass spread = Wants(1);
  spread.strategy = Strategy::kSpread;
  f.Demand(kAlice, spread, 2);
  CHECK(f.GrantAll().empty());
  CHECK(f.scheduler.TakeForwards(true).size() == 1);
  auto lease = f.scheduler.Reserve(kAlice, spread);
  REQUIRE(lease.ok());
  CHECK(f.scheduler.Reserve(kAlice, spread).status().code() == absl::StatusCode::kFailedPrecondition);
  f.scheduler.End(*lease);
  CHECK(f.scheduler.Reserve(kAlice, spread).ok());
}

TEST_CASE("a large request that waits long holds back the small ones that would pass it") {
  Fixture f(Machine(2));
  f.Demand(kAlice, Wants(1), 100);
  f.GrantAll();
  f.Demand(kBob, Wants(2), 1);
  f.scheduler.End(f.leases[0]);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kAlice});
  f.now += kStarvedAfter;
  f.scheduler.End(f.leases[1]);
  CHECK(f.GrantAll().empty());
  f.scheduler.End(f.leases[2]);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kBob});
}

TEST_CASE("a large request holds small ones back again when it has waited for another while") {
  Fixture f(Machine(2));
  f.Demand(kAlice, Wants(1), 100);
  f.GrantAll();
  f.Demand(kBob, Wants(2), 1);
  f.now += kStarvedUntil + absl::Seconds(1);
  f.scheduler.End(f.leases[0]);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kAlice});
  f.now += kStarvedUntil;
  f.scheduler.End(f.leases[1]);
  f.scheduler.End(f.leases[2]);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kBob});
}

TEST_CASE("another job's task is not kept waiting by deep ones") {
  Fixture f(Machine(1));
  f.Demand(kAlice, Wants(1), 1000, /*depth=*/1);
  f.GrantAll();
  SchedulingClass other = Wants(1);
  other.job = JobId(2);
  f.Demand(kBob, other, 1);
  f.scheduler.End(f.leases[0]);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kBob});
}

TEST_CASE("a recalled lease that does not come shields the others for a while only, and not while it is blocked") {
  Fixture f(Machine(3));
  f.Demand(kAlice, Wants(1), 3);
  f.GrantAll();
  f.Demand(kBob, Wants(1), 1);
  f.now += kLeaseQuantum;
  const auto first = f.scheduler.LeasesToRecall(f.now);
  CHECK(first.leases == std::vector<LeaseId>{f.leases[0]});
  CHECK(first.again == kRecallPatience);
  f.now += kLeaseQuantum;
  CHECK(f.scheduler.LeasesToRecall(f.now).again == kRecallPatience - kLeaseQuantum);
  f.now += kRecallPatience;
  CHECK(f.scheduler.LeasesToRecall(f.now).leases == std::vector<LeaseId>{f.leases[1]});
  f.scheduler.Block(f.leases[1]);
  CHECK(f.scheduler.LeasesToRecall(f.now).leases == std::vector<LeaseId>{f.leases[2]});
}

TEST_CASE("what a lease holds is free when its worker has ended, and not when it is over") {
  Fixture f(Machine(1, 1));
  f.Demand(kAlice, Wants(0, 1), 1);
  f.GrantAll();
  f.Demand(kBob, Wants(0, 1), 1);
  f.scheduler.BeginEnd(f.leases[0]);
  CHECK(f.GrantAll().empty());
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.empty());
  f.scheduler.End(f.leases[0]);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kBob});
}

TEST_CASE("a lease that ends with its worker before it was granted is taken anew") {
  Fixture f(Machine(2));
  f.Demand(kAlice, Wants(1), 1);
  const auto lease = f.scheduler.Next(f.now);
  REQUIRE(lease);
  f.scheduler.BeginEnd(*lease);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kAlice});
  f.scheduler.End(*lease);
  CHECK(f.GrantAll().empty());
}

TEST_CASE("workers are counted: what asks for nothing else goes to the head when they are all in use") {
  LocalScheduler scheduler(Machine(4), 0, /*max_workers=*/2);
  const absl::Time now = absl::UnixEpoch();
  SchedulingClass actor = Wants(0);
  actor.dedicated = true;
  REQUIRE(scheduler.SetDemand({kAlice, 1}, actor, 9, 0, now).ok());
  const auto first = scheduler.Next(now);
  REQUIRE((first && scheduler.Next(now)));
  CHECK_FALSE(scheduler.Next(now));
  CHECK(scheduler.IsShortOfWorkers());
  CHECK(scheduler.Reserve(kBob, actor).status().code() == absl::StatusCode::kFailedPrecondition);
  const auto forwards = scheduler.TakeForwards(/*urgent_only=*/false);
  REQUIRE(forwards.size() == 1);
  CHECK(forwards[0].wanted == 7);
  // Blocked ones are not counted, up to a bound.
  scheduler.Block(*first);
  while (const auto next = scheduler.Next(now)) scheduler.Block(*next);
  CHECK(scheduler.waiting() == 9 - 2 * kMaxWorkersFactor);
  scheduler.End(*first);
  CHECK(scheduler.Next(now));
}

TEST_CASE("what asks for nothing is left to the head once there are as many leases as CPUs, if there are other nodes") {
  Fixture f(Machine(2));
  SchedulingClass actor = Wants(0);
  actor.dedicated = true;
  f.Demand(kAlice, actor, 3);
  CHECK(f.GrantAll().size() == 3);
  f.scheduler.SetOutlook({.others = true}, f.now);
  f.Demand(kAlice, actor, 2);
  CHECK(f.GrantAll().empty());
  CHECK(f.scheduler.TakeForwards(/*urgent_only=*/true).size() == 1);
  f.scheduler.End(f.leases[0]);
  f.scheduler.End(f.leases[1]);
  CHECK(f.GrantAll().empty());  // the head is at it
  f.scheduler.NotePlaced({kAlice, 1});
  f.scheduler.NotePlaced({kAlice, 1});
  f.Demand(kAlice, actor, 5);
  CHECK(f.GrantAll().size() == 1);
  f.scheduler.TakeForwards(true);
  f.scheduler.ForgetOutlook();
  CHECK(f.GrantAll().size() == 4);
}

// Of another node, which wants leases here.
SchedulingClass OfOtherJob() {
  SchedulingClass spec = Wants(1);
  spec.job = JobId(2);
  return spec;
}

Outlook OthersWait(uint32_t leases) {
  return {.others = true, .waiting = {{.job = JobId(2), .resources = Wants(1).resources, .wanted = leases}}};
}

TEST_CASE("for another job that waits at the head, leases are called back until both have as many") {
  Fixture f(Machine(4));
  f.Demand(kAlice, Wants(1), 100);
  f.GrantAll();
  f.scheduler.SetOutlook(OthersWait(10), f.now);
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.empty());
  f.now += kFarLeaseQuantum - absl::Milliseconds(1);
  f.scheduler.SetOutlook(OthersWait(10), f.now);
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.empty());
  f.now += absl::Milliseconds(1);
  CHECK(f.scheduler.LeasesToRecall(f.now).leases == std::vector<LeaseId>{f.leases[0], f.leases[1]});
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.empty());
  f.now += kOutlookLasts;
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.empty());
}

TEST_CASE("what a job waits for at the head is promised to it when its turn comes, and kept free for a while") {
  Fixture f(Machine(2));
  f.Demand(kAlice, Wants(1), 100);
  f.GrantAll();
  f.scheduler.SetOutlook(OthersWait(10), f.now);
  f.scheduler.End(f.leases[0]);
  CHECK(f.GrantAll().empty());
  CHECK(f.scheduler.free().Get(kCpu) == 0);
  CHECK(f.scheduler.free_for_head().Get(kCpu) == 1);
  f.scheduler.End(f.leases[1]);
  CHECK(f.GrantAll() == std::vector<ProcessId>{kAlice});  // turn by turn
  const auto placed = f.scheduler.Reserve(kBob, OfOtherJob());
  REQUIRE(placed.ok());
  CHECK(f.scheduler.free_for_head().Get(kCpu) == 1);  // as it is not granted yet
  f.scheduler.End(*placed);
  CHECK(f.GrantAll().empty());
  f.now += kPromiseLasts;
  CHECK(f.scheduler.DropOldPromises(f.now));
  CHECK(f.GrantAll() == std::vector<ProcessId>{kAlice});
}

TEST_CASE("a lease that the head placed for another job lasts longer, and goes only from who has more") {
  Fixture f(Machine(4));
  for (int i = 0; i < 3; ++i) {
    const auto lease = f.scheduler.Reserve(kBob, OfOtherJob());
    REQUIRE(lease.ok());
    f.scheduler.Granted(*lease, f.now);
  }
  f.Demand(kAlice, Wants(1), 100);
  f.GrantAll();
  f.now += kLeaseQuantum;
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.empty());
  f.now += kFarLeaseQuantum;
  CHECK(f.scheduler.LeasesToRecall(f.now).leases.size() == 1);
}

TEST_CASE("a job that can't run here is left to the head for a while") {
  Fixture f(Machine(1));
  f.scheduler.NoteUnrunnable(JobId(1), f.now + absl::Seconds(30));
  f.Demand(kAlice, Wants(1), 1);
  CHECK(f.GrantAll().empty());
  CHECK(f.scheduler.TakeForwards(/*urgent_only=*/true).size() == 1);
  f.now += absl::Seconds(30);
  CHECK(f.GrantAll().size() == 1);
}

TEST_CASE("a request that makes no sense or too many classes is an error") {
  Fixture f(Machine(2));
  SchedulingClass negative;
  negative.resources.Set(kCpu, -1);
  CHECK(CauseOf(f.scheduler.SetDemand({kAlice, 1}, negative, 1, 0, f.now)) == Cause::kInvalidArgument);
  for (uint32_t i = 0; i < kMaxDemandsOfClient; ++i) f.Demand(kAlice, Wants(100), 1, 0, i);
  CHECK(f.scheduler.SetDemand({kAlice, 99999}, Wants(1), 1, 0, f.now).code() == absl::StatusCode::kResourceExhausted);
  f.scheduler.DropClient(kAlice);
  CHECK(f.scheduler.waiting() == 0);
}

}  // namespace ioc
