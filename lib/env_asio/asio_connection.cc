#include "lib/env_asio/asio_connection.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/env_asio/frame_reader.h"
#include "lib/env_asio/memfd_memory.h"
#include "lib/env_asio/out_queue.h"
#include "lib/env_asio/socket.h"

namespace ioc {
namespace {

// With this much unsent a frame doesn't wait for the end of the turn.
constexpr size_t kFlushBytes = 64 << 10;
// The kernel lets a user send no more descriptors while so many that were sent are still unread. It is asked again.
constexpr absl::Duration kDescriptorsRetry = absl::Milliseconds(20);
// Read in one turn; then others have theirs.
constexpr size_t kReadBatchBytes = 256 << 10;

absl::Status TooLarge(std::string_view what, size_t bytes, size_t limit) {
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("a ", std::string(what), " of ", bytes, " bytes; a frame may have ", limit));
}

absl::Status CheckBounds(std::span<const std::byte> body, const Trailer& trailer, size_t attachments) {
  if (body.size() > kMaxBodyBytes) return TooLarge("body", body.size(), kMaxBodyBytes);
  if (body.size() % 8 != 0) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("a body of ", body.size(), " bytes, no multiple of 8"));
  }
  if (trailer.bytes.size() > kMaxTrailerBytes) return TooLarge("trailer", trailer.bytes.size(), kMaxTrailerBytes);
  if (attachments > kMaxAttachments) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat(attachments, " attachments; a frame may have ", kMaxAttachments));
  }
  return absl::OkStatus();
}

// Makes descriptors of attachments. One that can't be sent is an error.
absl::Status ConvertAttachments(std::vector<Attachment>& attachments, FrameLayout& layout,
                                std::vector<OutAttachment>& converted) {
  for (Attachment& attachment : attachments) {
    OutAttachment out;
    if (auto* memory = std::get_if<std::shared_ptr<SharedMemory>>(&attachment)) {
      const auto* memfd = dynamic_cast<const MemfdMemory*>(memory->get());
      if (memfd == nullptr) return MakeError(Cause::kInvalidArgument, "an attachment that is not this Env's memory");
      out.fd = memfd->fd();
      out.memory = std::move(*memory);
      layout.attachments[converted.size()] = AttachmentKind::kSharedMemory;
    } else {
      auto* connection = dynamic_cast<AsioConnection*>(std::get<std::unique_ptr<Connection>>(attachment).get());
      if (connection != nullptr) out.owned = connection->TakeUnused();
      if (!out.owned) return MakeError(Cause::kInvalidArgument, "a connection that is in use can't be handed over");
      out.fd = out.owned.get();
      layout.attachments[converted.size()] = AttachmentKind::kConnection;
    }
    converted.push_back(std::move(out));
  }
  layout.attachment_count = converted.size();
  return absl::OkStatus();
}

