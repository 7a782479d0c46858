// A connection on which two roles understand each other: handshake, requests with deadlines, notifications.
//
// A Channel begins with Hello each way (the dialler's is a request). Until the peer's Hello has come and fits, it
// passes nothing on; what is sent meanwhile waits. A peer of another major version, of another cluster, or whose frame
// can't be decoded is told why with a Goodbye and cut off; that reaches nobody else.
//
// Lives on its Env's executor, mutex held. Owned by the role; destroying it closes the connection and fails the calls
// that wait, with kDisconnected, before the destructor returns. It may be destroyed from any of its own callbacks (the
// frame that was being handled is gone then).
//
// Invariants: callbacks come in turns of their own, never from within a function of the Channel (but its destructor and
// CancelCalls);
// after it has closed nothing is sent, and calls fail in a later turn.
#ifndef IOCLUSTER_LIB_RPC_CHANNEL_H_
#define IOCLUSTER_LIB_RPC_CHANNEL_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "lib/protocol/codec.h"
#include "lib/protocol/method_kind.h"

namespace ioc {

// Requests that may wait for an answer, each way. A peer that sends more is cut off; a call of our own beyond it fails.
inline constexpr size_t kMaxOpenRequests = 1 << 16;
// What may wait for the handshake; more ends the connection.
inline constexpr size_t kMaxHeldFrames = 1 << 16;
inline constexpr size_t kMaxHeldBytes = size_t{64} << 20;
inline constexpr absl::Duration kHelloTimeout = absl::Seconds(10);

class Channel;

// Raw bytes and attachments that travel beside a message.
struct Extras {
  Trailer trailer;
  std::vector<Attachment> attachments;
};

// An answer as it came: to be decoded.
struct RawReply {
  std::span<const std::byte> body;
  std::span<const std::byte> trailer;
  std::span<Attachment> attachments;
};

class ChannelDelegate {
 public:
  // The peer's Hello has come and fits.
  virtual void OnReady(Channel& channel, const Hello& peer) = 0;
  // A request (header.kind is kRequest; answer with Reply or Fail, now or later) or a notification, as its method has
  // it. An error means that the frame is not acceptable: the peer is told and cut off (OnClosed follows).
  virtual absl::Status OnMessage(Channel& channel, FrameView frame) = 0;
  // Once; the channel may be destroyed from here. Calls that waited have failed before.
  virtual void OnClosed(Channel& channel, const absl::Status& why) = 0;

 protected:
  ~ChannelDelegate() = default;
};

class Channel final : private FrameHandler {
 public:
  enum class Side { kDialler, kAcceptor };
  using RawHandler = absl::AnyInvocable<void(absl::StatusOr<RawReply>)>;

  // `self` is what we say of ourselves; a version of 0 stands for this release's. If both it and the peer's Hello name
  // a cluster, they must be equal.
  Channel(Env& env, std::unique_ptr<Connection> connection, Side side, Hello self, ChannelDelegate& delegate);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  bool ready() const { return ready_; }
  bool closed() const { return connection_ == nullptr; }
  const Hello& peer() const { return peer_; }                      // once ready
  const std::string& description() const { return description_; }  // of the peer, for messages
  size_t unsent_bytes() const;
  // Whether it has closed because the peer said that it was ending it. (Otherwise it broke, or we ended it.)
  bool peer_said_goodbye() const { return peer_said_goodbye_; }

  template <Notification M>
  void Notify(const M& message, Extras extras = {}) {
    Encode(message, body_);
    SendNotify(M::kMethod, std::move(extras));
  }

  // `handler` is called exactly once, in a later turn or when the channel is destroyed: with the answer, the peer's
  // error, kDeadline after `timeout`, or kDisconnected.
  template <Request R>
  void Call(const R& request, absl::Duration timeout,
            absl::AnyInvocable<void(absl::StatusOr<typename R::Reply>)> handler) {
    CallRaw(request, timeout, [handler = std::move(handler)](absl::StatusOr<RawReply> raw) mutable {
      if (!raw.ok()) return handler(raw.status());
      typename R::Reply reply;
      if (absl::Status status = Decode(raw->body, reply); !status.ok()) return handler(status);
      handler(std::move(reply));
    });
  }

  // For answers with a trailer or attachments.
  template <Request R>
  void CallRaw(const R& request, absl::Duration timeout, RawHandler handler) {
    Encode(request, body_);
    CallEncoded(R::kMethod, body_.bytes(), timeout, {}, std::move(handler));
  }

