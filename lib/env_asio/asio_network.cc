#include "lib/env_asio/asio_network.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/env_asio/asio_listener.h"
#include "lib/env_asio/dialler.h"
#include "lib/env_asio/socket.h"

namespace ioc {

absl::StatusOr<std::unique_ptr<Listener>> AsioNetwork::Listen(std::string_view text, AcceptHandler handler) {
  IOC_ASSIGN_OR_RETURN(const Address address, ParseAddress(text));
  IOC_ASSIGN_OR_RETURN(std::vector<SocketAddress> found, ResolveAtOnce(address));
  if (found.empty()) {
    IOC_ASSIGN_OR_RETURN(found, ResolveBlocking(address));
  }
  IOC_ASSIGN_OR_RETURN(UniqueFd socket, OpenListener(found.front(), text));
  std::string bound = LocalAddress(socket.get()).ToString();
  return std::make_unique<AsioListener>(executor_, std::move(socket), std::move(bound), std::move(handler), warn_);
}

std::unique_ptr<Dialling> AsioNetwork::Dial(std::string_view address, const Preamble& preamble, absl::Duration timeout,
                                            DialHandler handler) {
  return std::make_unique<Dialler>(executor_, address, preamble, timeout, std::move(handler));
}

}  // namespace ioc
