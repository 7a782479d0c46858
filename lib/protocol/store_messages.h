// Messages about the object store: between a process and its node, and between nodes.
//
// Offsets are into the store's memory of the process's own node.
#ifndef IOCLUSTER_LIB_PROTOCOL_STORE_MESSAGES_H_
#define IOCLUSTER_LIB_PROTOCOL_STORE_MESSAGES_H_

#include <cstdint>
#include <vector>

#include "lib/protocol/common.h"
#include "lib/protocol/method.h"

namespace ioc {

// process -> its node. Committed memory for one large object or a slab of small ones, leased to the connection: what is
// not sealed when that ends is freed.
struct AllocateExtent {
  struct Reply {
    uint64_t offset = 0;
    uint64_t length = 0;  // at least what was asked for
  };
  static constexpr Method kMethod = Method::kAllocateExtent;
  uint64_t length = 0;
};

// process -> its node: allocates no more in it. It is freed once no object lies in it.
struct ReleaseExtent {
  static constexpr Method kMethod = Method::kReleaseExtent;
  uint64_t offset = 0;
};

// process -> its node: these bytes of a leased extent are object `id` now, immutable. The sealer holds one pin on it.
struct SealObject {
  static constexpr Method kMethod = Method::kSealObject;
  ObjectId id;
  uint64_t offset = 0;
  uint64_t size = 0;
};

// process -> its node: have the object here and keep it until unpinned or the connection ends. Pulled from one of
// `copies` if need be. Errors: kObjectLost, kStoreFull, kDeadline.
struct PinObject {
  struct Reply {
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  static constexpr Method kMethod = Method::kPinObject;
  ObjectId id;
  uint64_t size = 0;
  std::vector<ObjectCopy> copies;
};

struct UnpinObjects {
  static constexpr Method kMethod = Method::kUnpinObjects;
  std::vector<ObjectId> ids;
};

// owner -> its node -> `node`, and from there to every node that has pulled from it: nobody refers to them any more. A
// pinned one is freed with its last pin. Between nodes a request where it comes from the owner's, so that none is lost.
struct FreeObjects {
  struct Reply {};
  static constexpr Method kMethod = Method::kFreeObjects;
  static constexpr bool kAlsoNotified = true;
  NodeAddress node;
  std::vector<ObjectId> ids;
  ProcessId owner;  // set by the owner's node; what another process owns is not freed. 0: whoever owns them
};

// owner -> its node -> `node`: they were made by another process and are `owner`'s now. Their maker's end does not free
// them any more, but this one's does. Between nodes a request.
struct AdoptObjects {
  struct Reply {};
  static constexpr Method kMethod = Method::kAdoptObjects;
  static constexpr bool kAlsoNotified = true;
  NodeAddress node;
  std::vector<ObjectId> ids;
  ProcessId owner;  // set by the owner's node
};

// node -> node, before reading.
struct DescribeObject {
  struct Reply {
    uint64_t size = 0;
  };
  static constexpr Method kMethod = Method::kDescribeObject;
  ObjectId id;
};

// node -> node. The bytes are the reply's trailer, straight from the store's memory.
struct ReadObject {
  struct Reply {};
  static constexpr Method kMethod = Method::kReadObject;
  ObjectId id;
  uint64_t offset = 0;
  uint32_t length = 0;
};

// node -> its processes, when memory is short: unpin what nobody reads right now, release slabs that nobody writes in.
struct ReleaseUnused {
  static constexpr Method kMethod = Method::kReleaseUnused;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_STORE_MESSAGES_H_
