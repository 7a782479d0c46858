@0xd2a8f1c06b7e4935;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ioc::bench");

# What travels in the bare echo, there and back: about as much as one small task.
struct Echo {
  id @0 :UInt64;
  payload @1 :Data;
}
