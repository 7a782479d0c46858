#include "runtime/api/configuration.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/resources.h"
#include "lib/base/similar.h"
#include "lib/base/status.h"
#include "lib/base/units.h"
#include "lib/env_asio/asio_env.h"
#include "lib/env_asio/socket.h"
#include "runtime/node/node.h"

namespace ioc {
namespace {

constexpr char kPrefix[] = "IOCLUSTER_";
constexpr char kAddress[] = "IOCLUSTER_ADDRESS";
constexpr char kStoreMemory[] = "IOCLUSTER_OBJECT_STORE_MEMORY";
constexpr char kSpillDirectory[] = "IOCLUSTER_SPILL_DIRECTORY";
constexpr char kSpillLimit[] = "IOCLUSTER_SPILL_LIMIT";
constexpr char kCpus[] = "IOCLUSTER_CPUS";
constexpr char kGpus[] = "IOCLUSTER_GPUS";
constexpr char kLog[] = "IOCLUSTER_LOG";
constexpr char kCache[] = "IOCLUSTER_CACHE";
constexpr char kCacheLimit[] = "IOCLUSTER_CACHE_LIMIT";
constexpr char kFork[] = "IOCLUSTER_FORK";
constexpr char kLocalMode[] = "IOCLUSTER_LOCAL_MODE";

std::string Get(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

absl::Status Invalid(const std::string& message) { return MakeError(Cause::kInvalidArgument, message); }

// --- what may be in a variable; messages quote the value and leave the name to the caller ---

absl::Status CheckAmount(const std::string& text) {
  double amount = 0;
  if (absl::SimpleAtod(text, &amount) && std::isfinite(amount) && amount >= 0) return absl::OkStatus();
  return Invalid(absl::StrCat("\"", text, "\" is not an amount; write a number that is not negative, as in 4 or 0.5"));
}

absl::Status CheckStoreMemory(const std::string& text) {
  IOC_ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(text));
  return CheckStoreBytes(bytes);
}

absl::Status CheckSize(const std::string& text) { return ParseBytes(text).status(); }

absl::Status CheckLog(const std::string& text) { return ParseLogLevel(text).status(); }

absl::Status CheckCache(const std::string& text) {
  if (text.front() != '/') return Invalid(absl::StrCat("\"", text, "\" is not an absolute path; begin it with /"));
  std::error_code none;
  if (std::filesystem::exists(text, none) && !std::filesystem::is_directory(text, none)) {
    return Invalid(absl::StrCat(text, " is not a directory; name one, or a path where one can be made"));
  }
  return absl::OkStatus();
}

std::string DefaultSpillLimit(Env& env) {
  const std::string named = Get(kSpillDirectory);
  const absl::StatusOr<uint64_t> free = env.files().FreeBytes(named.empty() ? env.files().ScratchDirectory() : named);
  return absl::StrCat("half of what is free", free.ok() ? absl::StrCat(" (", FormatBytes(*free / 2), " now)") : "");
}

absl::StatusOr<bool> ParseSwitch(const std::string& text) {
  if (text == "1" || text == "true") return true;
  if (text == "0" || text == "false") return false;
  return Invalid(absl::StrCat("\"", text, "\" is neither on nor off; write 1 or 0"));
}

absl::Status CheckSwitch(const std::string& text) { return ParseSwitch(text).status(); }

struct Variable {
  const char* name;
  const char* about;
  absl::Status (*check)(const std::string& text);  // of one that is not empty
  std::string (*fallback)(Env& env);               // what holds if it is not set
};

constexpr Variable kVariables[] = {
    {kAddress, "of the head; where none is set, commands use 127.0.0.1:6380, programs run a cluster of their own",
     CheckAddress, [](Env&) { return std::string("none"); }},
    {kStoreMemory, "of a node's object store", CheckStoreMemory,
     [](Env& env) { return absl::StrCat(FormatBytes(DefaultStoreBytes(env.host())), ", 30 % of the memory"); }},
    {kSpillDirectory, "where nodes put objects that the store has no room for", CheckSpillDirectory,
     [](Env& env) { return env.files().ScratchDirectory(); }},
    {kSpillLimit, "bytes that a node may put there, 0 for none", CheckSize, DefaultSpillLimit},
    {kCpus, "of a cluster inside a program", CheckAmount,
     [](Env& env) { return absl::StrCat(env.host().cpus, ", one a hardware thread"); }},
    {kGpus, "of a cluster inside a program", CheckAmount, [](Env&) { return std::string("0"); }},
    {kLog, "least serious level that is logged", CheckLog, [](Env&) { return std::string("warning"); }},
    {kCache, "where nodes keep programs", CheckCache, [](Env& env) { return env.files().CacheDirectory(); }},
    {kCacheLimit, "bytes that nodes keep of others' programs, beside those in use", CheckSize,
     [](Env&) { return FormatBytes(kDefaultProgramCacheBytes); }},
    {kFork, "whether workers may be forked from one that has started", CheckSwitch,
     [](Env&) { return std::string("1"); }},
    {kLocalMode, "programs run tasks inside Submit, without a cluster", CheckSwitch,
     [](Env&) { return std::string("0"); }},
};

// A node sets them for the workers that it starts.
constexpr const char* kOfWorkers[] = {"IOCLUSTER_WORKER", "IOCLUSTER_WORKER_FD", "IOCLUSTER_WORKER_TEMPLATE_FD",
                                      "IOCLUSTER_WORKER_DEFAULTS", "IOCLUSTER_WORKER_LIBRARY_PATH"};

// What the variable holds, empty if that is nothing. InvalidArgument names it.
absl::StatusOr<std::string> Read(const char* name) {
  const std::string text = Get(name);
  const auto* variable = std::find_if(std::begin(kVariables), std::end(kVariables),
                                      [&](const Variable& one) { return std::string_view(one.name) == name; });
  IOC_CHECK(variable != std::end(kVariables)) << name;
  if (!text.empty()) IOC_RETURN_IF_ERROR(WithContext(variable->check(text), name));
  return text;
}

absl::Status TakeAmount(const char* name, double& amount) {
  if (amount >= 0) return absl::OkStatus();
  IOC_ASSIGN_OR_RETURN(const std::string text, Read(name));
  if (!text.empty()) IOC_CHECK(absl::SimpleAtod(text, &amount)) << text;
  return absl::OkStatus();
}

absl::Status CheckOption(const char* name, double amount) {
  if (amount == -1 || (std::isfinite(amount) && amount >= 0)) return absl::OkStatus();
  return Invalid(absl::StrCat("ConnectOptions.", name, " is ", amount, "; it must not be negative"));
}

absl::Status CheckResources(const ConnectOptions& options) {
  std::vector<std::pair<std::string, double>> amounts(options.resources.begin(), options.resources.end());
  for (const auto& [name, amount] : amounts) {
    const std::string_view builtin = BuiltinResource(name);
    if (builtin.empty() || name == kMemory) continue;
    const char* instead = builtin == kCpu ? "set ConnectOptions.cpus" : "set ConnectOptions.gpus";
    return Invalid(absl::StrCat("ConnectOptions.resources has ", name, ", which is not a resource of your own; ",
                                builtin == kMemory ? "call it memory" : instead));
  }
  amounts.emplace_back(kCpu, std::max(options.cpus, 0.0));
  amounts.emplace_back(kGpu, std::max(options.gpus, 0.0));
  return MakeResources(amounts).status();
}

absl::Status CheckOptions(const ConnectOptions& options) {
  IOC_RETURN_IF_ERROR(CheckOption("cpus", options.cpus));
  IOC_RETURN_IF_ERROR(CheckOption("gpus", options.gpus));
  if (options.object_store_memory != 0) {
    IOC_RETURN_IF_ERROR(
        WithContext(CheckStoreBytes(options.object_store_memory), "ConnectOptions.object_store_memory"));
  }
  if (!options.spill_directory.empty()) {
    IOC_RETURN_IF_ERROR(WithContext(CheckSpillDirectory(options.spill_directory), "ConnectOptions.spill_directory"));
  }
  if (options.spill_limit < -1) {
    return Invalid(absl::StrCat("ConnectOptions.spill_limit is ", options.spill_limit,
                                "; write bytes, 0 to spill nothing, or -1 for the default"));
  }
  if (!options.address.empty()) {
    IOC_RETURN_IF_ERROR(WithContext(CheckAddress(options.address), "ConnectOptions.address"));
  }
  if (options.local_mode && !options.address.empty()) {
    return Invalid(absl::StrCat("ConnectOptions has local_mode and the address ", options.address,
                                ", of which only one can be; local mode is without a cluster"));
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return Invalid(absl::StrCat("ConnectOptions.timeout is ", absl::FormatDuration(options.timeout),
                                "; it must be more than zero"));
  }
  return absl::OkStatus();
}

EnvironmentSetting DescribeUnknown(const std::string& name, const std::string& value) {
  EnvironmentSetting setting{.name = name, .value = value, .is_set = true};
  if (std::find(std::begin(kOfWorkers), std::end(kOfWorkers), name) != std::end(kOfWorkers)) {
    setting.status = Invalid("a node sets this for the workers that it starts; unset it");
    return setting;
  }
  std::vector<std::string> known;
  for (const Variable& variable : kVariables) known.push_back(std::string(variable.name).substr(sizeof kPrefix - 1));
  const std::optional<std::string> meant = ProbablyMeant(name.substr(sizeof kPrefix - 1), known);
  setting.status =
      Invalid(meant.has_value() ? absl::StrCat("there is no such setting; did you mean ", kPrefix, *meant, "?")
                                : "there is no such setting; unset it");
  return setting;
}

}  // namespace

absl::Status CheckAddress(const std::string& address) { return ParseAddress(address).status(); }

absl::StatusOr<std::string> AddressFromEnvironment() { return Read(kAddress); }

absl::StatusOr<uint64_t> StoreBytesFromEnvironment() {
  IOC_ASSIGN_OR_RETURN(const std::string text, Read(kStoreMemory));
  return text.empty() ? uint64_t{0} : ParseBytes(text);
}

absl::StatusOr<std::string> SpillDirectoryFromEnvironment() { return Read(kSpillDirectory); }

absl::StatusOr<std::optional<uint64_t>> SpillLimitFromEnvironment() {
  IOC_ASSIGN_OR_RETURN(const std::string text, Read(kSpillLimit));
  if (text.empty()) return std::optional<uint64_t>();
  IOC_ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(text));
  return std::optional(bytes);
}

