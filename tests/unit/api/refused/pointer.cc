// expect: iocluster cannot serialise this type: it is a pointer
#include <iocluster/iocluster.h>

#include <memory>

int Length(std::unique_ptr<int> text);

auto Call(ioc::Cluster& cluster) { return cluster.Submit<Length>(nullptr); }
