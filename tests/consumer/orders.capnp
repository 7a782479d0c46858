@0xd1b4c7e2a9f05386;
# A schema of the user's own.

struct Order {
  customer @0 :Text;
  pieces @1 :List(Piece);

  struct Piece {
    name @0 :Text;
    cents @1 :UInt64;
  }
}
