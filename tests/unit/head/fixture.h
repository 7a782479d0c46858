// A head, and nodes and tools that talk to it: over real channels on loopback, one executor for all.
#ifndef IOCLUSTER_TESTS_UNIT_HEAD_FIXTURE_H_
#define IOCLUSTER_TESTS_UNIT_HEAD_FIXTURE_H_

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/env_asio/asio_env.h"
#include "lib/rpc/channel.h"
#include "runtime/head/head.h"

namespace ioc {

inline constexpr absl::Duration kPatience = absl::Seconds(10);

// Whoever dials the head. Remembers what it is told; what PlaceLease is answered is a member.
class Peer final : public ChannelDelegate {
 public:
  Peer(AsioEnv& env, Waiter& changed, const std::string& address, Hello hello)
      : env_(env), changed_(changed), hello_(std::move(hello)) {
    dialling_ = env.network().Dial(address, Preamble{.target = Target::kHead, .major = hello_.major}, kPatience,
                                   [this](absl::StatusOr<std::unique_ptr<Connection>> connection) {
                                     if (!connection.ok()) return Close(connection.status());
                                     channel_ = std::make_unique<Channel>(env_, *std::move(connection),
                                                                          Channel::Side::kDialler, hello_, *this);
                                   });
  }

  template <Request R>
  void Call(const R& request, std::optional<absl::StatusOr<typename R::Reply>>& answer) {
    channel_->Call(request, kPatience, [this, &answer](absl::StatusOr<typename R::Reply> reply) {
      answer = std::move(reply);
      Changed();
    });
  }

  template <Message M>
  void Notify(const M& message) {
    channel_->Notify(message);
  }

  bool is_open() const { return channel_ != nullptr && channel_->ready(); }
  void HangUp() { channel_.reset(); }
  void Leave(const std::string& why) { channel_->Close(MakeError(Cause::kDisconnected, why)); }

  std::function<absl::StatusOr<PlaceLease::Reply>(const PlaceLease&)> on_place = [](const PlaceLease&) {
    return absl::FailedPreconditionError("no room");
  };
  std::function<NodeCensus()> on_census;  // null: it does not answer
  std::vector<PlaceLease> asked;
  std::vector<ForwardGrant> grants;
  std::vector<ForwardRefusal> refusals;
  std::vector<ForwardWarning> warnings;
  std::vector<Outlook> outlooks;
  std::vector<NodeRemoved> removed;
  bool told_to_stop = false;
  std::optional<absl::Status> closed;

 private:
  void OnReady(Channel&, const Hello&) override { Changed(); }

  absl::Status OnMessage(Channel& channel, FrameView frame) override {
    Changed();
    switch (static_cast<Method>(frame.header.method)) {
      case Method::kPlaceLease:
        return Take<PlaceLease>(frame, [&](const PlaceLease& m) {
          asked.push_back(m);
          const absl::StatusOr<PlaceLease::Reply> reply = on_place(m);
          reply.ok() ? channel.Reply(frame.header, *reply) : channel.Fail(frame.header, reply.status());
        });
      case Method::kForwardGrant:
        return Take<ForwardGrant>(frame, [&](const ForwardGrant& m) { grants.push_back(m); });
      case Method::kForwardRefusal:
        return Take<ForwardRefusal>(frame, [&](const ForwardRefusal& m) { refusals.push_back(m); });
      case Method::kForwardWarning:
        return Take<ForwardWarning>(frame, [&](const ForwardWarning& m) { warnings.push_back(m); });
      case Method::kOutlook:
        return Take<Outlook>(frame, [&](const Outlook& m) { outlooks.push_back(m); });
      case Method::kNodeRemoved:
        return Take<NodeRemoved>(frame, [&](const NodeRemoved& m) { removed.push_back(m); });
      case Method::kTakeNodeCensus:
        if (on_census != nullptr) channel.Reply(frame.header, TakeNodeCensus::Reply{on_census()});
        return absl::OkStatus();
      case Method::kStop:
        told_to_stop = true;
        channel.Reply(frame.header, Stop::Reply{});
        return absl::OkStatus();
      default:
        return absl::InvalidArgumentError(absl::StrCat("method ", frame.header.method));
    }
  }

  void OnClosed(Channel&, const absl::Status& why) override { Close(why); }

