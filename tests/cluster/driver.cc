// The program that the tests run on real clusters: cluster_driver SCENARIO [DIRECTORY]
//
// Prints what happened, a fact a line, for the test to judge. Exits with 1 and the error if it can't connect. Tasks
// meet, and report their process ids, by way of files in DIRECTORY.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/iocluster.h"
#include "tests/cluster/wait_until.h"
#include "tests/held.h"
#include "tests/mixed_load.h"

namespace fs = std::filesystem;
using ioc::kPatience;
using ioc::TaskOptions;
using Bytes = ioc::Array<uint8_t>;

// An actor that programs of other builds know, too.
class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Increment(int by) { return value_ += by; }

 private:
  int value_;
};

namespace {

// --- tasks and actors ---

std::string NodeName() { return ioc::Cluster::Current().node_name(); }

// Says in `directory` where and in which process it runs.
void Report(const std::string& directory, const std::string& name) {
  const std::string path = absl::StrCat(directory, "/", name);
  std::ofstream(path + ".tmp") << ::getpid() << ' ' << NodeName() << '\n';
  fs::rename(path + ".tmp", path);
}

size_t CountReports(const std::string& directory) {
  return std::count_if(
      fs::directory_iterator(directory), fs::directory_iterator(),
      [](const fs::directory_entry& entry) { return entry.is_regular_file() && entry.path().extension() == ""; });
}

// Ends when `count` of these run at once; where it ran.
std::string Meet(const std::string& directory, int number, size_t count) {
  Report(directory, absl::StrCat("met-", number));
  ioc::WaitUntil([&] { return CountReports(directory) >= count; });
  return NodeName();
}

// Ends when the file "go" is there; where it ran.
std::string WaitForGo(const std::string& directory, const std::string& name) {
  Report(directory, name);
  ioc::WaitUntil([&] { return fs::exists(directory + "/go"); });
  return NodeName();
}

uint8_t PatternAt(size_t i) { return static_cast<uint8_t>((i * 2654435761u) >> 13); }

Bytes MakePattern(size_t size) {
  Bytes bytes = ioc::Cluster::Current().NewArray<uint8_t>({size}).value();
  for (size_t i = 0; i < size; ++i) bytes[i] = PatternAt(i);
  return bytes;
}

bool IsPattern(const Bytes& bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != PatternAt(i)) return false;
  }
  return true;
}

std::string CheckPattern(const Bytes& bytes) {
  return absl::StrCat(NodeName(), IsPattern(bytes) ? " right " : " wrong ", bytes.size());
}

class Member {
 public:
  void SetNext(ioc::ActorHandle<Member> next) { next_ = std::move(next); }
  std::string Pass(const std::string& trace, int hops) {
    const std::string mine = absl::StrCat(trace, trace.empty() ? "" : ">", NodeName());
    return hops == 0 ? mine : next_.Call<&Member::Pass>(mine, hops - 1).Get().value();
  }

 private:
  ioc::ActorHandle<Member> next_;
};

// Lives without its driver.
class Resident {
 public:
  explicit Resident(const std::string& start) : trace_(start) {
    if (start == "nowhere") throw std::runtime_error("there is no house there");
  }
  // What it was asked so far, where, and in which process.
  std::string Visit(const std::string& guest) {
    trace_ += "," + guest;
    return absl::StrCat(trace_, " on ", NodeName(), " in ", ::getpid());
  }
  // A task of its own, on another node maybe.
  std::string SendOut(const std::string& node) {
    const TaskOptions there{.where = {.nodes = {node}}};
    return ioc::Cluster::Current().With(there).Submit<NodeName>().Get(kPatience).value();
  }

 private:
  std::string trace_;
};

// --- scenarios ---

using Arguments = std::vector<std::string>;

TaskOptions On(const std::string& node) { return {.where = {.nodes = {node}}}; }

template <typename T>
std::string Told(const absl::StatusOr<T>& result) {
  if (result.ok()) return absl::StrCat(*result);
  return absl::StrCat("error (", std::string(ioc::CauseName(ioc::CauseOf(result.status()))),
                      "): ", std::string(result.status().message()));
}

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void Hello(const ioc::Cluster& cluster, const Arguments&) {
  Say(absl::StrCat("ran on ", Told(cluster.Submit<NodeName>().Get(kPatience))));
}

