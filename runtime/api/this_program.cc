#include "runtime/api/this_program.h"

#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "lib/serde/function_table.h"

namespace ioc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSystemDirectories[] = {"/lib/",       "/lib32/",     "/lib64/",     "/usr/lib/",
                                                   "/usr/lib32/", "/usr/lib64/", "/usr/libx32/"};
// The C library is its machine's, wherever that has it: it belongs to the loader, and to the kernel.
constexpr std::string_view kOfTheCLibrary[] = {"libc.so.",    "libm.so.",      "libpthread.so.", "libdl.so.",
                                               "librt.so.",   "libresolv.so.", "libutil.so.",    "libanl.so.",
                                               "libmvec.so.", "ld-linux"};

bool Travels(const fs::path& path) {
  const std::string text = path.string();
  const std::string name = path.filename().string();
  const auto begins = [](const std::string& whole) {
    return [&whole](std::string_view beginning) { return whole.starts_with(beginning); };
  };
  return std::none_of(std::begin(kSystemDirectories), std::end(kSystemDirectories), begins(text)) &&
         std::none_of(std::begin(kOfTheCLibrary), std::end(kOfTheCLibrary), begins(name));
}

// The executable, which comes first, has no name here; what the kernel maps has no path.
int NoteLibrary(dl_phdr_info* info, size_t, void* libraries) {
  const std::string_view loaded = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  if (loaded.find('/') == std::string_view::npos) return 0;
  std::error_code error;
  const fs::path path = fs::absolute(loaded, error).lexically_normal();
  const uint64_t size = fs::file_size(path, error);
  if (error || !Travels(path)) return 0;
  static_cast<std::vector<LibraryInfo>*>(libraries)->push_back(
      {.name = path.filename().string(), .path = path.string(), .size = size, .sha256 = ""});
  return 0;
}

// Relative directories are those of the driver, too.
std::vector<std::string> LibraryPath() {
  std::vector<std::string> directories;
  const char* variable = std::getenv("LD_LIBRARY_PATH");
  std::string_view left = variable == nullptr ? "" : variable;
  while (!left.empty()) {
    const size_t end = std::min(left.find_first_of(":;"), left.size());
    std::error_code error;
    const fs::path directory = fs::absolute(end == 0 ? "." : left.substr(0, end), error);
    if (!error) directories.push_back(directory.string());
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return directories;
}

}  // namespace

ProgramInfo ThisProgram(int argc, char** argv) {
  ProgramInfo program;
  std::error_code error;
  program.path = fs::read_symlink("/proc/self/exe", error).string();
  program.directory = fs::current_path(error).string();
  program.size = fs::file_size(program.path, error);
  program.build_id = ExecutableBuildId();
  for (int i = 1; i < argc; ++i) program.arguments.emplace_back(argv[i]);
  dl_iterate_phdr(NoteLibrary, &program.libraries);
  program.library_path = LibraryPath();
  return program;
}

}  // namespace ioc
