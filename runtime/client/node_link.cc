#include "runtime/client/node_link.h"

#include <absl/strings/str_cat.h>

#include <utility>
#include <variant>

#include "lib/base/status.h"

namespace ioc {
namespace {

absl::Status ShutDown() {
  return MakeError(Cause::kDisconnected, "this process's connection to its cluster is shut down");
}

}  // namespace

void NodeLink::Register(std::unique_ptr<Connection> connection, std::string_view address, Hello self,
                        RegisterProcess request, absl::Duration timeout,
                        absl::AnyInvocable<void(absl::StatusOr<Registration>)> done) {
  self_ = std::move(self);
  request_ = std::move(request);
  timeout_ = timeout;
  done_ = std::move(done);
  closed_ = MakeError(Cause::kDisconnected, "this process is not connected to its node");
  if (connection != nullptr) return Start(std::move(connection));
  dialling_ = env_.network().Dial(address, Preamble{.target = Target::kNode}, timeout, [this](auto dialled) {
    if (!dialled.ok()) return Finish(WithContext(dialled.status(), "can't reach the node"));
    Start(*std::move(dialled));
  });
}

void NodeLink::Start(std::unique_ptr<Connection> connection) {
  channel_ = std::make_unique<Channel>(env_, std::move(connection), Channel::Side::kDialler, self_, *this);
}

void NodeLink::OnReady(Channel& channel, const Hello&) {
  channel.CallRaw(request_, timeout_, [this](absl::StatusOr<RawReply> raw) { Registered(std::move(raw)); });
}

void NodeLink::Registered(absl::StatusOr<RawReply> raw) {
  if (!raw.ok()) return Finish(WithContext(raw.status(), "the node did not register this process"));
  Registration result;
  if (absl::Status status = Decode(raw->body, result.reply); !status.ok()) return Finish(status);
  auto memory = [&raw](size_t i) -> std::shared_ptr<SharedMemory> {
    if (i >= raw->attachments.size()) return nullptr;
    auto* held = std::get_if<std::shared_ptr<SharedMemory>>(&raw->attachments[i]);
    return held == nullptr ? nullptr : std::move(*held);
  };
  result.store = memory(0);
  result.status_page = memory(1);
  if (result.store == nullptr) return Finish(MakeError(Cause::kInternal, "the node sent no object store"));
  const ProcessAddress& self = result.reply.address;
  result.node = {.node = self.node,
                 .machine = self.machine,
                 .local_address = self.local_address,
                 .node_address = self.node_address,
                 .name = result.reply.node_name};
  Finish(std::move(result));
}

void NodeLink::Finish(absl::StatusOr<Registration> result) {
  if (auto done = std::exchange(done_, nullptr)) done(std::move(result));
}

absl::Status NodeLink::OnMessage(Channel& channel, FrameView frame) {
  return left_ ? absl::OkStatus() : hooks_.OnNodeMessage(channel, frame);
}

void NodeLink::OnClosed(Channel& channel, const absl::Status& why) {
  if (left_) return Close();
  // A goodbye says by itself who ended it.
  closed_ = channel.peer_said_goodbye()
                ? why
                : WithContext(why, absl::StrCat("the connection to ", channel.description(), " has ended"));
  if (done_ != nullptr) return Finish(closed_);
  hooks_.OnNodeClosed(closed_);
}

void NodeLink::Leave() {
  if (left_) return;
  if (!open()) return Close();
  SayThatItLeaves();
  left_ = true;
  closed_ = ShutDown();
  channel_->CancelCalls(closed_);
}

void NodeLink::SayThatItLeaves() {
  channel_->Notify(LeaveCluster{});
  channel_->Flush();
}

void NodeLink::Close() {
  const bool is_registered = open() && done_ == nullptr;
  if (is_registered) SayThatItLeaves();
  dialling_ = nullptr;
  channel_ = nullptr;
  closed_ = ShutDown();
}

}  // namespace ioc
