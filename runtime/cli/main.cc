// The `iocluster` executable: finds the command and runs it.

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/version.h"
#include "lib/base/similar.h"
#include "lib/base/status.h"
#include "lib/env/network.h"
#include "runtime/cli/command.h"

namespace ioc {

int RunVersion(const std::vector<std::string>& arguments) {
  Flags flags("iocluster version", "Prints the release and the versions that it was built with.");
  const Parsed parsed = ParseFlags("version", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  if (absl::Status status = flags.ExpectNoOperands(); !status.ok()) return ReportUsage("version", status);
  std::printf("iocluster %s (protocol %u.%u, Abseil %d, compiler %s)\n", IOCLUSTER_VERSION, unsigned{kProtocolMajor},
              unsigned{kProtocolMinor}, ABSL_LTS_RELEASE_VERSION, __VERSION__);
  return kExitOk;
}

namespace {

struct Command {
  const char* name;
  const char* summary;
  int (*run)(const std::vector<std::string>&);
};

constexpr Command kCommands[] = {
    {"head", "run a cluster's head: it knows the nodes and places work", RunHead},
    {"node", "offer this machine to a cluster", RunNode},
    {"up", "run a head and a node in one process: a cluster of this machine", RunUp},
    {"run", "run a program on a cluster", RunProgram},
    {"stop", "stop a cluster: its head and all its nodes", RunStop},
    {"status", "show a cluster in a few lines: nodes, resources, what waits", RunStatus},
    {"nodes", "list the nodes of a cluster, what they offer and what is free", RunNodes},
    {"objects", "show what nodes and processes hold: objects, references, pins, leases", RunObjects},
    {"actors", "list the actors that have names", RunActors},
    {"ping", "ask whether a head is there", RunPing},
    {"bench", "measure this machine, with iocluster and without it", RunBench},
    {"doctor", "show what this machine has, what is configured from where, and what is wrong", RunDoctor},
    {"version", "show the release", RunVersion},
};

std::string Help() {
  std::string text =
      "Runs tasks, actors and objects on a cluster of machines.\n\nUsage: iocluster COMMAND [FLAGS]\n\n"
      "Commands:\n";
  for (const Command& command : kCommands) {
    absl::StrAppend(&text, "  ", command.name, std::string(10 - std::string(command.name).size(), ' '), command.summary,
                    "\n");
  }
  return absl::StrCat(text,
                      "\nEach command explains itself with --help. Commands that need a head find it by a flag, by "
                      "IOCLUSTER_ADDRESS,\nor at ",
                      kDefaultHeadAddress, ".\n");
}

int UnknownCommand(const std::string& name) {
  std::vector<std::string> known;
  for (const Command& command : kCommands) known.push_back(command.name);
  const std::optional<std::string> meant = ProbablyMeant(name, known);
  const std::string question = meant.has_value() ? absl::StrCat("; did you mean '", *meant, "'?") : ".";
  std::fprintf(stderr, "iocluster: there is no command %s%s See iocluster --help\n", name.c_str(), question.c_str());
  return kExitUsage;
}

int Main(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    std::fputs(Help().c_str(), stderr);
    return kExitUsage;
  }
  // "help node" is "node --help".
  if (arguments.front() == "help" && arguments.size() == 2) arguments = {arguments.back(), "--help"};
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    std::fputs(Help().c_str(), stdout);
    return kExitOk;
  }
  const auto command = std::find_if(std::begin(kCommands), std::end(kCommands), [&](const Command& one) {
    return name == one.name || (name == "--version" && one.run == RunVersion);
  });
  if (command == std::end(kCommands)) return UnknownCommand(name);
  return command->run({arguments.begin() + 1, arguments.end()});
}

}  // namespace
}  // namespace ioc

int main(int argc, char** argv) { return ioc::Main({argv + 1, argv + argc}); }
