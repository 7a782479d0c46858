// expect: the type of a parameter has no public default constructor
#include <iocluster/iocluster.h>

class Opaque {
 public:
  explicit Opaque(int a) : a_(a) {}
  int a() const { return a_; }

 private:
  int a_;
};

namespace ioc {
template <>
struct Serde<Opaque> {
  static void Write(Encoder& out, const Opaque& value) { out.Write(value.a()); }
  static bool Read(Decoder&, Opaque&) { return false; }
};
}  // namespace ioc

int Look(Opaque value);

auto Call(ioc::Cluster& cluster) { return cluster.Submit<Look>(Opaque(1)); }
