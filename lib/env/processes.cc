#include "lib/env/processes.h"

#include <absl/strings/str_cat.h>

#include <cstring>
#include <string>

namespace ioc {

std::string Describe(const ExitStatus& status) {
  if (status.signal != 0)
    return absl::StrCat("was killed by signal ", status.signal, " (", strsignal(status.signal), ")");
  return absl::StrCat("exited with code ", status.code);
}

}  // namespace ioc
