#include "runtime/client/shared_hosts.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace ioc {

SharedHosts::SharedHosts(Env& env, PeerTable& peers, Fates& fates, TaskBook& book, TaskDispatcher& dispatcher,
                         ActorEvents& actors)
    : env_(env), peers_(peers), fates_(fates), book_(book), dispatcher_(dispatcher), actors_(actors) {}

SharedHosts::~SharedHosts() {
  env_.executor().Undefer(*this);
  Clear();
}

void SharedHosts::Clear() {
  closed_ = true;
  env_.executor().CancelTimer(std::exchange(sweep_, 0));
  for (const auto& [id, pool] : pools_) env_.executor().CancelTimer(pool->patience);
  dirty_.clear();
  maybe_over_.clear();
  hosts_.clear();
  pools_.clear();
}

// --- constructors ---

SharedHosts::Pool& SharedHosts::PoolFor(const SchedulingClass& spec) {
  const uint32_t class_id = dispatcher_.OpenClass(spec, *this);
  std::unique_ptr<Pool>& pool = pools_[class_id];
  if (pool == nullptr) pool = std::make_unique<Pool>(Pool{.class_id = class_id, .spec = spec});
  return *pool;
}

SharedHosts::Pool* SharedHosts::FindPool(uint32_t class_id) {
  const auto found = pools_.find(class_id);
  return found == pools_.end() ? nullptr : found->second.get();
}

void SharedHosts::CloseIfOver(const Pool& pool) {
  if (pool.constructors > 0 || !pool.hosts.empty()) return;
  maybe_over_.push_back(pool.class_id);
  env_.executor().Defer(*this);
}

void SharedHosts::Submit(TaskRecord& constructor, const SchedulingClass& spec) {
  Pool& pool = PoolFor(spec);
  ++pool.constructors;
  constructor.sink = this;
  constructor.pool = pool.class_id;
  book_.AwaitArguments(constructor);
}

void SharedHosts::OnTaskReady(TaskRecord& task) {
  Pool* const pool = FindPool(task.pool);
  if (pool == nullptr) return Fail(task, MakeError(Cause::kDisconnected, "this cluster is shut down"));
  if (task.cancelled) return book_.Fail(task, absl::CancelledError());
  pool->ready.push_back(&task);
  Pump(*pool);
}

void SharedHosts::OnTaskDoomed(TaskRecord& task, const absl::Status& error) { actors_.OnActorFailed(task, error); }

void SharedHosts::OnTaskOver(TaskRecord& task) {
  Pool* const pool = FindPool(task.pool);
  if (pool == nullptr) return;  // shut down
  --pool->constructors;
  CloseIfOver(*pool);
}

void SharedHosts::Fail(TaskRecord& task, const absl::Status& error) {
  actors_.OnActorFailed(task, error);
  book_.Fail(task, error);
}

// One that was sent is answered nevertheless; then its actor is told to end.
void SharedHosts::Cancel(TaskRecord& constructor) {
  constructor.cancelled = true;
  Pool* const pool = FindPool(constructor.pool);
  if (pool == nullptr) return;
  const auto waiting = std::find(pool->ready.begin(), pool->ready.end(), &constructor);
  if (waiting == pool->ready.end()) return;
  pool->ready.erase(waiting);
  book_.Fail(constructor, absl::CancelledError());
  Ask(*pool);
}

void SharedHosts::Pump(Pool& pool) {
  while (!pool.ready.empty()) {
    Host* const host = Pick(pool);
    if (host == nullptr) break;
    TaskRecord* const task = pool.ready.front();
    pool.ready.pop_front();
    Push(*host, *task);
  }
  Ask(pool);
}

