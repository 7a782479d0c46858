#include "lib/protocol/fate.h"

#include <absl/strings/str_cat.h>

#include "lib/env/processes.h"

namespace ioc {

std::string DescribeFate(const GetWorkerFate::Reply& fate, const std::string& node) {
  const ExitStatus exit{.code = fate.exit_code, .signal = fate.signal, .stderr_tail = {}};
  std::string words = absl::StrCat("its worker on ", node, " ", Describe(exit));
  if (!fate.reason.empty()) absl::StrAppend(&words, " (", fate.reason, ")");
  if (!fate.stderr_tail.empty()) absl::StrAppend(&words, "; its last lines on stderr:\n", fate.stderr_tail);
  return words;
}

}  // namespace ioc
