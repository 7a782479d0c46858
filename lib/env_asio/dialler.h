// One attempt to connect: looks the host up, tries its addresses in order, sends the preamble. Lives on the executor.
#ifndef IOCLUSTER_LIB_ENV_ASIO_DIALLER_H_
#define IOCLUSTER_LIB_ENV_ASIO_DIALLER_H_

#include <memory>
#include <string_view>

#include "lib/env/network.h"
#include "lib/env_asio/asio_executor.h"

namespace ioc {

class Dialler final : public Dialling {
 public:
  Dialler(AsioExecutor& executor, std::string_view address, const Preamble& preamble, absl::Duration timeout,
          DialHandler handler);
  ~Dialler() override;
  Dialler(const Dialler&) = delete;
  Dialler& operator=(const Dialler&) = delete;

 private:
  class Core;
  const std::shared_ptr<Core> core_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_DIALLER_H_
