// What is behind Node: owns the parts, and hands each message to the part that it concerns.
#ifndef IOCLUSTER_RUNTIME_NODE_NODE_IMPL_H_
#define IOCLUSTER_RUNTIME_NODE_NODE_IMPL_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/node/detached_actors.h"
#include "runtime/node/head_link.h"
#include "runtime/node/lease_manager.h"
#include "runtime/node/life.h"
#include "runtime/node/node.h"
#include "runtime/node/peer_nodes.h"
#include "runtime/node/process_ends.h"
#include "runtime/node/program_store.h"
#include "runtime/node/sessions.h"
#include "runtime/node/store_service.h"
#include "runtime/node/worker_pool.h"

namespace ioc {

class Node::Impl final : public SessionHandler,
                         public HeadLink::Listener,
                         public WorkerPool::Listener,
                         public LeaseManager::Listener {
 public:
  Impl(Env& env, NodeOptions options, absl::AnyInvocable<void(absl::Status)> on_ready,
       absl::AnyInvocable<void(absl::Status)> on_stopped);
  ~Impl();

  void set_head_door(AcceptHandler head) { head_door_ = std::move(head); }
  const NodeInfo& info() const { return info_; }
  uint32_t worker_count() const { return workers_ == nullptr ? 0 : workers_->count(); }

 private:
  absl::Status Start();
  absl::Status Listen();
  void Accept(std::unique_ptr<Connection> connection, const Preamble& preamble);
  void Ready(const absl::Status& status);
  // The head has stopped the cluster: tells the drivers at once, and ends when the head does. By then all nodes have
  // told theirs, so that nobody takes the end of another node's workers for an accident.
  void OnClusterStopped();
  // `farewell` is what this node's peers are told.
  void StopLater(const absl::Status& why, std::string_view farewell);

  absl::Status OnSessionMessage(Session& session, FrameView& frame) override;
  void OnSessionClosed(Session& session, const absl::Status& why) override;
  absl::Status OnProcessMessage(Session& session, FrameView& frame);
  absl::Status OnNodeMessage(Session& session, FrameView& frame);
  absl::Status OnToolMessage(Session& session, FrameView& frame);
  absl::Status OnRegisterProcess(Session& session, const FrameHeader& request, RegisterProcess& registration);
  absl::Status RegisterWorker(Session& session, const FrameHeader& request, const RegisterProcess& registration);
  absl::Status RelayToHead(Session& session, FrameView& frame);
  // What this node and its processes hold: asks them, and calls `done` when all have answered or kProcessCensusTimeout
  // is over.
  void TakeCensus(absl::AnyInvocable<void(const NodeCensus&)> done);
  void OnLeaveCluster(Session& session);
  // A process of this node has no part in the cluster any more.
  void EndProcess(SessionId session, ProcessId process, Role role);
  // A process of the cluster has ended.
  void OnProcessGone(ProcessId process);
  void OnNodeRemoved(const NodeRemoved& removed);
  void OnGetWorkerFate(SessionId session, const FrameHeader& request, const GetWorkerFate& ask, bool may_relay);

  RegisterNode MakeRegistration() override;
  void OnRegistered(const RegisterNode::Reply& reply) override;
  void OnReportDue() override;
  absl::Status OnHeadMessage(Channel& head, FrameView& frame) override;
  void OnHeadAway() override;
  void OnHeadLost(const absl::Status& why) override;
  void EndJob(JobId job);
  void PlaceForHead(const FrameHeader& request, const PlaceLease& place);

  void OnWorkerLost(ProcessId worker) override;
  void OnWorkerExited(SessionId session, ProcessId worker) override;

  void ForwardToHead(const LocalScheduler::Forward& forward) override;
  void OnLeasesChanged() override { head_->Changed(); }

  Env& env_;
  const NodeOptions options_;
  absl::AnyInvocable<void(absl::Status)> on_ready_;
  absl::AnyInvocable<void(absl::Status)> on_stopped_;
  bool stopping_ = false;
  ClusterId cluster_;
  NodeInfo info_;
  absl::Status farewell_;  // what peers are told at the end
  TimerId stop_timer_ = 0;
  AcceptHandler head_door_;
  // Each part may use those above it, so they are destroyed from the last to the first.
  std::unique_ptr<Sessions> sessions_;
  std::unique_ptr<PeerNodes> peers_;
  std::unique_ptr<HeadLink> head_;
  std::unique_ptr<StoreService> store_;
  std::unique_ptr<ProcessEnds> process_ends_;
  std::unique_ptr<ProgramStore> programs_;
  std::unique_ptr<WorkerPool> workers_;
  std::unique_ptr<LeaseManager> leases_;
  std::unique_ptr<DetachedActors> actors_;
  std::unique_ptr<ioc::Listener> local_listener_;
  std::unique_ptr<ioc::Listener> listener_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_NODE_IMPL_H_