void Spread(const ioc::Cluster& cluster, const Arguments& arguments) {
  const TaskOptions spread{.strategy = ioc::Strategy::kSpread};
  std::vector<ioc::ObjectRef<std::string>> nodes;
  for (int i = 0; i < 3; ++i) nodes.push_back(cluster.With(spread).Submit<Meet>(arguments.at(0), i, 3u));
  std::vector<std::string> names = cluster.Get(nodes, kPatience).value();
  std::sort(names.begin(), names.end());
  Say(absl::StrCat("met on ", absl::StrJoin(names, " ")));
}

void Place(const ioc::Cluster& cluster, const Arguments&) {
  auto say = [&](const char* what, TaskOptions options) {
    options.placement_timeout = absl::Milliseconds(100);
    Say(absl::StrCat(what, ": ", Told(cluster.With(options).Submit<NodeName>().Get(kPatience))));
  };
  say("name", On("beta"));
  say("label", {.where = {.labels = {{.key = "disk", .values = {"nvme"}}}}});
  say("no label", {.where = {.labels = {{.key = "disk", .op = ioc::LabelCondition::Op::kNotExists}}}});
  say("region", {.where = {.regions = {"asia"}}});
  say("resource", {.resources = {{"tpu", 1}}});
  say("gpu", {.gpus = 1, .where = {.gpu_models = {"RTX 4090"}, .min_gpu_memory = 24 * ioc::kGiB}});
  say("no such gpu", {.gpus = 1, .where = {.gpu_models = {"A100"}}});
  say("too many", {.cpus = 1000});
}

void Ring(const ioc::Cluster& cluster, const Arguments& nodes) {
  std::vector<ioc::ActorHandle<Member>> members;
  for (const std::string& node : nodes) {
    members.push_back(cluster.With(ioc::ActorOptions{.where = {.nodes = {node}}}).Create<Member>());
  }
  std::vector<ioc::ObjectRef<void>> linked;
  for (size_t i = 0; i < members.size(); ++i) {
    linked.push_back(members[i].Call<&Member::SetNext>(members[(i + 1) % members.size()]));
  }
  if (const absl::Status status = cluster.Get(linked, kPatience); !status.ok()) return Say(Told<int>(status));
  for (const auto& member : members) {
    Say(absl::StrCat("passed ",
                     Told(member.Call<&Member::Pass>("", static_cast<int>(nodes.size()) - 1).Get(kPatience))));
  }
}

void Objects(const ioc::Cluster& cluster, const Arguments& nodes) {
  constexpr size_t kSize = 20 * ioc::kMiB + 13;
  for (const std::string& maker : nodes) {
    const ioc::ObjectRef<Bytes> made = cluster.With(On(maker)).Submit<MakePattern>(kSize);
    for (const std::string& reader : nodes) {
      Say(absl::StrCat(maker, " to ", Told(cluster.With(On(reader)).Submit<CheckPattern>(made).Get(kPatience))));
    }
    const absl::StatusOr<Bytes> here = made.Get(kPatience);
    Say(absl::StrCat(maker, " to driver ", here.ok() ? (IsPattern(*here) ? "right" : "wrong") : "lost"));
  }
}

Bytes MakeNumbered(size_t number, size_t size) {
  Bytes bytes = MakePattern(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(byte + number);
  return bytes;
}

bool IsNumbered(size_t number, const Bytes& bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != static_cast<uint8_t>(PatternAt(i) + number)) return false;
  }
  return true;
}

// Twice what a node's store holds is made on one node, and read there, on another, and here; then it waits for "go".
void Spill(const ioc::Cluster& cluster, const Arguments& arguments) {
  constexpr size_t kCount = 32;
  constexpr size_t kSize = 4 * ioc::kMiB + 13;
  std::vector<ioc::ObjectRef<Bytes>> made;
  for (size_t i = 0; i < kCount; ++i) {
    made.push_back(cluster.With(On(arguments.at(1))).Submit<MakeNumbered>(i, kSize));
  }
  for (size_t node = 1; node < arguments.size(); ++node) {
    std::vector<ioc::ObjectRef<bool>> right;
    for (size_t i = 0; i < kCount; ++i) {
      right.push_back(cluster.With(On(arguments[node])).Submit<IsNumbered>(i, made[i]));
    }
    size_t count = 0;
    for (const auto& one : right) count += one.Get(kPatience).value_or(false);
    Say(absl::StrCat(arguments[node], " reads ", count, " right"));
  }
  size_t count = 0;
  for (size_t i = 0; i < kCount; ++i) {
    const absl::StatusOr<Bytes> bytes = made[i].Get(kPatience);
    count += bytes.ok() && IsNumbered(i, *bytes);
  }
  Say(absl::StrCat("driver reads ", count, " right"));
  ioc::WaitUntil([&] { return fs::exists(arguments.at(0) + "/go"); });
}

