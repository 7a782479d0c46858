#include "lib/rpc/channel.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {
namespace {

// What a Hello may be made of: it is kept for as long as the connection lasts.
constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxCredentialBytes = 4096;

Hello Completed(Hello hello) {
  if (hello.major == 0) {
    hello.major = kProtocolMajor;
    hello.minor = kProtocolMinor;
  }
  return hello;
}

// The milliseconds that a request's header carries; 0 there is without end.
uint32_t TimeoutMs(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return 0;
  const absl::Duration rounded_up = absl::Ceil(timeout, absl::Milliseconds(1));
  const int64_t ms = absl::ToInt64Milliseconds(rounded_up);
  return static_cast<uint32_t>(std::clamp<int64_t>(ms, 1, std::numeric_limits<uint32_t>::max()));
}

// "driver pid 5 on host7 (127.0.0.1:4711)"
std::string Describe(const Hello& hello, const std::string& where) {
  return hello.name.empty() ? where : absl::StrCat(hello.name, " (", where, ")");
}

std::string WithVersion(const std::string& who, const Hello& hello) {
  const std::string release = hello.release.empty() ? "" : absl::StrCat(", iocluster ", hello.release, ",");
  return absl::StrCat(who, release, " speaks protocol ", hello.major, ".", hello.minor);
}

absl::Status CheckHello(const Hello& self, const Hello& peer, const std::string& peer_description) {
  const std::string self_name = self.name.empty() ? "its peer" : self.name;
  if (peer.name.size() > kMaxNameBytes || peer.release.size() > kMaxNameBytes ||
      peer.credential.size() > kMaxCredentialBytes) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("the hello is too long: a name or release has at most ", kMaxNameBytes,
                                  " bytes, a credential ", kMaxCredentialBytes));
  }
  // The same words reach people on both sides.
  if (self.major != peer.major) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat(WithVersion(peer_description, peer), ", but ", WithVersion(self_name, self),
                                  "; the major versions must be equal: upgrade the older one"));
  }
  if (self.cluster && peer.cluster && self.cluster != peer.cluster) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat(self_name, " belongs to cluster ", self.cluster.ToString(), ", ", peer_description,
                                  " to cluster ", peer.cluster.ToString(), "; use the address of its own cluster"));
  }
  return absl::OkStatus();
}

// Who serves a request answers it, and who is notified doesn't; so nothing may come as the other.
absl::Status CheckKind(const FrameHeader& header) {
  const auto method = static_cast<Method>(header.method);
  const MethodKind kind = KindOf(method);
  if (header.kind == FrameKind::kRequest && kind == MethodKind::kNotification) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat(MethodName(method), " came as a request"));
  }
  if (header.kind == FrameKind::kNotify && kind == MethodKind::kRequest) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat(MethodName(method), " came as a notification"));
  }
  return absl::OkStatus();
}

}  // namespace

Channel::Channel(Env& env, std::unique_ptr<Connection> connection, Side side, Hello self, ChannelDelegate& delegate)
    : env_(env),
      connection_(std::move(connection)),
      side_(side),
      self_(Completed(std::move(self))),
      delegate_(delegate),
      description_(connection_->peer().description) {
  hello_timer_ = env_.executor().Schedule(kHelloTimeout, [this] {
    hello_timer_ = 0;
    Abort(MakeError(Cause::kDeadline,
                    absl::StrCat(description_, " did not say hello within ", absl::FormatDuration(kHelloTimeout))));
  });
  connection_->Start(*this);
  if (side_ == Side::kDialler) {
    Encode(self_, body_);
    const absl::Status sent = connection_->Send({.kind = FrameKind::kRequest,
                                                 .method = static_cast<uint16_t>(Method::kHello),
                                                 .timeout_ms = TimeoutMs(kHelloTimeout),
                                                 .call = ++last_call_},
                                                body_.bytes(), {}, {});
    IOC_CHECK(sent.ok()) << sent.ToString();
  }
}

