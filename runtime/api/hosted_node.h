// A node, and for an embedded cluster its head, inside a driver: on a background thread of their own, with an executor
// of their own (DESIGN section 2). So a driver always talks to a node, and there is one way of doing things.
#ifndef IOCLUSTER_RUNTIME_API_HOSTED_NODE_H_
#define IOCLUSTER_RUNTIME_API_HOSTED_NODE_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <memory>
#include <string>

#include "lib/env_asio/asio_env.h"
#include "runtime/head/head.h"
#include "runtime/node/node.h"

namespace ioc {

class HostedNode {
 public:
  // Blocks until the node is registered with its head. An empty head_address means: host a head as well.
  static absl::StatusOr<std::unique_ptr<HostedNode>> Start(NodeOptions options, absl::Duration timeout);
  // Stops the workers, the node and the head.
  ~HostedNode();

  const std::string& local_address() const { return local_address_; }

 private:
  HostedNode() = default;
  absl::Status StartRoles(NodeOptions options, absl::Duration timeout);
  // The node goes when its head is gone for good or stops the cluster; its driver then sees its connection to it end,
  // with the reason.
  void StopRoles();

  std::unique_ptr<AsioEnv> env_;
  std::unique_ptr<Head> head_;
  std::unique_ptr<Node> node_;
  std::string local_address_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_API_HOSTED_NODE_H_
