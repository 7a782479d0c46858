// Files without a name: made with O_TMPFILE, or unlinked as soon as they are open where the file system has no such
// thing, so that the system removes them with their last descriptor.
#ifndef IOCLUSTER_LIB_ENV_ASIO_POSIX_SCRATCH_H_
#define IOCLUSTER_LIB_ENV_ASIO_POSIX_SCRATCH_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "lib/env/files.h"

namespace ioc {

absl::StatusOr<std::shared_ptr<ScratchFile>> CreatePosixScratch(const std::string& directory);
absl::StatusOr<uint64_t> FreeBytesOf(const std::string& directory);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_POSIX_SCRATCH_H_
