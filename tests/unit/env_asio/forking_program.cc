// A program that the tests of ProcessTemplate start: forking_program BEHAVIOUR
//
// Behaves so before it offers to be a template; then each child says on its standard error who it is ("NAME VALUE", a
// line each), waits for a byte from its parent if the variable WAIT is set, and ends with the code or by the signal in
// CODE or SIGNAL.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>

#include "lib/env_asio/fork_server.h"
#include "lib/env_asio/fork_wire.h"

namespace {

std::string Get(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void AwaitParent() {
  pollfd parent = {.fd = std::stoi(Get("IOCLUSTER_WORKER_FD")), .events = POLLIN, .revents = 0};
  ::poll(&parent, 1, -1);
}

// What a program may do before; what it opens and starts stays until its end.
void Behave(std::string_view behaviour) {
  if (behaviour == "thread") std::thread([] { ::pause(); }).detach();
  if (behaviour == "file") static_cast<void>(::open("/proc/self/exe", O_RDONLY));
  if (behaviour == "memory")
    static_cast<void>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (behaviour == "late") AwaitParent();
  if (behaviour == "fails") {
    std::fprintf(stderr, "no licence\n");
    std::_Exit(5);
  }
  if (behaviour == "buffers") {
    static char buffer[256];
    std::setvbuf(stderr, buffer, _IOFBF, sizeof buffer);
    std::fprintf(stderr, "said before\n");
  }
  if (behaviour == "can't fork") {
    const int control = std::stoi(Get("IOCLUSTER_WORKER_TEMPLATE_FD"));
    ioc::ForkMessage first;
    ioc::ReceiveForkMessage(control, first);
    ioc::SendForkMessage(control, {.kind = ioc::ForkKind::kFailed, .child = 0, .value = EAGAIN});
    ::close(control);
    ::pause();
  }
  if (behaviour == "ignores") ::signal(SIGCHLD, SIG_IGN);
}

void SayWhoIAm() {
  int descriptors = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++descriptors;
  struct sigaction child_ends = {};
  ::sigaction(SIGCHLD, nullptr, &child_ends);
  std::fprintf(stderr, "pid %d\nparent %d\nown %s\ndescriptors %d\nignores %d\n", ::getpid(), ::getppid(),
               Get("OWN").c_str(), descriptors - 1, child_ends.sa_handler == SIG_IGN ? 1 : 0);
  std::fflush(stderr);
}

}  // namespace

int main(int argc, char** argv) {
  Behave(argc > 1 ? argv[1] : "");
  ioc::ServeForks();
  SayWhoIAm();
  if (!Get("WAIT").empty()) AwaitParent();
  if (!Get("SIGNAL").empty()) ::raise(std::stoi(Get("SIGNAL")));
  return Get("CODE").empty() ? 0 : std::stoi(Get("CODE"));
}
