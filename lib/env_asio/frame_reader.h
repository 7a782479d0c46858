// Reads a socket's bytes and descriptors and finds the frames in them, in place.
//
// Everything on the wire is a multiple of 8 bytes long, so a body is aligned in the buffer as it came. The buffer grows
// only for a frame that is larger than it, and shrinks when that frame has been taken.
#ifndef IOCLUSTER_LIB_ENV_ASIO_FRAME_READER_H_
#define IOCLUSTER_LIB_ENV_ASIO_FRAME_READER_H_

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lib/env_asio/fd.h"
#include "lib/env_asio/wire.h"

namespace ioc {

// A frame in the reader's buffer; valid until the next Receive.
struct RawFrame {
  FrameLayout layout;
  std::span<const std::byte> body;
  std::span<const std::byte> trailer;
  std::vector<UniqueFd> descriptors;
};

class FrameReader {
 public:
  // One read. Like recvmsg: the number of bytes, 0 at the end, -1 with errno. Take all frames before.
  ssize_t Receive(int socket);
  // Whether the last read took all there was room for, so that more may wait.
  bool filled() const { return filled_; }

  // The next whole frame, if there is one. An error says what is wrong with the bytes; nothing can follow it.
  absl::StatusOr<std::optional<RawFrame>> Next();

  // Whether bytes of an unfinished frame are here.
  bool in_frame() const { return begin_ != end_; }

 private:
  void MakeRoom();
  absl::Status Take(RawFrame& frame);
  void DropSurplusDescriptors(size_t expected);

  std::unique_ptr<std::byte[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t frame_bytes_ = 0;  // of the unfinished frame; 0 if its header isn't here yet
  bool filled_ = false;
  bool lost_descriptors_ = false;
  std::vector<UniqueFd> descriptors_;  // received and not yet part of a frame
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_FRAME_READER_H_
