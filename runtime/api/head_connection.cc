#include "runtime/api/head_connection.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <utility>

#include "iocluster/version.h"
#include "lib/base/status.h"

namespace ioc {

absl::StatusOr<std::unique_ptr<HeadConnection>> HeadConnection::Open(Env& env, const std::string& address,
                                                                     std::string named_by, absl::Duration timeout) {
  std::unique_ptr<HeadConnection> head(new HeadConnection(env, address, std::move(named_by)));
  IOC_RETURN_IF_ERROR(head->Dial(timeout));
  return head;
}

HeadConnection::~HeadConnection() {
  const MutexLock lock(env_.executor().mutex());
  dialling_.reset();
  channel_.reset();
}

absl::Status HeadConnection::Dial(absl::Duration timeout) {
  const MutexLock lock(env_.executor().mutex());
  const absl::Time deadline = env_.executor().Now() + timeout;
  dialling_ = env_.network().Dial(
      address_, Preamble{.target = Target::kHead}, timeout,
      [this](absl::StatusOr<std::unique_ptr<Connection>> connection) {
        if (!connection.ok()) {
          closed_ = connection.status();
          env_.executor().Notify(ready_);
          return;
        }
        Hello self{.major = kProtocolMajor,
                   .minor = kProtocolMinor,
                   .role = Role::kTool,
                   .name = absl::StrCat("iocluster tool (pid ", env_.host().pid, " on ", env_.host().hostname, ")"),
                   .release = IOCLUSTER_VERSION};
        ChannelDelegate& delegate = *this;
        channel_ =
            std::make_unique<Channel>(env_, *std::move(connection), Channel::Side::kDialler, std::move(self), delegate);
      });
  if (!env_.executor().Await(ready_, deadline)) {
    closed_ = MakeError(Cause::kDeadline, absl::StrCat("no answer within ", absl::FormatDuration(timeout)));
  }
  dialling_.reset();
  return closed_.ok() ? absl::OkStatus() : Unreachable(closed_);
}

absl::Status HeadConnection::Unreachable(const absl::Status& why) const {
  const Cause cause = CauseOf(why) == Cause::kNone ? Cause::kDisconnected : CauseOf(why);
  // Something else is there: a head can't be started in its place.
  const char* const start = cause == Cause::kInvalidArgument ? "" : "start one with 'iocluster head', or ";
  return MakeError(cause, absl::StrCat("no head answers at ", address_, " (", std::string(why.message()), "); ", start,
                                       "name another with ", named_by_, " or IOCLUSTER_ADDRESS"));
}

void HeadConnection::OnReady(Channel&, const Hello& peer) {
  if (peer.role != Role::kHead) closed_ = MakeError(Cause::kDisconnected, "what answers there is no head");
  env_.executor().Notify(ready_);
}

absl::Status HeadConnection::OnMessage(Channel&, FrameView frame) {
  return MakeError(Cause::kInvalidArgument, absl::StrCat("a tool knows no method ", frame.header.method));
}

void HeadConnection::OnClosed(Channel&, const absl::Status& why) {
  closed_ = why;
  if (!ready_.notified) env_.executor().Notify(ready_);
}

}  // namespace ioc
