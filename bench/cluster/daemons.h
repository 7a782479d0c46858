// A head and nodes as people start them: processes that run the iocluster executable, on loopback, with a cache of
// programs that they share. All of them end with it.
#ifndef IOCLUSTER_BENCH_CLUSTER_DAEMONS_H_
#define IOCLUSTER_BENCH_CLUSTER_DAEMONS_H_

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace ioc::bench {

struct DaemonsOptions {
  std::string iocluster;  // the executable
  int nodes = 1;          // called n0, n1, ...
  int cpus = 1;           // of each
  size_t store_bytes = size_t{64} << 20;
};

class Daemons {
 public:
  // When all are ready.
  static absl::StatusOr<std::unique_ptr<Daemons>> Start(const DaemonsOptions& options);
  ~Daemons();
  Daemons(const Daemons&) = delete;
  Daemons& operator=(const Daemons&) = delete;

  // The head's.
  const std::string& address() const { return address_; }
  pid_t head() const { return daemons_.front().pid; }
  // The head, the nodes, their workers, and what workers are forked from.
  std::vector<pid_t> Processes() const;

  static std::string NodeName(int node);

 private:
  struct Daemon {
    pid_t pid = -1;
    int output = -1;  // what it prints
  };

  Daemons() = default;

  static void Stop(const std::vector<Daemon>& daemons);
  absl::Status Launch(std::vector<std::string> command);
  // What the daemon printed up to the end of the line that has `words` in it.
  absl::StatusOr<std::string> AwaitLine(const Daemon& daemon, const std::string& words);
  absl::Status StartAll(const DaemonsOptions& options);

  std::string cache_;  // a directory
  std::string address_;
  std::vector<Daemon> daemons_;  // the head first
};

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_CLUSTER_DAEMONS_H_
