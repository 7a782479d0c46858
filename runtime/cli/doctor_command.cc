// iocluster doctor: what this machine has, what is configured and from where, and whether it suffices.

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "iocluster/status.h"
#include "iocluster/version.h"
#include "lib/base/json.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/base/units.h"
#include "lib/env_asio/asio_env.h"
#include "lib/protocol/head_messages.h"
#include "runtime/api/head_connection.h"
#include "runtime/cli/command.h"
#include "runtime/cli/gpu_probe.h"
#include "runtime/cli/table.h"

namespace ioc {
namespace {

// Below this a node with its workers and their connections may run out.
constexpr rlim_t kFewDescriptors = 1024;
constexpr size_t kProbeBytes = size_t{1} << 20;

// One line of the report.
struct Finding {
  std::string section;
  std::string name;
  std::string value;
  std::string remark;       // where it comes from, or what to do
  bool is_problem = false;  // iocluster can't work like this
};

using Findings = std::vector<Finding>;

void AddVersions(Findings& findings) {
  findings.push_back({"versions", "iocluster", IOCLUSTER_VERSION, ""});
  findings.push_back({"versions", "protocol", absl::StrCat(kProtocolMajor, ".", kProtocolMinor), ""});
  findings.push_back({"versions", "Abseil", absl::StrCat(ABSL_LTS_RELEASE_VERSION), ""});
}

void AddVariable(Findings& findings, const char* variable, const char* fallback) {
  const char* value = std::getenv(variable);
  const bool is_set = value != nullptr && *value != '\0';
  findings.push_back({"settings", variable, is_set ? value : fallback, is_set ? "environment" : "default"});
}

void AddSettings(Findings& findings, const Setting& address, AsioEnv& env) {
  findings.push_back({"settings", "IOCLUSTER_ADDRESS", address.value, absl::StrCat(address.source, ", for commands")});
  const char* set_address = std::getenv("IOCLUSTER_ADDRESS");
  findings.push_back({"settings", "programs connect to",
                      set_address != nullptr && *set_address != '\0' ? set_address : "a cluster in their own process",
                      "unless they say otherwise, or 'iocluster run' starts them"});
  AddVariable(findings, "IOCLUSTER_OBJECT_STORE_MEMORY", "30 % of the memory");
  AddVariable(findings, "IOCLUSTER_CPUS", "one a hardware thread");
  AddVariable(findings, "IOCLUSTER_GPUS", "0");
  AddVariable(findings, "IOCLUSTER_LOG", "warning");
  const char* cache = std::getenv("IOCLUSTER_CACHE");
  findings.push_back({"settings", "IOCLUSTER_CACHE", env.files().CacheDirectory(),
                      cache != nullptr && *cache != '\0' ? "environment" : "default"});
}

void AddMachine(Findings& findings, AsioEnv& env) {
  const HostInfo& host = env.host();
  findings.push_back({"machine", "host", host.hostname, absl::StrCat(host.os, ", ", host.arch)});
  findings.push_back({"machine", "CPUs", absl::StrCat(host.cpus), "that this process may use"});
  findings.push_back({"machine", "memory", FormatBytes(host.memory_bytes), "that this process may use"});
  const GpuProbe probe = ProbeGpus();
  if (probe.gpus.empty()) findings.push_back({"machine", "GPUs", "none", probe.remark});
  for (const Gpu& gpu : probe.gpus) {
    findings.push_back({"machine", "GPU", absl::StrCat(gpu.model, ", ", FormatBytes(gpu.memory)), probe.remark});
  }
  if (!probe.gpus.empty()) {
    findings.push_back({"machine", "CUDA", probe.has_cuda ? "libcuda.so.1 loads" : "libcuda.so.1 is missing", ""});
  }
}

void AddLimits(Findings& findings, AsioEnv& env) {
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  findings.push_back({"limits", "open files", absl::StrCat(files.rlim_cur),
                      files.rlim_cur < kFewDescriptors ? "few: raise it with 'ulimit -n 4096'"
                                                       : absl::StrCat("up to ", files.rlim_max, " with ulimit -n")});
  rlimit processes = {};
  ::getrlimit(RLIMIT_NPROC, &processes);
  findings.push_back({"limits", "processes",
                      processes.rlim_cur == RLIM_INFINITY ? "unlimited" : absl::StrCat(processes.rlim_cur), ""});

  const auto memory = env.CreateSharedMemory("doctor", kProbeBytes);
  const absl::Status status = memory.ok() ? (*memory)->Commit(0, kProbeBytes) : memory.status();
  findings.push_back({"limits", "shared memory", status.ok() ? "works (memfd)" : "does not work",
                      status.ok() ? "" : std::string(status.message()), !status.ok()});
  struct statvfs shm = {};
  if (::statvfs("/dev/shm", &shm) == 0) {
    findings.push_back(
        {"limits", "/dev/shm", FormatBytes(uint64_t{shm.f_bavail} * shm.f_frsize), "free; not used by us"});
  }
}

absl::Status AskHead(AsioEnv& env, const std::string& address, GetStatus::Reply* status, absl::Duration* took) {
  IOC_RETURN_IF_ERROR(CheckAddress(address));
  IOC_ASSIGN_OR_RETURN(const std::unique_ptr<HeadConnection> head, HeadConnection::Open(env, address, kHeadTimeout));
  const absl::Time start = absl::Now();
  IOC_ASSIGN_OR_RETURN(*status, head->Call(GetStatus{}, kHeadTimeout));
  *took = absl::Now() - start;
  return absl::OkStatus();
}

// A head that somebody named must be there; one at the default address may be.
void AddHead(Findings& findings, const Setting& address, AsioEnv& env) {
  GetStatus::Reply status;
  absl::Duration took;
  if (absl::Status error = AskHead(env, address.value, &status, &took); !error.ok()) {
    findings.push_back(
        {"head", address.value, "not reachable", std::string(error.message()), address.source != "default"});
    return;
  }
  findings.push_back({"head", address.value, absl::StrCat("answered in ", absl::FormatDuration(took)),
                      absl::StrCat("release ", status.release, ", ", status.nodes, " nodes")});
}

std::string FindingsText(const Findings& findings) {
  std::string text;
  for (size_t i = 0; i < findings.size();) {
    const std::string& section = findings[i].section;
    Table table({{}, {}, {}, {}});
    for (; i < findings.size() && findings[i].section == section; ++i) {
      const Finding& finding = findings[i];
      table.AddRow({finding.is_problem ? "!" : " ", finding.name, finding.value, finding.remark});
    }
    absl::StrAppend(&text, text.empty() ? "" : "\n", section, "\n", table.ToString());
  }
  return text;
}

std::string FindingsJson(const Findings& findings) {
  JsonWriter json;
  json.BeginArray();
  for (const Finding& finding : findings) {
    json.BeginObject();
    json.Key("section");
    json.String(finding.section);
    json.Key("name");
    json.String(finding.name);
    json.Key("value");
    json.String(finding.value);
    json.Key("remark");
    json.String(finding.remark);
    json.Key("problem");
    json.Bool(finding.is_problem);
    json.EndObject();
  }
  json.EndArray();
  return json.Take();
}

}  // namespace

int RunDoctor(const std::vector<std::string>& arguments) {
  std::string flag;
  bool json = false;
  Flags flags("iocluster doctor [--address HOST:PORT] [--json]",
              "Shows versions, settings with their sources, the machine, its limits, and whether a head answers.");
  flags.AddAddress("--address", &flag, "the cluster's head; IOCLUSTER_ADDRESS or 127.0.0.1:6380 unless set");
  flags.Add("--json", &json, "for programs");
  const Parsed parsed = ParseFlags("doctor", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  if (absl::Status status = flags.ExpectNoOperands(); !status.ok()) return ReportUsage("doctor", status);

  const Setting address = HeadAddress(flag);
  AsioEnv env({.log_name = "iocluster doctor", .background_thread = false});
  Findings findings;
  AddVersions(findings);
  AddSettings(findings, address, env);
  AddMachine(findings, env);
  AddLimits(findings, env);
  AddHead(findings, address, env);
  std::fputs(json ? FindingsJson(findings).c_str() : FindingsText(findings).c_str(), stdout);

  for (const Finding& finding : findings) {
    if (!finding.is_problem) continue;
    return ReportFailure("doctor", MakeError(Cause::kInternal, absl::StrCat(finding.section, ", ", finding.name, ": ",
                                                                            finding.value, "; ", finding.remark)));
  }
  return kExitOk;
}

}  // namespace ioc
