// The smallest Env that a Channel can live in: one thread, time that stands still until a test moves it, and pairs of
// connections in memory. What a connection sends arrives in a later turn, in order.
#ifndef IOCLUSTER_TESTS_UNIT_RPC_LOOP_ENV_H_
#define IOCLUSTER_TESTS_UNIT_RPC_LOOP_ENV_H_

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/env/env.h"

namespace ioc {

class LoopExecutor final : public Executor {
 public:
  // Runs what is due, and what that makes due, and so on.
  void RunUntilIdle() { AdvanceBy(absl::ZeroDuration()); }
  void AdvanceBy(absl::Duration duration) {
    const absl::Time end = now_ + duration;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto first = timers_.extract(timers_.begin());
      now_ = std::max(now_, first.key().first);
      first.mapped()();
    }
    now_ = end;
  }
  // Time passes, and nothing that becomes due is run: as when the whole process is stopped.
  void StandStill(absl::Duration duration) { now_ += duration; }
  size_t pending() const { return timers_.size(); }

  Mutex& mutex() override { return mutex_; }
  absl::Time Now() const override { return now_; }
  void Post(Callback callback) override { Schedule(absl::ZeroDuration(), std::move(callback)); }
  TimerId Schedule(absl::Duration delay, Callback callback) override {
    timers_.emplace(std::pair(now_ + delay, ++last_timer_), std::move(callback));
    return last_timer_;
  }
  void CancelTimer(TimerId timer) override {
    std::erase_if(timers_, [timer](const auto& entry) { return entry.first.second == timer; });
  }
  void Defer(Deferred&) override { IOC_CHECK(false) << "not used here"; }
  void Undefer(Deferred&) override { IOC_CHECK(false) << "not used here"; }
  bool Await(Waiter&, absl::Time) override {
    IOC_CHECK(false) << "not used here";
    return false;
  }
  void Notify(Waiter&) override { IOC_CHECK(false) << "not used here"; }
  void Expedite() override { IOC_CHECK(false) << "not used here"; }
  std::unique_ptr<Thread> StartThread(std::string_view, Callback) override { return nullptr; }

 private:
  Mutex mutex_;
  absl::Time now_ = absl::UnixEpoch();
  TimerId last_timer_ = 0;
  std::map<std::pair<absl::Time, TimerId>, Callback> timers_;
};

// One of two ends.
class LoopConnection final : public Connection {
 public:
  struct Wire {
    std::array<LoopConnection*, 2> ends = {};
    std::array<std::string, 2> names;  // of the ends, as the other one sees them
  };

  LoopConnection(LoopExecutor& executor, std::shared_ptr<Wire> wire, int end)
      : executor_(executor),
        wire_(std::move(wire)),
        end_(end),
        peer_{.description = wire_->names[1 - end], .same_machine = true} {
    wire_->ends[end_] = this;
  }
  ~LoopConnection() override {
    wire_->ends[end_] = nullptr;
    Deliver([why = wire_->names[end_] + " closed the connection"](FrameHandler& handler) {
      handler.OnClosed(MakeError(Cause::kDisconnected, why));
    });
  }

  void Start(FrameHandler& handler) override {
    handler_ = &handler;
    if (!early_.empty()) executor_.Post([wire = wire_, end = end_] { DeliverEarly(*wire, end); });
  }
  absl::Status Send(const FrameHeader& header, std::span<const std::byte> body, Trailer trailer,
                    std::vector<Attachment>) override {
    if (body.size() > kMaxBodyBytes) return MakeError(Cause::kInvalidArgument, "the body is too large");
    std::vector<uint64_t> words(body.size() / sizeof(uint64_t));
    if (!words.empty()) std::memcpy(words.data(), body.data(), body.size());
    std::vector<std::byte> bytes(trailer.bytes.begin(), trailer.bytes.end());
    Deliver([header, words = std::move(words), bytes = std::move(bytes)](FrameHandler& handler) {
      handler.OnFrame({.header = header, .body = std::as_bytes(std::span(words)), .trailer = bytes});
    });
    return absl::OkStatus();
  }
  void Flush() override {}
  size_t unsent_bytes() const override { return 0; }
  const PeerInfo& peer() const override { return peer_; }

 private:
  using Event = absl::AnyInvocable<void(FrameHandler&)>;

  // Tells the other end in a later turn, once it has started, if it lives.
  void Deliver(Event event) {
    executor_.Post([wire = wire_, other = 1 - end_, event = std::move(event)]() mutable {
      if (LoopConnection* peer = wire->ends[other]) peer->Receive(std::move(event));
    });
  }
  void Receive(Event event) {
    if (handler_ == nullptr || !early_.empty()) {
      early_.push_back(std::move(event));
    } else {
      event(*handler_);
    }
  }
  static void DeliverEarly(Wire& wire, int end) {
    while (wire.ends[end] != nullptr && !wire.ends[end]->early_.empty()) {
      Event event = std::move(wire.ends[end]->early_.front());
      wire.ends[end]->early_.pop_front();
      event(*wire.ends[end]->handler_);
    }
  }

  LoopExecutor& executor_;
  const std::shared_ptr<Wire> wire_;
  const int end_;
  const PeerInfo peer_;
  FrameHandler* handler_ = nullptr;
  std::deque<Event> early_;  // from before Start
};

class LoopEnv final : public Env {
 public:
  LoopExecutor& executor() override { return executor_; }
  Network& network() override { return Missing<Network>(); }
  Processes& processes() override { return Missing<Processes>(); }
  Files& files() override { return Missing<Files>(); }
  Background& background() override { return Missing<Background>(); }
  absl::StatusOr<std::shared_ptr<SharedMemory>> CreateSharedMemory(std::string_view, size_t) override {
    return absl::UnimplementedError("no shared memory here");
  }
  uint64_t Random() override { return ++random_; }
  const HostInfo& host() const override { return host_; }
  std::unique_ptr<Connection> TakeParent() override { return nullptr; }
  void Log(LogLevel, std::string_view) override {}

  // Two connections, each the other's peer.
  std::pair<std::unique_ptr<Connection>, std::unique_ptr<Connection>> Connect() {
    auto wire = std::make_shared<LoopConnection::Wire>();
    wire->names = {"client:2", "server:1"};
    return {std::make_unique<LoopConnection>(executor_, wire, 0), std::make_unique<LoopConnection>(executor_, wire, 1)};
  }

 private:
  template <typename T>
  T& Missing() {
    IOC_CHECK(false) << "a channel needs none";
    std::abort();
  }

  LoopExecutor executor_;
  HostInfo host_;
  uint64_t random_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_RPC_LOOP_ENV_H_