  // A request whose body another peer has encoded (a node passes it on). `body` is copied.
  void CallEncoded(Method method, std::span<const std::byte> body, absl::Duration timeout, Extras extras,
                   RawHandler handler);

  // Answers the request with this header; once each. Dropped if the channel has closed, or if nobody asked: a peer may
  // notify of a method that this release does not know.
  template <typename Answer>
  void Reply(const FrameHeader& request, const Answer& answer, Extras extras = {}) {
    Encode(answer, body_);
    SendAnswer(FrameKind::kReply, request, body_.bytes(), std::move(extras));
  }
  void ReplyEncoded(const FrameHeader& request, std::span<const std::byte> body, Extras extras = {}) {
    SendAnswer(FrameKind::kReply, request, body, std::move(extras));
  }
  void Fail(const FrameHeader& request, const absl::Status& error);

  // Fails the calls that wait, before it returns; answers that come are dropped.
  void CancelCalls(const absl::Status& why);

  // Writes what is buffered now instead of at the end of the turn.
  void Flush();
  // Tells the peer why and closes; OnClosed is not called.
  void Close(const absl::Status& why);

 private:
  struct OpenCall {
    RawHandler handler;
    Method method = Method::kHello;
    absl::Duration timeout;
    TimerId timer = 0;
  };
  // A frame that waits for the handshake.
  struct HeldFrame {
    FrameHeader header;
    std::vector<std::byte> body;
    Extras extras;
  };

  void OnFrame(FrameView frame) override;
  void OnClosed(const absl::Status& why) override;

  // An error is what the peer did wrong.
  absl::Status Dispatch(FrameView& frame);
  absl::Status HandleHello(const FrameView& frame);
  void HandleAnswer(FrameView& frame);

  // An error means that the frame is too large, and is not sent.
  absl::Status SendFrame(const FrameHeader& header, std::span<const std::byte> body, Extras extras);
  absl::Status HoldFrame(const FrameHeader& header, std::span<const std::byte> body, Extras extras);
  void SendHeldFrames();
  void SendNotify(Method method, Extras extras);
  void SendAnswer(FrameKind kind, const FrameHeader& request, std::span<const std::byte> body, Extras extras);

  void FailCall(uint64_t id, const absl::Status& why);
  void FailCallLater(uint64_t id, absl::Status why);
  // Stops when `destroyed` turns true: a handler has destroyed the channel.
  void FailOpenCalls(const absl::Status& why, const bool& destroyed);
  absl::Status Disconnected() const;

  // Tells the peer why, and closes.
  void Abort(const absl::Status& why);
  void SendGoodbye(const absl::Status& why);
  void Disconnect(const absl::Status& why, bool tell_delegate);
  void FinishClose();

  Env& env_;
  std::unique_ptr<Connection> connection_;  // null once closed
  std::unique_ptr<Connection> retired_;     // the one that was, until the turn has ended: it may be in a callback
  const Side side_;
  const Hello self_;
  ChannelDelegate& delegate_;
  Hello peer_;
  std::string description_;
  bool ready_ = false;
  TimerId hello_timer_ = 0;

  absl::Status close_why_;
  bool peer_said_goodbye_ = false;
  bool tell_delegate_ = false;
  TimerId close_timer_ = 0;
  bool* destroyed_ = nullptr;  // of the callback that is running, if one is

  uint64_t last_call_ = 0;
  absl::flat_hash_map<uint64_t, OpenCall> open_calls_;  // ours
  size_t open_requests_ = 0;                            // the peer's
  std::vector<HeldFrame> held_;
  size_t held_bytes_ = 0;
  BodyBuffer body_;
};

// Decodes a message or returns the error that ends the connection; for ChannelDelegate::OnMessage.
//   switch (method) { case Method::kPing: return Take<Ping>(frame, [&](const Ping& ping) {...}); }
template <Message M, typename F>
absl::Status Take(const FrameView& frame, F&& handle) {
  M message;
  if (absl::Status status = Decode(frame.body, message); !status.ok()) return status;
  handle(message);
  return absl::OkStatus();
}

// Ends a connection that has not begun, with a word why.
void EndWithGoodbye(std::unique_ptr<Connection> connection, const absl::Status& why);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_RPC_CHANNEL_H_
