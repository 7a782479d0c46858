// The part of Client that says what it holds, and what the cluster does.
#include <utility>

#include "lib/base/status.h"
#include "lib/protocol/actors_json.h"
#include "lib/protocol/census_json.h"
#include "lib/protocol/nodes_json.h"
#include "runtime/client/awaited.h"
#include "runtime/client/client.h"

namespace ioc {

ProcessCensus Client::Census() const {
  ProcessCensus census{.process = process_, .role = worker_ == nullptr ? Role::kDriver : Role::kWorker};
  objects_.Count(census);
  peers_.Count(census);
  lending_.Count(census);
  census.pins = store_.pinned();
  census.slabs = store_.slabs();
  census.tasks = book_.size();
  census.classes = dispatcher_.classes();
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

absl::StatusOr<std::vector<ActorStatus>> Client::ListActors(ioc::ListActors request) {
  std::vector<ActorStatus> actors;
  for (bool more = true; more;) {
    absl::StatusOr<ioc::ListActors::Reply> page = AskHead(request);
    if (!page.ok()) return page.status();
    more = page->more && !page->actors.empty();
    for (ActorStatus& actor : page->actors) actors.push_back(std::move(actor));
    if (!more) break;
    request.after_space = actors.back().name_space;
    request.after_name = actors.back().name;
  }
  return actors;
}

absl::StatusOr<std::vector<std::string>> Client::ActorNames(std::string_view name_space) {
  const absl::StatusOr<std::vector<ActorStatus>> actors =
      ListActors({.one_space = true, .name_space = std::string(name_space)});
  if (!actors.ok()) return actors.status();
  std::vector<std::string> names;
  names.reserve(actors->size());
  for (const ActorStatus& actor : *actors) names.push_back(actor.name);
  return names;
}

absl::StatusOr<std::string> Client::DescribeActorsJson() {
  const absl::StatusOr<std::vector<ActorStatus>> actors = ListActors({});
  if (!actors.ok()) return actors.status();
  JsonWriter json;
  WriteActors(json, *actors);
  return json.Take();
}

}  // namespace ioc
