#include "bench/suites/work.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <numeric>
#include <utility>

#include "bench/harness/effort.h"

namespace ioc::bench {
namespace {

// How many answers there are, if they are 0, 1, ...
absl::StatusOr<int64_t> CountIfRight(const absl::StatusOr<std::vector<int>>& answers) {
  if (!answers.ok()) return answers.status();
  for (size_t i = 0; i < answers->size(); ++i) {
    if ((*answers)[i] != static_cast<int>(i)) return absl::InternalError(absl::StrCat("answer ", i, " is wrong"));
  }
  return static_cast<int64_t>(answers->size());
}

}  // namespace

int Same(int x) { return x; }

int64_t Length(const std::string& bytes) { return static_cast<int64_t>(bytes.size()); }

int64_t Sum(const std::vector<int>& numbers) { return std::accumulate(numbers.begin(), numbers.end(), int64_t{0}); }

std::vector<int> Numbers(int count) {
  std::vector<int> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

int64_t SumBelow(int64_t count) { return count * (count - 1) / 2; }

int64_t Skim(const Array<uint8_t>& array) {
  int64_t sum = 0;
  for (size_t i = 0; i < array.size(); i += kMiB) sum += array[i];
  return sum;
}

int64_t Pid() { return getpid(); }

int DieOnce(const std::string& path) {
  const int fd = open(path.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) _exit(1);
  return 1;
}

int64_t Counter::Pid() { return getpid(); }

absl::StatusOr<int64_t> Client::RunTasks(int count) {
  const Cluster cluster = Cluster::Current();
  std::vector<ObjectRef<int>> refs;
  refs.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) refs.push_back(cluster.Submit<Same>(i));
  return CountIfRight(cluster.Get(refs, kPatience));
}

absl::StatusOr<int64_t> Client::CallActor(const ActorHandle<Counter>& actor, int count) {
  std::vector<ObjectRef<int>> refs;
  refs.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) refs.push_back(actor.Call<&Counter::Same>(i));
  return CountIfRight(Cluster::Current().Get(refs, kPatience));
}

absl::StatusOr<Flow> Client::CallActorFor(ActorHandle<Counter> actor, double seconds, int in_flight) {
  return FlowOf(
      absl::Seconds(seconds), in_flight, [&](int64_t i) { return actor.Call<&Counter::Same>(static_cast<int>(i)); },
      CheckResult);
}

absl::StatusOr<Flow> Client::RunTasksFor(double seconds) {
  const Cluster cluster = Cluster::Current();
  return FlowOf(
      absl::Seconds(seconds), 1, [&](int64_t i) { return cluster.Submit<bench::Same>(static_cast<int>(i)); },
      CheckResult);
}

std::vector<ObjectRef<int>> Client::Keep(int count) {
  kept_.clear();
  for (int i = 0; i < count; ++i) kept_.push_back(Cluster::Current().Put(i));
  return kept_;
}

}  // namespace ioc::bench
