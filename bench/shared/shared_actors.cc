// ioc_bench_shared [N]: how fast N actors in shared processes are made, and what they cost, beside actors with
// processes of their own. Rounds take turns, so that what disturbs the machine disturbs both alike.
#include <absl/strings/numbers.h>
#include <iocluster/iocluster.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 3;
constexpr int kAlone = 20;  // with processes of their own, a round
constexpr absl::Duration kPatience = absl::Minutes(5);

class Cell {
 public:
  int Add(int by) { return sum_ += by; }
  // Resident bytes of this process.
  int64_t ProcessBytes() {
    std::ifstream statm("/proc/self/statm");
    int64_t total = 0;
    int64_t resident = 0;
    statm >> total >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
  }

 private:
  int sum_ = 0;
};

// Made, and each called once.
double MadePerS(const ioc::ActorCreator& creator, int count, std::vector<ioc::ActorHandle<Cell>>& cells) {
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < count; ++i) cells.push_back(creator.Create<Cell>());
  cells.back().Call<&Cell::Add>(1).Get(kPatience).value();  // constructors of one host begin in order
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return count / seconds;
}

double Median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  auto cluster = ioc::Cluster::Connect(argc, argv).value();
  int count = 50'000;
  if (argc > 1 && !absl::SimpleAtoi(argv[1], &count)) {
    std::fprintf(stderr, "usage: %s [NUMBER OF ACTORS]\n", argv[0]);
    return 2;
  }
  const ioc::ActorCreator shared = cluster.With(ioc::ActorOptions{.shared_process = true});
  const ioc::ActorCreator alone = cluster.With(ioc::ActorOptions{});
  const auto first = shared.Create<Cell>();  // keeps the host
  std::vector<double> shared_per_s;
  std::vector<double> alone_per_s;
  for (int round = 0; round < kRounds; ++round) {
    Cell here;
    std::vector<ioc::ActorHandle<Cell>> cells;
    std::vector<ioc::ActorHandle<Cell>> processes;
    const int64_t host_before = first.Call<&Cell::ProcessBytes>().Get(kPatience).value();
    const int64_t here_before = here.ProcessBytes();
    shared_per_s.push_back(MadePerS(shared, count, cells));
    const int64_t host_after = first.Call<&Cell::ProcessBytes>().Get(kPatience).value();
    const int64_t here_after = here.ProcessBytes();
    alone_per_s.push_back(MadePerS(alone, kAlone, processes));
    const Clock::time_point begin = Clock::now();
    std::vector<ioc::ObjectRef<int>> sums;
    for (const auto& cell : cells) sums.push_back(cell.Call<&Cell::Add>(1));
    for (const auto& sum : sums) sum.Get(kPatience).value();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::printf(
        "round %d: %.0f shared actors/s, %.1f with processes/s; bytes an actor: %.0f in the host, %.0f here; "
        "%.0f calls/s, one to each\n",
        round + 1, shared_per_s.back(), alone_per_s.back(), static_cast<double>(host_after - host_before) / count,
        static_cast<double>(here_after - here_before) / count, count / seconds);
  }
  std::printf("median: %.0f shared actors/s, %.0f times as many as with processes of their own\n", Median(shared_per_s),
              Median(shared_per_s) / Median(alone_per_s));
}