absl::StatusOr<Attachment> ReceiveAttachment(AsioExecutor& executor, AttachmentKind kind, UniqueFd fd) {
  if (kind == AttachmentKind::kSharedMemory) {
    IOC_ASSIGN_OR_RETURN(std::shared_ptr<SharedMemory> memory, MemfdMemory::Map(std::move(fd)));
    return Attachment(std::move(memory));
  }
  struct stat info;
  if (fstat(fd.get(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    return MakeError(Cause::kInvalidArgument, "an attached connection that is no socket");
  }
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  PeerInfo peer = DescribePeer(fd.get());
  return Attachment(std::make_unique<AsioConnection>(executor, std::move(fd), std::move(peer)));
}

}  // namespace

// Outlives its AsioConnection while a handler that destroyed it is on the stack.
class AsioConnection::Core final : public std::enable_shared_from_this<Core>, private Deferred, private FdHandler {
 public:
  Core(AsioExecutor& executor, UniqueFd socket, PeerInfo peer)
      : executor_(executor), socket_(std::move(socket)), peer_(std::move(peer)) {}

  void Start(FrameHandler& handler) {
    IOC_CHECK(!started_) << "a connection is started once";
    started_ = true;
    handler_ = &handler;
    if (broken_) {
      PostClosed();
    } else {
      watch().WaitReadable();
    }
  }

  absl::Status Send(const FrameHeader& header, std::span<const std::byte> body, Trailer trailer,
                    std::vector<Attachment> attachments) {
    IOC_RETURN_IF_ERROR(CheckBounds(body, trailer, attachments.size()));
    if (!attachments.empty() && !peer_.same_machine) {
      return MakeError(Cause::kInvalidArgument, absl::StrCat("attachments can't go to ", peer_.description,
                                                             ", which is not reached by a Unix socket"));
    }
    FrameLayout layout = {.header = header, .body_bytes = body.size(), .trailer_bytes = trailer.bytes.size()};
    std::vector<OutAttachment> converted;
    IOC_RETURN_IF_ERROR(ConvertAttachments(attachments, layout, converted));
    if (broken_ || mute_) return absl::OkStatus();
    used_ = true;
    out_.Append(layout, body, std::move(trailer), std::move(converted));
    if (waiting_writable_) {
      EnforceUnsentLimit();
    } else if (out_.bytes() >= kFlushBytes) {
      Flush();
    } else {
      executor_.Defer(*this);
    }
    return absl::OkStatus();
  }

  void Flush() {
    executor_.Undefer(*this);
    if (broken_ || mute_ || waiting_writable_ || out_.bytes() == 0) return;
    const int error = out_.Write(fd());
    if (error != 0 && error != ETOOMANYREFS) return WriteFailed(error);
    if (out_.bytes() == 0) return;
    waiting_writable_ = true;
    if (error == 0) {
      watch().WaitWritable();
    } else {
      retry_timer_ = executor_.Schedule(kDescriptorsRetry, [this] {
        retry_timer_ = 0;
        OnWritable();
      });
    }
    EnforceUnsentLimit();
  }

  // The owner is gone. What the socket takes at once is still sent.
  void Close() {
    Flush();
    handler_ = nullptr;
    Break(absl::OkStatus());
  }

  UniqueFd TakeUnused() {
    if (started_ || used_ || broken_) return UniqueFd();
    broken_ = true;
    return std::move(socket_);
  }

  size_t unsent_bytes() const { return out_.bytes(); }
  const PeerInfo& peer() const { return peer_; }

 private:
  void RunDeferred() override { Flush(); }

  void OnWritable() override {
    waiting_writable_ = false;
    Flush();
  }

  void OnReadable() override {
    const std::shared_ptr<Core> self = shared_from_this();
    size_t batch = 0;
    do {
      const ssize_t received = reader_.Receive(fd());
      if (received < 0 && errno == EINTR) continue;
      if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (received <= 0) return Break(EndOfStream(received == 0 ? 0 : errno));
      batch += static_cast<size_t>(received);
      if (!DeliverFrames()) return;
    } while (reader_.filled() && batch < kReadBatchBytes);
    watch().WaitReadable();
  }

  // False if the connection ended meanwhile.
  bool DeliverFrames() {
    while (true) {
      absl::StatusOr<std::optional<RawFrame>> next = reader_.Next();
      if (!next.ok()) {
        Break(BadBytes(next.status()));
        return false;
      }
      if (!next->has_value()) return true;
      RawFrame& frame = **next;
      std::vector<Attachment> attachments;
      for (size_t i = 0; i < frame.descriptors.size(); ++i) {
        auto attachment = ReceiveAttachment(executor_, frame.layout.attachments[i], std::move(frame.descriptors[i]));
        if (!attachment.ok()) {
          Break(BadBytes(attachment.status()));
          return false;
        }
        attachments.push_back(*std::move(attachment));
      }
      handler_->OnFrame(
          {.header = frame.layout.header, .body = frame.body, .trailer = frame.trailer, .attachments = attachments});
      if (broken_) return false;
    }
  }

  absl::Status BadBytes(const absl::Status& what) const {
    return WithContext(what, absl::StrCat(peer_.description, " sent"));
  }

  absl::Status EndOfStream(int read_error) const {
    const int error = read_error != 0 ? read_error : write_error_;
    const std::string where = reader_.in_frame() ? " in the middle of a frame" : "";
    if (error == 0 || error == EPIPE) {
      return MakeError(Cause::kDisconnected, absl::StrCat(peer_.description, " closed the connection", where));
    }
    return MakeError(Cause::kDisconnected, absl::StrCat("the connection to ", peer_.description, " broke", where, ": ",
                                                        std::strerror(error)));
  }

  void EnforceUnsentLimit() {
    if (out_.bytes() <= kMaxUnsentBytes) return;
    Break(
        MakeError(Cause::kDisconnected, absl::StrCat(peer_.description, " reads too slowly: ", out_.bytes(),
                                                     " bytes wait to be sent, beyond the limit of ", kMaxUnsentBytes)));
  }

  // Where the peer is gone, what it said before is still to be read. Otherwise it would wait for ever for what is lost.
  void WriteFailed(int error) {
    write_error_ = error;
    if (error != EPIPE && error != ECONNRESET) return Break(EndOfStream(error));
    mute_ = true;
    out_.Clear();
  }

  void Break(const absl::Status& why) {
    if (broken_) return;
    broken_ = true;
    why_ = why;
    executor_.Undefer(*this);
    executor_.CancelTimer(std::exchange(retry_timer_, 0));
    watch_.reset();
    socket_.Reset();
    out_.Clear();
    if (handler_ != nullptr) PostClosed();
  }

  void PostClosed() {
    executor_.Post([self = shared_from_this()] {
      if (FrameHandler* handler = std::exchange(self->handler_, nullptr)) handler->OnClosed(self->why_);
    });
  }

  // Only connections that read, or that can't write, are watched.
  FdWatch& watch() {
    if (!watch_.has_value()) watch_.emplace(executor_.loop(), std::move(socket_), static_cast<FdHandler&>(*this));
    return *watch_;
  }
  int fd() const { return watch_.has_value() ? watch_->fd() : socket_.get(); }

  AsioExecutor& executor_;
  UniqueFd socket_;  // until it is watched
  std::optional<FdWatch> watch_;
  const PeerInfo peer_;
  FrameHandler* handler_ = nullptr;
  FrameReader reader_;
  OutQueue out_;
  bool started_ = false;
  bool used_ = false;
  bool waiting_writable_ = false;  // or for the kernel to take descriptors
  TimerId retry_timer_ = 0;
  bool mute_ = false;  // a write failed
  int write_error_ = 0;
  bool broken_ = false;
  absl::Status why_;
};

AsioConnection::AsioConnection(AsioExecutor& executor, UniqueFd socket, PeerInfo peer)
    : core_(std::make_shared<Core>(executor, std::move(socket), std::move(peer))) {}

AsioConnection::~AsioConnection() { core_->Close(); }

void AsioConnection::Start(FrameHandler& handler) { core_->Start(handler); }

absl::Status AsioConnection::Send(const FrameHeader& header, std::span<const std::byte> body, Trailer trailer,
                                  std::vector<Attachment> attachments) {
  return core_->Send(header, body, std::move(trailer), std::move(attachments));
}

void AsioConnection::Flush() { core_->Flush(); }
size_t AsioConnection::unsent_bytes() const { return core_->unsent_bytes(); }
const PeerInfo& AsioConnection::peer() const { return core_->peer(); }
UniqueFd AsioConnection::TakeUnused() { return core_->TakeUnused(); }

}  // namespace ioc