// The first one with room; or, where they are to be spread, the one with the fewest. While it is not known that every
// node has a host, each gets one actor only.
SharedHosts::Host* SharedHosts::Pick(Pool& pool) {
  const bool spread = pool.spec.strategy == Strategy::kSpread;
  const size_t most = spread && !IsSpread(pool) ? 1 : kMaxActorsPerHost;
  Host* best = nullptr;
  for (const auto& host : pool.hosts) {
    if (host->peer == nullptr || host->load() >= most || host->in_flight.size() >= kMaxConstructorsInFlight) continue;
    if (!spread) return host.get();
    if (best == nullptr || host->load() < best->load()) best = host.get();
  }
  return best;
}

void SharedHosts::Ask(Pool& pool) {
  const auto coming = [](const auto& host) { return host->peer == nullptr; };
  const auto has_room = [](const auto& host) { return host->load() < kMaxActorsPerHost; };
  const bool spreading = pool.spec.strategy == Strategy::kSpread && !IsSpread(pool);
  uint32_t wanted = 0;
  if (pool.ready.empty() || std::any_of(pool.hosts.begin(), pool.hosts.end(), coming)) {
    wanted = 0;
  } else if (spreading) {
    const size_t most = pool.seconds > 0 ? 1 : std::clamp<size_t>(pool.hosts.size(), 1, kMaxHostsAskedFor);
    wanted = static_cast<uint32_t>(std::min(pool.ready.size(), most));
  } else if (std::none_of(pool.hosts.begin(), pool.hosts.end(), has_room)) {
    wanted = 1;
  }
  dispatcher_.Want(pool.class_id, wanted, pool.ready.empty() ? 0 : pool.ready.front()->depth);
  if (!spreading || wanted == 0 || pool.hosts.empty() || pool.patience != 0) return;
  pool.patience = env_.executor().Schedule(kSpreadPatience, [this, &pool] {
    pool.patience = 0;
    pool.spread_until = env_.executor().Now() + kSpreadAgainAfter;
    Pump(pool);
  });
}

void SharedHosts::Push(Host& host, TaskRecord& task) {
  host.idle_since = absl::InfiniteFuture();
  host.in_flight.push_back(&task);
  ++host.unsent;
  host.unsent_bytes += task.wire_bytes;
  if (host.unsent >= kMaxConstructorsPerFrame || host.unsent_bytes > kBatchBytes) return SendBatch(host);
  if (std::exchange(host.dirty, true)) return;
  dirty_.push_back(host.worker.process);
  env_.executor().Defer(*this);
}

void SharedHosts::RunDeferred() {
  for (const ProcessId worker : std::exchange(dirty_, {})) {
    Host* const host = Find(worker);
    if (host == nullptr) continue;
    host->dirty = false;
    SendBatch(*host);
  }
  for (const uint32_t class_id : std::exchange(maybe_over_, {})) {
    const Pool* const pool = FindPool(class_id);
    if (pool == nullptr || pool->constructors > 0 || !pool->hosts.empty()) continue;
    env_.executor().CancelTimer(pool->patience);
    pools_.erase(class_id);
    dispatcher_.CloseClass(class_id);
  }
}

void SharedHosts::SendBatch(Host& host) {
  if (host.unsent == 0 || host.peer == nullptr) return;
  push_.lease = host.lease;
  PeerLink& link = *host.peer->links.front();
  size_t bytes = 0;
  const auto send = [&] {
    link.channel->Notify(push_);
    push_.functions.clear();
    push_.tasks.clear();
    bytes = 0;
  };
  // After a reconnect all that are in flight are unsent: they go in as many frames as they went in before.
  for (size_t i = host.in_flight.size() - host.unsent; i < host.in_flight.size(); ++i) {
    book_.AppendTo(push_, *host.in_flight[i], link);
    bytes += host.in_flight[i]->wire_bytes;
    if (push_.tasks.size() >= kMaxConstructorsPerFrame || bytes > kBatchBytes) send();
  }
  if (!push_.tasks.empty()) send();
  host.unsent = 0;
  host.unsent_bytes = 0;
}

