#include "tests/sim/sim_files.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/status.h"
#include "tests/sim/sim_disk.h"

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
  SimWriter(SimMachine& machine, std::string path) : machine_(machine), path_(std::move(path)) {}

  absl::Status Append(std::span<const std::byte> bytes) override {
    content_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return absl::OkStatus();
  }
  absl::Status Commit(bool executable) override {
    machine_.files[path_] = {std::make_shared<const std::string>(std::move(content_)), executable};
    return absl::OkStatus();
  }

 private:
  SimMachine& machine_;
  const std::string path_;
  std::string content_;
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
  return std::make_unique<SimWriter>(machine_, std::string(path));
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

absl::StatusOr<std::shared_ptr<ScratchFile>> SimFiles::CreateScratch(std::string_view directory) {
  IOC_RETURN_IF_ERROR(CheckAbsolute(directory));
  return CreateSimScratch(machine_, directory);
}

}  // namespace ioc::sim
