#include "runtime/node/program_check.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "iocluster/status.h"
#include "lib/env_asio/asio_env.h"
#include "runtime/node/elf.h"

namespace ioc {
namespace {

using Catch::Contains;

// The machine's own files, with one of the test's among them.
class WithOneFile final : public Files {
 public:
  WithOneFile(Files& files, std::string content) : files_(files), content_(std::move(content)) {}
  bool Exists(std::string_view path) override { return path == kPath || files_.Exists(path); }
  absl::StatusOr<std::unique_ptr<FileReader>> Open(std::string_view path) override {
    if (path != kPath) return files_.Open(path);
    return std::make_unique<Reader>(content_);
  }
  absl::StatusOr<std::unique_ptr<FileWriter>> Create(std::string_view path) override { return files_.Create(path); }
  absl::Status Remove(std::string_view path) override { return files_.Remove(path); }
  std::vector<FileEntry> List(std::string_view directory) override { return files_.List(directory); }
  absl::StatusOr<std::unique_ptr<FileUse>> Use(std::string_view path) override { return files_.Use(path); }
  bool RemoveUnused(const FileEntry& seen) override { return files_.RemoveUnused(seen); }
  std::string CacheDirectory() override { return files_.CacheDirectory(); }
  absl::StatusOr<std::shared_ptr<ScratchFile>> CreateScratch(std::string_view directory) override {
    return files_.CreateScratch(directory);
  }
  absl::StatusOr<uint64_t> FreeBytes(std::string_view directory) override { return files_.FreeBytes(directory); }
  std::string ScratchDirectory() override { return files_.ScratchDirectory(); }

  static constexpr char kPath[] = "/one/program";

 private:
  class Reader final : public FileReader {
   public:
    explicit Reader(const std::string& content) : content_(content) {}
    uint64_t size() const override { return content_.size(); }
    absl::StatusOr<std::string> Read(uint64_t offset, size_t length) override {
      return offset < content_.size() ? content_.substr(offset, length) : "";
    }

   private:
    const std::string& content_;
  };

  Files& files_;
  const std::string content_;
};

class Machine {
 public:
  std::string Content(const std::string& path) {
    auto file = env_.files().Open(path);
    REQUIRE(file.ok());
    return (*file)->Read(0, (*file)->size()).value();
  }
  absl::Status Check(const std::string& content, const std::vector<std::string>& directories = {}) {
    WithOneFile files(env_.files(), content);
    return CheckProgramLoads(files, WithOneFile::kPath, directories);
  }

 private:
  AsioEnv env_{{.background_thread = false}};
};

TEST_CASE("A program whose libraries are all there can be loaded") {
  Machine machine;
  CHECK(machine.Check(machine.Content("/bin/ls")).ok());
  CHECK(machine.Check(machine.Content(LIBRARY_DRIVER), {LIBRARY_DIRECTORY}).ok());
  CHECK(machine.Check(machine.Content("/proc/self/exe")).ok());
}

TEST_CASE("A library that is not there is named") {
  Machine machine;
  const absl::Status missing = machine.Check(machine.Content(LIBRARY_DRIVER), {"/nowhere"});
  CHECK(CauseOf(missing) == Cause::kProgramMissing);
  CHECK_THAT(std::string(missing.message()),
             Contains("needs the shared library libtest_greeting.so, which this machine has not"));
}

TEST_CASE("A C library that is too old is named, with the version that is wanted and the newest that there is") {
  Machine machine;
  // 2.34 is where the C library last changed what every program asks of it.
  const std::string tomorrow = absl::StrReplaceAll(machine.Content(LIBRARY_DRIVER),
                                                   {{"GLIBC_2.34", "GLIBC_9.34"}, {"GLIBC_2.17", "GLIBC_9.17"}});
  const absl::Status old = machine.Check(tomorrow, {LIBRARY_DIRECTORY});
  CHECK(CauseOf(old) == Cause::kProgramMissing);
  CHECK_THAT(std::string(old.message()), Contains("needs version GLIBC_9.") && Contains("of libc.so.6") &&
                                             Contains("has GLIBC_2.") && Contains("at most"));
}

TEST_CASE("What is no program is left to the loader, however damaged") {
  Machine machine;
  CHECK(machine.Check("").ok());
  CHECK(machine.Check("#!/bin/sh\nexit 0\n").ok());
  const std::string whole = machine.Content("/bin/ls");
  // Whatever is found out, reading ends.
  for (size_t size = 0; size < 4096; size += 61) static_cast<void>(machine.Check(whole.substr(0, size)));
  for (size_t at = 0; at < 2048; ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(~damaged[at]);
    static_cast<void>(machine.Check(damaged));
  }
  CHECK(machine.Check(whole.substr(0, 4096)).ok());
}

}  // namespace
}  // namespace ioc
