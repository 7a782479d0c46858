// Connections of frames between processes, as the roles see them.
//
// A frame is a small envelope, a body (a Cap'n Proto message, 8-byte aligned), an optional trailer of raw bytes and, on
// one machine, attachments: shared memory or a connection that is handed over. Every size has a bound here; what
// exceeds it ends that connection with a sentence that says so, and harms nobody else.
//
// A dialler opens with a Preamble that says whom it wants. Whoever listens may keep the connection or, not having read
// a byte beyond the preamble, hand it to another process of the machine as an attachment: so a machine needs one port.
//
// All of it lives on the Env's executor: call with its mutex held; callbacks come with it held.
#ifndef IOCLUSTER_LIB_ENV_NETWORK_H_
#define IOCLUSTER_LIB_ENV_NETWORK_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/env/shared_memory.h"

namespace ioc {

inline constexpr uint16_t kProtocolMajor = 1;
inline constexpr uint16_t kProtocolMinor = 0;

inline constexpr size_t kMaxBodyBytes = size_t{16} << 20;
inline constexpr size_t kMaxTrailerBytes = size_t{16} << 20;
inline constexpr size_t kMaxAttachments = 4;
// A connection whose peer reads so slowly that this much waits to be sent is ended.
inline constexpr size_t kMaxUnsentBytes = size_t{256} << 20;

class Connection;

enum class Target : uint8_t { kNode = 1, kHead = 2, kProcess = 3 };

// The first bytes of every connection, in plain text, always kPreambleBytes long.
struct Preamble {
  Target target = Target::kNode;
  uint64_t id = 0;  // the ProcessId for kProcess; otherwise 0
  uint16_t major = kProtocolMajor;
  uint16_t minor = kProtocolMinor;
};
inline constexpr size_t kPreambleBytes = 32;

enum class FrameKind : uint8_t {
  kRequest = 1,  // wants a kReply or a kError with the same call id within timeout_ms
  kReply = 2,
  kError = 3,    // the body is a status
  kNotify = 4,   // wants nothing
  kGoodbye = 5,  // the sender ends the connection; the body is a status that says why
};

struct FrameHeader {
  FrameKind kind = FrameKind::kNotify;
  uint16_t method = 0;
  uint32_t timeout_ms = 0;  // of a request: the time that remains to the caller
  uint64_t call = 0;        // of a request or its answer
};

using Attachment = std::variant<std::shared_ptr<SharedMemory>, std::unique_ptr<Connection>>;

// A frame that has arrived. The spans are valid during OnFrame only; attachments may be moved out.
struct FrameView {
  FrameHeader header;
  std::span<const std::byte> body;  // 8-byte aligned, a multiple of 8 long
  std::span<const std::byte> trailer;
  std::span<Attachment> attachments;
};

// Raw bytes that are sent as they lie in memory; `owner` keeps them there until they are sent.
struct Trailer {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

class FrameHandler {
 public:
  virtual void OnFrame(FrameView frame) = 0;
  // The peer closed, the connection broke, or a frame was bad. At most once, never after the Connection is destroyed
  // by its owner, never from within one of the Connection's own functions. It may destroy the Connection.
  virtual void OnClosed(const absl::Status& why) = 0;

 protected:
  ~FrameHandler() = default;
};

struct PeerInfo {
  std::string description;  // "127.0.0.1:7000", "pid 4711": for messages
  bool same_machine = false;
  int64_t pid = 0;  // of the process on this machine that opened the connection; 0 if that is not known
};

// Destroying it closes it: what Flush could not write is lost.
class Connection {
 public:
  virtual ~Connection() = default;

  // Begins to read. Frames that come before are kept (bounded by the socket's buffer). Once.
  virtual void Start(FrameHandler& handler) = 0;

  // Puts a frame into the buffer; it leaves at the end of the turn (Executor::Defer) or with Flush. A body or trailer
  // beyond the bounds is an error of the caller's and nothing is sent; a connection that broke swallows frames, and
  // OnClosed tells. `body` is copied, a multiple of 8 bytes long.
  virtual absl::Status Send(const FrameHeader& header, std::span<const std::byte> body, Trailer trailer,
                            std::vector<Attachment> attachments) = 0;
  // Writes what the socket takes at once; the rest follows by itself.
  virtual void Flush() = 0;
  virtual size_t unsent_bytes() const = 0;

  virtual const PeerInfo& peer() const = 0;
};

// Destroying it stops listening.
class Listener {
 public:
  virtual ~Listener() = default;
  // Where others reach it, with the port that the system chose if 0 was asked for.
  virtual const std::string& address() const = 0;
};

// A dialler whose preamble has been read and is well-formed. (One that sends none within kPreambleTimeout, or another
// kind of bytes, is closed without a word to the handler. A wrong major version is answered with a kGoodbye.)
using AcceptHandler = absl::AnyInvocable<void(std::unique_ptr<Connection>, const Preamble&)>;
using DialHandler = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<Connection>>)>;

inline constexpr absl::Duration kPreambleTimeout = absl::Seconds(5);
// Diallers whose preamble is awaited; more are closed at once.
inline constexpr size_t kMaxPendingPreambles = 1024;

// Destroying it cancels: the handler is then never called.
class Dialling {
 public:
  virtual ~Dialling() = default;
};

// An address is "HOST:PORT" (TCP; an IPv6 host in brackets) or "unix:NAME" (this machine, this user).
class Network {
 public:
  virtual ~Network() = default;

  // Errors name the address: malformed, in use, not of this machine.
  virtual absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address, AcceptHandler handler) = 0;

  // Connects, sends the preamble and calls `handler` in a later turn. Errors name the address: malformed, refused, not
  // answering within `timeout`.
  virtual std::unique_ptr<Dialling> Dial(std::string_view address, const Preamble& preamble, absl::Duration timeout,
                                         DialHandler handler) = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_NETWORK_H_
