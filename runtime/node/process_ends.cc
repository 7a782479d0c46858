#include "runtime/node/process_ends.h"

namespace ioc {

ProcessEnds::~ProcessEnds() {
  for (const auto& [session, awaited] : awaited_) env_.executor().CancelTimer(awaited.timer);
}

void ProcessEnds::Await(SessionId session, int64_t pid) {
  Awaited& awaited = awaited_[session];
  const auto ended = [this, session] {
    const auto done = awaited_.extract(session);
    on_end_(session);
  };
  awaited.watch = env_.processes().Watch(pid, ended);
  if (awaited.watch == nullptr) awaited.timer = env_.executor().Schedule(kUnseenProcessGrace, ended);
}

}  // namespace ioc
