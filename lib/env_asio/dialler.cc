#include "lib/env_asio/dialler.h"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/env_asio/asio_connection.h"
#include "lib/env_asio/resolver.h"
#include "lib/env_asio/socket.h"
#include "lib/env_asio/wire.h"

namespace ioc {
namespace {

// A Unix socket whose backlog is full says so at once instead of letting us wait.
constexpr absl::Duration kBacklogRetry = absl::Milliseconds(5);

}  // namespace

// Shared with what it has posted and with the lookup of the host; cancelled when the Dialler goes.
class Dialler::Core final : public std::enable_shared_from_this<Core>, private FdHandler {
 public:
  Core(AsioExecutor& executor, std::string_view address, const Preamble& preamble, DialHandler handler)
      : executor_(executor), text_(address), preamble_(preamble), handler_(std::move(handler)) {}

  void Begin(absl::Duration timeout) {
    timer_ = executor_.Schedule(timeout, [this, timeout] {
      Finish(MakeError(Cause::kDeadline,
                       absl::StrCat("can't connect to ", text_, ": no answer within ", absl::FormatDuration(timeout))));
    });
    absl::StatusOr<Address> address = ParseAddress(text_);
    if (!address.ok()) return FinishLater(address.status());
    absl::StatusOr<std::vector<SocketAddress>> found = ResolveAtOnce(*address);
    if (!found.ok()) return FinishLater(found.status());
    if (!found->empty()) {
      addresses_ = *std::move(found);
      return TryNext();
    }
    lookup_ = Lookup::Start(executor_, *std::move(address), [this](absl::StatusOr<std::vector<SocketAddress>> result) {
      if (!result.ok()) return Finish(result.status());
      addresses_ = *std::move(result);
      TryNext();
    });
  }

  void Cancel() {
    executor_.CancelTimer(timer_);
    executor_.CancelTimer(retry_);
    watch_.reset();
    lookup_.reset();
    cancelled_ = true;
  }

 private:
  void TryNext() {
    while (next_ < addresses_.size()) {
      const SocketAddress& address = addresses_[next_++];
      absl::StatusOr<UniqueFd> socket = OpenSocket(address.family());
      if (!socket.ok()) {
        last_error_ = socket.status();
        continue;
      }
      if (connect(socket->get(), address.get(), address.length) == 0) return Connected(*std::move(socket));
      if (errno == EINPROGRESS) {
        watch_.emplace(executor_.loop(), *std::move(socket), static_cast<FdHandler&>(*this));
        return watch_->WaitWritable();
      }
      if (errno == EAGAIN) {
        --next_;
        retry_ = executor_.Schedule(kBacklogRetry, [this] { TryNext(); });
        return;
      }
      last_error_ = ConnectError(text_, errno);
    }
    FinishLater(last_error_);
  }

  void OnReadable() override {}

  void OnWritable() override {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(watch_->fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    UniqueFd socket = watch_->Release();
    watch_.reset();
    if (error == 0) return Connected(std::move(socket));
    last_error_ = ConnectError(text_, error);
    TryNext();
  }

  void Connected(UniqueFd socket) {
    PeerInfo peer = DescribePeer(socket.get());
    // Anybody may take a free name in the abstract namespace.
    if (peer.same_machine && !IsTrustedUnixPeer(socket.get())) {
      return FinishLater(
          MakeError(Cause::kDisconnected, absl::StrCat("refused to talk to ", text_, ": it belongs to another user")));
    }
    if (!peer.same_machine) peer.description = text_;
    const auto bytes = EncodePreamble(preamble_);
    // The first bytes always fit into the socket's buffer.
    if (send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
        static_cast<ssize_t>(bytes.size())) {
      return FinishLater(ConnectError(text_, errno));
    }
    FinishLater(std::make_unique<AsioConnection>(executor_, std::move(socket), std::move(peer)));
  }

  void FinishLater(absl::StatusOr<std::unique_ptr<Connection>> result) {
    executor_.CancelTimer(timer_);
    executor_.Post(
        [self = shared_from_this(), result = std::move(result)]() mutable { self->Finish(std::move(result)); });
  }

  void Finish(absl::StatusOr<std::unique_ptr<Connection>> result) {
    if (cancelled_) return;
    const std::shared_ptr<Core> self = shared_from_this();  // The handler may destroy the Dialler.
    Cancel();
    DialHandler handler = std::move(handler_);
    handler(std::move(result));
  }

  AsioExecutor& executor_;
  const std::string text_;
  const Preamble preamble_;
  DialHandler handler_;
  std::unique_ptr<Lookup> lookup_;
  std::vector<SocketAddress> addresses_;
  size_t next_ = 0;
  std::optional<FdWatch> watch_;
  absl::Status last_error_ = MakeError(Cause::kDisconnected, "the host has no address");
  TimerId timer_ = 0;
  TimerId retry_ = 0;
  bool cancelled_ = false;
};

Dialler::Dialler(AsioExecutor& executor, std::string_view address, const Preamble& preamble, absl::Duration timeout,
                 DialHandler handler)
    : core_(std::make_shared<Core>(executor, address, preamble, std::move(handler))) {
  core_->Begin(timeout);
}

Dialler::~Dialler() { core_->Cancel(); }

}  // namespace ioc
