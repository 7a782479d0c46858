// A simulated world: machines, processes and time, in one thread, decided by one seed.
//
// The World holds a queue of events ordered by (virtual time, sequence) and runs them one at a time: callbacks of a
// process with its executor's mutex held, fibres until they suspend. Nothing takes virtual time but waiting. What runs
// depends on the seed and the scenario alone, never on pointers, hash tables or the real clock, so that a seed replays
// a run; trace_hash() sums up what was delivered, to compare two runs.
//
// Used from the one thread only, and not with the mutex of a process held unless a function says so.
#ifndef IOCLUSTER_TESTS_SIM_WORLD_H_
#define IOCLUSTER_TESTS_SIM_WORLD_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/functional/any_invocable.h>
#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "lib/env/env.h"
#include "tests/sim/fiber.h"
#include "tests/sim/random.h"
#include "tests/sim/topology.h"

namespace ioc::sim {

class SimEnv;
class SimLink;

struct WorldOptions {
  TopologyOptions topology = {};
  DurationRange wake_latency = {absl::ZeroDuration(), absl::Microseconds(20)};  // from Notify until a fibre runs
  DurationRange spawn_latency = {absl::Milliseconds(1), absl::Milliseconds(10)};
  DurationRange fork_latency = {absl::Microseconds(200), absl::Milliseconds(2)};  // from a template
  absl::Duration connection_timeout = absl::Seconds(15);  // a connection that is cut off this long breaks
  FiberOptions fibers = {};
  uint64_t max_events = 50'000'000;  // more end the test program: something goes round in circles
  size_t max_log_lines = 20'000;     // the last ones are kept
};

enum class EventKind : uint8_t {
  kTimer = 1,
  kPost,
  kFlush,
  kResume,
  kDial,
  kArrival,
  kDelivery,
  kFrame,
  kClosed,
  kStart,
  kExit,
  kScript,
  kBackground
};

struct EventKey {
  absl::Time time;
  uint64_t sequence = 0;  // 0: none
  friend bool operator<(const EventKey& a, const EventKey& b) {
    return std::tie(a.time, a.sequence) < std::tie(b.time, b.sequence);
  }
};

// The main function of a simulated program. Its result is the exit code.
using ProgramMain = std::function<int(SimEnv&, const std::vector<std::string>& arguments)>;

struct Program {
  std::shared_ptr<const std::string> content;  // what its file holds; copies of it are the same program
  ProgramMain main;
};

class World {
 public:
  explicit World(uint64_t seed, WorldOptions options = {});
  // Kills all that runs. If the test failed by an exception (REQUIRE), the seed and the log go to standard error.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  uint64_t seed() const { return seed_; }
  const WorldOptions& options() const { return options_; }
  Topology& topology() { return topology_; }
  Random& random() { return random_; }  // for scenarios as well

  // --- Machines and processes

  SimMachine& AddMachine(MachineOptions options = {});
  // A process whose code is the test's own: it takes the Env and its mutex.
  SimEnv& AddProcess(SimMachine& machine, std::string name);
  // A process that runs `main` on a fibre, from now on.
  SimEnv& Start(SimMachine& machine, std::string name, ProgramMain main, std::vector<std::string> arguments = {});
  // The file `path` is the program `main`: on `machine`, or, if it is null, on all that there are and will be.
  void RegisterProgram(std::string path, ProgramMain main, SimMachine* machine = nullptr);
  // Null if `file` holds no registered program.
  const Program* FindProgram(const SimFile& file) const;

  SimEnv* FindProcess(int64_t pid);
  const std::vector<std::unique_ptr<SimEnv>>& processes() const { return processes_; }

  // The process is killed (SIGKILL): its Env is closed at once, its connections break at its peers, its fibres unwind
  // soon. Also from callbacks and fibres, except for its own code (that calls SimEnv::Exit).
  void Crash(SimEnv& process);
  bool Crash(int64_t pid);
  void Finish(SimEnv& process, ExitStatus status);
  // The process is stopped (SIGSTOP) until then: what comes for it waits, and nobody is told.
  void Stop(SimEnv& process, absl::Duration duration) { stopped_[&process] = now_ + duration; }
  bool IsStopped(const SimEnv& process) const {
    const auto found = stopped_.find(&process);
    return found != stopped_.end() && found->second > now_;
  }
  // Power is cut: all its processes are killed, and their peers elsewhere notice by their timeout only.
  void CrashMachine(SimMachine& machine);
  void RestartMachine(SimMachine& machine) { machine.up = true; }

