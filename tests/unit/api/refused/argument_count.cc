// expect: iocluster cannot make this call: the number of arguments
#include <iocluster/iocluster.h>

int Add(int a, int b);

auto Call(ioc::Cluster& cluster) { return cluster.Submit<Add>(1); }
