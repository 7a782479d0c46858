#include "runtime/cli/findings.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>

#include "iocluster/status.h"
#include "lib/base/json.h"
#include "lib/base/units.h"
#include "runtime/cli/table.h"

namespace ioc {

Finding FindingOf(const EnvironmentSetting& setting) {
  return {.section = "settings",
          .name = setting.name,
          .value = setting.value,
          .source = setting.is_set ? "environment" : "default",
          .remark = setting.status.ok() ? setting.about : std::string(setting.status.message()),
          .is_problem = !setting.status.ok()};
}

Finding FindingOfSpillDisk(const std::string& directory, const absl::StatusOr<uint64_t>& free) {
  Finding finding{.section = "limits", .name = "spill disk", .remark = absl::StrCat("free for objects in ", directory)};
  finding.is_problem = !free.ok() || *free == 0;
  if (free.ok()) {
    finding.value = FormatBytes(*free);
    if (finding.is_problem) {
      finding.remark = absl::StrCat("nothing is free in ", directory,
                                    ", so that a full object store can't spill; name another directory with "
                                    "IOCLUSTER_SPILL_DIRECTORY, or set IOCLUSTER_SPILL_LIMIT=0");
    }
  } else {
    finding.value = "unknown";
    finding.remark = std::string(free.status().message());
  }
  return finding;
}

std::string FindingsText(const Findings& findings) {
  std::string text;
  for (size_t i = 0; i < findings.size();) {
    const std::string& section = findings[i].section;
    Table table({{}, {}, {}, {}});
    for (; i < findings.size() && findings[i].section == section; ++i) {
      const Finding& finding = findings[i];
      const char* separator = finding.source.empty() || finding.remark.empty() ? "" : ": ";
      table.AddRow({finding.is_problem ? "!" : " ", finding.name, finding.value,
                    absl::StrCat(finding.source, separator, finding.remark)});
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
    json.Member("section", finding.section);
    json.Member("name", finding.name);
    json.Member("value", finding.value);
    json.Member("source", finding.source);
    json.Member("remark", finding.remark);
    json.Member("problem", finding.is_problem);
    json.EndObject();
  }
  json.EndArray();
  return json.Take();
}

absl::Status Verdict(const Findings& findings) {
  const auto is_problem = [](const Finding& finding) { return finding.is_problem; };
  const auto first = std::find_if(findings.begin(), findings.end(), is_problem);
  if (first == findings.end()) return absl::OkStatus();
  const auto more = std::count_if(std::next(first), findings.end(), is_problem);
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat(first->name, " (", first->value, "): ", first->remark,
                                more > 0 ? absl::StrCat("; and ", more, more == 1 ? " more problem" : " more problems",
                                                        ", marked with !")
                                         : ""));
}

}  // namespace ioc
