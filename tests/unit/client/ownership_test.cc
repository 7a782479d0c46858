#include "runtime/client/ownership.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "lib/env_asio/asio_env.h"

namespace ioc {
namespace {

using internal::Ref;

// A process that gives, without connections: what it would say is never sent.
class Giver final : public ObjectTableHooks, public PeerHooks, public NodeLinkHooks {
 public:
  internal::Runtime& runtime() override { std::abort(); }
  void OnDead(ObjectRecord&) override {}
  void OnOnlyLent(ObjectRecord&) override {}
  void OnUserHolds() override {}
  void OnUserLetsGo() override {}
  absl::Status OnPeerMessage(PeerLink&, FrameView) override { return absl::OkStatus(); }
  void OnPeerGone(Peer&, const absl::Status&) override {}
  absl::Status OnNodeMessage(Channel&, FrameView) override { return absl::OkStatus(); }
  void OnNodeClosed(const absl::Status&) override {}

  ObjectRecord& Value(uint64_t sequence, const std::vector<ObjectRecord*>& inside = {}) {
    ObjectRecord& record = objects.Create({ProcessId(1), sequence});
    for (ObjectRecord* inner : inside) objects.Hold(*inner);
    objects.Hold(record);
    objects.SettleInline(record, std::make_shared<const std::string>("value"), inside);
    --record.holds;
    return record;
  }

  AsioEnv env{{.background_thread = false}};
  ObjectTable objects{env.executor(), *this};
  PeerTable peers{env, *this};
  NodeLink node{env, *this};
  StoreClient store{env, node};
  Fates fates{env, node};
  PeerReach reach{env, peers, fates};
  Borrowing borrowing{env, objects, peers, reach};
  Ownership ownership{objects, borrowing, store};
};

constexpr ProcessId kReceiver(9);

TEST_CASE("What only an answer refers to is given with it, and what lies inside as well") {
  Giver giver;
  std::vector<Ref> refs;
  std::vector<WireValue> given;
  std::vector<ObjectRecord*> returned;
  {
    MutexLock lock(giver.env.executor().mutex());
    ObjectRecord& inner = giver.Value(1);
    ObjectRecord& outer = giver.Value(2, {&inner});
    refs = {giver.objects.MakeRef(outer)};
    returned = {&outer};
    given = giver.ownership.Give(kReceiver, returned);
    REQUIRE(given.size() == 2);
    CHECK(given[0].id == outer.id());
    CHECK(given[1].id == inner.id());
    CHECK(returned == std::vector{&outer, &inner});  // the reference inside travels, too
    CHECK_FALSE(outer.owned());
    CHECK(inner.given == GivenState::kOffered);
  }
  refs.clear();
}

TEST_CASE("What others refer to as well stays with its maker") {
  Giver giver;
  std::vector<Ref> refs;
  {
    MutexLock lock(giver.env.executor().mutex());
    ObjectRecord& kept = giver.Value(1);  // by user code
    ObjectRecord& lent = giver.Value(2);  // to another process
    ObjectRecord& pending = giver.objects.Create({ProcessId(1), 3});
    ObjectRecord& twice = giver.Value(4);  // only in the answer, but twice
    refs = {giver.objects.MakeRef(kept),    giver.objects.MakeRef(kept),  giver.objects.MakeRef(lent),
            giver.objects.MakeRef(pending), giver.objects.MakeRef(twice), giver.objects.MakeRef(twice)};
    giver.objects.Hold(lent);
    std::vector<ObjectRecord*> returned = {&kept, &lent, &pending, &twice, &twice};
    const std::vector<WireValue> given = giver.ownership.Give(kReceiver, returned);
    REQUIRE(given.size() == 1);
    CHECK(given[0].id == twice.id());
    CHECK(kept.owned());
    CHECK(lent.owned());
    giver.objects.Drop(lent);
  }
  refs.clear();
}

TEST_CASE("What is adopted is one's own, also what was borrowed before") {
  Giver receiver;
  MutexLock lock(receiver.env.executor().mutex());
  ObjectRecord& borrowed = receiver.objects.Create({ProcessId(5), 1});
  borrowed.owner = std::make_unique<ProcessAddress>();
  borrowed.owner->process = ProcessId(5);
  receiver.objects.Hold(borrowed);
  const WireValue known{.id = {ProcessId(5), 1}, .bytes = "known"};
  const WireValue fresh{.id = {ProcessId(5), 2}, .bytes = "fresh"};
  const std::vector<ObjectRecord*> adopted = receiver.ownership.Adopt({known, fresh}, ProcessId(5));
  REQUIRE(adopted.size() == 2);
  CHECK(adopted[0] == &borrowed);
  for (ObjectRecord* record : adopted) {
    CHECK(record->owned());
    CHECK(record->state == ObjectState::kInline);
    receiver.objects.Drop(*record);
  }
  CHECK(receiver.objects.size() == 1);  // nobody wanted the other one
  receiver.objects.Drop(borrowed);
}

}  // namespace
}  // namespace ioc
