// expect: iocluster cannot serialise this type: it is neither a number, a container nor a plain struct
#include <iocluster/iocluster.h>

class Opaque {
 public:
  explicit Opaque(int a) : a_(a) {}

 private:
  int a_;
};

int Look(Opaque value);

auto Call(ioc::Cluster& cluster) { return cluster.Submit<Look>(Opaque(1)); }
