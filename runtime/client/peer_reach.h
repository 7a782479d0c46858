// A connection with a process that is believed to live, such as the owner of what is borrowed here. That a connection
// breaks, or can't be made, is no proof of its end: it is dialled again, with pauses that grow, until its node says
// that it has ended, the head that the node has, or kOutOfReach has passed.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_PEER_REACH_H_
#define IOCLUSTER_RUNTIME_CLIENT_PEER_REACH_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <vector>

#include "lib/env/env.h"
#include "runtime/client/fates.h"
#include "runtime/client/peers.h"

namespace ioc {

inline constexpr absl::Duration kOutOfReach = absl::Seconds(60);
inline constexpr absl::Duration kFirstDialPause = absl::Milliseconds(20);
inline constexpr absl::Duration kLongestDialPause = absl::Seconds(2);

class PeerReach {
 public:
  PeerReach(Env& env, PeerTable& peers, Fates& fates) : env_(env), peers_(peers), fates_(fates) {}
  ~PeerReach();

  using Handler = absl::AnyInvocable<void(absl::StatusOr<Peer*>)>;
  // `handler` may be called at once. Errors: kOwnerDied, with how it has ended; kNodeDied if it is out of reach.
  void With(const ProcessAddress& process, Handler handler);
  // Nobody is dialled any more; before the connections are closed.
  void Clear();

 private:
  struct Attempt {
    ProcessAddress address;
    absl::Time until;
    absl::Duration pause = kFirstDialPause;
    TimerId timer = 0;
    bool asking = false;  // how it has ended
    std::vector<Handler> waiting;
  };

  void Dial(ProcessId process);
  void Failed(ProcessId process, const absl::Status& why);
  void Judge(ProcessId process, const WorkerEnd& end);
  void Finish(ProcessId process, const absl::StatusOr<Peer*>& result);

  Env& env_;
  PeerTable& peers_;
  Fates& fates_;
  bool closed_ = false;
  absl::flat_hash_map<ProcessId, Attempt> attempts_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_PEER_REACH_H_
