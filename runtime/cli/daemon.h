// A daemon's process: its limits, and its main thread, which sleeps until a signal or the daemon itself wakes it.
#ifndef IOCLUSTER_RUNTIME_CLI_DAEMON_H_
#define IOCLUSTER_RUNTIME_CLI_DAEMON_H_

#include <array>

namespace ioc {

// A node has a few descriptors for each worker and connection, more than most systems let a process have unasked.
void RaiseOpenFilesLimit();

// While one lives, SIGINT and SIGTERM end Wait instead of the process. One at a time: signal handlers are the
// process's. A second signal, while the first is being heeded, ends the process at once.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Blocks until a signal has come or Wake was called.
  void Wait();
  // Any thread.
  void Wake();
  // Whether a signal has come.
  bool interrupted() const;

 private:
  std::array<int, 2> pipe_ = {-1, -1};
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_DAEMON_H_