  void Close(const absl::Status& why) {
    closed = why;
    Changed();
  }

  void Changed() { env_.executor().Notify(changed_); }

  AsioEnv& env_;
  Waiter& changed_;
  const Hello hello_;
  std::unique_ptr<Dialling> dialling_;
  std::unique_ptr<Channel> channel_;
};

inline NodeInfo Info(uint64_t id, const std::string& name, double cpus) {
  NodeInfo info;
  info.address = {.node = NodeId(id), .machine = 100 + id, .local_address = absl::StrCat("unix:", name)};
  info.name = name;
  info.hostname = "testhost";
  info.total.Set(kCpu, cpus);
  return info;
}

inline ForwardDemand Demand(double cpus, uint32_t wanted, uint32_t class_id = 1, uint32_t depth = 0) {
  ForwardDemand demand{.client = ProcessId(77), .class_id = class_id, .wanted = wanted, .depth = depth};
  demand.spec.resources.Set(kCpu, cpus);
  return demand;
}

// Grants leases numbered from 1.
inline auto GrantAll() {
  return [count = uint64_t{0}](const PlaceLease&) mutable -> absl::StatusOr<PlaceLease::Reply> {
    return PlaceLease::Reply{.lease = LeaseId(++count), .version = 0};
  };
}

// A head, and peers that talk to it. Everything with the executor's mutex held, as in a role.
class Fixture {
 public:
  explicit Fixture(HeadOptions options = {}) : lock_(env_.executor().mutex()) {
    options.listen_address = "127.0.0.1:0";
    head_ = Head::Start(env_, options, [this] {
              stop_requested_ = true;
              env_.executor().Notify(changed_);
            }).value();
  }

  Peer& Dial(Hello hello) {
    if (hello.major == 0) hello.major = kProtocolMajor;
    hello.minor = kProtocolMinor;
    return peers_.emplace_back(env_, changed_, head_->address(), hello);
  }

  Peer& Tool() {
    Peer& peer = Dial({.role = Role::kTool, .name = "a test"});
    REQUIRE(WaitUntil([&] { return peer.is_open(); }));
    return peer;
  }

  Peer& Node(const NodeInfo& info, uint64_t features = kFeatureOutlook) {
    Peer& peer = Dial({.features = features, .role = Role::kNode, .node = info.address.node, .name = info.name});
    REQUIRE(WaitUntil([&] { return peer.is_open(); }));
    REQUIRE(Ask(peer, RegisterNode{.info = info, .free = info.total}).ok());
    return peer;
  }

  template <Request R>
  absl::StatusOr<typename R::Reply> Ask(Peer& peer, const R& request) {
    auto& answer = *new std::optional<absl::StatusOr<typename R::Reply>>;  // outlives a call that is given up
    peer.Call(request, answer);
    if (!WaitUntil([&] { return answer.has_value(); })) return absl::DeadlineExceededError("no answer in the test");
    const std::unique_ptr<std::optional<absl::StatusOr<typename R::Reply>>> owner(&answer);
    return *std::move(answer);
  }

  bool WaitUntil(const std::function<bool()>& condition) {
    const absl::Time deadline = env_.executor().Now() + kPatience;
    while (!condition()) {
      changed_.notified = false;
      if (!env_.executor().Await(changed_, deadline)) return condition();
    }
    return true;
  }

  AsioEnv& env() { return env_; }
  bool HasLogged(LogLevel level, const std::string& words) const {
    return std::any_of(log_.begin(), log_.end(), [&](const auto& line) {
      return line.first == level && line.second.find(words) != std::string::npos;
    });
  }
  bool stop_requested() const { return stop_requested_; }
  ClusterId cluster() const { return head_->cluster(); }
  void EndHead() { head_ = nullptr; }

 private:
  std::vector<std::pair<LogLevel, std::string>> log_;
  AsioEnv env_{{.log_level = LogLevel::kInfo,
                .background_thread = false,
                .log_sink = [this](LogLevel level, std::string_view line) { log_.emplace_back(level, line); }}};
  Waiter changed_;
  bool stop_requested_ = false;
  MutexLock lock_;
  std::unique_ptr<Head> head_;
  std::deque<Peer> peers_;
};

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_HEAD_FIXTURE_H_
