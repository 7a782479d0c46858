#include "tests/sim/sim_files.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/status.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/world.h"

namespace ioc::sim {
namespace {

class SimReader final : public FileReader {
 public:
  explicit SimReader(std::shared_ptr<const std::string> content) : content_(std::move(content)) {}
  uint64_t size() const override { return content_->size(); }
  absl::StatusOr<std::string> Read(uint64_t offset, size_t length) override {
    if (offset >= content_->size()) return std::string();
    return content_->substr(offset, length);
  }

 private:
  const std::shared_ptr<const std::string> content_;
};

class SimWriter final : public FileWriter {
 public:
  SimWriter(World& world, SimMachine& machine, std::string path)
      : world_(world), machine_(machine), path_(std::move(path)) {}

  absl::Status Append(std::span<const std::byte> bytes) override {
    content_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return absl::OkStatus();
  }
  absl::Status Commit(bool executable) override {
    SimFile& file = machine_.files[path_];
    file.content = std::make_shared<const std::string>(std::move(content_));
    file.executable = executable;
    file.used = world_.Now();
    return absl::OkStatus();
  }

 private:
  World& world_;
  SimMachine& machine_;
  const std::string path_;
  std::string content_;
};

// The file stays, for nobody removes it meanwhile but by Remove, which ends all uses.
class SimUse final : public FileUse {
 public:
  SimUse(World& world, SimMachine& machine, std::string_view path) : world_(world), machine_(machine), path_(path) {
    Count(1);
  }
  ~SimUse() override { Count(-1); }

 private:
  void Count(int change) {
    const auto file = machine_.files.find(path_);
    if (file == machine_.files.end()) return;
    file->second.uses += change;
    file->second.used = world_.Now();
  }

  World& world_;
  SimMachine& machine_;
  const std::string path_;
};

absl::Status CheckAbsolute(std::string_view path) {
  if (path.starts_with('/')) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument, absl::StrCat("the path '", std::string(path), "' is not absolute"));
}

}  // namespace

bool SimFiles::Exists(std::string_view path) { return machine_.files.contains(path); }

absl::StatusOr<std::unique_ptr<FileReader>> SimFiles::Open(std::string_view path) {
  IOC_RETURN_IF_ERROR(CheckAbsolute(path));
  const auto found = machine_.files.find(path);
  if (found == machine_.files.end()) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("there is no file ", std::string(path), " on ", machine_.name()));
  }
  return std::make_unique<SimReader>(found->second.content);
}

absl::StatusOr<std::unique_ptr<FileWriter>> SimFiles::Create(std::string_view path) {
  IOC_RETURN_IF_ERROR(CheckAbsolute(path));
  return std::make_unique<SimWriter>(world_, machine_, std::string(path));
}

absl::Status SimFiles::Remove(std::string_view path) {
  IOC_RETURN_IF_ERROR(CheckAbsolute(path));
  const auto found = machine_.files.find(path);
  if (found == machine_.files.end()) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("there is no file ", std::string(path), " on ", machine_.name(), " to remove"));
  }
  machine_.files.erase(found);
  return absl::OkStatus();
}

std::vector<FileEntry> SimFiles::List(std::string_view directory) {
  std::vector<FileEntry> files;
  const std::string prefix = absl::StrCat(std::string(directory), "/");
  for (auto file = machine_.files.lower_bound(prefix); file != machine_.files.end(); ++file) {
    if (!file->first.starts_with(prefix)) break;
    files.push_back({file->first, file->second.content->size(), file->second.used});
  }
  return files;
}

absl::StatusOr<std::unique_ptr<FileUse>> SimFiles::Use(std::string_view path) {
  IOC_RETURN_IF_ERROR(Open(path).status());
  return std::make_unique<SimUse>(world_, machine_, path);
}

bool SimFiles::RemoveUnused(const FileEntry& seen) {
  const auto file = machine_.files.find(seen.path);
  if (file == machine_.files.end() || file->second.uses > 0 || file->second.used != seen.used) return false;
  machine_.files.erase(file);
  return true;
}

absl::StatusOr<std::shared_ptr<ScratchFile>> SimFiles::CreateScratch(std::string_view directory) {
  IOC_RETURN_IF_ERROR(CheckAbsolute(directory));
  return CreateSimScratch(machine_, directory);
}

}  // namespace ioc::sim
