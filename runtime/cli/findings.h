// What `iocluster doctor` found, as text for people and as JSON for programs. Pure.
#ifndef IOCLUSTER_RUNTIME_CLI_FINDINGS_H_
#define IOCLUSTER_RUNTIME_CLI_FINDINGS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/api/configuration.h"

namespace ioc {

// One line of the report.
struct Finding {
  std::string section;
  std::string name;
  std::string value;
  std::string source = {};  // of a setting: "environment", "default", a flag
  std::string remark = {};  // what it is for, or what is wrong and what to do
  bool is_problem = false;  // iocluster can't work like this
};

using Findings = std::vector<Finding>;

Finding FindingOf(const EnvironmentSetting& setting);

// What is free on the disk of a node's spill directory.
Finding FindingOfSpillDisk(const std::string& directory, const absl::StatusOr<uint64_t>& free);

// A table a section; problems are marked with '!'.
std::string FindingsText(const Findings& findings);
std::string FindingsJson(const Findings& findings);

// OK if there are no problems; otherwise the first, and how many more there are.
absl::Status Verdict(const Findings& findings);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_FINDINGS_H_