// Keeps what it read of a cluster that it has left, while another driver writes all that the store has room for.
void Outlive(const ioc::Cluster& other, const Arguments&) {
  constexpr size_t kSize = 4 * ioc::kMiB;
  Bytes view;
  {
    const ioc::Cluster left = ioc::Cluster::Connect(0, nullptr).value();
    view = left.Put(MakeNumbered(1, kSize)).Get(kPatience).value();
  }
  std::vector<Bytes> filled;
  for (auto bytes = other.NewArray<uint8_t>({kSize}); bytes.ok(); bytes = other.NewArray<uint8_t>({kSize})) {
    std::fill(bytes->begin(), bytes->end(), 255);
    filled.push_back(*std::move(bytes));
  }
  Say(absl::StrCat("filled ", filled.size(), ", the view is ", IsNumbered(1, view) ? "right" : "wrong"));
}

// Waits for what no node has, until the file "go" is there or the wait is over.
void Hope(const ioc::Cluster& cluster, const Arguments& arguments) {
  const TaskOptions tpu{.resources = {{"tpu", 1}}, .placement_timeout = kPatience};
  std::vector<ioc::ObjectRef<std::string>> hopeful;
  for (int i = 0; i < 3; ++i) hopeful.push_back(cluster.With(tpu).Submit<NodeName>());
  ioc::WaitUntil([&] { return fs::exists(arguments.at(0) + "/go"); });
  for (const auto& ref : hopeful) Say(absl::StrCat("ran on ", Told(ref.Get(kPatience))));
}

// Runs on one node; for which programs it fetches.
void RunOn(const ioc::Cluster& cluster, const Arguments& arguments) {
  Say(absl::StrCat("ran on ", Told(cluster.With(On(arguments.at(0))).Submit<NodeName>().Get(kPatience))));
}

void KeepNamed(const ioc::Cluster& cluster, const Arguments& arguments) {
  const auto counter = cluster.With(ioc::ActorOptions{.name = "counter"}).Create<Counter>(100);
  Say(absl::StrCat("counter at ", Told(counter.Call<&Counter::Increment>(1).Get(kPatience))));
  ioc::WaitUntil([&] { return fs::exists(arguments.at(0) + "/go"); });
  Say(absl::StrCat("counter ended at ", Told(counter.Call<&Counter::Increment>(0).Get(kPatience))));
}

void UseNamed(const ioc::Cluster& cluster, const Arguments&) {
  const auto counter = cluster.FindActor<Counter>("counter");
  if (!counter.ok()) return Say(Told(absl::StatusOr<int>(counter.status())));
  Say(absl::StrCat("counter at ", Told(counter->Call<&Counter::Increment>(10).Get(kPatience))));
}

ioc::ActorOptions Town() {
  return {.name = "resident", .name_space = "town", .lifetime = ioc::Lifetime::kDetached, .max_restarts = 1};
}

void Settle(const ioc::Cluster& cluster, const Arguments& arguments) {
  const auto resident = cluster.With(Town()).Create<Resident>(arguments.at(0));
  Say(absl::StrCat("settled: ", Told(resident.Call<&Resident::Visit>("maker").Get(kPatience))));
}

// Has left before the actor can have been made.
void SettleAndGo(const ioc::Cluster& cluster, const Arguments&) { cluster.With(Town()).Create<Resident>("hasty"); }

