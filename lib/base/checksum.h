// A checksum against what disks and memory do to bytes: any flipped bit, swapped or missing word changes it. It is fast
// (several bytes a cycle) and no protection against people.
#ifndef IOCLUSTER_LIB_BASE_CHECKSUM_H_
#define IOCLUSTER_LIB_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace ioc {

uint64_t Checksum(std::span<const std::byte> bytes);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_CHECKSUM_H_
