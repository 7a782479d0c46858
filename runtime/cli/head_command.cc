// iocluster head: a head in a process of its own.

#include <absl/strings/str_cat.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/env_asio/asio_env.h"
#include "runtime/cli/command.h"
#include "runtime/cli/daemon.h"
#include "runtime/head/head.h"

namespace ioc {

int RunHead(const std::vector<std::string>& arguments) {
  HeadOptions options{.listen_address = std::string(kDefaultHeadAddress)};
  Flags flags("iocluster head [--listen HOST:PORT]",
              "Runs the head of a cluster, until it is stopped: it knows the nodes and places work. One a cluster.");
  flags.AddAddress("--listen", &options.listen_address,
                   absl::StrCat("where to listen (default: ", kDefaultHeadAddress, ")"));
  AddInsecureFlag(flags, &options.insecure);
  for (const char* mistaken : {"--port", "--host", "--bind", "--address"}) flags.Suggest(mistaken, "--listen");
  const Parsed parsed = ParseDaemon("head", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;

  RaiseOpenFilesLimit();
  Interrupts interrupts;
  AsioEnv env({.log_name = "head"});
  Mutex& mutex = env.executor().mutex();
  std::unique_ptr<Head> head;
  {
    const MutexLock lock(mutex);
    absl::StatusOr<std::unique_ptr<Head>> started = Head::Start(env, options, [&interrupts] { interrupts.Wake(); });
    if (!started.ok()) return ReportFailure("head", started.status());
    head = *std::move(started);
    std::printf("head ready on %s (cluster %s)\n", head->address().c_str(), head->cluster().ToString().c_str());
    std::fflush(stdout);
  }
  interrupts.Wait();
  const MutexLock lock(mutex);
  head.reset();
  return kExitOk;
}

}  // namespace ioc
