// expect: iocluster cannot create this actor
#include <iocluster/iocluster.h>

class Counter {
 public:
  explicit Counter(int& start);
};

auto Call(ioc::Cluster& cluster) { return cluster.Create<Counter>(1); }
