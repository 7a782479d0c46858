// The frames of one connection that wait to be written. Headers, bodies and small trailers are copied into one buffer,
// so that many frames leave in one write; large trailers are written from where they lie.
//
// Descriptors travel with the first byte of their frame: a sendmsg that carries some begins at that frame, and no other
// frame in it has any. So the receiver finds them in the order of the frames.
#ifndef IOCLUSTER_LIB_ENV_ASIO_OUT_QUEUE_H_
#define IOCLUSTER_LIB_ENV_ASIO_OUT_QUEUE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "lib/env/network.h"
#include "lib/env_asio/fd.h"
#include "lib/env_asio/wire.h"

namespace ioc {

// A descriptor to be sent and what keeps it open until then.
struct OutAttachment {
  int fd = -1;
  UniqueFd owned;
  std::shared_ptr<SharedMemory> memory;
};

class OutQueue {
 public:
  // `layout` describes the rest; all of it is within the bounds.
  void Append(const FrameLayout& layout, std::span<const std::byte> body, Trailer trailer,
              std::vector<OutAttachment> attachments);

  // Writes until the queue is empty or the socket takes no more. Returns 0 or an error number.
  int Write(int socket);

  size_t bytes() const { return bytes_; }
  void Clear();

 private:
  struct Segment {
    const std::byte* external = nullptr;  // null: the next `size` bytes of buffer_
    size_t size = 0;
    std::shared_ptr<const void> owner;
    std::vector<OutAttachment> attachments;
  };

  void AppendCopy(std::span<const std::byte> bytes);
  void Consume(size_t written);

  std::deque<Segment> segments_;
  std::vector<std::byte> buffer_;
  size_t buffer_begin_ = 0;
  size_t bytes_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_OUT_QUEUE_H_
