#include "runtime/api/hosted_node.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <utility>

#include "lib/base/status.h"

namespace ioc {

absl::StatusOr<std::unique_ptr<HostedNode>> HostedNode::Start(NodeOptions options, absl::Duration timeout) {
  std::unique_ptr<HostedNode> hosted(new HostedNode);
  hosted->env_ = std::make_unique<AsioEnv>(AsioEnvOptions{.log_name = "node"});
  IOC_RETURN_IF_ERROR(hosted->StartRoles(std::move(options), timeout));
  return hosted;
}

absl::Status HostedNode::StartRoles(NodeOptions options, absl::Duration timeout) {
  Executor& executor = env_->executor();
  // The node may say so later, when nobody waits any more.
  struct Registration {
    Waiter waiter;
    absl::Status result;
  };
  const auto registration = std::make_shared<Registration>();
  registration->result = MakeError(
      Cause::kDeadline,
      absl::StrCat("the node in this process did not register with its head within ", absl::FormatDuration(timeout)));
  MutexLock lock(executor.mutex());
  const bool with_head = options.head_address.empty();
  if (with_head) {
    auto head = Head::Start(*env_, HeadOptions{}, [this] { StopRoles(); });
    if (!head.ok()) return head.status();
    head_ = *std::move(head);
  }
  node_ = std::make_unique<Node>(
      *env_, std::move(options),
      [registration, &executor](absl::Status status) {
        registration->result = std::move(status);
        executor.Notify(registration->waiter);
      },
      [this](const absl::Status&) { node_ = nullptr; });
  if (with_head) {
    node_->set_head_door(
        [this](std::unique_ptr<Connection> connection, const Preamble&) { head_->Accept(std::move(connection)); });
  }
  executor.Await(registration->waiter, executor.Now() + timeout);
  if (node_ == nullptr) return MakeError(Cause::kDisconnected, "the cluster was stopped");
  local_address_ = node_->address().local_address;
  return registration->result;
}

void HostedNode::StopRoles() {
  node_ = nullptr;
  head_ = nullptr;
}

HostedNode::~HostedNode() {
  if (env_ == nullptr) return;
  MutexLock lock(env_->executor().mutex());
  StopRoles();
}

}  // namespace ioc
