// Sockets and their addresses, made non-blocking and close-on-exec. Errors name the address and what to do.
#ifndef IOCLUSTER_LIB_ENV_ASIO_SOCKET_H_
#define IOCLUSTER_LIB_ENV_ASIO_SOCKET_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/env/network.h"
#include "lib/env_asio/fd.h"

namespace ioc {

// "HOST:PORT", "[HOST]:PORT" or "unix:NAME", taken apart.
struct Address {
  std::string text;
  std::string host;  // empty: unix
  std::string port;
  std::string unix_name;

  bool is_unix() const { return !unix_name.empty(); }
};
absl::StatusOr<Address> ParseAddress(std::string_view text);

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  // "127.0.0.1:7000", "[::1]:7000", "unix:NAME".
  std::string ToString() const;
};

// Without asking anybody: numeric hosts, "localhost", unix names. Empty if the host has to be looked up.
absl::StatusOr<std::vector<SocketAddress>> ResolveAtOnce(const Address& address);
// Asks the system's resolver, which blocks, for many seconds at worst.
absl::StatusOr<std::vector<SocketAddress>> ResolveBlocking(const Address& address);

// A peer whose machine has gone silent (no power, no network, asleep) is noticed: a TCP connection breaks when nothing
// has come from it for this long, though it was asked, or what was sent to it is not acknowledged for this long.
inline constexpr absl::Duration kTcpSilenceTimeout = absl::Seconds(15);
inline constexpr absl::Duration kTcpProbeInterval = absl::Seconds(5);  // of an idle connection

absl::StatusOr<UniqueFd> OpenSocket(int family);
// Of a socket that OpenSocket has not made. What an accepted one inherits differs between systems.
void SetTcpOptions(int fd);
absl::StatusOr<UniqueFd> OpenListener(const SocketAddress& where, std::string_view address);
SocketAddress LocalAddress(int fd);

// What is said of connect's error number.
absl::Status ConnectError(std::string_view address, int error);

// Of a connected socket.
PeerInfo DescribePeer(int fd);
// Whether the peer of a Unix socket is of this user, or root.
bool IsTrustedUnixPeer(int fd);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_SOCKET_H_
