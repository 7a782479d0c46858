// Programs that come with shared libraries of their own.
#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/cluster/real_cluster.h"

namespace ioc {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;

constexpr char kLibrary[] = "libtest_greeting.so";

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The files below a directory, which need not be there.
std::vector<fs::path> FilesBelow(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(directory, none)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

Outcome RunWithLibrary(const RealCluster& cluster, const std::string& libraries,
                       const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {LIBRARY_DRIVER};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return Run(command, {{"IOCLUSTER_ADDRESS", cluster.address()}, {"LD_LIBRARY_PATH", libraries}});
}

// "alpha" or "beta": where the driver is not.
std::string OtherNode(const Outcome& outcome) {
  return outcome.output.find("on alpha\n") != std::string::npos ? "beta" : "alpha";
}

TEST_CASE("A program's own libraries travel with it, and are found where it runs") {
  RealCluster cluster({"alpha", "beta"});
  const Outcome outcome = RunWithLibrary(cluster, LIBRARY_DIRECTORY, {"alpha", "beta"});
  for (const char* node : {"alpha", "beta"}) {
    CHECK_THAT(outcome.output, Contains(absl::StrCat(node, ": hello from a library, library path unset\n")));
  }
  const fs::path libraries = fs::path(cluster.ProgramsOf(OtherNode(outcome))).parent_path() / "libraries";
  const std::vector<fs::path> files = FilesBelow(libraries);
  REQUIRE(files.size() == 1);
  CHECK(files.front().filename() == kLibrary);
  CHECK(files.front().parent_path().filename().string().size() == 64);  // by content
  CHECK(ReadFile(files.front()) == ReadFile(fs::path(LIBRARY_DIRECTORY) / kLibrary));

  // What is kept is checked before it is used again.
  std::ofstream(files.front()) << "damage";
  cluster.AddNode("gamma");
  std::error_code error;
  const fs::path copy = fs::path(cluster.ProgramsOf("gamma")).parent_path() / "libraries";
  fs::create_directories(copy / files.front().parent_path().filename());
  fs::copy(files.front(), copy / files.front().parent_path().filename() / kLibrary, error);
  REQUIRE_FALSE(error);
  CHECK_THAT(RunWithLibrary(cluster, LIBRARY_DIRECTORY, {"gamma"}).output, Contains("gamma: hello from a library"));
}

TEST_CASE("A library that has vanished is named") {
  RealCluster cluster({"alpha", "beta"});
  const TemporaryDirectory libraries;
  const std::string copy = libraries / kLibrary;
  fs::copy(fs::path(LIBRARY_DIRECTORY) / kLibrary, copy);
  const Outcome outcome = RunWithLibrary(cluster, libraries.path(), {"--remove", copy, "alpha", "beta"});
  CHECK_THAT(outcome.output, Contains(OtherNode(outcome) + ": ") && Contains("can't fetch the program") &&
                                 Contains(copy) && Contains("No such file"));
}

}  // namespace
}  // namespace ioc
