// expect: iocluster cannot make this call: an argument does not convert
#include <iocluster/iocluster.h>

int Add(int a, int b);

auto Call(ioc::Cluster& cluster) { return cluster.Submit<Add>(1, std::string("2")); }
