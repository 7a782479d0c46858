#include "tests/cluster/functions.h"

static int Twin(int x) { return 10 * x + 1; }

namespace ioc {

ObjectRef<int> SubmitTwinOfA(const Cluster& cluster, int x) { return cluster.Submit<Twin>(x); }
ObjectRef<int> SubmitLambdaOfA(const Cluster& cluster, int x) {
  return cluster.Submit<[](int y) { return 100 * y + 1; }>(x);
}

}  // namespace ioc
