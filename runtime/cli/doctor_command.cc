// iocluster doctor: what this machine has, what is configured and from where, and whether it suffices.

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <sys/resource.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/version.h"
#include "lib/base/status.h"
#include "lib/base/units.h"
#include "lib/env_asio/asio_env.h"
#include "lib/protocol/head_messages.h"
#include "runtime/api/head_connection.h"
#include "runtime/cli/command.h"
#include "runtime/cli/findings.h"
#include "runtime/cli/gpu_probe.h"
#include "runtime/cli/listings.h"
#include "runtime/cli/table.h"

namespace ioc {
namespace {

// Below this a node with its workers and their connections may run out.
constexpr rlim_t kFewDescriptors = 1024;
constexpr size_t kProbeBytes = size_t{1} << 20;

void AddVersions(Findings& findings) {
  findings.push_back({.section = "versions", .name = "iocluster", .value = IOCLUSTER_VERSION});
  findings.push_back(
      {.section = "versions", .name = "protocol", .value = absl::StrCat(kProtocolMajor, ".", kProtocolMinor)});
  findings.push_back({.section = "versions", .name = "Abseil", .value = absl::StrCat(ABSL_LTS_RELEASE_VERSION)});
}

void AddSettings(Findings& findings, AsioEnv& env) {
  for (const EnvironmentSetting& setting : DescribeEnvironment(env)) findings.push_back(FindingOf(setting));
}

void AddMachine(Findings& findings, AsioEnv& env) {
  const auto add = [&findings](std::string name, std::string value, std::string remark) {
    findings.push_back(
        {.section = "machine", .name = std::move(name), .value = std::move(value), .remark = std::move(remark)});
  };
  const HostInfo& host = env.host();
  add("host", host.hostname, absl::StrCat(host.os, ", ", host.arch));
  add("CPUs", absl::StrCat(host.cpus), "that this process may use");
  add("memory", FormatBytes(host.memory_bytes), "that this process may use");
  const GpuProbe probe = ProbeGpus();
  if (probe.gpus.empty()) return add("GPUs", "none", probe.remark);
  for (const Gpu& gpu : probe.gpus) add("GPU", DescribeGpu(gpu.model, gpu.memory), probe.remark);
  add("CUDA", probe.has_cuda ? "libcuda.so.1 loads" : "libcuda.so.1 is missing", "");
}

// Where a node would put what its store has no room for.
void AddSpillDisk(Findings& findings, AsioEnv& env) {
  const absl::StatusOr<std::string> directory = SpillDirectoryFromEnvironment();
  const absl::StatusOr<std::optional<uint64_t>> limit = SpillLimitFromEnvironment();
  if (!directory.ok() || !limit.ok() || *limit == uint64_t{0}) return;  // among the settings
  const std::string path = directory->empty() ? env.files().ScratchDirectory() : *directory;
  findings.push_back(FindingOfSpillDisk(path, env.files().FreeBytes(path)));
}

std::string LimitText(rlim_t limit) { return limit == RLIM_INFINITY ? "unlimited" : absl::StrCat(limit); }

void AddLimits(Findings& findings, AsioEnv& env) {
  const auto add = [&findings](std::string name, std::string value, std::string remark, bool is_problem = false) {
    findings.push_back({.section = "limits",
                        .name = std::move(name),
                        .value = std::move(value),
                        .remark = std::move(remark),
                        .is_problem = is_problem});
  };
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  add("open files", LimitText(files.rlim_cur),
      files.rlim_cur < kFewDescriptors ? "few: raise it with 'ulimit -n 4096'"
                                       : absl::StrCat("up to ", LimitText(files.rlim_max), " with ulimit -n"));
  rlimit processes = {};
  ::getrlimit(RLIMIT_NPROC, &processes);
  add("processes", LimitText(processes.rlim_cur), "of this user, with ulimit -u");
  const auto memory = env.CreateSharedMemory("doctor", kProbeBytes);
  const absl::Status status = memory.ok() ? (*memory)->Commit(0, kProbeBytes) : memory.status();
  add("shared memory", status.ok() ? "works" : "does not work",
      status.ok() ? "memfd; the size of /dev/shm does not matter" : std::string(status.message()), !status.ok());
}

struct Answered {
  GetStatus::Reply status;
  absl::Duration took;
};

absl::StatusOr<Answered> AskHead(AsioEnv& env, const std::string& address) {
  IOC_ASSIGN_OR_RETURN(const std::unique_ptr<HeadConnection> head,
                       HeadConnection::Open(env, address, "--address", kHeadTimeout));
  const absl::Time start = absl::Now();
  IOC_ASSIGN_OR_RETURN(GetStatus::Reply status, head->Call(GetStatus{}, kHeadTimeout));
  return Answered{.status = std::move(status), .took = absl::Now() - start};
}

// A head that somebody named must be there; one at the default address may be.
void AddHead(Findings& findings, const Setting& address, AsioEnv& env) {
  Finding finding{.section = "head", .name = address.value, .source = address.source};
  if (const absl::StatusOr<Answered> answered = AskHead(env, address.value); answered.ok()) {
    finding.value = absl::StrCat("answered in ", FormatLatency(answered->took));
    finding.remark = absl::StrCat("release ", answered->status.release, ", ", Count(answered->status.nodes, "node"));
  } else if (address.source == kDefaultSource) {
    finding.value = "no head answers";
    finding.remark = "start one with 'iocluster up'; a program that names none needs none";
  } else {
    finding.value = "no head answers";
    finding.remark = std::string(answered.status().message());
    finding.is_problem = true;
  }
  findings.push_back(std::move(finding));
}

}  // namespace

int RunDoctor(const std::vector<std::string>& arguments) {
  std::string flag;
  bool json = false;
  Flags flags("iocluster doctor [--address HOST:PORT] [--json]",
              "Shows versions, settings with their sources, the machine, its limits, and whether a head answers. What\n"
              "can't work is marked with !, and makes it fail.");
  AddAddressFlag(flags, &flag);
  AddJsonFlag(flags, &json);
  const Parsed parsed = ParseFlags("doctor", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  if (absl::Status status = flags.ExpectNoOperands(); !status.ok()) return ReportUsage("doctor", status);

  AsioEnv env({.log_name = "iocluster doctor", .background_thread = false});
  Findings findings;
  AddVersions(findings);
  AddSettings(findings, env);
  AddMachine(findings, env);
  AddLimits(findings, env);
  AddSpillDisk(findings, env);
  // An address that makes no sense is among the settings.
  if (const absl::StatusOr<Setting> address = HeadAddress(flag); address.ok()) AddHead(findings, *address, env);
  std::fputs(json ? FindingsJson(findings).c_str() : FindingsText(findings).c_str(), stdout);
  std::fflush(stdout);
  const absl::Status verdict = Verdict(findings);
  return verdict.ok() ? kExitOk : ReportFailure("doctor", verdict);
}

}  // namespace ioc
