// Listening and dialling over TCP and Unix sockets (in the abstract namespace: no files). Lives on the executor.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_NETWORK_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_NETWORK_H_

#include <functional>
#include <memory>
#include <string_view>

#include "lib/env/network.h"
#include "lib/env_asio/asio_executor.h"

namespace ioc {

class AsioNetwork final : public Network {
 public:
  // `warn` takes one line for the log.
  AsioNetwork(AsioExecutor& executor, std::function<void(std::string_view)> warn)
      : executor_(executor), warn_(std::move(warn)) {}

  // A host that is neither numeric nor "localhost" is looked up on the spot, which may block: listen when starting.
  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address, AcceptHandler handler) override;

  std::unique_ptr<Dialling> Dial(std::string_view address, const Preamble& preamble, absl::Duration timeout,
                                 DialHandler handler) override;

 private:
  AsioExecutor& executor_;
  const std::function<void(std::string_view)> warn_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_NETWORK_H_
