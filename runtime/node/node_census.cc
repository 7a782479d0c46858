// The part of Node::Impl that counts what this machine holds.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "runtime/node/node_impl.h"

namespace ioc {
namespace {

// Of a process for its answer; one that runs a task answers from its background thread.
constexpr absl::Duration kProcessCensusTimeout = absl::Seconds(2);

struct Gathered {
  NodeCensus census;
  size_t awaited = 1;  // one for the question itself
  absl::AnyInvocable<void(const NodeCensus&)> done;

  void CountDown() {
    if (--awaited > 0) return;
    std::sort(census.processes.begin(), census.processes.end(),
              [](const ProcessCensus& a, const ProcessCensus& b) { return a.process < b.process; });
    done(census);
  }
};

}  // namespace

void Node::Impl::TakeCensus(absl::AnyInvocable<void(const NodeCensus&)> done) {
  auto gathered = std::make_shared<Gathered>();
  gathered->done = std::move(done);
  NodeCensus& census = gathered->census;
  census.name = info_.name;
  census.node = info_.address.node;
  census.sessions = sessions_->size();
  census.workers = workers_->count();
  leases_->Count(census);
  store_->Count(census);
  for (Session* session : sessions_->Processes()) {
    ++gathered->awaited;
    ProcessCensus known{.process = session->process(),
                        .role = session->role(),
                        .name = session->channel().description(),
                        .silent = true};
    session->channel().Call(
        TakeProcessCensus{}, kProcessCensusTimeout,
        life_.Bind([gathered, known = std::move(known)](absl::StatusOr<TakeProcessCensus::Reply> reply) {
          // One that has ended meanwhile holds nothing.
          if (CauseOf(reply.status()) != Cause::kDisconnected) {
            ProcessCensus& added = gathered->census.processes.emplace_back(reply.ok() ? reply->census : known);
            added.name = known.name;
          }
          gathered->CountDown();
        }));
  }
  gathered->CountDown();
}

}  // namespace ioc
