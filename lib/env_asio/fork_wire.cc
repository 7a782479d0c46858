#include "lib/env_asio/fork_wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ioc {
namespace {

struct RawForkMessage {
  uint32_t fixed_bytes;
  uint32_t kind;
  uint64_t child;
  int32_t value;
  int32_t signal;
  int32_t pid;
  uint32_t zero;
};
constexpr size_t kSizeBytes = sizeof(uint32_t);

using Control = std::array<char, CMSG_SPACE(kMaxForkDescriptors * sizeof(int))>;

void PutDescriptors(msghdr& header, Control& control, const std::vector<UniqueFd>& descriptors) {
  const size_t bytes = descriptors.size() * sizeof(int);
  header.msg_control = control.data();
  header.msg_controllen = CMSG_SPACE(bytes);
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(bytes);
  for (size_t i = 0; i < descriptors.size(); ++i) {
    const int fd = descriptors[i].get();
    std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof fd);
  }
}

void TakeDescriptors(msghdr& header, std::vector<UniqueFd>& descriptors) {
  descriptors.clear();
  for (cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr; rights = CMSG_NXTHDR(&header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(rights) + i * sizeof(int), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

bool SendForkMessage(int socket, const ForkMessage& message) {
  if (message.text.size() > kMaxForkText || message.descriptors.size() > kMaxForkDescriptors) {
    errno = EMSGSIZE;
    return false;
  }
  RawForkMessage raw = {.fixed_bytes = sizeof raw,
                        .kind = static_cast<uint32_t>(message.kind),
                        .child = message.child,
                        .value = message.value,
                        .signal = message.signal,
                        .pid = message.pid,
                        .zero = 0};
  iovec parts[2] = {{.iov_base = &raw, .iov_len = sizeof raw},
                    {.iov_base = const_cast<char*>(message.text.data()), .iov_len = message.text.size()}};
  msghdr header = {};
  header.msg_iov = parts;
  header.msg_iovlen = 2;
  alignas(cmsghdr) Control control = {};
  if (!message.descriptors.empty()) PutDescriptors(header, control, message.descriptors);
  ssize_t sent;
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

ForkRead ReceiveForkMessage(int socket, ForkMessage& message) {
  std::vector<char> bytes(sizeof(RawForkMessage) + kMaxForkText + 1024);
  iovec part = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) Control control = {};
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got;
  do {
    got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return ForkRead::kNothing;
  if (got <= 0) return ForkRead::kEnd;
  TakeDescriptors(header, message.descriptors);
  const size_t size = static_cast<size_t>(got);
  RawForkMessage raw = {};
  if (size < kSizeBytes || (header.msg_flags & MSG_TRUNC) != 0) return ForkRead::kNothing;
  std::memcpy(&raw.fixed_bytes, bytes.data(), kSizeBytes);
  const size_t fixed = raw.fixed_bytes;
  if (fixed < kSizeBytes || fixed > size) return ForkRead::kNothing;
  std::memcpy(&raw, bytes.data(), std::min(fixed, sizeof raw));
  message.kind = static_cast<ForkKind>(raw.kind);
  message.child = raw.child;
  message.value = raw.value;
  message.signal = raw.signal;
  message.pid = raw.pid;
  message.text.assign(bytes.data() + fixed, size - fixed);
  return ForkRead::kMessage;
}

}  // namespace ioc
