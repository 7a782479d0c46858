// Does what the ActorKeeper decides: has leases placed, asks nodes to host actors, answers who looks for one.
//
// Belongs to the Head, on its executor.
#ifndef IOCLUSTER_RUNTIME_HEAD_ACTOR_SERVICE_H_
#define IOCLUSTER_RUNTIME_HEAD_ACTOR_SERVICE_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "lib/env/env.h"
#include "lib/rpc/channel.h"
#include "runtime/head/actor_keeper.h"
#include "runtime/head/name_table.h"
#include "runtime/head/node_table.h"
#include "runtime/head/placer.h"

namespace ioc {

// How long LocateActor waits if its caller names no bound.
inline constexpr absl::Duration kLocateTimeout = absl::Seconds(60);
// How long a node may take to fetch a program.
inline constexpr absl::Duration kFetchTimeout = absl::Minutes(10);
// What a caller's time is cut by, so that it hears that it is over from here.
inline constexpr absl::Duration kLocateMargin = absl::Milliseconds(200);

class ActorService final : private ActorKeeper::Actions, private PlacementOwner {
 public:
  ActorService(Env& env, NodeTable& nodes, NameTable& names, Placer& placer);
  ~ActorService();
  ActorService(const ActorService&) = delete;
  ActorService& operator=(const ActorService&) = delete;

  // What processes ask of detached actors, and what `node` (none: it is no node) reports of them.
  absl::Status OnMessage(Channel& channel, NodeId node, const FrameView& frame);
  // Actors with names, of both kinds.
  ListActors::Reply List(const ListActors& request) const;
  void NodeGone(NodeId node, bool may_return, const std::string& why);
  // Nothing that was asked on it is answered any more. Before it is destroyed.
  void ChannelGone(Channel& channel);
  // From now on nothing is done.
  void Stop();

 private:
  struct Asker {
    Channel* channel = nullptr;
    FrameHeader request;
    ObjectId actor;
    absl::Time deadline;
  };

  // ActorKeeper::Actions
  void Place(uint32_t number, const SchedulingClass& spec) override;
  void Withdraw(uint32_t number) override;
  void Host(NodeId node, const HostActor& request) override;
  void End(NodeId node, const EndActor& end) override;
  void Answer(uint64_t asker, const absl::StatusOr<LocateActor::Reply>& answer) override;
  const NodeAddress* AddressOf(NodeId node) override;
  NodeId AnotherNode(const SchedulingClass& spec, const std::set<NodeId>& but) override;
  void Fetch(NodeId node, const FetchProgram& fetch) override;
  void Log(const std::string& line) override;
  // PlacementOwner
  void OnPlaced(uint32_t number, const NodeRecord& node, const PlaceLease::Reply& grant) override;
  void OnUnplaceable(uint32_t number, const absl::Status& error) override;
  void OnNotPlaced(uint32_t number, const std::string& reason) override;

  void HandleLocate(Channel& channel, const FrameHeader& request, ObjectId actor);
  void Arm();
  void Tick();

  Env& env_;
  NodeTable& nodes_;
  NameTable& names_;
  Placer& placer_;
  ActorKeeper keeper_;
  std::map<uint64_t, Asker> askers_;
  uint64_t last_asker_ = 0;
  TimerId timer_ = 0;
  absl::Time timer_at_ = absl::InfiniteFuture();
  bool stopped_ = false;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_ACTOR_SERVICE_H_
