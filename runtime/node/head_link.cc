#include "runtime/node/head_link.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/base/status.h"

namespace ioc {

HeadLink::HeadLink(Env& env, std::string address, Hello self, Listener& listener)
    : env_(env), address_(std::move(address)), self_(std::move(self)), listener_(listener) {}

HeadLink::~HeadLink() {
  env_.executor().CancelTimer(dial_timer_);
  env_.executor().CancelTimer(report_timer_);
}

void HeadLink::Start() {
  away_since_ = env_.executor().Now();
  Dial();
}

void HeadLink::SayGoodbye(const absl::Status& why) {
  lost_ = true;
  registered_ = false;
  dialling_.reset();
  env_.executor().CancelTimer(std::exchange(dial_timer_, 0));
  if (channel_ != nullptr) channel_->Close(why);
}

void HeadLink::Dial() {
  dial_timer_ = 0;
  dialling_ = env_.network().Dial(
      address_, {.target = Target::kHead}, kHeadDialTimeout,
      life_.Bind([this](absl::StatusOr<std::unique_ptr<Connection>> connection) { Dialled(std::move(connection)); }));
}

void HeadLink::Dialled(absl::StatusOr<std::unique_ptr<Connection>> connection) {
  if (!connection.ok()) {
    return Failed(connection.status(), CauseOf(connection.status()) == Cause::kInvalidArgument);
  }
  ++connection_;
  awaits_hello_ = true;
  ChannelDelegate& delegate = *this;
  channel_ = std::make_unique<Channel>(env_, *std::move(connection), Channel::Side::kDialler, self_, delegate);
  channel_->Call(listener_.MakeRegistration(), kHeadCallTimeout,
                 life_.Bind([this, connection = connection_](absl::StatusOr<RegisterNode::Reply> reply) {
                   if (connection == connection_) Registered(reply);
                 }));
}

void HeadLink::Registered(const absl::StatusOr<RegisterNode::Reply>& reply) {
  if (!reply.ok()) {
    // That of a channel that broke is told by OnClosed, with the reason that the head gave.
    if (CauseOf(reply.status()) == Cause::kDisconnected) return;
    if (CauseOf(reply.status()) == Cause::kDeadline && awaits_hello_) {
      return Failed(
          MakeError(Cause::kDeadline,
                    absl::StrCat("what listens at ", address_, " took the connection and said nothing within ",
                                 absl::FormatDuration(kHeadCallTimeout), "; it hangs, or isn't iocluster")),
          /*for_good=*/false);
    }
    return Failed(reply.status(), CauseOf(reply.status()) != Cause::kDeadline);
  }
  if (reply->term < term_) {
    return Failed(MakeError(Cause::kDisconnected, absl::StrCat("the head at ", address_, " has term ", reply->term,
                                                               ", which a newer one replaced")),
                  /*for_good=*/false);
  }
  term_ = reply->term;
  self_.cluster = reply->cluster;
  registered_ = ever_registered_ = true;
  backoff_ = kMinHeadBackoff;
  listener_.OnRegistered(*reply);
  Report();
}

absl::Status HeadLink::OnMessage(Channel& channel, FrameView frame) { return listener_.OnHeadMessage(channel, frame); }

void HeadLink::OnClosed(Channel&, const absl::Status& why) { Failed(why, CauseOf(why) == Cause::kInvalidArgument); }

void HeadLink::Failed(const absl::Status& why, bool for_good) {
  if (lost_) return;
  ++connection_;
  if (channel_ != nullptr) {
    channel_->Close(why);
    former_channel_ = std::move(channel_);
  }
  if (expects_end_) {
    lost_ = true;
    return listener_.OnHeadLost(absl::OkStatus());
  }
  const absl::Time now = env_.executor().Now();
  if (std::exchange(registered_, false)) {
    away_since_ = now;
    env_.Log(LogLevel::kWarning,
             absl::StrCat("lost the head at ", address_, ": ", absl::string_view(why.message()), "; dialling again"));
    listener_.OnHeadAway();
  }
  const absl::Duration first_patience = CauseOf(why) == Cause::kDeadline ? kFirstHeadTimeout : kNoHeadTimeout;
  const absl::Duration left = away_since_ + (ever_registered_ ? kHeadLostTimeout : first_patience) - now;
  const bool is_refused = std::exchange(awaits_hello_, false);
  if (for_good && is_refused && ever_registered_) {
    lost_ = true;
    env_.Log(LogLevel::kWarning, absl::StrCat("the head at ", address_, ": ", absl::string_view(why.message())));
    return listener_.OnHeadLost(MakeError(
        CauseOf(why), absl::StrCat("the head at ", address_,
                                   " was started anew, as another cluster; start this node again to join it")));
  }
  if ((for_good && !ever_registered_) || left <= absl::ZeroDuration()) {
    lost_ = true;
    return listener_.OnHeadLost(
        WithContext(why, ever_registered_ ? absl::StrCat("lost the head at ", address_) : "can't join the cluster"));
  }
  dial_timer_ = env_.executor().Schedule(std::min(backoff_, left), life_.Bind([this] { Dial(); }));
  backoff_ = std::min(2 * backoff_, kMaxHeadBackoff);
}

absl::Status HeadLink::Away() const {
  return MakeError(Cause::kDisconnected,
                   absl::StrCat("the head at ", address_, " can't be reached just now; try again"));
}

void HeadLink::CallEncoded(Method method, std::span<const std::byte> body, absl::Duration timeout,
                           Channel::RawHandler handler) {
  if (!registered_) return handler(Away());
  channel_->CallEncoded(method, body, timeout, {}, std::move(handler));
}

void HeadLink::Changed() {
  if (!registered_ || report_soon_) return;
  report_soon_ = true;
  env_.executor().CancelTimer(report_timer_);
  report_timer_ = env_.executor().Schedule(kReportDelay, life_.Bind([this] { Report(); }));
}

void HeadLink::Report() {
  env_.executor().CancelTimer(report_timer_);
  report_soon_ = true;  // what the report itself changes needs no other
  if (registered_) listener_.OnReportDue();
  report_soon_ = false;
  report_timer_ = env_.executor().Schedule(kReportPeriod, life_.Bind([this] { Report(); }));
}

}  // namespace ioc
