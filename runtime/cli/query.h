// A command that asks a head one thing: --address, and mostly --json.
#ifndef IOCLUSTER_RUNTIME_CLI_QUERY_H_
#define IOCLUSTER_RUNTIME_CLI_QUERY_H_

#include <absl/functional/function_ref.h>

#include <string>
#include <vector>

#include "runtime/api/head_connection.h"
#include "runtime/cli/command.h"

namespace ioc {

struct Query {
  std::string command;
  std::string about;
  bool takes_json = true;
};

// What a query may use.
struct QueryContext {
  HeadConnection& head;
  std::string address;
  bool json = false;
};

// Reads the flags, opens the connection and runs `ask`, which prints; reports its error. Returns the exit code.
int RunQuery(const Query& query, const std::vector<std::string>& arguments,
             absl::FunctionRef<absl::Status(const QueryContext&)> ask);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_QUERY_H_
