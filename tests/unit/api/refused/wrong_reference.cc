// expect: iocluster cannot make this call: an ObjectRef refers to another type
#include <iocluster/iocluster.h>

int Add(int a, int b);

auto Call(ioc::Cluster& cluster, ioc::ObjectRef<std::string> text) { return cluster.Submit<Add>(1, text); }
