#include "iocluster/ids.h"

#include <absl/strings/str_cat.h>

#include <string>

namespace ioc {
namespace internal {

std::string HexId(uint64_t value) { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

}  // namespace internal

std::string ObjectId::ToString() const { return absl::StrCat(maker.ToString(), ":", absl::Hex(sequence)); }

}  // namespace ioc