Channel::~Channel() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  // From here on the channel is closed: handlers that send something send nothing.
  if (!closed()) Disconnect(MakeError(Cause::kDisconnected, "closed on this side"), false);
  env_.executor().CancelTimer(close_timer_);
  const bool destroyed = false;
  while (!open_calls_.empty()) FailOpenCalls(Disconnected(), destroyed);
}

size_t Channel::unsent_bytes() const { return closed() ? 0 : connection_->unsent_bytes() + held_bytes_; }

void Channel::Flush() {
  if (!closed()) connection_->Flush();
}

void Channel::OnFrame(FrameView frame) {
  if (closed()) return;
  bool destroyed = false;
  destroyed_ = &destroyed;
  const absl::Status status = Dispatch(frame);
  if (destroyed) return;
  destroyed_ = nullptr;
  if (!status.ok()) Abort(status);
}

void Channel::OnClosed(const absl::Status& why) {
  if (closed()) return;
  const bool is_stranger = !ready_ && side_ == Side::kDialler && CauseOf(why) == Cause::kInvalidArgument;
  Disconnect(is_stranger ? MakeError(Cause::kInvalidArgument, absl::StrCat("what listens at ", description_,
                                                                           " isn't iocluster (", why.message(), ")"))
                         : why,
             true);
}

absl::Status Channel::Dispatch(FrameView& frame) {
  if (frame.header.kind == FrameKind::kGoodbye) {
    peer_said_goodbye_ = true;
    Disconnect(WithContext(DecodeStatus(frame.body), absl::StrCat(description_, " ended the connection")), true);
    return absl::OkStatus();
  }
  if (!ready_) return HandleHello(frame);
  IOC_RETURN_IF_ERROR(CheckKind(frame.header));
  switch (frame.header.kind) {
    case FrameKind::kRequest:
      if (open_requests_ >= kMaxOpenRequests) {
        return absl::ResourceExhaustedError(
            absl::StrCat("more than ", kMaxOpenRequests, " requests of ", description_, " wait for their answer"));
      }
      ++open_requests_;
      return delegate_.OnMessage(*this, frame);
    case FrameKind::kNotify:
      return delegate_.OnMessage(*this, frame);
    case FrameKind::kReply:
    case FrameKind::kError:
      HandleAnswer(frame);
      return absl::OkStatus();
    case FrameKind::kGoodbye:
      break;
  }
  return MakeError(Cause::kInvalidArgument, absl::StrCat("a frame of the unknown kind ", frame.header.kind));
}

absl::Status Channel::HandleHello(const FrameView& frame) {
  const FrameKind expected = side_ == Side::kDialler ? FrameKind::kReply : FrameKind::kRequest;
  if (frame.header.kind != expected || frame.header.method != static_cast<uint16_t>(Method::kHello)) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("the first frame must be a Hello; this one is ",
                                                           MethodName(static_cast<Method>(frame.header.method)),
                                                           " of kind ", frame.header.kind));
  }
  Hello hello;
  IOC_RETURN_IF_ERROR(Decode(frame.body, hello));
  const std::string description = Describe(hello, description_);
  IOC_RETURN_IF_ERROR(CheckHello(self_, hello, description));
  peer_ = std::move(hello);
  description_ = description;
  env_.executor().CancelTimer(hello_timer_);
  hello_timer_ = 0;
  if (side_ == Side::kAcceptor) {
    Encode(self_, body_);
    FrameHeader header = frame.header;
    header.kind = FrameKind::kReply;
    IOC_RETURN_IF_ERROR(connection_->Send(header, body_.bytes(), {}, {}));
  }
  ready_ = true;
  SendHeldFrames();
  if (!closed()) delegate_.OnReady(*this, peer_);
  return absl::OkStatus();
}

void Channel::HandleAnswer(FrameView& frame) {
  const auto it = open_calls_.find(frame.header.call);
  // The caller gave up before; or the peer makes up answers, which does no harm.
  if (it == open_calls_.end()) return;
  OpenCall call = std::move(it->second);
  open_calls_.erase(it);
  env_.executor().CancelTimer(call.timer);
  if (frame.header.kind == FrameKind::kError) {
    call.handler(DecodeStatus(frame.body));
  } else {
    call.handler(RawReply{.body = frame.body, .trailer = frame.trailer, .attachments = frame.attachments});
  }
}

