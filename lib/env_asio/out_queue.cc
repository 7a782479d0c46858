#include "lib/env_asio/out_queue.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ioc {
namespace {

// A trailer up to this size is copied: cheaper than a piece of its own.
constexpr size_t kMaxCopiedTrailer = 4096;
constexpr size_t kMaxPieces = 64;
// A peer that reads as fast as we write must not keep us here.
constexpr int kMaxWritesATurn = 16;
// Sent bytes at the front of the buffer are kept until there are this many; a larger empty buffer is given back.
constexpr size_t kCompactBytes = 256 << 10;
constexpr size_t kKeptBufferBytes = 1 << 20;

constexpr std::byte kZeros[8] = {};

}  // namespace

void OutQueue::Append(const FrameLayout& layout, std::span<const std::byte> body, Trailer trailer,
                      std::vector<OutAttachment> attachments) {
  if (!attachments.empty()) segments_.push_back({.attachments = std::move(attachments)});
  const auto header = EncodeFrameLayout(layout);
  AppendCopy(header);
  AppendCopy(body);
  if (trailer.bytes.size() <= kMaxCopiedTrailer) {
    AppendCopy(trailer.bytes);
  } else {
    segments_.push_back(
        {.external = trailer.bytes.data(), .size = trailer.bytes.size(), .owner = std::move(trailer.owner)});
    bytes_ += trailer.bytes.size();
  }
  AppendCopy(std::span(kZeros, layout.padded_trailer_bytes() - layout.trailer_bytes));
}

void OutQueue::AppendCopy(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (segments_.empty() || segments_.back().external != nullptr) segments_.emplace_back();
  segments_.back().size += bytes.size();
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  bytes_ += bytes.size();
}

int OutQueue::Write(int socket) {
  for (int round = 0; round < kMaxWritesATurn && !segments_.empty(); ++round) {
    iovec pieces[kMaxPieces];
    size_t count = 0;
    size_t offered = 0;
    const std::byte* copied = buffer_.data() + buffer_begin_;
    for (const Segment& segment : segments_) {
      if (count == kMaxPieces || (count > 0 && !segment.attachments.empty())) break;
      const std::byte* data =
          segment.external != nullptr ? segment.external : std::exchange(copied, copied + segment.size);
      pieces[count++] = {.iov_base = const_cast<std::byte*>(data), .iov_len = segment.size};
      offered += segment.size;
    }

    msghdr message = {};
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxAttachments)] = {};
    const std::vector<OutAttachment>& attachments = segments_.front().attachments;
    if (!attachments.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(sizeof(int) * attachments.size());
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * attachments.size());
      for (size_t i = 0; i < attachments.size(); ++i) {
        std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &attachments[i].fd, sizeof(int));
      }
    }

    const ssize_t written = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : errno;
    }
    Consume(static_cast<size_t>(written));
    if (static_cast<size_t>(written) < offered) break;
  }
  return 0;
}

void OutQueue::Consume(size_t written) {
  bytes_ -= written;
  while (written > 0) {
    Segment& front = segments_.front();
    front.attachments.clear();
    const size_t part = std::min(written, front.size);
    if (front.external != nullptr) {
      front.external += part;
    } else {
      buffer_begin_ += part;
    }
    front.size -= part;
    written -= part;
    if (front.size == 0) segments_.pop_front();
  }
  if (buffer_begin_ == buffer_.size()) {
    buffer_.clear();
    buffer_begin_ = 0;
    if (buffer_.capacity() > kKeptBufferBytes) buffer_.shrink_to_fit();
  } else if (buffer_begin_ > kCompactBytes && buffer_begin_ > buffer_.size() / 2) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(buffer_begin_));
    buffer_begin_ = 0;
  }
}

void OutQueue::Clear() {
  segments_.clear();
  buffer_.clear();
  buffer_.shrink_to_fit();
  buffer_begin_ = 0;
  bytes_ = 0;
}

}  // namespace ioc
