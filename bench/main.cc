// iocluster-bench: what `iocluster bench` runs. How fast iocluster is on this machine, beside what the machine does
// without it.
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <iocluster/iocluster.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "bench/cluster/cluster_start.h"
#include "bench/floor/echo.h"
#include "bench/floor/socket_stream.h"
#include "bench/report/html_report.h"
#include "bench/report/json_report.h"
#include "bench/report/text_report.h"
#include "bench/suites/suite.h"
#include "runtime/cli/command.h"

namespace ioc::bench {
namespace {

constexpr char kCheckedMetric[] = "task_sync_per_s";
constexpr double kLeastShareOfEcho = 0.5;

struct SuiteEntry {
  const char* name;
  const char* about;
  std::vector<absl::Status (*)(const SuiteOptions&, Results&)> parts;
};

const SuiteEntry kSuites[] = {
    {"micro", "calls, objects, actors, starts and memory on one machine", {RunMicro}},
    {"objects", "large objects by size, and one to many nodes (needs 10 GiB of memory)", {RunObjects}},
    {"scale", "many tasks, nodes and actors (needs some minutes)", {RunScale}},
    {"smoke", "a little of everything, in seconds; its figures mean nothing", {RunMicro, RunObjects, RunScale}},
};

struct Options {
  std::string suite = "micro";
  std::string json;
  std::string html;
  std::string only;
  std::string iocluster = "iocluster";
  std::vector<std::string> peers;
  std::optional<double> rounds;
  bool check = false;
};

Flags FlagsFor(Options& options) {
  std::string about = "Measures iocluster on this machine beside what the machine does without it. Suites:";
  for (const SuiteEntry& suite : kSuites) absl::StrAppend(&about, "\n  ", suite.name, ": ", suite.about);
  Flags flags("iocluster bench", about);
  flags.Add("--suite", &options.suite, "NAME", "what to measure (default: micro)");
  flags.Add("--json", &options.json, "FILE", "write the figures there, for programs");
  flags.Add("--html", &options.html, "FILE", "write a page with plots there");
  flags.Add("--rounds", &options.rounds, "N", "how often each figure is measured (default: 7; one more warms up)");
  flags.Add("--only", &options.only, "WORDS", "only metrics with this in their name, and floors");
  flags.Add("--peer", &options.peers, "COMMAND",
            "measure another system in the same rounds of micro (see bench/peers); may be repeated");
  flags.Add("--check", &options.check, "fail if a round trip of one small task costs more than two bare echoes");
  flags.Add("--iocluster", &options.iocluster, "PATH",
            "the executable that heads and nodes run (iocluster bench: itself)");
  return flags;
}

const SuiteEntry* FindSuite(const std::string& name) {
  for (const SuiteEntry& suite : kSuites) {
    if (name == suite.name) return &suite;
  }
  return nullptr;
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  if (path.empty()) return absl::OkStatus();
  std::ofstream file(path);
  file << text << "\n";
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("can't write ", path));
}

std::string About(const Options& options) {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return absl::StrCat("Suite ", options.suite, " on ", host, " (", std::thread::hardware_concurrency(), " CPUs), ",
                      absl::FormatTime("%Y-%m-%d %H:%M", absl::Now(), absl::LocalTimeZone()),
                      ". Shares compare samples of one round; medians of the rounds are shown.");
}

absl::Status Report(const Options& options, const Results& results) {
  std::fputs(TextReport(results).c_str(), stdout);
  if (absl::Status status = WriteFile(options.json, JsonReport(results)); !status.ok()) return status;
  if (absl::Status status = WriteFile(options.html, HtmlReport(results, About(options))); !status.ok()) return status;
  const double share = results.ours.ShareOfBase(kCheckedMetric);
  if (options.check && share < kLeastShareOfEcho) {
    return absl::OutOfRangeError(absl::StrCat("a round trip of one small task costs ", 1 / share,
                                              " bare echoes; it should cost at most ", 1 / kLeastShareOfEcho));
  }
  return absl::OkStatus();
}

absl::Status RunSuite(const SuiteEntry& suite, const Options& options, int argc, char** argv) {
  SuiteOptions suite_options{
      .argc = argc, .argv = argv, .iocluster = options.iocluster, .only = options.only, .peers = options.peers};
  if (std::string(suite.name) == "smoke") suite_options.effort = SmokeEffort();
  if (options.rounds.has_value()) suite_options.effort.rounds = static_cast<int>(*options.rounds);
  Results results;
  for (const auto part : suite.parts) {
    if (absl::Status status = part(suite_options, results); !status.ok()) return status;
  }
  return Report(options, results);
}

int Main(int argc, char** argv) {
  if (std::optional<int> code = ServeEchoIfAsked(argc, argv)) return *code;
  if (std::optional<int> code = ServeStreamIfAsked(argc, argv)) return *code;
  if (std::optional<int> code = StartClusterIfAsked(argc, argv)) return *code;
  if (std::getenv("IOCLUSTER_WORKER") != nullptr) return Cluster::Connect(argc, argv).ok() ? 0 : 1;
  unsetenv("IOCLUSTER_ADDRESS");  // it measures clusters of its own

  Options options;
  Flags flags = FlagsFor(options);
  const Parsed parsed = ParseFlags("bench", flags, {argv + 1, argv + argc});
  if (!parsed.go_on) return parsed.exit_code;
  absl::Status usage = flags.ExpectNoOperands();
  const SuiteEntry* suite = FindSuite(options.suite);
  if (usage.ok() && suite == nullptr) {
    usage = absl::InvalidArgumentError(absl::StrCat("there is no suite ", options.suite, "; see --help"));
  }
  if (usage.ok() && options.rounds.has_value() && *options.rounds < 1) {
    usage = absl::InvalidArgumentError("--rounds has to be 1 at least");
  }
  if (!usage.ok()) return ReportUsage("bench", usage);
  const absl::Status status = RunSuite(*suite, options, argc, argv);
  return status.ok() ? kExitOk : ReportFailure("bench", status);
}

}  // namespace
}  // namespace ioc::bench

int main(int argc, char** argv) { return ioc::bench::Main(argc, argv); }
