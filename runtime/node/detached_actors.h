// The detached actors that live on this node: has workers make them, and tells the head what becomes of them.
//
// Owned by the node, on its executor. An actor has a dedicated lease that the head placed here, and no client: it lives
// until its worker ends, or the head says that it is to end. While there is no head, it lives on. What the head has to
// know (it lives; it could not be made; it has ended, and how) is said until it is acknowledged, and all of it again to
// each head that this node registers with.
#ifndef IOCLUSTER_RUNTIME_NODE_DETACHED_ACTORS_H_
#define IOCLUSTER_RUNTIME_NODE_DETACHED_ACTORS_H_

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <string>

#include "lib/env/env.h"
#include "lib/protocol/actor_messages.h"
#include "runtime/node/head_link.h"
#include "runtime/node/lease_manager.h"
#include "runtime/node/life.h"
#include "runtime/node/sessions.h"
#include "runtime/node/worker_pool.h"

namespace ioc {

// How long after its connection is lost the end of a worker's process may take to be known.
inline constexpr absl::Duration kActorFateTimeout = absl::Seconds(5);
// What the head has not acknowledged is said again after this.
inline constexpr absl::Duration kActorReportRetry = absl::Seconds(1);

class DetachedActors {
 public:
  DetachedActors(Env& env, std::string node_name, Sessions& sessions, WorkerPool& workers, LeaseManager& leases,
                 HeadLink& head);
  ~DetachedActors();
  DetachedActors(const DetachedActors&) = delete;
  DetachedActors& operator=(const DetachedActors&) = delete;

  // Of the head. FailedPrecondition if the lease has ended.
  absl::Status Host(const HostActor& request);
  void End(const EndActor& end);
  // Of a worker.
  void Constructed(ProcessId worker, const ActorConstructed& constructed);
  void WorkerLost(ProcessId worker);
  // This node has registered.
  void NewHead();

 private:
  struct Record {
    uint32_t incarnation = 0;
    ProcessAddress worker;
    HostedState state = HostedState::kConstructing;
    absl::Status error;
    bool ending = false;  // its worker is; how is being asked
    bool told = true;     // the head knows the state, or is being told

    bool lives() const { return state == HostedState::kConstructing || state == HostedState::kAlive; }
  };
  using Records = std::map<ObjectId, Record>;

  Records::iterator FindByWorker(ProcessId worker);
  void WorkerEnded(ObjectId actor, uint32_t incarnation, const GetWorkerFate::Reply& fate);
  void Report(ObjectId actor, Record& record);
  void Reported(const ReportActor& report, const absl::StatusOr<ReportActor::Reply>& reply);
  void ReportAgain();

  Env& env_;
  const std::string node_name_;
  Sessions& sessions_;
  WorkerPool& workers_;
  LeaseManager& leases_;
  HeadLink& head_;
  Records records_;
  TimerId retry_timer_ = 0;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_DETACHED_ACTORS_H_
