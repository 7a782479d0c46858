// Whether an address that a daemon is to listen on stays within this machine. Pure.
#ifndef IOCLUSTER_RUNTIME_HEAD_LISTEN_ADDRESS_H_
#define IOCLUSTER_RUNTIME_HEAD_LISTEN_ADDRESS_H_

#include <absl/status/status.h>

#include <string_view>

namespace ioc {

// "127.0.0.1:6380", "localhost:0", "[::1]:6380", "unix:NAME".
bool IsLoopback(std::string_view address);

// OK for a loopback address, and for any with `insecure`; otherwise kInvalidArgument, saying why and what to do. `role`
// is who listens: "head", "node".
absl::Status CheckListenAddress(std::string_view role, std::string_view address, bool insecure);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_LISTEN_ADDRESS_H_
