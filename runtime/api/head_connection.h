// A tool's connection to a head, for one thread that asks and waits.
#ifndef IOCLUSTER_RUNTIME_API_HEAD_CONNECTION_H_
#define IOCLUSTER_RUNTIME_API_HEAD_CONNECTION_H_

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/rpc/channel.h"

namespace ioc {

// Made, used and destroyed by one thread, without the Env's mutex.
class HeadConnection final : private ChannelDelegate {
 public:
  // Dials and greets. An error says which address, why, and what to do; `named_by` is how another address is named
  // ("--address", "ConnectOptions.address").
  static absl::StatusOr<std::unique_ptr<HeadConnection>> Open(Env& env, const std::string& address,
                                                              std::string named_by, absl::Duration timeout);
  ~HeadConnection();
  HeadConnection(const HeadConnection&) = delete;
  HeadConnection& operator=(const HeadConnection&) = delete;

  // Asks and waits for the answer.
  template <Request R>
  absl::StatusOr<typename R::Reply> Call(const R& request, absl::Duration timeout) {
    const MutexLock lock(env_.executor().mutex());
    if (!closed_.ok()) return closed_;
    auto answer = std::make_shared<Answer<typename R::Reply>>();
    channel_->Call(request, timeout, [this, answer](absl::StatusOr<typename R::Reply> reply) {
      answer->reply = std::move(reply);
      env_.executor().Notify(answer->waiter);
    });
    // The channel ends every call by its deadline; the rest is for the scheduling of this thread.
    env_.executor().Await(answer->waiter, env_.executor().Now() + timeout + absl::Seconds(1));
    if (!answer->reply.has_value()) return MakeError(Cause::kDeadline, absl::StrCat(address_, " gave no answer"));
    return *std::move(answer->reply);
  }

 private:
  template <typename T>
  struct Answer {
    Waiter waiter;
    std::optional<absl::StatusOr<T>> reply;
  };

  HeadConnection(Env& env, std::string address, std::string named_by)
      : env_(env), address_(std::move(address)), named_by_(std::move(named_by)) {}

  absl::Status Dial(absl::Duration timeout);
  absl::Status Unreachable(const absl::Status& why) const;

  void OnReady(Channel& channel, const Hello& peer) override;
  absl::Status OnMessage(Channel& channel, FrameView frame) override;
  void OnClosed(Channel& channel, const absl::Status& why) override;

  Env& env_;
  const std::string address_;
  const std::string named_by_;
  std::unique_ptr<Dialling> dialling_;
  std::unique_ptr<Channel> channel_;
  Waiter ready_;  // notified when the head has greeted, or will not
  absl::Status closed_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_API_HEAD_CONNECTION_H_
