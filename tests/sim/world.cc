#include "tests/sim/world.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <utility>

#include "lib/base/check.h"
#include "tests/sim/sim_env.h"
#include "tests/sim/sim_link.h"

namespace ioc::sim {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);
constexpr int64_t kFirstPid = 1000;
constexpr size_t kLogLinesOfFailure = 200;

}  // namespace

World::World(uint64_t seed, WorldOptions options)
    : seed_(seed),
      options_(options),
      exceptions_at_start_(std::uncaught_exceptions()),
      random_(seed),
      topology_(options_.topology, Mix(seed + 1)),
      now_(kStart),
      trace_hash_(Mix(seed)),
      log_live_(std::getenv("IOC_SIM_LOG") != nullptr) {}

World::~World() {
  if (std::uncaught_exceptions() > exceptions_at_start_) {
    std::cerr << "the simulation with seed " << seed_ << " failed:\n";
    WriteLog(std::cerr);
  }
  for (size_t i = 0; i < processes_.size(); ++i) Kill(*processes_[i], {.signal = 9}, false);
  Reap();
  // Callbacks may refer to processes; those are still there.
  while (!queue_.empty()) {
    const auto queue = std::exchange(queue_, {});
  }
}

// --- Machines and processes

SimMachine& World::AddMachine(MachineOptions options) {
  SimMachine& machine = topology_.AddMachine(std::move(options));
  for (const auto& [path, file] : common_files_) machine.files[path] = file;
  return machine;
}

SimEnv& World::AddProcess(SimMachine& machine, std::string name) {
  IOC_CHECK(machine.up) << "a process is started on " << machine.name() << ", which has no power";
  const int64_t pid = kFirstPid + static_cast<int64_t>(processes_.size());
  return *processes_.emplace_back(std::make_unique<SimEnv>(*this, machine, std::move(name), pid));
}

SimEnv& World::Start(SimMachine& machine, std::string name, ProgramMain main, std::vector<std::string> arguments) {
  SimEnv& process = AddProcess(machine, std::move(name));
  process.RunMain(absl::ZeroDuration(), std::move(main), std::move(arguments));
  return process;
}

void World::RegisterProgram(std::string path, ProgramMain main, SimMachine* machine) {
  auto content = std::make_shared<const std::string>(absl::StrCat("simulated program ", programs_.size(), ": ", path));
  const SimFile file{content, true};
  programs_[*content] = {content, std::move(main)};
  if (machine != nullptr) {
    machine->files[path] = file;
    return;
  }
  for (const auto& each : topology_.machines()) each->files[path] = file;
  common_files_.emplace_back(std::move(path), file);
}

const Program* World::FindProgram(const SimFile& file) const {
  const auto found = programs_.find(*file.content);
  return found == programs_.end() ? nullptr : &found->second;
}

SimEnv* World::FindProcess(int64_t pid) {
  const uint64_t index = static_cast<uint64_t>(pid - kFirstPid);
  return index < processes_.size() ? processes_[index].get() : nullptr;
}

void World::Crash(SimEnv& process) { Finish(process, {.signal = 9}); }

bool World::Crash(int64_t pid) {
  SimEnv* const process = FindProcess(pid);
  if (process == nullptr || !process->alive()) return false;
  Crash(*process);
  return true;
}

void World::Finish(SimEnv& process, ExitStatus status) {
  Kill(process, std::move(status), false);
  // Within an event, the fibres are unwound after it.
  if (!in_event_ && Fiber::Current() == nullptr) Reap();
}

void World::CrashMachine(SimMachine& machine) {
  machine.up = false;
  for (size_t i = 0; i < processes_.size(); ++i) {
    if (&processes_[i]->machine() == &machine) Kill(*processes_[i], {.signal = 9}, true);
  }
  if (!in_event_ && Fiber::Current() == nullptr) Reap();
}

