// What a node and the template that forks its workers say to each other, over a socket of whole messages (SEQPACKET) of
// their own.
//
// The program may have been built with another release than its node. So a message says how long its fixed part is;
// what is beyond that of the reader's release is skipped, what is missing is zero, and an unknown kind is ignored.
#ifndef IOCLUSTER_LIB_ENV_ASIO_FORK_WIRE_H_
#define IOCLUSTER_LIB_ENV_ASIO_FORK_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env_asio/fd.h"

namespace ioc {

enum class ForkKind : uint32_t {
  // node -> template: the child's socket and standard error; `text` is its environment, each ended by \0. The first is
  // there before the program starts, and without descriptors: that child has the template's own.
  kFork = 1,
  kForked = 2,  // template -> node, with the child's pidfd
  kFailed = 3,  // there is no such child; `value` is the error number
  kExited = 4,  // `value` is the exit code, or `signal` ended it
  kUnable = 5,  // it goes on as the first child and forks none; `text` says why
};

struct ForkMessage {
  ForkKind kind = ForkKind::kFork;
  uint64_t child = 0;  // the node's number for it; the first is 0
  int32_t value = 0;
  int32_t signal = 0;
  int32_t pid = 0;
  std::string text = {};
  std::vector<UniqueFd> descriptors = {};
};

inline constexpr size_t kMaxForkText = size_t{64} << 10;
inline constexpr size_t kMaxForkDescriptors = 2;

// False, with errno, if it can't be sent. Doesn't wait if the socket is non-blocking.
bool SendForkMessage(int socket, const ForkMessage& message);

enum class ForkRead { kMessage, kNothing, kEnd };
// kNothing: none is there yet, or one that this release does not understand.
ForkRead ReceiveForkMessage(int socket, ForkMessage& message);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_FORK_WIRE_H_
