// The client inside every driver and worker: submits, owns objects, resolves dependencies, retries, waits.
//
// Implements the seam of the public API (iocluster/internal/runtime.h), whose functions any thread may call: they take
// the executor's mutex. Everything else lives on the executor, mutex held.
#ifndef IOCLUSTER_RUNTIME_CLIENT_CLIENT_H_
#define IOCLUSTER_RUNTIME_CLIENT_CLIENT_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <memory>
#include <string>

#include "iocluster/internal/runtime.h"
#include "lib/env/env.h"
#include "lib/protocol/codec.h"
#include "lib/rpc/channel.h"

namespace ioc {

struct ClientOptions {
  Role role = Role::kDriver;
  std::string node_address = {};  // of the own node; empty: Env::TakeParent()
  ProgramInfo program = {};       // a driver's
  absl::Duration timeout = absl::Seconds(10);  // to reach and register with the node
};

// What a worker adds to its client: it serves what peers and the node ask of a worker. All with the mutex held.
class WorkerHooks {
 public:
  virtual absl::Status OnAssignLease(const AssignLease& lease) = 0;
  virtual void OnRecallLease(LeaseId lease) = 0;
  virtual void OnStop(std::string_view reason) = 0;  // the node is gone or says so
  virtual void OnPushTasks(Channel& client, PushTasks& push) = 0;
  virtual void OnReturnLease(Channel& client, LeaseId lease) = 0;
  virtual void OnRecallTasks(Channel& client, const RecallTasks& recall) = 0;
  virtual void OnCancelTask(Channel& client, const CancelTask& cancel) = 0;
  virtual void OnStopActor(Channel& client, ObjectId actor) = 0;
  virtual void OnPeerClosed(Channel& client) = 0;
  // Before and after a thread that runs a task waits.
  virtual void OnBlocked() = 0;
  virtual void OnUnblocked() = 0;
  virtual bool CancelRequested() = 0;

 protected:
  ~WorkerHooks() = default;
};

class Client;

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_CLIENT_H_
