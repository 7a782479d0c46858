// The head role: knows nodes, names and demands; decides placement across nodes. On the path of placement, never of a
// task or an object.
//
// Lives on its Env's executor; every function with its mutex held.
#ifndef IOCLUSTER_RUNTIME_HEAD_HEAD_H_
#define IOCLUSTER_RUNTIME_HEAD_HEAD_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <memory>
#include <string>

#include "lib/env/env.h"
#include "lib/protocol/common.h"

namespace ioc {

struct HeadOptions {
  std::string listen_address = {};  // HOST:PORT; empty: connections come through Accept only
  bool insecure = false;            // must be set to listen beyond loopback while there is no authentication
  ClusterId cluster = {};           // 0: a new one
  absl::Duration node_timeout = absl::Seconds(10);  // silence after which a node is taken for dead
};

class Head {
 public:
  // Listens, if asked to. Errors name the address and what to do.
  static absl::StatusOr<std::unique_ptr<Head>> Start(Env& env, const HeadOptions& options,
                                                     absl::AnyInvocable<void()> on_stop_requested);
  ~Head();
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  // A connection that asked for the head at somebody else's door.
  void Accept(std::unique_ptr<Connection> connection);

  ClusterId cluster() const;
  const std::string& address() const;  // as others reach it; empty if it does not listen

 private:
  class Impl;
  explicit Head(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_HEAD_H_
