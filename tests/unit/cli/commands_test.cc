// The executable as people use it: what it prints, and its exit codes. Each process ends by itself or is told to, and
// none lives longer than kBound.

#include <absl/strings/str_cat.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

namespace {

using Catch::Contains;

// What keeps a hanging command from hanging the tests.
constexpr const char* kBound = "timeout 60 ";

// A running `iocluster ARGUMENTS`, its two outputs together; `environment` is as for env(1).
class Process {
 public:
  explicit Process(const std::string& arguments, const std::string& environment = "")
      : pipe_(::popen(
            absl::StrCat("exec env ", environment, " ", kBound, IOCLUSTER_EXECUTABLE, " ", arguments, " 2>&1").c_str(),
            "r")) {
    REQUIRE(pipe_ != nullptr);
  }
  ~Process() {
    if (pipe_ != nullptr) ::pclose(pipe_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  std::string ReadLine() {
    std::string line;
    for (int c = std::fgetc(pipe_); c != EOF && c != '\n'; c = std::fgetc(pipe_)) line += static_cast<char>(c);
    return line;
  }

  std::string ReadAll() {
    std::string text;
    for (int c = std::fgetc(pipe_); c != EOF; c = std::fgetc(pipe_)) text += static_cast<char>(c);
    return text;
  }

  int Wait() {
    const int status = ::pclose(pipe_);
    pipe_ = nullptr;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  FILE* pipe_;
};

struct Outcome {
  std::string output;
  int exit_code = -1;
};

Outcome Run(const std::string& arguments, const std::string& environment = "") {
  Process process(arguments, environment);
  Outcome outcome{.output = process.ReadAll()};
  outcome.exit_code = process.Wait();
  return outcome;
}

// The command fails with this exit code and one sentence that contains `words`.
void CheckFails(const std::string& arguments, int exit_code, const std::string& words,
                const std::string& environment = "") {
  INFO(arguments << " " << environment);
  const Outcome outcome = Run(arguments, environment);
  CHECK(outcome.exit_code == exit_code);
  CHECK_THAT(outcome.output, Contains(words));
  CHECK(outcome.output.find('\n') == outcome.output.size() - 1);
}

// The first line that contains `words`, empty if there is none.
std::string LineWith(const std::string& output, const std::string& words) {
  const size_t found = output.find(words);
  if (found == std::string::npos) return "";
  const size_t begin = output.rfind('\n', found) + 1;
  return output.substr(begin, output.find('\n', found) - begin);
}

// The address in "head ready on ADDRESS (cluster ...)".
std::string AddressIn(const std::string& ready) {
  const std::string before = "head ready on ";
  REQUIRE_THAT(ready, Catch::StartsWith(before));
  return ready.substr(before.size(), ready.find(' ', before.size()) - before.size());
}

TEST_CASE("Wrong use is one sentence and exit code 2") {
  CheckFails("stauts", 2, "did you mean 'status'");
  CheckFails("node --cpu 3", 2, "did you mean --cpus");
  CheckFails("node --cpus -3", 2, "--cpus is -3");
  CheckFails("node --resource tpu=-1", 2, "tpu=-1: it can't be negative");
  CheckFails("node --price -1", 2, "--price is -1");
  CheckFails("node --head nonsense", 2, "--head: the address \"nonsense\" has no port");
  CheckFails("node --name a --name b", 2, "--name is given twice");
  CheckFails("head --listen 127.0.0.1:99999", 2, "127.0.0.1:99999");
  CheckFails("status extra", 2, "\"extra\"");
  CheckFails("run", 2, "no program is named");
}

TEST_CASE("Who uses another tool's flags is shown ours") {
  CheckFails("node --store 64MiB", 2, "did you mean --store-memory");
  CheckFails("node --address 127.0.0.1:1", 2, "did you mean --head");
  CheckFails("node --num-cpus 2", 2, "did you mean --cpus");
  CheckFails("head --port 7000", 2, "did you mean --listen");
  CheckFails("status --head 127.0.0.1:1", 2, "did you mean --address");
  CheckFails("frobnicate", 2, "there is no command frobnicate. See iocluster --help");
}

TEST_CASE("Resources that have flags of their own are declared by those") {
  CheckFails("node --resource CPU=5", 2, "say --cpus 5");
  CheckFails("up --resource gpus=1", 2, "say --gpus 1");
  CheckFails("node --resource memory=1e9", 2, "say --memory 1e+09");
  CheckFails("node --gpu-model A100", 2, "add --gpus 1");
  CheckFails("node --gpu-memory 24GiB", 2, "--gpu-memory 24 GiB: how many it offers is not said; add --gpus 1");
  CheckFails("node --name \"$(printf 'a\\nb')\"", 2, "--name a\\nb has control characters");
  CheckFails("node --name " + std::string(5000, 'n'), 2, "is too long; it can have 200 bytes");
  CheckFails("node --store-memory 100TiB", 1, "no object store of 100 TiB (--store-memory");
#ifndef __SANITIZE_THREAD__  // which leaves less address space
  CHECK_THAT(Run("node --store-memory 1TiB --head 127.0.0.1:1").output,
             Contains("the object store may grow to 1 TiB, but this machine has"));
#endif
}

TEST_CASE("A store that is too small for slabs is refused wherever its size comes from") {
  CheckFails("node --store-memory 1000", 2, "--store-memory: an object store of 1000 B is too small");
  CheckFails("up --store-memory 0", 2, "16 MiB at least");
  CheckFails("node", 2, "IOCLUSTER_OBJECT_STORE_MEMORY: an object store of 1 MiB",
             "IOCLUSTER_OBJECT_STORE_MEMORY=1MiB");
}

TEST_CASE("Commands complain of what they read in the environment, by name") {
  CheckFails("status", 2, "IOCLUSTER_ADDRESS: the address \"nonsense\"", "IOCLUSTER_ADDRESS=nonsense");
  CheckFails("node", 2, "IOCLUSTER_ADDRESS: the address \"nonsense\"", "IOCLUSTER_ADDRESS=nonsense");
  CheckFails("head", 2, "IOCLUSTER_LOG: \"loud\" is not a level; write debug, info", "IOCLUSTER_LOG=loud");
  CheckFails("up", 2, "IOCLUSTER_CACHE: \"here\" is not an absolute path", "IOCLUSTER_CACHE=here");
}

TEST_CASE("The doctor lists each setting with its source, and fails with what is wrong with it") {
  const std::string clean = "-u IOCLUSTER_ADDRESS -u IOCLUSTER_WORKER ";
  const Outcome fine = Run("doctor", clean + "IOCLUSTER_CPUS=3 IOCLUSTER_OBJECT_STORE_MEMORY=2GB");
  CHECK(fine.exit_code == 0);
  CHECK_THAT(LineWith(fine.output, "IOCLUSTER_CPUS"), Contains(" 3 ") && Contains(" environment: "));
  CHECK_THAT(LineWith(fine.output, "IOCLUSTER_GPUS"), Contains(" 0 ") && Contains(" default: "));
  CHECK_THAT(fine.output, Contains("IOCLUSTER_LOG") && Contains("IOCLUSTER_CACHE") && Contains("IOCLUSTER_ADDRESS"));

  const Outcome bad = Run("doctor", clean +
                                        "IOCLUSTER_CPUS=abc IOCLUSTER_OBJECT_STORE_MEMORY=5G IOCLUSTER_LOG=warn "
                                        "IOCLUSTER_ADRESS=h:1 IOCLUSTER_ADDRESS=h IOCLUSTER_ZZZZZ=1");
  CHECK(bad.exit_code == 1);
  for (const char* words : {"\"abc\" is not an amount", "\"5G\" is not a size", "\"warn\" is not a level",
                            "did you mean IOCLUSTER_ADDRESS?", "the address \"h\" has no port",
                            "there is no such setting; unset it", "and 5 more problems, marked with !"}) {
    CHECK_THAT(bad.output, Contains(words));
  }
}

TEST_CASE("What can't be done is one sentence and exit code 1") {
  CheckFails("head --listen 0.0.0.0:0", 1, "--insecure");
  CheckFails("node --listen 0.0.0.0:0", 1, "--insecure");
  CheckFails("status --address 127.0.0.1:1", 1, "no head answers at 127.0.0.1:1");
  CheckFails("run --address 127.0.0.1:1 true", 1, "no head answers at 127.0.0.1:1");
  CheckFails("run ./not-there", 1, "there is no program ./not-there");
  CheckFails("run not-there-either", 1, "in PATH");
  CheckFails("run /", 1, "is a directory");
}

TEST_CASE("Help and version are no failures") {
  CHECK(Run("--help").exit_code == 0);
  CHECK_THAT(Run("node --help").output, Contains("--gpu-model"));
  CHECK(Run("help node").output == Run("node --help").output);
  CHECK_THAT(Run("version").output, Contains("protocol"));
}

TEST_CASE("A head and a node come up, are listed, refuse doubles, and stop") {
  Process head("head --listen 127.0.0.1:0");
  const std::string address = AddressIn(head.ReadLine());
  CheckFails("head --listen " + address, 1, address);

  Process node("node --name alpha --cpus 2 --memory 1GiB --store-memory 64MiB --head " + address);
  CHECK_THAT(node.ReadLine(), Contains("node alpha ready: 2 CPU"));
  CheckFails("node --name alpha --store-memory 64MiB --head " + address, 1, "the name alpha is taken");

  CHECK_THAT(Run("nodes --address " + address).output, Contains("alpha") && Contains("2 of 2"));
  CHECK_THAT(Run("nodes --json --address " + address).output, Contains("\"name\": \"alpha\""));
  CHECK_THAT(Run("status --address " + address).output, Contains("nodes") && Contains(address));
  CHECK(Run("ping --address " + address).exit_code == 0);
  CHECK(Run("doctor --address " + address).exit_code == 0);
  CHECK_THAT(Run("run --address " + address + " env").output, Contains("IOCLUSTER_ADDRESS=" + address));

  CHECK(Run("stop --address " + address).exit_code == 0);
  CHECK(node.Wait() == 0);
  CHECK(head.Wait() == 0);
}

TEST_CASE("A head and a node share a process and a port") {
  Process up("up --listen 127.0.0.1:0 --name solo --store-memory 64MiB");
  const std::string ready = up.ReadLine();
  REQUIRE_THAT(ready, Contains("node solo ready"));
  const std::string address = ready.substr(ready.rfind(' ') + 1);
  CHECK_THAT(Run("nodes --address " + address).output, Contains("solo"));
  CHECK(Run("stop --address " + address).exit_code == 0);
  CHECK(up.Wait() == 0);
}

}  // namespace