void SharedHosts::OnResult(TaskRecord& constructor, PeerLink& link, TaskResult& result) {
  Host* const host = Find(link.peer->process);
  if (host == nullptr || constructor.attempt != result.attempt) return;
  const auto found = std::find(host->in_flight.begin(), host->in_flight.end(), &constructor);
  if (found == host->in_flight.end()) return;
  host->in_flight.erase(found);
  Pool& pool = *host->pool;
  if (result.outcome == TaskOutcome::kReturned) {
    // It does not know the lease any more.
    pool.ready.push_front(&constructor);
    return Lose(*host, {.error = MakeError(Cause::kWorkerDied, "its host has ended"), .started_known = true});
  }
  if (result.outcome == TaskOutcome::kDone) {
    ++host->actors;
    const NodeAddress node = NodeOf(host->worker, host->node_name);
    actors_.OnActorConstructed(constructor, host->worker, host->node_name);
    book_.Complete(constructor, result, link.peer->process, node);
  } else {
    Fail(constructor, result.error);
  }
  NoteIdle(*host);
  Pump(pool);
}

// --- hosts ---

SharedHosts::Host* SharedHosts::Find(ProcessId worker) {
  const auto found = hosts_.find(worker);
  return found == hosts_.end() ? nullptr : found->second;
}

void SharedHosts::OnLease(const LeaseGranted& granted) {
  Pool* const pool = FindPool(granted.class_id);
  if (pool == nullptr) return dispatcher_.GiveBack(granted.worker, granted.lease);
  auto host = std::make_unique<Host>();
  host->pool = pool;
  host->lease = granted.lease;
  host->worker = granted.worker;
  host->node_name = granted.node_name;
  const bool second = std::any_of(pool->hosts.begin(), pool->hosts.end(),
                                  [&](const auto& other) { return other->worker.node == granted.worker.node; });
  Host& added = *host;
  hosts_[granted.worker.process] = &added;
  pool->hosts.push_back(std::move(host));
  env_.executor().CancelTimer(std::exchange(pool->patience, 0));
  if (pool->spec.strategy == Strategy::kSpread && second) {
    if (++pool->seconds >= kMaxSecondHosts) {
      pool->seconds = 0;
      pool->spread_until = env_.executor().Now() + kSpreadAgainAfter;
    }
    Return(added);
    return Pump(*pool);
  }
  pool->seconds = 0;
  Connect(added);
}

void SharedHosts::OnRefused(uint32_t class_id, const absl::Status& error) {
  Pool* const pool = FindPool(class_id);
  if (pool == nullptr) return;
  for (TaskRecord* task : std::exchange(pool->ready, {})) {
    Fail(*task, WithContext(error, absl::StrCat(std::string(task->label()), " can't be placed")));
  }
}

void SharedHosts::Connect(Host& host) {
  peers_.With(host.worker, [this, worker = host.worker.process, alive = std::weak_ptr<const bool>(alive_)](auto peer) {
    if (!alive.expired()) Connected(worker, std::move(peer));
  });
}

void SharedHosts::Connected(ProcessId worker, absl::StatusOr<Peer*> peer) {
  Host* const host = Find(worker);
  if (host == nullptr || closed_) return;
  if (!peer.ok()) return AskFate(*host);
  host->peer = *peer;
  host->out_of_reach = absl::InfiniteFuture();
  host->unsent = host->in_flight.size();  // again, those that were sent on a connection that broke
  SendBatch(*host);
  NoteIdle(*host);
  Pump(*host->pool);
}

void SharedHosts::OnPeerGone(Peer& peer) {
  Host* const host = Find(peer.process);
  if (host == nullptr || host->peer == nullptr) return;
  host->peer = nullptr;
  Connect(*host);
}

