// expect: iocluster cannot serialise this type: it is a struct with a base class
#include <iocluster/iocluster.h>

struct Base {
  int a;
};
struct Derived : Base {
  int b;
};

auto Call(ioc::Cluster& cluster) { return cluster.Put(Derived()); }
