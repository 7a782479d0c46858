#include "tests/cluster/functions.h"

static int Twin(int x) { return 10 * x + 2; }

namespace ioc {

ObjectRef<int> SubmitTwinOfB(const Cluster& cluster, int x) { return cluster.Submit<Twin>(x); }
ObjectRef<int> SubmitLambdaOfB(const Cluster& cluster, int x) {
  return cluster.Submit<[](int y) { return 100 * y + 2; }>(x);
}

}  // namespace ioc