void SharedHosts::AskFate(Host& host) {
  const absl::Time now = env_.executor().Now();
  if (host.out_of_reach == absl::InfiniteFuture()) host.out_of_reach = now;
  fates_.Ask(host.worker, host.node_name,
             [this, worker = host.worker.process, alive = std::weak_ptr<const bool>(alive_)](const WorkerEnd& end) {
               if (alive.expired() || closed_) return;
               Host* const asked = Find(worker);
               if (asked == nullptr || asked->peer != nullptr) return;
               const absl::Duration away = env_.executor().Now() - asked->out_of_reach;
               if (!end.running || away > kHostOutOfReach) return Lose(*asked, end);
               env_.executor().Schedule(kReachHostAgainAfter, [this, worker, alive] {
                 if (alive.expired() || closed_) return;
                 if (Host* const again = Find(worker)) Connect(*again);
               });
             });
}

// Its actors are lost, or not, by what their callers find out. Constructors go to another host.
void SharedHosts::Lose(Host& host, const WorkerEnd& end) {
  const std::unique_ptr<Host> lost = Detach(host);
  Pool& pool = *lost->pool;
  const size_t sent = lost->in_flight.size() - lost->unsent;
  // Backwards, so that they stand at the front in their old order.
  for (size_t i = lost->in_flight.size(); i-- > 0;) {
    TaskRecord& task = *lost->in_flight[i];
    const bool innocent = i >= sent || !end.MayHaveBegunCall(task.sequence, book_.self());
    if (!innocent && task.retries_left == 0) {
      Fail(task, WithContext(end.error, absl::StrCat("constructor ", std::string(task.label()))));
      continue;
    }
    if (!innocent && task.retries_left > 0) --task.retries_left;
    ++task.attempt;
    if (task.cancelled) {
      book_.Fail(task, absl::CancelledError());
    } else {
      pool.ready.push_front(&task);
    }
  }
  pool.spread_until = absl::InfinitePast();
  Pump(pool);
}

std::unique_ptr<SharedHosts::Host> SharedHosts::Detach(Host& host) {
  hosts_.erase(host.worker.process);
  auto& all = host.pool->hosts;
  const auto position = std::find_if(all.begin(), all.end(), [&host](const auto& held) { return held.get() == &host; });
  std::unique_ptr<Host> detached = std::move(*position);
  all.erase(position);
  CloseIfOver(*host.pool);
  return detached;
}

void SharedHosts::OnActorLeft(ProcessId worker) {
  Host* const host = Find(worker);
  if (host == nullptr || host->actors == 0) return;
  --host->actors;
  NoteIdle(*host);
  if (!host->pool->ready.empty()) Pump(*host->pool);
}

void SharedHosts::NoteIdle(Host& host) {
  if (host.load() > 0) return;
  host.idle_since = env_.executor().Now();
  if (sweep_ != 0) return;
  sweep_ = env_.executor().Schedule(kIdleHost, [this] {
    sweep_ = 0;
    Sweep();
  });
}

void SharedHosts::Sweep() {
  const absl::Time now = env_.executor().Now();
  absl::Time next = absl::InfiniteFuture();
  std::vector<Host*> idle;
  for (const auto& [id, pool] : pools_) {
    for (const auto& host : pool->hosts) {
      if (host->load() > 0 || host->peer == nullptr) continue;
      if (now - host->idle_since >= kIdleHost) {
        idle.push_back(host.get());
      } else {
        next = std::min(next, std::max(now, host->idle_since + kIdleHost));
      }
    }
  }
  for (Host* host : idle) Return(*host);
  if (next == absl::InfiniteFuture() || sweep_ != 0) return;
  sweep_ = env_.executor().Schedule(next - now, [this] {
    sweep_ = 0;
    Sweep();
  });
}

// Its worker ends with the lease.
void SharedHosts::Return(Host& host) {
  const std::unique_ptr<Host> returned = Detach(host);
  dispatcher_.GiveBack(returned->worker, returned->lease);
}

}  // namespace ioc
