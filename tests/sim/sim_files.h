// The files of a simulated machine, in memory.
#ifndef IOCLUSTER_TESTS_SIM_SIM_FILES_H_
#define IOCLUSTER_TESTS_SIM_SIM_FILES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/files.h"
#include "tests/sim/topology.h"

namespace ioc::sim {

class World;

class SimFiles final : public Files {
 public:
  SimFiles(World& world, SimMachine& machine) : world_(world), machine_(machine) {}

  bool Exists(std::string_view path) override;
  absl::StatusOr<std::unique_ptr<FileReader>> Open(std::string_view path) override;
  absl::StatusOr<std::unique_ptr<FileWriter>> Create(std::string_view path) override;
  absl::Status Remove(std::string_view path) override;
  std::vector<FileEntry> List(std::string_view directory) override;
  absl::StatusOr<std::unique_ptr<FileUse>> Use(std::string_view path) override;
  bool RemoveUnused(const FileEntry& seen) override;
  std::string CacheDirectory() override { return "/home/user/.cache/iocluster"; }
  absl::StatusOr<std::shared_ptr<ScratchFile>> CreateScratch(std::string_view directory) override;
  absl::StatusOr<uint64_t> FreeBytes(std::string_view) override {
    return machine_.disk->limit_bytes - machine_.disk->used_bytes;
  }
  std::string ScratchDirectory() override { return "/var/tmp"; }

 private:
  World& world_;
  SimMachine& machine_;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SIM_FILES_H_
