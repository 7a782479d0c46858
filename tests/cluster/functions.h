// Functions of two files that have the same name, and lambdas, submitted where they are visible.
#ifndef IOCLUSTER_TESTS_CLUSTER_FUNCTIONS_H_
#define IOCLUSTER_TESTS_CLUSTER_FUNCTIONS_H_

#include "iocluster/cluster.h"

namespace ioc {

ObjectRef<int> SubmitTwinOfA(const Cluster& cluster, int x);
ObjectRef<int> SubmitTwinOfB(const Cluster& cluster, int x);
ObjectRef<int> SubmitLambdaOfA(const Cluster& cluster, int x);
ObjectRef<int> SubmitLambdaOfB(const Cluster& cluster, int x);

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_CLUSTER_FUNCTIONS_H_
