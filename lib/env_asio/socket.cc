#include "lib/env_asio/socket.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "lib/base/status.h"

namespace ioc {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr int kBacklog = 1024;

absl::Status BadAddress(std::string_view text, std::string_view why) {
  return MakeError(Cause::kInvalidArgument, absl::StrCat("the address \"", std::string(text), "\" ", std::string(why),
                                                         "; write HOST:PORT, [IPV6]:PORT or unix:NAME"));
}

// In the abstract namespace: the name leaves no file behind.
SocketAddress UnixAddress(const std::string& name) {
  SocketAddress result;
  auto* address = reinterpret_cast<sockaddr_un*>(&result.storage);
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path + 1, name.data(), name.size());
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return result;
}

absl::StatusOr<std::vector<SocketAddress>> GetAddresses(const Address& address, const std::string& host, int flags) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), address.port.c_str(), &hints, &found);
  if (error != 0) {
    return MakeError(Cause::kDisconnected,
                     absl::StrCat("can't find the host of ", address.text, ": ", gai_strerror(error)));
  }
  std::vector<SocketAddress> result;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    SocketAddress socket_address;
    std::memcpy(&socket_address.storage, entry->ai_addr, entry->ai_addrlen);
    socket_address.length = entry->ai_addrlen;
    result.push_back(socket_address);
  }
  freeaddrinfo(found);
  return result;
}

}  // namespace

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  Address address;
  address.text = std::string(text);
  if (text.starts_with(kUnixPrefix)) {
    address.unix_name = std::string(text.substr(kUnixPrefix.size()));
    if (address.unix_name.empty()) return BadAddress(text, "has no name");
    if (address.unix_name.size() >= sizeof(sockaddr_un::sun_path)) return BadAddress(text, "is too long");
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return BadAddress(text, "has no port");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return BadAddress(text, "has several colons");
  }
  if (host.empty()) return BadAddress(text, "has no host");
  address.host = std::string(host);
  address.port = std::string(text.substr(colon + 1));
  int port = 0;
  const bool is_number = std::all_of(address.port.begin(), address.port.end(), absl::ascii_isdigit);
  if (!is_number || !absl::SimpleAtoi(address.port, &port) || port > 65535) {
    return BadAddress(text, "has no port between 0 and 65535");
  }
  return address;
}

std::string SocketAddress::ToString() const {
  if (family() == AF_UNIX) {
    const auto* address = reinterpret_cast<const sockaddr_un*>(&storage);
    const size_t header = offsetof(sockaddr_un, sun_path) + 1;
    if (length <= header) return "unix";
    return absl::StrCat("unix:", std::string(address->sun_path + 1, length - header));
  }
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET6) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
    return absl::StrCat("[", text, "]:", ntohs(address->sin6_port));
  }
  const auto* address = reinterpret_cast<const sockaddr_in*>(&storage);
  inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
  return absl::StrCat(text, ":", ntohs(address->sin_port));
}

absl::StatusOr<std::vector<SocketAddress>> ResolveAtOnce(const Address& address) {
  if (address.is_unix()) return std::vector<SocketAddress>{UnixAddress(address.unix_name)};
  if (address.host == "localhost") {
    auto result = GetAddresses(address, "127.0.0.1", AI_NUMERICHOST);
    if (auto six = GetAddresses(address, "::1", AI_NUMERICHOST); result.ok() && six.ok()) {
      result->insert(result->end(), six->begin(), six->end());
    }
    return result;
  }
  auto result = GetAddresses(address, address.host, AI_NUMERICHOST);
  return result.ok() ? *result : std::vector<SocketAddress>();
}

absl::StatusOr<std::vector<SocketAddress>> ResolveBlocking(const Address& address) {
  return GetAddresses(address, address.host, 0);
}

absl::StatusOr<UniqueFd> OpenSocket(int family) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return MakeError(Cause::kInternal, absl::StrCat("can't open a socket: ", std::strerror(errno)));
  if (family != AF_UNIX) SetTcpOptions(fd.get());
  return fd;
}

void SetTcpOptions(int fd) {
  const auto set = [fd](int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(absl::ToInt64Seconds(kTcpProbeInterval)));
  set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(absl::ToInt64Seconds(kTcpProbeInterval)));
  set(IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(kTcpSilenceTimeout / kTcpProbeInterval) - 1);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(absl::ToInt64Milliseconds(kTcpSilenceTimeout)));
}

absl::StatusOr<UniqueFd> OpenListener(const SocketAddress& where, std::string_view address) {
  IOC_ASSIGN_OR_RETURN(UniqueFd fd, OpenSocket(where.family()));
  const int on = 1;
  if (where.family() != AF_UNIX) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (where.family() == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd.get(), where.get(), where.length) == 0 && listen(fd.get(), kBacklog) == 0) return fd;
  const int error = errno;
  const std::string subject = absl::StrCat("can't listen on ", std::string(address), ": ");
  switch (error) {
    case EADDRINUSE:
      return MakeError(Cause::kInvalidArgument,
                       absl::StrCat(subject, "another process has it; choose another, or port 0 for a free one"));
    case EADDRNOTAVAIL:
      return MakeError(Cause::kInvalidArgument,
                       absl::StrCat(subject, "that is no address of this machine; 0.0.0.0 means all it has"));
    case EACCES:
      return MakeError(Cause::kInvalidArgument, absl::StrCat(subject, "this user may not; choose a port above 1023"));
    default:
      return MakeError(Cause::kInvalidArgument, absl::StrCat(subject, std::strerror(error)));
  }
}

SocketAddress LocalAddress(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) address.length = 0;
  return address;
}

absl::Status ConnectError(std::string_view address, int error) {
  const std::string subject = absl::StrCat("can't connect to ", std::string(address), ": ");
  switch (error) {
    case ECONNREFUSED:
      return MakeError(Cause::kDisconnected, absl::StrCat(subject, "refused, because nothing listens there"));
    case ENETUNREACH:
    case EHOSTUNREACH:
      return MakeError(Cause::kDisconnected, absl::StrCat(subject, "there is no way to that network"));
    default:
      return MakeError(Cause::kDisconnected, absl::StrCat(subject, std::strerror(error)));
  }
}

PeerInfo DescribePeer(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    return {.description = "a peer that has gone"};
  }
  if (address.family() != AF_UNIX) return {.description = address.ToString()};
  ucred credentials = {};
  socklen_t length = sizeof credentials;
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
  return {.description = absl::StrCat("pid ", credentials.pid), .same_machine = true, .pid = credentials.pid};
}

bool IsTrustedUnixPeer(int fd) {
  ucred credentials = {};
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return false;
  return credentials.uid == geteuid() || credentials.uid == 0;
}

}  // namespace ioc
