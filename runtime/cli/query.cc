#include "runtime/cli/query.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/env_asio/asio_env.h"

namespace ioc {

int RunQuery(const Query& query, const std::vector<std::string>& arguments,
             absl::FunctionRef<absl::Status(const QueryContext&)> ask) {
  std::string flag;
  bool json = false;
  Flags flags(absl::StrCat("iocluster ", query.command, " [--address HOST:PORT]", query.takes_json ? " [--json]" : ""),
              query.about);
  AddAddressFlag(flags, &flag);
  if (query.takes_json) AddJsonFlag(flags, &json);
  const Parsed parsed = ParseFlags(query.command, flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  if (absl::Status status = flags.ExpectNoOperands(); !status.ok()) return ReportUsage(query.command, status);

  const absl::StatusOr<Setting> address = HeadAddress(flag);
  if (!address.ok()) return ReportUsage(query.command, address.status());
  AsioEnv env({.log_name = absl::StrCat("iocluster ", query.command), .background_thread = false});
  const absl::StatusOr<std::unique_ptr<HeadConnection>> head =
      HeadConnection::Open(env, address->value, "--address", kHeadTimeout);
  if (!head.ok()) return ReportFailure(query.command, head.status());
  const absl::Status status = ask({.head = **head, .address = address->value, .json = json});
  return status.ok() ? kExitOk : ReportFailure(query.command, status);
}

}  // namespace ioc