void Visit(const ioc::Cluster& cluster, const Arguments& arguments) {
  absl::StatusOr<ioc::ActorHandle<Resident>> resident;
  ioc::WaitUntil([&] { return (resident = cluster.FindActor<Resident>("resident", "town")).ok(); });
  Say(absl::StrCat("visited: ", Told(resident->Call<&Resident::Visit>(arguments.at(0)).Get(kPatience))));
  for (size_t i = 1; i < arguments.size(); ++i) {
    Say(absl::StrCat("sent to ", Told(resident->Call<&Resident::SendOut>(arguments[i]).Get(kPatience))));
  }
}

void Evict(const ioc::Cluster& cluster, const Arguments&) {
  const auto resident = cluster.FindActor<Resident>("resident", "town").value();
  Say(absl::StrCat("killed: ", cluster.Kill(resident).ToString()));
  Say(absl::StrCat("visited: ", Told(resident.Call<&Resident::Visit>("late").Get(kPatience))));
  Say(absl::StrCat("found: ", cluster.FindActor<Resident>("resident", "town").ok()));
}

// A task and an actor on each node, which are at work when it says so; then it waits to be killed.
void Work(const ioc::Cluster& cluster, const Arguments& arguments) {
  const std::string& directory = arguments.at(0);
  const TaskOptions spread{.strategy = ioc::Strategy::kSpread};
  std::vector<ioc::ObjectRef<std::string>> running;
  for (const char* name : {"one", "two", "three"}) {
    running.push_back(cluster.With(spread).Submit<WaitForGo>(directory, name));
  }
  ioc::WaitUntil([&] { return CountReports(directory) == 3; });
  Say("at work");
  for (const auto& ref : running) Say(absl::StrCat("ended: ", Told(ref.Get(kPatience))));
}

// Says on which node the driver is, and then what becomes of a task that does not end by itself.
void Linger(const ioc::Cluster& cluster, const Arguments& arguments) {
  Say(absl::StrCat("on ", cluster.node_name()));
  Say(Told(cluster.Submit<WaitForGo>(arguments.at(0), "lingering").Get(kPatience)));
}

// Work on two nodes that are not the driver's own; it names the one that the test is to kill.
void LoseNode(const ioc::Cluster& cluster, const Arguments& arguments) {
  const std::string& directory = arguments.at(0);
  Arguments nodes(arguments.begin() + 1, arguments.end());
  std::erase(nodes, cluster.node_name());
  const std::string& victim = nodes.at(0);
  TaskOptions once = On(victim);
  once.max_retries = 0;
  const auto pinned = cluster.With(once).Submit<WaitForGo>(directory, "pinned");
  // Three find room for one on the victim and for two on the other node.
  const TaskOptions either{.where = {.nodes = {victim, nodes.at(1)}}};
  std::vector<ioc::ObjectRef<std::string>> retried;
  for (const char* name : {"a", "b", "c"}) {
    retried.push_back(cluster.With(either).Submit<WaitForGo>(directory, name));
  }
  const auto actor = cluster.With(ioc::ActorOptions{.where = {.nodes = {victim}}}).Create<Member>();
  Say(absl::StrCat("actor on ", Told(actor.Call<&Member::Pass>("", 0).Get(kPatience))));
  TaskOptions beside = On(victim);
  beside.cpus = 0;
  const auto stored = cluster.With(beside).Submit<MakePattern>(ioc::kMiB);
  cluster.Wait({stored}, 1, kPatience);
  ioc::WaitUntil([&] { return CountReports(directory) == 4; });
  Say(absl::StrCat("kill ", victim));
  Say(absl::StrCat("pinned: ", Told(pinned.Get(kPatience))));
  absl::StatusOr<std::string> answer;  // its process may outlive the node by a moment
  ioc::WaitUntil([&] { return !(answer = actor.Call<&Member::Pass>("", 0).Get(kPatience)).ok(); });
  Say(absl::StrCat("actor: ", Told(answer)));
  const absl::StatusOr<Bytes> lost = stored.Get(kPatience);
  Say(absl::StrCat("stored: ", lost.ok() ? "there" : Told(absl::StatusOr<int>(lost.status()))));
  std::ofstream(directory + "/go") << "go";
  for (const auto& ref : retried) {
    const absl::StatusOr<std::string> where = ref.Get(kPatience);
    Say(absl::StrCat("retried: ", where.ok() && *where == nodes.at(1) ? "elsewhere" : Told(where)));
  }
}

int64_t Pid() { return ::getpid(); }

