// The node's connection to its head: registers, reports, and dials again when it breaks (nodes and tasks carry on
// meanwhile).
//
// Owned by the node, on its executor. Given up only when the first registration fails for good or takes
// kFirstHeadTimeout (kNoHeadTimeout if nothing answers at its address), when the head was away for kHeadLostTimeout, or
// when what answers in its place belongs to another cluster or speaks another major version.
#ifndef IOCLUSTER_RUNTIME_NODE_HEAD_LINK_H_
#define IOCLUSTER_RUNTIME_NODE_HEAD_LINK_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "lib/env/env.h"
#include "lib/rpc/channel.h"
#include "runtime/node/life.h"

namespace ioc {

inline constexpr absl::Duration kFirstHeadTimeout = absl::Seconds(10);
// A head and its nodes may be started together; longer than that, nobody is there.
inline constexpr absl::Duration kNoHeadTimeout = absl::Seconds(2);
inline constexpr absl::Duration kHeadDialTimeout = absl::Seconds(5);
inline constexpr absl::Duration kHeadCallTimeout = absl::Seconds(10);
inline constexpr absl::Duration kMinHeadBackoff = absl::Milliseconds(50);
inline constexpr absl::Duration kMaxHeadBackoff = absl::Seconds(2);
inline constexpr absl::Duration kReportDelay = absl::Milliseconds(2);
inline constexpr absl::Duration kReportPeriod = absl::Seconds(1);

class HeadLink final : private ChannelDelegate {
 public:
  class Listener {
   public:
    virtual RegisterNode MakeRegistration() = 0;
    virtual void OnRegistered(const RegisterNode::Reply& reply) = 0;
    // Time to say what has changed.
    virtual void OnReportDue() = 0;
    virtual absl::Status OnHeadMessage(Channel& head, FrameView& frame) = 0;
    // It was registered, and is not just now; it is looked for.
    virtual void OnHeadAway() = 0;
    // For good. Not registered ever, or away for too long; OK if its end was expected.
    virtual void OnHeadLost(const absl::Status& why) = 0;

   protected:
    ~Listener() = default;
  };

  HeadLink(Env& env, std::string address, Hello self, Listener& listener);
  ~HeadLink();
  HeadLink(const HeadLink&) = delete;
  HeadLink& operator=(const HeadLink&) = delete;

  void Start();
  // The head has said that the cluster ends: when it goes, it is not looked for again.
  void ExpectEnd() { expects_end_ = true; }
  // Tells the head why this node goes, and is done with it.
  void SayGoodbye(const absl::Status& why);
  // Reports within kReportDelay.
  void Changed();

  // Lost while there is no head; what matters is said again when one comes.
  template <Message M>
  void Notify(const M& message) {
    if (registered_) channel_->Notify(message);
  }
  // kDisconnected while there is no head, at once.
  template <Request R>
  void Call(const R& request, absl::Duration timeout,
            absl::AnyInvocable<void(absl::StatusOr<typename R::Reply>)> handler) {
    if (!registered_) return handler(Away());
    channel_->Call(request, timeout, std::move(handler));
  }
  // Passes a request on. kDisconnected while there is no head.
  void CallEncoded(Method method, std::span<const std::byte> body, absl::Duration timeout, Channel::RawHandler handler);
  // Answers a request that came on connection number `connection`; dropped if that has ended.
  uint64_t connection() const { return connection_; }
  template <typename Answer>
  void Reply(uint64_t connection, const FrameHeader& request, const absl::StatusOr<Answer>& answer) {
    if (connection != connection_ || channel_ == nullptr) return;
    answer.ok() ? channel_->Reply(request, *answer) : channel_->Fail(request, answer.status());
  }
  uint64_t term() const { return term_; }

 private:
  void OnReady(Channel&, const Hello&) override { awaits_hello_ = false; }
  absl::Status OnMessage(Channel& channel, FrameView frame) override;
  void OnClosed(Channel& channel, const absl::Status& why) override;

  absl::Status Away() const;
  void Dial();
  void Dialled(absl::StatusOr<std::unique_ptr<Connection>> connection);
  void Registered(const absl::StatusOr<RegisterNode::Reply>& reply);
  void Failed(const absl::Status& why, bool for_good);
  void Report();

  Env& env_;
  const std::string address_;
  Hello self_;
  Listener& listener_;
  std::unique_ptr<Dialling> dialling_;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<Channel> former_channel_;  // closed; kept because we may be inside one of its callbacks
  uint64_t connection_ = 0;
  uint64_t term_ = 0;
  bool registered_ = false;
  bool ever_registered_ = false;
  bool awaits_hello_ = false;  // a connection that fails now was refused
  bool expects_end_ = false;
  bool lost_ = false;
  absl::Time away_since_;
  absl::Duration backoff_ = kMinHeadBackoff;
  TimerId dial_timer_ = 0;
  TimerId report_timer_ = 0;
  bool report_soon_ = false;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_HEAD_LINK_H_
