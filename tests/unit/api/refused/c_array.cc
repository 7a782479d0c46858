// expect: iocluster cannot serialise this type: it is a struct with a C array
#include <iocluster/iocluster.h>

struct Matrix {
  int rows;
  int values[4];
};

auto Call(ioc::Cluster& cluster) { return cluster.Put(Matrix()); }
