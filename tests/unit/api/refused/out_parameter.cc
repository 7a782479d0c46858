// expect: iocluster cannot make this call: a parameter is a non-const reference
#include <iocluster/iocluster.h>

void Sort(std::vector<int>& values);

auto Call(ioc::Cluster& cluster) { return cluster.Submit<Sort>(std::vector<int>()); }
