#include "lib/env_asio/frame_reader.h"

#include <absl/strings/str_cat.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "lib/base/status.h"

namespace ioc {
namespace {

constexpr size_t kBufferBytes = 64 << 10;
// With less room than this behind an unfinished frame, it moves to the front.
constexpr size_t kMinRoomBytes = 4096;

void CollectDescriptors(msghdr& message, std::vector<UniqueFd>& descriptors) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

ssize_t FrameReader::Receive(int socket) {
  MakeRoom();
  iovec room = {.iov_base = buffer_.get() + end_, .iov_len = capacity_ - end_};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxAttachments)];
  msghdr message = {};
  message.msg_iov = &room;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) return received;
  if (message.msg_controllen != 0) CollectDescriptors(message, descriptors_);
  if ((message.msg_flags & MSG_CTRUNC) != 0) lost_descriptors_ = true;
  end_ += static_cast<size_t>(received);
  filled_ = static_cast<size_t>(received) == room.iov_len;
  return received;
}

void FrameReader::MakeRoom() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    frame_bytes_ = 0;
    if (capacity_ > kBufferBytes) capacity_ = 0;
  }
  if (capacity_ != 0 && capacity_ - begin_ >= frame_bytes_ && capacity_ - end_ >= kMinRoomBytes) return;
  if (frame_bytes_ != 0 && capacity_ - begin_ >= frame_bytes_ && end_ < capacity_) return;

  const size_t wanted = std::max(kBufferBytes, frame_bytes_);
  if (wanted > capacity_) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
    if (begin_ != end_) std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
    buffer_ = std::move(larger);
    capacity_ = wanted;
  } else {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  }
  end_ -= begin_;
  begin_ = 0;
}

absl::StatusOr<std::optional<RawFrame>> FrameReader::Next() {
  if (lost_descriptors_) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("more descriptors at once than the ", kMaxAttachments, " that a frame may have"));
  }
  if (end_ - begin_ < kFrameHeaderBytes) {
    frame_bytes_ = 0;
    DropSurplusDescriptors(in_frame() ? kMaxAttachments : 0);
    return std::nullopt;
  }
  RawFrame frame;
  IOC_RETURN_IF_ERROR(
      DecodeFrameLayout(std::span<const std::byte>(buffer_.get() + begin_, kFrameHeaderBytes), frame.layout));
  frame_bytes_ = frame.layout.total_bytes();
  if (end_ - begin_ < frame_bytes_) {
    DropSurplusDescriptors(frame.layout.attachment_count);
    return std::nullopt;
  }
  IOC_RETURN_IF_ERROR(Take(frame));
  return frame;
}

absl::Status FrameReader::Take(RawFrame& frame) {
  const size_t count = frame.layout.attachment_count;
  if (count > descriptors_.size()) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("a frame with ", count, " attachments, of which ", descriptors_.size(), " came"));
  }
  const std::byte* body = buffer_.get() + begin_ + kFrameHeaderBytes;
  frame.body = {body, frame.layout.body_bytes};
  frame.trailer = {body + frame.layout.body_bytes, frame.layout.trailer_bytes};
  begin_ += frame_bytes_;
  frame_bytes_ = 0;
  if (count == 0) return absl::OkStatus();
  const auto last = descriptors_.begin() + static_cast<std::ptrdiff_t>(count);
  frame.descriptors.assign(std::make_move_iterator(descriptors_.begin()), std::make_move_iterator(last));
  descriptors_.erase(descriptors_.begin(), last);
  return absl::OkStatus();
}

void FrameReader::DropSurplusDescriptors(size_t expected) {
  if (descriptors_.size() > expected)
    descriptors_.erase(descriptors_.begin() + static_cast<std::ptrdiff_t>(expected), descriptors_.end());
}

}  // namespace ioc
