#include "bench/floor/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

namespace ioc::bench {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Seconds that copying `from` into new shared memory takes.
absl::StatusOr<double> CopyIntoFresh(const std::vector<char>& from) {
  const int fd = memfd_create("bench-floor", MFD_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, "can't make shared memory");
  const bool sized = ftruncate(fd, static_cast<off_t>(from.size())) == 0;
  void* memory = sized ? mmap(nullptr, from.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  const int error = errno;
  close(fd);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(error, "can't map shared memory");
  const Clock::time_point begin = Clock::now();
  // One call that faults all pages in costs less than a fault for each, and is what a careful program does.
  if (madvise(memory, from.size(), MADV_POPULATE_WRITE) != 0 && errno == ENOMEM) {
    munmap(memory, from.size());
    return absl::ErrnoToStatus(ENOMEM, "can't populate shared memory");
  }
  std::memcpy(memory, from.data(), from.size());
  const double seconds = Seconds(Clock::now() - begin);
  munmap(memory, from.size());
  return seconds;
}

}  // namespace

double WarmCopyGbPerS(size_t bytes, absl::Duration duration) {
  std::vector<char> from(bytes, 1);
  std::vector<char> to(bytes, 2);
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end = begin + absl::ToChronoNanoseconds(duration);
  uint64_t copied = 0;
  Clock::time_point now = begin;
  do {
    from[copied % bytes] = static_cast<char>(copied);  // no two copies are the same work to the compiler
    std::memcpy(to.data(), from.data(), bytes);
    copied += bytes;
    asm volatile("" : : "r"(to.data()) : "memory");
    now = Clock::now();
  } while (now < end);
  return static_cast<double>(copied) / 1e9 / Seconds(now - begin);
}

absl::StatusOr<double> FirstCopyGbPerS(size_t bytes, absl::Duration duration) {
  const std::vector<char> from(bytes, 1);
  const double limit = absl::ToDoubleSeconds(duration);
  double seconds = 0;
  double copied = 0;
  do {
    absl::StatusOr<double> once = CopyIntoFresh(from);
    if (!once.ok()) return once;
    seconds += *once;
    copied += static_cast<double>(bytes);
  } while (seconds < limit);
  return copied / 1e9 / seconds;
}

}  // namespace ioc::bench
