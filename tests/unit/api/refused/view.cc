// expect: iocluster cannot serialise this type: it is a view of memory
#include <iocluster/iocluster.h>

int Length(std::string_view text);

auto Call(ioc::Cluster& cluster) { return cluster.Submit<Length>("text"); }