void Channel::CallEncoded(Method method, std::span<const std::byte> body, absl::Duration timeout, Extras extras,
                          RawHandler handler) {
  const uint64_t id = ++last_call_;
  const bool too_many = open_calls_.size() >= kMaxOpenRequests;
  OpenCall& call = open_calls_[id];
  call.handler = std::move(handler);
  call.method = method;
  call.timeout = timeout;
  if (closed()) return FailCallLater(id, Disconnected());
  if (too_many) {
    return FailCallLater(
        id, absl::ResourceExhaustedError(absl::StrCat(MethodName(method), " was not sent: ", kMaxOpenRequests,
                                                      " requests to ", description_, " wait for their answer")));
  }
  if (timeout != absl::InfiniteDuration()) {
    call.timer = env_.executor().Schedule(std::max(timeout, absl::ZeroDuration()), [this, id] {
      OpenCall& late = open_calls_.at(id);
      late.timer = 0;
      FailCall(id, MakeError(Cause::kDeadline, absl::StrCat(description_, " did not answer ", MethodName(late.method),
                                                            " within ", absl::FormatDuration(late.timeout))));
    });
  }
  const FrameHeader header = {.kind = FrameKind::kRequest,
                              .method = static_cast<uint16_t>(method),
                              .timeout_ms = TimeoutMs(timeout),
                              .call = id};
  if (absl::Status sent = SendFrame(header, body, std::move(extras)); !sent.ok()) FailCallLater(id, std::move(sent));
}

void Channel::Fail(const FrameHeader& request, const absl::Status& error) {
  EncodeStatus(error, body_);
  SendAnswer(FrameKind::kError, request, body_.bytes(), {});
}

void Channel::CancelCalls(const absl::Status& why) {
  bool destroyed = false;
  bool* const outer = std::exchange(destroyed_, &destroyed);
  FailOpenCalls(why, destroyed);
  if (destroyed && outer != nullptr) *outer = true;
  if (!destroyed) destroyed_ = outer;
}

void Channel::Close(const absl::Status& why) {
  tell_delegate_ = false;
  if (closed()) return;
  const absl::Status reason = why.ok() ? MakeError(Cause::kDisconnected, "it is shutting down") : why;
  SendGoodbye(reason);
  Disconnect(reason, false);
}

absl::Status Channel::SendFrame(const FrameHeader& header, std::span<const std::byte> body, Extras extras) {
  if (closed()) return absl::OkStatus();
  if (!ready_) return HoldFrame(header, body, std::move(extras));
  return connection_->Send(header, body, std::move(extras.trailer), std::move(extras.attachments));
}

absl::Status Channel::HoldFrame(const FrameHeader& header, std::span<const std::byte> body, Extras extras) {
  const size_t bytes = body.size() + extras.trailer.bytes.size();
  if (held_.size() >= kMaxHeldFrames || held_bytes_ + bytes > kMaxHeldBytes) {
    Abort(absl::ResourceExhaustedError(absl::StrCat("more than ", kMaxHeldFrames, " messages or ", kMaxHeldBytes,
                                                    " bytes wait for the hello of ", description_)));
    return absl::OkStatus();
  }
  held_.push_back({header, std::vector<std::byte>(body.begin(), body.end()), std::move(extras)});
  held_bytes_ += bytes;
  return absl::OkStatus();
}

void Channel::SendHeldFrames() {
  std::vector<HeldFrame> held = std::move(held_);
  held_.clear();
  held_bytes_ = 0;
  for (HeldFrame& frame : held) {
    const bool is_request = frame.header.kind == FrameKind::kRequest;
    if (is_request && !open_calls_.contains(frame.header.call)) continue;
    absl::Status sent = SendFrame(frame.header, frame.body, std::move(frame.extras));
    if (sent.ok()) continue;
    if (!is_request) return Abort(sent);
    FailCallLater(frame.header.call, std::move(sent));
  }
}

