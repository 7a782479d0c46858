#include "tests/sim/sim_disk.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "lib/base/status.h"
#include "tests/sim/sim_env.h"

namespace ioc::sim {
namespace {

constexpr uint64_t kPageBytes = 4096;

class SimScratch final : public ScratchFile {
 public:
  SimScratch(std::shared_ptr<SimDisk> disk, std::string directory)
      : disk_(std::move(disk)), directory_(std::move(directory)) {}
  ~SimScratch() override { disk_->used_bytes -= pages_.size() * kPageBytes; }

  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) override {
    if (disk_->fault == DiskFault::kWritesFail) return Broken("write");
    for (size_t done = 0; done < bytes.size();) {
      const uint64_t number = (offset + done) / kPageBytes;
      const uint64_t begin = (offset + done) % kPageBytes;
      const size_t length = std::min<size_t>(bytes.size() - done, kPageBytes - begin);
      auto page = pages_.find(number);
      if (page == pages_.end()) {
        if (disk_->fault == DiskFault::kFull || disk_->used_bytes + kPageBytes > disk_->limit_bytes) return Full();
        disk_->used_bytes += kPageBytes;
        page = pages_.emplace(number, std::make_unique<Page>()).first;
      }
      std::memcpy(page->second->data() + begin, bytes.data() + done, length);
      done += length;
    }
    disk_->written_bytes += bytes.size();
    return absl::OkStatus();
  }

  absl::Status Read(uint64_t offset, std::span<std::byte> bytes) override {
    if (disk_->fault == DiskFault::kReadsFail) return Broken("read");
    for (size_t done = 0; done < bytes.size();) {
      const auto page = pages_.find((offset + done) / kPageBytes);
      if (page == pages_.end()) return Broken("read beyond what was written to");
      const uint64_t begin = (offset + done) % kPageBytes;
      const size_t length = std::min<size_t>(bytes.size() - done, kPageBytes - begin);
      std::memcpy(bytes.data() + done, page->second->data() + begin, length);
      done += length;
    }
    if (disk_->fault == DiskFault::kReadsFlipABit && !bytes.empty()) bytes[bytes.size() / 2] ^= std::byte{4};
    disk_->read_bytes += bytes.size();
    return absl::OkStatus();
  }

  void Discard(uint64_t offset, uint64_t length) override {
    const auto first = pages_.lower_bound((offset + kPageBytes - 1) / kPageBytes);
    const auto end = pages_.lower_bound((offset + length) / kPageBytes);
    disk_->used_bytes -= static_cast<uint64_t>(std::distance(first, end)) * kPageBytes;
    pages_.erase(first, end);
  }

 private:
  using Page = std::array<std::byte, kPageBytes>;

  absl::Status Full() const {
    return MakeError(Cause::kStoreFull, absl::StrCat("can't write a file in ", directory_, ": the disk is full"));
  }
  absl::Status Broken(const char* doing) const {
    return MakeError(Cause::kInternal, absl::StrCat("can't ", doing, " a file in ", directory_, ": the disk fails"));
  }

  const std::shared_ptr<SimDisk> disk_;
  const std::string directory_;
  std::map<uint64_t, std::unique_ptr<Page>> pages_;
};

}  // namespace

std::shared_ptr<ScratchFile> CreateSimScratch(SimMachine& machine, std::string_view directory) {
  return std::make_shared<SimScratch>(machine.disk, std::string(directory));
}

void SimBackground::Run(uint64_t bytes, Work work, Done done) {
  jobs_.Push({bytes, std::move(work), std::move(done)});
  if (!is_busy_) Begin();
}

void SimBackground::RunFirst(uint64_t bytes, Work work, Done done) {
  jobs_.PushFirst({bytes, std::move(work), std::move(done)});
  if (!is_busy_) Begin();
}

void SimBackground::Begin() {
  is_busy_ = true;
  Job job = jobs_.Pop();
  const MachineOptions& machine = process_.machine().options;
  const absl::Duration takes =
      machine.disk_latency + absl::Seconds(static_cast<double>(job.bytes) / machine.disk_bytes_per_second);
  world_.Schedule(world_.Now() + takes, &process_, EventKind::kBackground, true,
                  [this, work = std::move(job.work), done = std::move(job.done)]() mutable {
                    const absl::Status status = work();
                    is_busy_ = false;
                    if (!jobs_.empty()) Begin();
                    done(status);
                  });
}

}  // namespace ioc::sim
