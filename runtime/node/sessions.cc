#include "runtime/node/sessions.h"

namespace ioc {

Session::Session(Sessions& sessions, SessionId id, Env& env, std::unique_ptr<Connection> connection, const Hello& self)
    : sessions_(sessions),
      id_(id),
      peer_(connection->peer()),
      channel_(env, std::move(connection), Channel::Side::kAcceptor, self, *this) {}

absl::Status Session::OnMessage(Channel&, FrameView frame) { return sessions_.handler_.OnSessionMessage(*this, frame); }

void Session::OnClosed(Channel&, const absl::Status& why) { sessions_.OnClosed(*this, why); }

Sessions::~Sessions() {
  // Calls that wait fail now; whoever waits may look for a session, so each is out of the map before it goes.
  by_process_.clear();
  while (!sessions_.empty()) {
    auto gone = std::move(sessions_.begin()->second);
    sessions_.erase(sessions_.begin());
  }
}

void Sessions::Accept(std::unique_ptr<Connection> connection) {
  if (sessions_.size() < kMaxSessions) return void(AcceptOwn(std::move(connection)));
  env_.Log(LogLevel::kWarning, "closed a new connection: this node has " + std::to_string(kMaxSessions) + " already");
}

SessionId Sessions::AcceptOwn(std::unique_ptr<Connection> connection) {
  const SessionId id = ++last_id_;
  sessions_.emplace(id, std::make_unique<Session>(*this, id, env_, std::move(connection), self_));
  return id;
}

Session* Sessions::Find(SessionId id) {
  auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

Session* Sessions::FindProcess(ProcessId process) {
  auto found = by_process_.find(process);
  return found == by_process_.end() ? nullptr : Find(found->second);
}

std::vector<ProcessId> Sessions::ProcessIds() const {
  std::vector<ProcessId> processes;
  processes.reserve(by_process_.size());
  for (const auto& [process, session] : by_process_) processes.push_back(process);
  return processes;
}

bool Sessions::Bind(Session& session, ProcessId process) {
  if (!by_process_.emplace(process, session.id()).second) return false;
  session.process_ = process;
  return true;
}

std::vector<Session*> Sessions::Processes() {
  std::vector<Session*> processes;
  for (const auto& [process, id] : by_process_) {
    if (Session* session = Find(id)) processes.push_back(session);
  }
  return processes;
}

void Sessions::Forget(const Session& session) {
  auto found = by_process_.find(session.process());
  if (found != by_process_.end() && found->second == session.id()) by_process_.erase(found);
}

void Sessions::Leave(Session& session) {
  Forget(session);
  session.process_ = ProcessId();
  session.has_left_ = true;
}

void Sessions::DropNode(NodeId node, const absl::Status& why) {
  std::vector<SessionId> dropped;
  for (const auto& [id, session] : sessions_) {
    const bool is_ready = session->channel().ready();
    if (is_ready && session->role() == Role::kNode && session->channel().peer().node == node) dropped.push_back(id);
  }
  for (const SessionId id : dropped) {
    Session* const session = Find(id);
    if (session == nullptr) continue;
    session->channel().Close(why);
    OnClosed(*session, why);
  }
}

void Sessions::SayGoodbye(const absl::Status& why, std::optional<Role> role) {
  for (auto& [id, session] : sessions_) {
    if (!role.has_value() || (session->channel().ready() && session->role() == *role)) session->channel().Close(why);
  }
}

void Sessions::OnClosed(Session& session, const absl::Status& why) {
  auto found = sessions_.find(session.id());
  if (found == sessions_.end()) return;
  std::unique_ptr<Session> gone = std::move(found->second);
  sessions_.erase(found);
  Forget(*gone);
  handler_.OnSessionClosed(*gone, why);
}

}  // namespace ioc
