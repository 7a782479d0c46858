// A connection of frames over a stream socket. Lives on the executor, mutex held.
//
// What Send is given leaves at the end of the turn, in as few writes as possible. That the peer is
// gone is kept quiet by a write: what it said before (a goodbye, maybe) is still to be read, and the reader then meets
// the end. Any other failure to write ends the connection.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_CONNECTION_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_CONNECTION_H_

#include <memory>
#include <vector>

#include "lib/env/network.h"
#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/fd.h"

namespace ioc {

class AsioConnection final : public Connection {
 public:
  // `socket` is connected and non-blocking.
  AsioConnection(AsioExecutor& executor, UniqueFd socket, PeerInfo peer);
  ~AsioConnection() override;
  AsioConnection(const AsioConnection&) = delete;
  AsioConnection& operator=(const AsioConnection&) = delete;

  void Start(FrameHandler& handler) override;
  absl::Status Send(const FrameHeader& header, std::span<const std::byte> body, Trailer trailer,
                    std::vector<Attachment> attachments) override;
  void Flush() override;
  size_t unsent_bytes() const override;
  const PeerInfo& peer() const override;

  // Takes the socket out, to hand it to another process. Empty if the connection has been used.
  UniqueFd TakeUnused();

 private:
  class Core;
  const std::shared_ptr<Core> core_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_CONNECTION_H_
