// Looks a host name up without blocking the loop: on a thread of its own, since the system's resolver only blocks.
#ifndef IOCLUSTER_LIB_ENV_ASIO_RESOLVER_H_
#define IOCLUSTER_LIB_ENV_ASIO_RESOLVER_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <memory>
#include <vector>

#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/socket.h"

namespace ioc {

// At once, in this process; more fail.
inline constexpr int kMaxLookups = 16;

// Destroying it cancels: the handler is then not called. The thread ends when the system's resolver does, holding
// nothing of the executor's meanwhile. Lives on the executor, mutex held.
class Lookup {
 public:
  using Handler = absl::AnyInvocable<void(absl::StatusOr<std::vector<SocketAddress>>)>;

  static std::unique_ptr<Lookup> Start(AsioExecutor& executor, Address address, Handler handler);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

 private:
  struct Shared;
  explicit Lookup(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  const std::shared_ptr<Shared> shared_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_RESOLVER_H_
