// The simulated machines and what lies between them: latency, bandwidth, partitions.
//
// Owned by the World. Between each ordered pair of machines there is one link; its base latency is drawn once from the
// world's seed, each transfer adds jitter, and transfers share its bandwidth. Loss is not modelled: connections are
// reliable, and a partition holds what is sent back until it heals or the connections break.
#ifndef IOCLUSTER_TESTS_SIM_TOPOLOGY_H_
#define IOCLUSTER_TESTS_SIM_TOPOLOGY_H_

#include <absl/container/btree_map.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "tests/sim/random.h"

namespace ioc::sim {

class SimEnv;

struct MachineOptions {
  std::string name = {};  // empty: "m1", "m2", ...
  int cpus = 8;
  uint64_t memory_bytes = uint64_t{16} << 30;
  uint64_t shared_memory_limit_bytes = 0;              // 0: memory_bytes
  absl::Duration clock_offset = absl::ZeroDuration();  // of its processes' clocks against the world's
  std::string os = "linux";
  std::string arch = "x86_64";
  uint64_t disk_bytes = uint64_t{1} << 40;
  absl::Duration disk_latency = absl::Milliseconds(1);  // of each access
  double disk_bytes_per_second = 400e6;
};

// What is wrong with a machine's disk.
enum class DiskFault { kNone, kFull, kWritesFail, kReadsFail, kReadsFlipABit };

struct LinkOptions {
  absl::Duration latency = absl::ZeroDuration();  // one way
  double bytes_per_second = 0;
};

// A file's content is shared by its copies.
struct SimFile {
  std::shared_ptr<const std::string> content;
  bool executable = false;
  absl::Time used = absl::InfinitePast();  // as FileEntry has it
  int uses = 0;
};

// Somebody listens here. `handler` is shared, as it may destroy its listener.
struct Door {
  SimEnv* process = nullptr;
  std::shared_ptr<AcceptHandler> handler;
  bool loopback_only = false;
};

// A machine's disk, as far as scratch files use it; these may outlive the machine.
struct SimDisk {
  uint64_t used_bytes = 0;
  uint64_t limit_bytes = 0;
  uint64_t written_bytes = 0;  // in all
  uint64_t read_bytes = 0;
  DiskFault fault = DiskFault::kNone;
};

// Shared memory of a machine, which may outlive it.
struct MemoryAccount {
  uint64_t committed_bytes = 0;
  uint64_t limit_bytes = 0;
};

struct SimMachine {
  uint64_t index = 0;   // from 1
  std::string address;  // "10.0.0.1"
  MachineOptions options;
  bool up = true;
  std::map<std::string, SimFile, std::less<>> files;
  std::map<std::string, Door, std::less<>> doors;  // "tcp:7000", "unix:name"
  int next_port = 40000;
  std::shared_ptr<MemoryAccount> memory;
  std::shared_ptr<SimDisk> disk;

  const std::string& name() const { return options.name; }
};

struct TopologyOptions {
  DurationRange local_latency = {absl::Microseconds(10), absl::Microseconds(30)};  // within a machine
  DurationRange link_latency = {absl::Milliseconds(1), absl::Milliseconds(80)};    // the base of a pair, one way
  double jitter = 0.1;                                                             // as a part of the base
  double local_bytes_per_second = 4e9;
  double bytes_per_second = 125e6;
};

class Topology {
 public:
  Topology(TopologyOptions options, uint64_t seed) : options_(options), random_(seed) {}

  SimMachine& AddMachine(MachineOptions options);
  const std::vector<std::unique_ptr<SimMachine>>& machines() const { return machines_; }
  // By name or address; null if there is none.
  SimMachine* Find(std::string_view host) const;

  // Both ways.
  void SetLink(const SimMachine& a, const SimMachine& b, LinkOptions options);

  // When `bytes` that are sent now have left, and how long they are under way from then on.
  absl::Time Depart(const SimMachine& from, const SimMachine& to, size_t bytes, absl::Time now);
  absl::Duration Latency(const SimMachine& from, const SimMachine& to);

  // A number for this partition of `from` to `to`: the same as long as it has not healed meanwhile; 0 is none.
  void Block(const SimMachine& from, const SimMachine& to);
  void Unblock(const SimMachine& from, const SimMachine& to);
  uint64_t Blocked(const SimMachine& from, const SimMachine& to) const;

 private:
  struct Link {
    absl::Duration base;
    double bytes_per_second = 0;
    absl::Time busy_until = absl::InfinitePast();
    uint64_t blocked = 0;
  };
  using Pair = std::pair<uint64_t, uint64_t>;

  Link& LinkOf(const SimMachine& from, const SimMachine& to);

  const TopologyOptions options_;
  Random random_;
  std::vector<std::unique_ptr<SimMachine>> machines_;
  absl::btree_map<Pair, Link> links_;
  uint64_t last_partition_ = 0;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_TOPOLOGY_H_