void World::Kill(SimEnv& process, ExitStatus status, bool silent) {
  if (!process.alive()) return;
  Trace(EventKind::kExit, process.pid(), static_cast<uint64_t>(status.code), static_cast<uint64_t>(status.signal));
  AddLog(LogLevel::kInfo, process, Describe(status));
  process.Close(std::move(status));
  for (const auto& link : Links()) link->OnProcessDied(process, silent);
  to_reap_.push_back(&process);
}

void World::Reap() {
  const bool was_in_event = std::exchange(in_event_, true);
  // Destructors that run meanwhile may kill others.
  for (size_t i = 0; i < to_reap_.size(); ++i) {
    SimEnv& process = *to_reap_[i];
    process.Reap();
    DropEvents(process);
  }
  to_reap_.clear();
  in_event_ = was_in_event;
}

void World::DropEvents(const SimEnv& process) {
  std::vector<Event> dropped;
  for (auto it = queue_.begin(); it != queue_.end();) {
    if (it->second.process == &process) {
      dropped.push_back(std::move(it->second));
      it = queue_.erase(it);
    } else {
      ++it;
    }
  }
}

// --- The network between machines

void World::AddLink(const std::shared_ptr<SimLink>& link) {
  if (links_.size() >= links_limit_) {
    std::erase_if(links_, [](const std::weak_ptr<SimLink>& each) { return each.expired(); });
    links_limit_ = std::max<size_t>(64, links_.size() * 2);
  }
  links_.push_back(link);
}

std::vector<std::shared_ptr<SimLink>> World::Links() {
  std::vector<std::shared_ptr<SimLink>> links;
  for (const auto& weak : links_) {
    if (auto link = weak.lock(); link != nullptr) links.push_back(std::move(link));
  }
  return links;
}

std::vector<std::shared_ptr<SimLink>> World::LinksBetween(const SimMachine& a, const SimMachine& b) {
  auto links = Links();
  std::erase_if(links, [&](const std::shared_ptr<SimLink>& link) { return !link->IsBetween(a, b); });
  return links;
}

void World::BlockOneWay(const SimMachine& from, const SimMachine& to) {
  if (topology_.Blocked(from, to) != 0) return;
  topology_.Block(from, to);
  const uint64_t partition = topology_.Blocked(from, to);
  Schedule(now_ + options_.connection_timeout, nullptr, EventKind::kScript, false, [this, &from, &to, partition] {
    if (topology_.Blocked(from, to) != partition) return;
    for (const auto& link : LinksBetween(from, to)) link->Break("timed out: the network is cut");
  });
}

void World::Partition(const SimMachine& a, const SimMachine& b) {
  BlockOneWay(a, b);
  BlockOneWay(b, a);
}

void World::PartitionOneWay(const SimMachine& from, const SimMachine& to) { BlockOneWay(from, to); }

void World::Heal(const SimMachine& a, const SimMachine& b) {
  topology_.Unblock(a, b);
  topology_.Unblock(b, a);
  for (const auto& link : LinksBetween(a, b)) link->ReleaseHeld();
}

void World::HealAll() {
  const auto& machines = topology_.machines();
  for (size_t i = 0; i < machines.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (topology_.Blocked(*machines[i], *machines[j]) != 0 || topology_.Blocked(*machines[j], *machines[i]) != 0) {
        Heal(*machines[i], *machines[j]);
      }
    }
  }
}

void World::DisconnectOne(const SimMachine& a, const SimMachine& b, size_t i) {
  LinksBetween(a, b).at(i)->Break("broke: the scenario cut it");
}

void World::Disconnect(const SimMachine& a, const SimMachine& b) {
  for (const auto& link : LinksBetween(a, b)) link->Break("broke: the scenario cut it");
}

// --- Time

EventKey World::Schedule(absl::Time time, SimEnv* process, EventKind kind, bool turn, Callback callback) {
  if (process != nullptr && !process->alive()) return {};
  const EventKey key{std::max(time, now_), ++last_sequence_};
  queue_.emplace(key, Event{process, kind, turn, std::move(callback)});
  return key;
}

