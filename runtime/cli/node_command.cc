// iocluster node and iocluster up: a node in a process of its own, alone or together with the head.

#include <absl/strings/str_cat.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/env_asio/asio_env.h"
#include "runtime/api/configuration.h"
#include "runtime/cli/command.h"
#include "runtime/cli/daemon.h"
#include "runtime/cli/node_flags.h"
#include "runtime/head/head.h"
#include "runtime/head/listen_address.h"
#include "runtime/node/node.h"

namespace ioc {
namespace {

// A node and, where wanted, a head that it finds behind its own door.
class NodeDaemon {
 public:
  NodeDaemon(std::string command, bool with_head) : command_(std::move(command)), with_head_(with_head) {}

  // Until a signal or the cluster ends it. The exit code.
  int Run(const NodeFlags& flags) {
    absl::StatusOr<NodeOptions> options = flags.MakeOptions(env_.host());
    if (!options.ok()) return ReportUsage(command_, options.status());
    RaiseOpenFilesLimit();
    Start(*std::move(options));
    const absl::Status status = Serve(flags.head);
    const MutexLock lock(env_.executor().mutex());
    node_.reset();
    head_.reset();
    return status.ok() ? kExitOk : ReportFailure(command_, status);
  }

 private:
  void Start(NodeOptions options) {
    const MutexLock lock(env_.executor().mutex());
    if (with_head_) {
      head_ =
          Head::Start(env_, {}, [this] { Stopped(absl::OkStatus()); }).value();  // it does not listen: nothing can fail
      options.cluster = head_->cluster();
    }
    node_ = std::make_unique<Node>(
        env_, std::move(options),
        [this](absl::Status status) {
          ready_ = std::move(status);
          interrupts_.Wake();
        },
        [this](absl::Status why) {
          // In one process with the head it is the head that ends both: it still has to answer who asked for it.
          if (!with_head_ || !why.ok()) Stopped(std::move(why));
        });
    if (with_head_) {
      node_->set_head_door(
          [this](std::unique_ptr<Connection> connection, const Preamble&) { head_->Accept(std::move(connection)); });
    }
  }

  absl::Status Serve(const std::string& head_address) {
    for (bool is_announced = false;;) {
      interrupts_.Wait();
      const MutexLock lock(env_.executor().mutex());
      if (interrupts_.interrupted()) return absl::OkStatus();
      if (ready_.has_value() && !ready_->ok()) return Advise(*ready_);
      if (ready_.has_value() && !std::exchange(is_announced, true)) Announce(head_address);
      if (stopped_.has_value()) return *stopped_;
    }
  }

  void Stopped(absl::Status why) {
    stopped_ = std::move(why);
    interrupts_.Wake();
  }

  void Announce(const std::string& head_address) const {
    const NodeInfo& info = node_->info();
    const std::string& head = with_head_ ? info.address.node_address : head_address;
    std::printf("node %s ready: %s, head %s\n", info.name.c_str(), info.total.ToString().c_str(), head.c_str());
    std::fflush(stdout);
  }

  absl::Status Advise(const absl::Status& error) const {
    const Cause cause = CauseOf(error);
    if (with_head_ || (cause != Cause::kDisconnected && cause != Cause::kDeadline)) return error;
    return MakeError(cause, absl::StrCat(error.message(),
                                         "; start a head there with 'iocluster head', or name another "
                                         "address with --head or IOCLUSTER_ADDRESS"));
  }

  const std::string command_;
  const bool with_head_;
  Interrupts interrupts_;
  AsioEnv env_{{.log_name = command_}};

  // On the executor, under its mutex.
  std::optional<absl::Status> ready_;
  std::optional<absl::Status> stopped_;
  std::unique_ptr<Head> head_;
  std::unique_ptr<Node> node_;
};

}  // namespace

int RunNode(const std::vector<std::string>& arguments) {
  NodeFlags node_flags{.listen = "127.0.0.1:0"};
  Flags flags("iocluster node [--head HOST:PORT] [--name NAME] ...",
              "Offers this machine to a cluster, until it is stopped. What is not declared is found.");
  flags.AddAddress("--head", &node_flags.head,
                   absl::StrCat("the cluster's head (default: IOCLUSTER_ADDRESS, or else ", kDefaultHeadAddress, ")"));
  flags.AddAddress("--listen", &node_flags.listen,
                   "where other machines reach this one (default: 127.0.0.1:0, this machine only, any port)");
  flags.AddAddress("--advertise", &node_flags.advertise, "what other machines dial, if not what it listens on");
  node_flags.AddTo(flags);
  flags.Suggest("--address", "--head");
  const Parsed parsed = ParseDaemon("node", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  const absl::StatusOr<Setting> head = HeadAddress(node_flags.head);
  if (!head.ok()) return ReportUsage("node", head.status());
  node_flags.head = head->value;
  if (absl::Status status = CheckListenAddress("node", node_flags.listen, node_flags.insecure); !status.ok()) {
    return ReportFailure("node", status);
  }
  return NodeDaemon("node", /*with_head=*/false).Run(node_flags);
}

int RunUp(const std::vector<std::string>& arguments) {
  NodeFlags node_flags{.listen = std::string(kDefaultHeadAddress)};
  Flags flags("iocluster up [--listen HOST:PORT] ...",
              "Runs a head and a node in one process, behind one port, until it is stopped: a cluster of one machine,\n"
              "which others may join.");
  flags.AddAddress("--listen", &node_flags.listen,
                   absl::StrCat("where both listen (default: ", kDefaultHeadAddress, ")"));
  flags.AddAddress("--advertise", &node_flags.advertise, "what other machines dial, if not what it listens on");
  node_flags.AddTo(flags);
  flags.Suggest("--address", "--listen");
  const Parsed parsed = ParseDaemon("up", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  if (absl::Status status = CheckListenAddress("head", node_flags.listen, node_flags.insecure); !status.ok()) {
    return ReportFailure("up", status);
  }
  return NodeDaemon("up", /*with_head=*/true).Run(node_flags);
}

}  // namespace ioc
