// A listening socket, and the diallers whose preamble is awaited. Lives on the executor, mutex held.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_LISTENER_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_LISTENER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/env/network.h"
#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/fd.h"

namespace ioc {

class AsioListener final : public Listener {
 public:
  AsioListener(AsioExecutor& executor, UniqueFd socket, std::string address, AcceptHandler handler,
               std::function<void(std::string_view)> warn);
  ~AsioListener() override;
  AsioListener(const AsioListener&) = delete;
  AsioListener& operator=(const AsioListener&) = delete;

  const std::string& address() const override { return address_; }

 private:
  class Core;
  const std::string address_;
  const std::shared_ptr<Core> core_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_LISTENER_H_
