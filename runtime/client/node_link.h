// A process's connection to its own node: registration, and then everything that is asked of the node, of the head
// through it, and of the object store. The node closing it means that this process has no cluster any more.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_NODE_LINK_H_
#define IOCLUSTER_RUNTIME_CLIENT_NODE_LINK_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <utility>

#include "lib/env/env.h"
#include "lib/rpc/channel.h"

namespace ioc {

// What a process learns when it registers.
struct Registration {
  RegisterProcess::Reply reply;
  NodeAddress node;
  std::shared_ptr<SharedMemory> store;
  std::shared_ptr<SharedMemory> status_page;  // of a worker; otherwise null
};

class NodeLinkHooks {
 public:
  virtual absl::Status OnNodeMessage(Channel& channel, FrameView frame) = 0;
  virtual void OnNodeClosed(const absl::Status& why) = 0;

 protected:
  ~NodeLinkHooks() = default;
};

class NodeLink final : public ChannelDelegate {
 public:
  NodeLink(Env& env, NodeLinkHooks& hooks) : env_(env), hooks_(hooks) {}

  // Over `connection` (a worker's parent) or, if null, by dialling `address`. `done` is called once.
  void Register(std::unique_ptr<Connection> connection, std::string_view address, Hello self, RegisterProcess request,
                absl::Duration timeout, absl::AnyInvocable<void(absl::StatusOr<Registration>)> done);

  bool open() const { return channel_ != nullptr && !channel_->closed() && !left_; }
  Channel* channel() { return channel_.get(); }
  // The node's Hello, once registered.
  const Hello& node() const { return channel_->peer(); }

  template <Message M>
  void Notify(const M& message) {
    if (open()) channel_->Notify(message);
  }
  template <Request R>
  void Call(const R& request, absl::Duration timeout,
            absl::AnyInvocable<void(absl::StatusOr<typename R::Reply>)> handler) {
    if (!open()) return handler(closed_);
    channel_->Call(request, timeout, std::move(handler));
  }

  // Sends now what waits for the end of the turn.
  void Flush() {
    if (open()) channel_->Flush();
  }
  // This process's part in the cluster ends as with Close, but what it leases and pins in the store stays until that.
  void Leave();
  // Nobody in this process uses the store any more.
  void Close();

 private:
  void OnReady(Channel& channel, const Hello& peer) override;
  absl::Status OnMessage(Channel& channel, FrameView frame) override;
  void OnClosed(Channel& channel, const absl::Status& why) override;

  void Start(std::unique_ptr<Connection> connection);
  void SayThatItLeaves();
  void Registered(absl::StatusOr<RawReply> raw);
  void Finish(absl::StatusOr<Registration> result);

  Env& env_;
  NodeLinkHooks& hooks_;
  Hello self_;
  RegisterProcess request_;
  absl::Duration timeout_;
  std::unique_ptr<Dialling> dialling_;
  std::unique_ptr<Channel> channel_;
  bool left_ = false;
  absl::Status closed_;
  absl::AnyInvocable<void(absl::StatusOr<Registration>)> done_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_NODE_LINK_H_
