// expect: iocluster cannot checkpoint this actor
#include <iocluster/iocluster.h>

class Counter {
 public:
  int Checkpoint() const { return 1; }
  void Restore(const std::vector<int>& numbers);
};

auto Call(ioc::Cluster& cluster) { return cluster.Create<Counter>(); }