absl::StatusOr<uint64_t> CacheLimitFromEnvironment() {
  IOC_ASSIGN_OR_RETURN(const std::string text, Read(kCacheLimit));
  return text.empty() ? kDefaultProgramCacheBytes : ParseBytes(text);
}

absl::Status CheckSpillDirectory(const std::string& path) {
  if (!path.starts_with('/')) return Invalid(absl::StrCat("\"", path, "\" is not an absolute path; begin it with /"));
  std::error_code none;
  if (!std::filesystem::is_directory(path, none)) {
    return Invalid(absl::StrCat(path, " is not a directory; make it, or name another one"));
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    return Invalid(absl::StrCat(path, " can't be written to by this user; name another directory"));
  }
  return absl::OkStatus();
}

absl::Status CheckCommonEnvironment() {
  IOC_RETURN_IF_ERROR(Read(kLog).status());
  IOC_RETURN_IF_ERROR(Read(kFork).status());
  IOC_RETURN_IF_ERROR(Read(kCacheLimit).status());
  return Read(kCache).status();
}

absl::StatusOr<ConnectOptions> CompleteOptions(ConnectOptions options) {
  IOC_RETURN_IF_ERROR(CheckOptions(options));
  IOC_RETURN_IF_ERROR(CheckCommonEnvironment());
  IOC_RETURN_IF_ERROR(TakeAmount(kCpus, options.cpus));
  IOC_RETURN_IF_ERROR(TakeAmount(kGpus, options.gpus));
  // An address in the code asks for that cluster, whatever the environment says.
  if (!options.local_mode && options.address.empty()) {
    IOC_ASSIGN_OR_RETURN(const std::string text, Read(kLocalMode));
    options.local_mode = !text.empty() && *ParseSwitch(text);
  }
  if (options.address.empty()) {
    IOC_ASSIGN_OR_RETURN(options.address, AddressFromEnvironment());
  }
  if (options.object_store_memory == 0) {
    IOC_ASSIGN_OR_RETURN(options.object_store_memory, StoreBytesFromEnvironment());
  }
  if (options.spill_directory.empty()) {
    IOC_ASSIGN_OR_RETURN(options.spill_directory, SpillDirectoryFromEnvironment());
  }
  if (options.spill_limit < 0) {
    IOC_ASSIGN_OR_RETURN(const std::optional<uint64_t> limit, SpillLimitFromEnvironment());
    if (limit) options.spill_limit = static_cast<int64_t>(*limit);
  }
  IOC_RETURN_IF_ERROR(CheckResources(options));
  return options;
}

std::vector<EnvironmentSetting> DescribeEnvironment(Env& env) {
  std::vector<EnvironmentSetting> settings;
  for (const Variable& variable : kVariables) {
    EnvironmentSetting setting{.name = variable.name, .value = Get(variable.name), .about = variable.about};
    setting.is_set = !setting.value.empty();
    if (setting.is_set) {
      setting.status = variable.check(setting.value);
    } else {
      setting.value = variable.fallback(env);
    }
    settings.push_back(std::move(setting));
  }
  std::vector<EnvironmentSetting> unknown;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    const bool is_known = std::any_of(std::begin(kVariables), std::end(kVariables),
                                      [&](const Variable& variable) { return variable.name == name; });
    if (!text.starts_with(kPrefix) || is_known) continue;
    unknown.push_back(DescribeUnknown(name, std::string(text.substr(std::min(name.size() + 1, text.size())))));
  }
  std::sort(unknown.begin(), unknown.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::move(unknown.begin(), unknown.end(), std::back_inserter(settings));
  return settings;
}

}  // namespace ioc
