#include "lib/env_asio/asio_listener.h"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "lib/env_asio/asio_connection.h"
#include "lib/env_asio/socket.h"
#include "lib/env_asio/wire.h"

namespace ioc {
namespace {

// Accepted in one turn; then others have theirs.
constexpr int kMaxAcceptsATurn = 64;
// Out of descriptors: others may be closed by then.
constexpr absl::Duration kAcceptRetry = absl::Milliseconds(100);
constexpr absl::Duration kWarningInterval = absl::Seconds(1);

bool IsUnix(int socket) { return LocalAddress(socket).family() == AF_UNIX; }

}  // namespace

// Outlives its AsioListener while the accept handler that destroyed it is on the stack.
class AsioListener::Core final : public std::enable_shared_from_this<Core>, private FdHandler {
 public:
  Core(AsioExecutor& executor, UniqueFd socket, AcceptHandler handler, std::function<void(std::string_view)> warn)
      : executor_(executor), unix_(IsUnix(socket.get())), handler_(std::move(handler)), warn_(std::move(warn)) {
    watch_.emplace(executor.loop(), std::move(socket), static_cast<FdHandler&>(*this));
    watch_->WaitReadable();
  }

  void Close() {
    watch_.reset();
    pending_.clear();
    executor_.CancelTimer(retry_);
  }

 private:
  // A dialler whose preamble is not all here yet. Reads that and not a byte more.
  class Pending final : private FdHandler {
   public:
    Pending(Core& core, uint64_t key, UniqueFd socket)
        : core_(core), key_(key), watch_(core.executor_.loop(), std::move(socket), static_cast<FdHandler&>(*this)) {
      timer_ = core.executor_.Schedule(kPreambleTimeout, [&core, key] { core.pending_.erase(key); });
      watch_.WaitReadable();
    }
    ~Pending() { core_.executor_.CancelTimer(timer_); }

   private:
    void OnReadable() override {
      const ssize_t got = recv(watch_.fd(), bytes_.data() + read_, bytes_.size() - read_, MSG_DONTWAIT);
      if (got > 0) read_ += static_cast<size_t>(got);
      if (read_ == bytes_.size()) {
        core_.FinishPreamble(key_, watch_.Release(), bytes_);
      } else if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
        watch_.WaitReadable();
      } else {
        core_.pending_.erase(key_);
      }
    }

    Core& core_;
    const uint64_t key_;
    FdWatch watch_;
    std::array<std::byte, kPreambleBytes> bytes_;
    size_t read_ = 0;
    TimerId timer_ = 0;
  };

  void OnReadable() override {
    for (int i = 0; i < kMaxAcceptsATurn; ++i) {
      UniqueFd socket(accept4(watch_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket) {
        Admit(std::move(socket));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        Warn(absl::StrCat("can't accept a connection: ", std::strerror(errno), "; raise the limit of open files"));
        retry_ = executor_.Schedule(kAcceptRetry, [this] { watch_->WaitReadable(); });
        return;
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      }
    }
    watch_->WaitReadable();
  }

  void Admit(UniqueFd socket) {
    if (unix_) {
      if (!IsTrustedUnixPeer(socket.get())) {
        return Warn(absl::StrCat("refused ", DescribePeer(socket.get()).description, ": it belongs to another user"));
      }
    } else {
      SetTcpOptions(socket.get());
    }
    if (pending_.size() >= kMaxPendingPreambles) {
      return Warn(absl::StrCat("refused ", DescribePeer(socket.get()).description, ": ", kMaxPendingPreambles,
                               " others have not said yet whom they want"));
    }
    const uint64_t key = ++last_key_;
    pending_.emplace(key, std::make_unique<Pending>(*this, key, std::move(socket)));
  }

  void FinishPreamble(uint64_t key, UniqueFd socket, const std::array<std::byte, kPreambleBytes>& bytes) {
    const std::optional<Preamble> preamble = DecodePreamble(bytes);
    pending_.erase(key);
    PeerInfo peer = DescribePeer(socket.get());
    if (!preamble.has_value()) {
      return Warn(absl::StrCat("refused ", peer.description, ": it doesn't speak iocluster's protocol"));
    }
    // The handler may destroy the listener, and with it itself.
    const std::shared_ptr<Core> self = shared_from_this();
    handler_(std::make_unique<AsioConnection>(executor_, std::move(socket), std::move(peer)), *preamble);
  }

  // One line a second: strangers must not fill the log.
  void Warn(const std::string& message) {
    if (executor_.Now() < next_warning_) return;
    next_warning_ = executor_.Now() + kWarningInterval;
    warn_(message);
  }

  AsioExecutor& executor_;
  const bool unix_;
  AcceptHandler handler_;
  const std::function<void(std::string_view)> warn_;
  std::optional<FdWatch> watch_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Pending>> pending_;
  uint64_t last_key_ = 0;
  TimerId retry_ = 0;
  absl::Time next_warning_ = absl::InfinitePast();
};

AsioListener::AsioListener(AsioExecutor& executor, UniqueFd socket, std::string address, AcceptHandler handler,
                           std::function<void(std::string_view)> warn)
    : address_(std::move(address)),
      core_(std::make_shared<Core>(executor, std::move(socket), std::move(handler), std::move(warn))) {}

AsioListener::~AsioListener() { core_->Close(); }

}  // namespace ioc