  // --- The network between machines

  void SetLink(const SimMachine& a, const SimMachine& b, LinkOptions options) { topology_.SetLink(a, b, options); }
  void Partition(const SimMachine& a, const SimMachine& b);
  void PartitionOneWay(const SimMachine& from, const SimMachine& to);
  void Heal(const SimMachine& a, const SimMachine& b);
  void HealAll();
  // Breaks all the connections that there are between two machines (or within one). New ones can be made.
  void Disconnect(const SimMachine& a, const SimMachine& b);
  // How many there are, and the end of the i-th alone.
  size_t Connections(const SimMachine& a, const SimMachine& b) { return LinksBetween(a, b).size(); }
  void DisconnectOne(const SimMachine& a, const SimMachine& b, size_t i);

  // --- Time

  absl::Time Now() const { return now_; }
  // Runs until `done()` (looked at after each event), at most `limit` of virtual time; says whether it is done.
  bool RunUntil(const std::function<bool()>& done, absl::Duration limit);
  bool RunUntil(const std::function<bool()>& done, absl::Time deadline);
  void RunFor(absl::Duration duration);
  // A step of the scenario: runs outside all processes, `delay` from now.
  void At(absl::Duration delay, Callback action);

  // --- What happened

  uint64_t trace_hash() const { return trace_hash_; }
  uint64_t events() const { return events_; }
  const std::deque<std::string>& log() const { return log_; }
  void WriteLog(std::ostream& out) const;

  // --- For the parts of the simulator

  // `process` may be null; if it has died by then, the event is dropped. `turn`: runs in a turn of its executor.
  EventKey Schedule(absl::Time time, SimEnv* process, EventKind kind, bool turn, Callback callback);
  // A key that is not in the queue any more is ignored.
  void Cancel(EventKey& key);
  void Trace(EventKind kind, int64_t process, uint64_t a, uint64_t b);
  void AddLog(LogLevel level, const SimEnv& process, std::string_view message);
  void AddLink(const std::shared_ptr<SimLink>& link);
  // Whether an event runs, that is, whether it is too late to wait on the main stack.
  bool in_event() const { return in_event_; }
  [[noreturn]] void Fail(std::string_view message) const;

 private:
  struct Event {
    SimEnv* process = nullptr;
    EventKind kind = EventKind::kScript;
    bool turn = false;
    Callback callback;
  };

  void Step();
  void Reap();
  void DropEvents(const SimEnv& process);
  void Kill(SimEnv& process, ExitStatus status, bool silent);
  void BlockOneWay(const SimMachine& from, const SimMachine& to);
  std::vector<std::shared_ptr<SimLink>> Links();
  std::vector<std::shared_ptr<SimLink>> LinksBetween(const SimMachine& a, const SimMachine& b);

  const uint64_t seed_;
  const WorldOptions options_;
  const int exceptions_at_start_;
  Random random_;
  Topology topology_;
  absl::Time now_;
  uint64_t last_sequence_ = 0;
  uint64_t events_ = 0;
  uint64_t trace_hash_;
  bool in_event_ = false;
  absl::btree_map<EventKey, Event> queue_;
  std::map<const SimEnv*, absl::Time> stopped_;
  absl::flat_hash_map<uint64_t, absl::Time> put_off_;  // events of stopped processes, by sequence
  std::vector<std::unique_ptr<SimEnv>> processes_;
  std::vector<SimEnv*> to_reap_;
  std::map<std::string, Program> programs_;  // by content
  std::vector<std::pair<std::string, SimFile>> common_files_;
  std::vector<std::weak_ptr<SimLink>> links_;  // in the order in which they were made
  size_t links_limit_ = 64;                    // dead ones are cleared out when there are so many
  std::deque<std::string> log_;
  const bool log_live_;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_WORLD_H_