// What other tasks make when this one has ended, and the process that owns it.
struct Promise {
  ioc::ObjectRef<int> small;
  ioc::ObjectRef<Bytes> large;
  int64_t worker = 0;
};

int SmallLater(const std::string& go) {
  return ioc::WaitUntil([&] { return fs::exists(go); }) ? 42 : 0;
}
Bytes LargeLater(const std::string& go) {
  ioc::WaitUntil([&] { return fs::exists(go); });
  return MakePattern(ioc::kMiB);
}

Promise PromiseOn(const std::string& node, const std::string& go) {
  const auto there = ioc::Cluster::Current().With(On(node));
  return {there.Submit<SmallLater>(go), there.Submit<LargeLater>(go), Pid()};
}

// A worker of another node than the driver's is idle; it owned what the driver refers to.
void Retire(const ioc::Cluster& cluster, const Arguments& arguments) {
  const std::string go = arguments.at(0) + "/go";
  Arguments nodes(arguments.begin() + 1, arguments.end());
  std::erase(nodes, cluster.node_name());
  const auto promised = cluster.With(On(nodes.at(0))).Submit<PromiseOn>(nodes.at(1), go).Get(kPatience);
  if (!promised.ok()) return Say(Told(absl::StatusOr<int>(promised.status())));
  std::ofstream(go) << "go";
  const auto has_ended = [&] { return ::kill(static_cast<pid_t>(promised->worker), 0) != 0; };
  Say(absl::StrCat("ended: ", ioc::WaitUntil(has_ended, 2 * kPatience)));
  Say(absl::StrCat("small: ", Told(promised->small.Get(kPatience))));
  const absl::StatusOr<Bytes> large = promised->large.Get(kPatience);
  Say(absl::StrCat("large: ", large.ok() ? "there" : Told(absl::StatusOr<int>(large.status()))));
}

// Everything at once, while workers of all nodes are killed; what is held in the end.
void Everything(const ioc::Cluster& cluster, const Arguments& arguments) {
  int next_kill = 600;
  const auto kill_sometimes = [&](int operations) {
    if (operations < next_kill) return;
    next_kill = operations + 600;
    const TaskOptions anywhere{.strategy = ioc::Strategy::kSpread};
    const absl::StatusOr<int64_t> worker = cluster.With(anywhere).Submit<Pid>().Get(kPatience);
    if (worker.ok()) ::kill(static_cast<pid_t>(*worker), SIGKILL);
  };
  const ioc::MixedLoadOptions options{.operations = std::stoi(arguments.at(0)), .faults = true, .patience = kPatience};
  const ioc::MixedLoadReport report = ioc::RunMixedLoad(cluster, options, kill_sometimes);
  for (const std::string& mistake : report.mistakes) Say(absl::StrCat("mistake: ", mistake));
  std::vector<std::string> held;
  ioc::WaitUntil([&] { return (held = ioc::HeldIn(cluster.ObjectsJson().value())).empty(); }, 2 * kPatience);
  for (const std::string& line : held) Say(absl::StrCat("held: ", line));
  Say(absl::StrCat("ran ", report.operations));
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<void(const ioc::Cluster&, const Arguments&)>> scenarios = {
      {"hello", Hello},           {"spread", Spread},
      {"place", Place},           {"ring", Ring},
      {"objects", Objects},       {"keep-named", KeepNamed},
      {"use-named", UseNamed},    {"work", Work},
      {"run-on", RunOn},          {"lose-node", LoseNode},
      {"linger", Linger},         {"hope", Hope},
      {"settle", Settle},         {"settle-and-go", SettleAndGo},
      {"visit", Visit},           {"evict", Evict},
      {"everything", Everything}, {"spill", Spill},
      {"retire", Retire},         {"outlive", Outlive}};
  const absl::StatusOr<ioc::Cluster> cluster = ioc::Cluster::Connect(argc, argv, {.timeout = absl::Seconds(5)});
  if (!cluster.ok()) {
    std::fprintf(stderr, "cluster_driver: %s\n", std::string(cluster.status().message()).c_str());
    return 1;
  }
  const auto scenario = scenarios.find(argc > 1 ? argv[1] : "");
  if (scenario == scenarios.end()) return 2;
  scenario->second(*cluster, Arguments(argv + 2, argv + argc));
  return 0;
}
