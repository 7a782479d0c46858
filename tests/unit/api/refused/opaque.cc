// expect: iocluster cannot serialise this type: it is neither a number, a container nor a plain struct
#include <iocluster/iocluster.h>

class Opaque {
 public:
  Opaque() {}

 private:
  int a_ = 0;
};

auto Call(ioc::Cluster& cluster) { return cluster.Put(std::vector<Opaque>()); }