void World::Cancel(EventKey& key) {
  if (key.sequence == 0) return;
  if (const auto put_off = put_off_.extract(key.sequence); !put_off.empty()) key.time = put_off.mapped();
  const auto found = queue_.find(std::exchange(key, {}));
  if (found == queue_.end()) return;
  // The callback goes last: what it holds may come back here.
  const Event cancelled = std::move(found->second);
  queue_.erase(found);
}

void World::Step() {
  const auto first = queue_.begin();
  const uint64_t sequence = first->first.sequence;
  now_ = first->first.time;
  Event event = std::move(first->second);
  queue_.erase(first);
  if (event.process != nullptr && IsStopped(*event.process)) {
    const absl::Time goes_on = stopped_.at(event.process);
    put_off_[sequence] = goes_on;
    queue_.emplace(EventKey{goes_on, sequence}, std::move(event));
    return;
  }
  put_off_.erase(sequence);
  if (++events_ > options_.max_events) Fail(absl::StrCat("more than ", options_.max_events, " events"));
  if (event.process != nullptr && !event.process->alive()) return;

  Trace(event.kind, event.process == nullptr ? 0 : event.process->pid(), 0, 0);
  {
    in_event_ = true;
    const absl::Cleanup end = [this] { in_event_ = false; };
    if (event.turn) {
      event.process->executor().RunTurn(event.callback);
    } else {
      event.callback();
      event.callback = nullptr;
    }
  }
  if (!to_reap_.empty()) Reap();
}

bool World::RunUntil(const std::function<bool()>& done, absl::Time deadline) {
  IOC_CHECK(!in_event_ && Fiber::Current() == nullptr) << "only the test itself runs the world";
  while (!done()) {
    if (queue_.empty() || queue_.begin()->first.time > deadline) {
      if (deadline != absl::InfiniteFuture()) now_ = std::max(now_, deadline);
      return false;
    }
    Step();
  }
  return true;
}

bool World::RunUntil(const std::function<bool()>& done, absl::Duration limit) { return RunUntil(done, now_ + limit); }

void World::RunFor(absl::Duration duration) {
  RunUntil([] { return false; }, now_ + duration);
}

void World::At(absl::Duration delay, Callback action) {
  Schedule(now_ + delay, nullptr, EventKind::kScript, false, std::move(action));
}

// --- What happened

void World::Trace(EventKind kind, int64_t process, uint64_t a, uint64_t b) {
  for (const uint64_t value : {static_cast<uint64_t>(absl::ToInt64Nanoseconds(now_ - kStart)),
                               static_cast<uint64_t>(kind), static_cast<uint64_t>(process), a, b}) {
    trace_hash_ = Mix(trace_hash_ + 0x9e3779b97f4a7c15u + value);
  }
}

void World::AddLog(LogLevel level, const SimEnv& process, std::string_view message) {
  std::string line = absl::StrFormat("%14.6f %c %s: ", absl::ToDoubleSeconds(now_ - kStart),
                                     "DIWE"[static_cast<int>(level)], process.name());
  line.append(message);
  if (log_live_) std::cerr << line << "\n";
  log_.push_back(std::move(line));
  if (log_.size() > options_.max_log_lines) log_.pop_front();
}

void World::WriteLog(std::ostream& out) const {
  const size_t skipped = log_.size() > kLogLinesOfFailure ? log_.size() - kLogLinesOfFailure : 0;
  if (skipped > 0) out << "(" << skipped << " older lines left out)\n";
  for (size_t i = skipped; i < log_.size(); ++i) out << log_[i] << "\n";
}

void World::Fail(std::string_view message) const {
  WriteLog(std::cerr);
  IOC_CHECK(false) << "simulation with seed " << seed_ << " at " << absl::FormatDuration(now_ - kStart) << ": "
                   << message;
  std::abort();
}

}  // namespace ioc::sim
