// The connections that others opened to this node: processes of the machine, other nodes, tools.
//
// Owned by the node, on its executor. A session has a number, never used twice, by which the other parts remember it:
// what is answered later finds the session by its number, or finds that it is gone.
#ifndef IOCLUSTER_RUNTIME_NODE_SESSIONS_H_
#define IOCLUSTER_RUNTIME_NODE_SESSIONS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "lib/rpc/channel.h"

namespace ioc {

using SessionId = uint64_t;  // from 1; also the HolderId in the object store

// More connections that others open are closed at once.
inline constexpr size_t kMaxSessions = 16384;

class Session;

// Who acts on what sessions say.
class SessionHandler {
 public:
  // As ChannelDelegate::OnMessage.
  virtual absl::Status OnSessionMessage(Session& session, FrameView& frame) = 0;
  // It is destroyed after this.
  virtual void OnSessionClosed(Session& session, const absl::Status& why) = 0;

 protected:
  ~SessionHandler() = default;
};

class Sessions;

class Session final : private ChannelDelegate {
 public:
  Session(Sessions& sessions, SessionId id, Env& env, std::unique_ptr<Connection> connection, const Hello& self);

  SessionId id() const { return id_; }
  Channel& channel() { return channel_; }
  Role role() const { return channel_.peer().role; }  // what it says of itself
  bool same_machine() const { return peer_.same_machine; }
  int64_t pid() const { return peer_.pid; }  // as PeerInfo has it
  // Of a process that has registered; none before.
  ProcessId process() const { return process_; }
  // Of a process that has no part in the cluster any more, but still something in the store.
  bool has_left() const { return has_left_; }

 private:
  friend class Sessions;

  void OnReady(Channel&, const Hello&) override {}
  absl::Status OnMessage(Channel&, FrameView frame) override;
  void OnClosed(Channel&, const absl::Status& why) override;

  Sessions& sessions_;
  const SessionId id_;
  const PeerInfo peer_;
  ProcessId process_;
  bool has_left_ = false;
  Channel channel_;
};

class Sessions {
 public:
  // `self` is what this node says of itself.
  Sessions(Env& env, Hello self, SessionHandler& handler) : env_(env), self_(std::move(self)), handler_(handler) {}
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  // Closes it if there are too many already.
  void Accept(std::unique_ptr<Connection> connection);
  // With a worker of this node, of which there is always room for one more: the pool bounds them.
  SessionId AcceptOwn(std::unique_ptr<Connection> connection);
  // Null if it is gone.
  Session* Find(SessionId id);
  Session* FindProcess(ProcessId process);
  std::vector<ProcessId> ProcessIds() const;
  // From now on the session is found by its process. False if the process has another session already.
  bool Bind(Session& session, ProcessId process);
  // It is not found by its process any more.
  void Leave(Session& session);
  // Closes those that a node has opened. Not from a callback of their own channels.
  void DropNode(NodeId node, const absl::Status& why);
  // Tells those in `role`, or all, why, and closes them; the handler is not called. They stay until they are destroyed,
  // so that what waits for their answers finds out in its turn.
  void SayGoodbye(const absl::Status& why, std::optional<Role> role = std::nullopt);
  // Of processes that have registered, in the order of their ids.
  std::vector<Session*> Processes();
  size_t size() const { return sessions_.size(); }
  // Known once the head has said it.
  void set_cluster(ClusterId cluster) { self_.cluster = cluster; }

  // Answer a request of a session that may be gone.
  template <typename Answer>
  void Reply(SessionId id, const FrameHeader& request, const Answer& answer, Extras extras = {}) {
    if (Session* session = Find(id)) session->channel().Reply(request, answer, std::move(extras));
  }
  void Fail(SessionId id, const FrameHeader& request, const absl::Status& error) {
    if (Session* session = Find(id)) session->channel().Fail(request, error);
  }
  template <typename M>
  void Notify(ProcessId process, const M& message, Extras extras = {}) {
    if (Session* session = FindProcess(process)) session->channel().Notify(message, std::move(extras));
  }
  // All processes that have registered.
  template <typename M>
  void NotifyProcesses(const M& message) {
    for (const auto& [process, session] : by_process_) Find(session)->channel().Notify(message);
  }

 private:
  friend class Session;
  void OnClosed(Session& session, const absl::Status& why);
  void Forget(const Session& session);

  Env& env_;
  Hello self_;
  SessionHandler& handler_;
  SessionId last_id_ = 0;
  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  std::map<ProcessId, SessionId> by_process_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_SESSIONS_H_
