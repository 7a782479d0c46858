// The part of Client that says what it holds, and what the cluster does.
#include <utility>

#include "lib/base/status.h"
#include "lib/protocol/census_json.h"
#include "lib/protocol/nodes_json.h"
#include "runtime/client/awaited.h"
#include "runtime/client/client.h"

namespace ioc {

ProcessCensus Client::Census() const {
  ProcessCensus census{.process = process_, .role = worker_ == nullptr ? Role::kDriver : Role::kWorker};
  objects_.Count(census);
  peers_.Count(census);
  census.answering = borrowing_.answering();
  census.pins = store_.pinned();
  census.slabs = store_.slabs();
  census.tasks = book_.size();
  census.leases = dispatcher_.leases();
  census.streams = streams_.size();
  if (worker_ != nullptr) worker_->Count(census);
  return census;
}

template <typename R>
absl::StatusOr<typename R::Reply> Client::AskHead(const R& request) {
  MutexLock lock(env_->executor().mutex());
  if (!closed_.ok()) return closed_;
  Awaited<absl::StatusOr<typename R::Reply>> answer;
  node_.Call(request, kHeadCallTimeout, [this, promise = answer.promise()](absl::StatusOr<typename R::Reply> reply) {
    promise.Set(env_->executor(), std::move(reply));
  });
  Block(answer.waiter(), absl::InfiniteFuture());  // the call has a deadline of its own
  return *std::move(answer.value());
}

absl::StatusOr<std::string> Client::DescribeNodesJson() {
  IOC_ASSIGN_OR_RETURN(const ListNodes::Reply list, AskHead(ListNodes{}));
  JsonWriter json;
  WriteNodes(json, list.nodes);
  return json.Take();
}

absl::StatusOr<std::string> Client::DescribeObjectsJson() {
  IOC_ASSIGN_OR_RETURN(const ListObjects::Reply list, AskHead(ListObjects{}));
  JsonWriter json;
  WriteObjects(json, list);
  return json.Take();
}

}  // namespace ioc
