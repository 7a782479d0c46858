#include "tests/sim/programs.h"

#include <numeric>
#include <utility>

#include "tests/sim/cluster.h"

namespace ioc::sim {

int Add(int a, int b) { return a + b; }

namespace {

template <auto Count>
int CountHalves(int size) {
  const TaskSubmitter again = Cluster::Current().With(TaskOptions{.max_retries = -1});
  std::vector<ObjectRef<int>> children;
  const int left = (size - 1) / 2;
  for (int below : {left, size - 1 - left}) {
    if (below > 0) children.push_back(again.Submit<Count>(below));
  }
  int count = 1;
  for (const ObjectRef<int>& child : children) count += child.Get().value();
  return count;
}

}  // namespace

int CountTree(int size) { return CountHalves<CountTree>(size); }

int CountSlowTree(int size) {
  Work(absl::Milliseconds(20));
  const int count = CountHalves<CountSlowTree>(size);
  Work(absl::Milliseconds(20));
  return count;
}

int WaitInDepth(int depth) {
  return depth == 1 ? 1 : Cluster::Current().Submit<WaitInDepth>(depth - 1).Get().value() + 1;
}

int SlowAdder::Add(int number, int milliseconds) {
  Work(absl::Milliseconds(milliseconds));
  return sum_ += number;
}

void RingMember::Pass(const std::vector<ActorHandle<RingMember>>& ring, const ActorHandle<Goal>& goal, int hops,
                      int token) {
  ++passed_;
  if (hops == 0) {
    goal.Call<&Goal::Arrive>(token);
    return;
  }
  const size_t next = (static_cast<size_t>(position_) + 1) % ring.size();
  ring[next].Call<&RingMember::Pass>(ring, goal, hops - 1, token + 1);
}

void Correspondent::Write(const ActorHandle<Correspondent>& to, int letters) {
  for (int i = 0; i < letters; ++i) written_.emplace_back(i, to.Call<&Correspondent::Answer>(i));
}

std::pair<int, int> Correspondent::AnsweredAndLost() {
  std::pair<int, int> counts;
  for (const auto& [letter, answer] : std::exchange(written_, {})) {
    const absl::StatusOr<int> answered = answer.Get();
    if (answered.ok() && *answered == letter + 1) ++counts.first;
    if (!answered.ok()) ++counts.second;
  }
  return counts;
}

int Steward::Delegate(const std::string& node, int milliseconds, int result) {
  const TaskOptions there{.where = {.nodes = {node}}, .max_retries = 0};
  return Cluster::Current().With(there).Submit<WorkCounted>(milliseconds, result).Get().value();
}

void Steward::DelegateLater(int pause_milliseconds, const std::string& node, int result) {
  Work(absl::Milliseconds(pause_milliseconds));
  Delegate(node, 10, result);
}

int Steward::AddElsewhere(int number) {
  if (!helper_) helper_ = Cluster::Current().With(ActorOptions{.strategy = Strategy::kSpread}).Create<SlowAdder>(0);
  return helper_.Call<&SlowAdder::Add>(number, 50).Get().value();
}

Array<uint32_t> MakeNumbersLater(int milliseconds, uint32_t count) {
  Work(absl::Milliseconds(milliseconds));
  return MakeNumbers(count);
}

Array<uint32_t> MakeNumbers(uint32_t count) {
  Array<uint32_t> numbers = Cluster::Current().NewArray<uint32_t>({count}).value();
  std::iota(numbers.begin(), numbers.end(), 0u);
  return numbers;
}

namespace {

uint64_t PatternAt(uint64_t id, uint64_t place) { return (id * 1'000'003 + place) * 0x9e3779b97f4a7c15; }

Pattern WritePattern(const Cluster& cluster, uint64_t id, uint32_t count) {
  Pattern numbers = cluster.NewArray<uint64_t>({count}).value();
  for (uint32_t i = 0; i < count; ++i) numbers[i] = PatternAt(id, i);
  return numbers;
}

}  // namespace

Pattern MakePattern(uint64_t id, uint32_t count) { return WritePattern(Cluster::Current(), id, count); }

ObjectRef<Pattern> PutPattern(const Cluster& cluster, uint64_t id, uint32_t count) {
  return cluster.Put(WritePattern(cluster, id, count));
}

bool IsPattern(uint64_t id, const Pattern& numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != PatternAt(id, i)) return false;
  }
  return true;
}

uint64_t SumOf(const Array<uint32_t>& numbers) { return std::accumulate(numbers.begin(), numbers.end(), uint64_t{0}); }

ObjectRef<int> MakeElsewhere(int milliseconds, int result) {
  return Cluster::Current().With(TaskOptions{.strategy = Strategy::kSpread}).Submit<WorkFor>(milliseconds, result);
}

int AddOne(const ObjectRef<int>& number) { return number.Get().value() + 1; }

void SlowCounter::Count(int count, int milliseconds, Yield<int>& yield) {
  for (int i = 0; i < count; ++i) {
    Work(absl::Milliseconds(milliseconds));
    yield(next_++);
  }
}

int OwnActorOn(const std::string& node) {
  const auto actor = Cluster::Current().With(ActorOptions{.where = {.nodes = {node}}}).Create<SlowAdder>(1);
  actor.Call<&SlowAdder::Add>(1, 0).Get().value();
  Work(absl::Hours(1));
  return 0;
}

int OwnNumbersOn(const std::string& node, uint32_t count) {
  const Cluster cluster = Cluster::Current();
  const auto numbers = cluster.With(TaskOptions{.where = {.nodes = {node}}}).Submit<MakeNumbers>(count);
  cluster.Wait({numbers}, 1);
  Work(absl::Hours(1));
  return 0;
}

void CountSlowly(int count, int milliseconds, Yield<int>& yield) {
  for (int n = 0; n < count; ++n) {
    Work(absl::Milliseconds(milliseconds));
    if (!yield(n)) return;
  }
}

void MakeBlocks(uint32_t count, uint32_t elements, Yield<Array<uint32_t>>& yield) {
  for (uint32_t n = 0; n < count; ++n) {
    Array<uint32_t> block = Cluster::Current().NewArray<uint32_t>({elements}).value();
    std::fill(block.begin(), block.end(), n);
    if (!yield(std::move(block))) return;
  }
}

int CountTreeForEver(int size) {
  if (size <= 1) {
    while (!Cancelled()) Work(absl::Milliseconds(10));
    return 1;
  }
  const Cluster cluster = Cluster::Current();
  const ObjectRef<int> left = cluster.Submit<CountTreeForEver>(size / 2);
  const ObjectRef<int> right = cluster.Submit<CountTreeForEver>(size - size / 2);
  return left.Get().value_or(0) + right.Get().value_or(0);
}

int WorkFor(int milliseconds, int result) {
  Work(absl::Milliseconds(milliseconds));
  return result;
}

int WorkElsewhere(int milliseconds, int result) {
  return Cluster::Current().Submit<WorkFor>(milliseconds, result).Get().value();
}

int WorkCounted(int milliseconds, int result) {
  ++TimesWorked()[result];
  return WorkFor(milliseconds, result);
}

std::map<int, int>& TimesWorked() {
  static std::map<int, int> times;
  return times;
}

std::string WorkOnNode(int milliseconds) {
  Work(absl::Milliseconds(milliseconds));
  return Cluster::Current().node_name();
}

int AddLaterOn(const std::string& node, int milliseconds, int a, int b) {
  Work(absl::Milliseconds(milliseconds));
  return Cluster::Current().With(TaskOptions{.where = {.nodes = {node}}}).Submit<Add>(a, b).Get().value();
}

}  // namespace ioc::sim