void Channel::SendNotify(Method method, Extras extras) {
  const FrameHeader header = {.kind = FrameKind::kNotify, .method = static_cast<uint16_t>(method)};
  const absl::Status sent = SendFrame(header, body_.bytes(), std::move(extras));
  // Somebody waits for what it would have told, so to drop it would be to hang.
  if (!sent.ok()) Abort(WithContext(sent, MethodName(method)));
}

void Channel::SendAnswer(FrameKind kind, const FrameHeader& request, std::span<const std::byte> body, Extras extras) {
  if (closed() || request.kind != FrameKind::kRequest) return;
  IOC_CHECK(open_requests_ > 0) << "a second answer to " << MethodName(static_cast<Method>(request.method));
  --open_requests_;
  const FrameHeader header = {.kind = kind, .method = request.method, .call = request.call};
  const absl::Status sent = SendFrame(header, body, std::move(extras));
  if (sent.ok()) return;
  EncodeStatus(sent, body_);
  const absl::Status told =
      SendFrame({.kind = FrameKind::kError, .method = request.method, .call = request.call}, body_.bytes(), {});
  IOC_CHECK(told.ok()) << told.ToString();
}

void Channel::FailCall(uint64_t id, const absl::Status& why) {
  const auto it = open_calls_.find(id);
  if (it == open_calls_.end()) return;
  OpenCall call = std::move(it->second);
  open_calls_.erase(it);
  env_.executor().CancelTimer(call.timer);
  call.handler(why);
}

void Channel::FailCallLater(uint64_t id, absl::Status why) {
  OpenCall& call = open_calls_.at(id);
  env_.executor().CancelTimer(call.timer);
  call.timer = env_.executor().Schedule(absl::ZeroDuration(), [this, id, why = std::move(why)] {
    open_calls_.at(id).timer = 0;
    FailCall(id, why);
  });
}

void Channel::FailOpenCalls(const absl::Status& why, const bool& destroyed) {
  // In the order of the calls, whatever the table's order is.
  std::vector<uint64_t> ids;
  ids.reserve(open_calls_.size());
  for (const auto& [id, call] : open_calls_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const uint64_t id : ids) {
    if (destroyed) return;
    FailCall(id, why);
  }
}

absl::Status Channel::Disconnected() const {
  return MakeError(Cause::kDisconnected,
                   absl::StrCat("the connection to ", description_, " has ended: ", close_why_.message()));
}

void Channel::Abort(const absl::Status& why) {
  if (closed()) return;
  SendGoodbye(why);
  Disconnect(why, true);
}

void EndWithGoodbye(std::unique_ptr<Connection> connection, const absl::Status& why) {
  BodyBuffer body;
  EncodeStatus(why, body);
  const absl::Status sent = connection->Send({.kind = FrameKind::kGoodbye}, body.bytes(), {}, {});
  IOC_CHECK(sent.ok()) << sent.ToString();
  connection->Flush();
}

void Channel::SendGoodbye(const absl::Status& why) {
  EncodeStatus(why, body_);
  const absl::Status sent = connection_->Send({.kind = FrameKind::kGoodbye}, body_.bytes(), {}, {});
  IOC_CHECK(sent.ok()) << sent.ToString();
  connection_->Flush();
}

void Channel::Disconnect(const absl::Status& why, bool tell_delegate) {
  retired_ = std::move(connection_);
  env_.executor().CancelTimer(hello_timer_);
  hello_timer_ = 0;
  held_.clear();
  held_bytes_ = 0;
  close_why_ = why;
  tell_delegate_ = tell_delegate;
  close_timer_ = env_.executor().Schedule(absl::ZeroDuration(), [this] { FinishClose(); });
}

void Channel::FinishClose() {
  close_timer_ = 0;
  retired_.reset();
  bool destroyed = false;
  destroyed_ = &destroyed;
  const absl::Status why = close_why_;
  FailOpenCalls(Disconnected(), destroyed);
  if (destroyed) return;
  destroyed_ = nullptr;
  if (tell_delegate_) delegate_.OnClosed(*this, why);
}

}  // namespace ioc
