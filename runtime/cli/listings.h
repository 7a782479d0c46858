// What the head answers, as text for people and as JSON for programs. Pure.
#ifndef IOCLUSTER_RUNTIME_CLI_LISTINGS_H_
#define IOCLUSTER_RUNTIME_CLI_LISTINGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/protocol/actor_messages.h"
#include "lib/protocol/census_messages.h"
#include "lib/protocol/head_messages.h"

namespace ioc {

// "RTX 4090, 24 GiB"; empty if there is none.
std::string DescribeGpu(std::string_view model, uint64_t memory);

// `address` is what was dialled: a head behind a node's door does not know it.
std::string StatusText(const GetStatus::Reply& status, std::string_view address);
std::string StatusJson(const GetStatus::Reply& status, std::string_view address);

std::string NodesText(const ListNodes::Reply& list, std::string_view address);
std::string NodesJson(const ListNodes::Reply& list);

std::string ObjectsText(const ListObjects::Reply& list, std::string_view address);
std::string ObjectsJson(const ListObjects::Reply& list);
std::string ActorsText(const std::vector<ActorStatus>& actors);
std::string ActorsJson(const std::vector<ActorStatus>& actors);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_LISTINGS_H_
