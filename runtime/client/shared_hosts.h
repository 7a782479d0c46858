// The workers that host this process's shared actors (ActorOptions::shared_process), thousands in each.
//
// A host is a worker under a dedicated lease of this process's, for actors of one scheduling class. It is kept while
// actors of ours live there, and for kIdleHost longer. Constructors are pushed to it in batches, many in flight. There
// is no process, thread, timer or connection an actor, and what this keeps of one is its count.
//
// A host that loses only its connection with us lives on with its actors: constructors without an answer are sent
// again, and it does not run one twice. When it dies, those that may have begun are charged an attempt, the others are
// not.
//
// Lives on the client's executor. Invariant: a constructor is in its pool's `ready` or in one host's `in_flight`, once
// its arguments are there.
#ifndef IOCLUSTER_RUNTIME_CLIENT_SHARED_HOSTS_H_
#define IOCLUSTER_RUNTIME_CLIENT_SHARED_HOSTS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {

// Actors of one host, those being made among them; for more there is another host.
inline constexpr size_t kMaxActorsPerHost = size_t{1} << 16;
inline constexpr size_t kMaxConstructorsInFlight = 4096;  // to one host
inline constexpr size_t kMaxConstructorsPerFrame = 256;
inline constexpr absl::Duration kIdleHost = absl::Seconds(1);
// Strategy::kSpread: how long actors wait for the next host on a further node, and how long it then counts that there
// is none.
inline constexpr absl::Duration kSpreadPatience = absl::Seconds(5);
inline constexpr absl::Duration kSpreadAgainAfter = absl::Seconds(30);
inline constexpr uint32_t kMaxHostsAskedFor = 64;
// So many in a row that come on nodes which have one mean that there is no other node.
inline constexpr int kMaxSecondHosts = 4;
inline constexpr absl::Duration kReachHostAgainAfter = absl::Milliseconds(50);
inline constexpr absl::Duration kHostOutOfReach = absl::Seconds(60);

class SharedHosts final : public TaskSink, public LeaseTaker, public Deferred {
 public:
  SharedHosts(Env& env, PeerTable& peers, Fates& fates, TaskBook& book, TaskDispatcher& dispatcher,
              ActorEvents& actors);
  ~SharedHosts();

  // `constructor` is new.
  void Submit(TaskRecord& constructor, const SchedulingClass& spec);
  // What has not been made yet, never is.
  void Cancel(TaskRecord& constructor);
  void OnResult(TaskRecord& constructor, PeerLink& link, TaskResult& result);
  void OnPeerGone(Peer& peer);
  // One of the actors that OnActorConstructed was told of does not live in this worker any more.
  void OnActorLeft(ProcessId worker);
  void Clear();

 private:
  struct Pool;
  struct Host {
    Pool* pool = nullptr;
    LeaseId lease;
    ProcessAddress worker;
    std::string node_name;
    Peer* peer = nullptr;               // null while connecting
    std::deque<TaskRecord*> in_flight;  // in the order pushed; the last ones, `unsent`, not sent yet
    size_t unsent = 0;
    size_t unsent_bytes = 0;
    bool dirty = false;
    size_t actors = 0;  // that live there
    absl::Time idle_since = absl::InfiniteFuture();
    absl::Time out_of_reach = absl::InfiniteFuture();

    size_t load() const { return actors + in_flight.size(); }
  };
  // Of one scheduling class.
  struct Pool {
    uint32_t class_id = 0;
    SchedulingClass spec;
    size_t constructors = 0;  // that have not ended
    std::deque<TaskRecord*> ready;
    std::vector<std::unique_ptr<Host>> hosts;
    absl::Time spread_until = absl::InfinitePast();  // until then every node has a host, as far as is known
    TimerId patience = 0;
    int seconds = 0;  // hosts granted on nodes that have one, one after the other
  };

  void OnTaskReady(TaskRecord& task) override;
  void OnTaskDoomed(TaskRecord& task, const absl::Status& error) override;
  void OnTaskOver(TaskRecord& task) override;
  void OnLease(const LeaseGranted& granted) override;
  void OnRefused(uint32_t class_id, const absl::Status& error) override;
  void RunDeferred() override;

  Pool& PoolFor(const SchedulingClass& spec);
  Pool* FindPool(uint32_t class_id);
  // At the end of this turn it goes, if nothing is left of it.
  void CloseIfOver(const Pool& pool);
  Host* Find(ProcessId worker);
  bool IsSpread(const Pool& pool) const { return pool.spread_until > env_.executor().Now(); }
  void Pump(Pool& pool);
  Host* Pick(Pool& pool);
  void Ask(Pool& pool);
  void Push(Host& host, TaskRecord& task);
  void SendBatch(Host& host);
  void Connect(Host& host);
  void Connected(ProcessId worker, absl::StatusOr<Peer*> peer);
  void AskFate(Host& host);
  void Lose(Host& host, const WorkerEnd& end);
  void Fail(TaskRecord& task, const absl::Status& error);
  void NoteIdle(Host& host);
  void Sweep();
  void Return(Host& host);
  std::unique_ptr<Host> Detach(Host& host);

  Env& env_;
  PeerTable& peers_;
  Fates& fates_;
  TaskBook& book_;
  TaskDispatcher& dispatcher_;
  ActorEvents& actors_;
  std::map<uint32_t, std::unique_ptr<Pool>> pools_;  // by class
  std::vector<uint32_t> maybe_over_;                 // of them
  absl::flat_hash_map<ProcessId, Host*> hosts_;
  std::vector<ProcessId> dirty_;
  PushTasks push_;
  TimerId sweep_ = 0;
  bool closed_ = false;
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for timers that outlive this
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_SHARED_HOSTS_H_
