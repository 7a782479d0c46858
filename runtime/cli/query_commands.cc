// iocluster status, nodes, actors, objects, ping and stop: what is asked of a running head.

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <cstdio>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/protocol/actor_messages.h"
#include "lib/protocol/census_messages.h"
#include "lib/protocol/head_messages.h"
#include "runtime/cli/command.h"
#include "runtime/cli/listings.h"
#include "runtime/cli/query.h"
#include "runtime/cli/table.h"

namespace ioc {
namespace {

// A head gives its nodes a while to stop before it answers.
constexpr absl::Duration kStopTimeout = absl::Seconds(10);

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

}  // namespace

int RunStatus(const std::vector<std::string>& arguments) {
  const Query query{.command = "status", .about = "Shows the cluster in a few lines: nodes, resources, what waits."};
  return RunQuery(query, arguments, [](const QueryContext& context) -> absl::Status {
    IOC_ASSIGN_OR_RETURN(const GetStatus::Reply status, context.head.Call(GetStatus{}, kHeadTimeout));
    Print(context.json ? StatusJson(status, context.address) : StatusText(status, context.address));
    return absl::OkStatus();
  });
}

int RunNodes(const std::vector<std::string>& arguments) {
  const Query query{.command = "nodes", .about = "Lists the cluster's nodes: what they offer and what is free now."};
  return RunQuery(query, arguments, [](const QueryContext& context) -> absl::Status {
    IOC_ASSIGN_OR_RETURN(const ListNodes::Reply list, context.head.Call(ListNodes{}, kHeadTimeout));
    Print(context.json ? NodesJson(list) : NodesText(list, context.address));
    return absl::OkStatus();
  });
}

int RunActors(const std::vector<std::string>& arguments) {
  const Query query{.command = "actors",
                    .about = "Lists the actors that have names: where they live, and how often they were made again."};
  return RunQuery(query, arguments, [](const QueryContext& context) -> absl::Status {
    std::vector<ActorStatus> actors;
    ListActors request;
    for (bool more = true; more;) {
      IOC_ASSIGN_OR_RETURN(const ListActors::Reply page, context.head.Call(request, kHeadTimeout));
      actors.insert(actors.end(), page.actors.begin(), page.actors.end());
      more = page.more && !page.actors.empty();
      if (!more) break;
      request.after_space = actors.back().name_space;
      request.after_name = actors.back().name;
    }
    Print(context.json ? ActorsJson(actors) : ActorsText(actors));
    return absl::OkStatus();
  });
}

int RunObjects(const std::vector<std::string>& arguments) {
  const Query query{.command = "objects",
                    .about =
                        "Shows what is held, and by whom: objects, bytes, pins and leases a node; objects owned "
                        "and borrowed, tasks and connections a process."};
  return RunQuery(query, arguments, [](const QueryContext& context) -> absl::Status {
    IOC_ASSIGN_OR_RETURN(const ListObjects::Reply list, context.head.Call(ListObjects{}, kHeadTimeout));
    Print(context.json ? ObjectsJson(list) : ObjectsText(list, context.address));
    return absl::OkStatus();
  });
}

int RunPing(const std::vector<std::string>& arguments) {
  const Query query{
      .command = "ping", .about = "Asks the head whether it is there, and says how long it took.", .takes_json = false};
  return RunQuery(query, arguments, [](const QueryContext& context) -> absl::Status {
    const absl::Time start = absl::Now();
    IOC_RETURN_IF_ERROR(context.head.Call(Ping{}, kHeadTimeout).status());
    Print(absl::StrCat("the head at ", context.address, " answered in ", FormatLatency(absl::Now() - start), "\n"));
    return absl::OkStatus();
  });
}

int RunStop(const std::vector<std::string>& arguments) {
  const Query query{
      .command = "stop", .about = "Stops the head, all of its nodes and what runs on them.", .takes_json = false};
  return RunQuery(query, arguments, [](const QueryContext& context) -> absl::Status {
    absl::Status status = context.head.Call(Stop{}, kStopTimeout).status();
    // Its process may end so soon after its answer that the connection is all that is seen of it.
    if (!status.ok() && CauseOf(status) != Cause::kDisconnected) return status;
    Print(absl::StrCat("stopped the cluster at ", context.address, "\n"));
    return absl::OkStatus();
  });
}

}  // namespace ioc
