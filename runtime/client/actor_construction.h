// What the worker of an actor's constructor is told beside the call: its options, and what to make it again from.
#ifndef IOCLUSTER_RUNTIME_CLIENT_ACTOR_CONSTRUCTION_H_
#define IOCLUSTER_RUNTIME_CLIENT_ACTOR_CONSTRUCTION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "iocluster/options.h"
#include "lib/protocol/peer_messages.h"
#include "runtime/client/object_record.h"

namespace ioc {

// A checkpoint of an actor that this process owns. What it views lies in `words`; the references in it are held.
struct KeptCheckpoint {
  ObjectId id;          // that its worker gave it
  uint64_t link = 0;    // whom to answer...
  FrameHeader request;  // ... and what
  std::vector<uint64_t> words;
  KeepCheckpoint message;
  std::vector<ObjectRecord*> refs;
  ObjectRecord* state = nullptr;  // the state, if it is stored, in the own node's store; held
};

struct Construction {
  ActorOptions options;
  uint64_t checkpoint_ids = 0;                 // of this incarnation: see TaskSpec
  std::shared_ptr<KeptCheckpoint> checkpoint;  // the last one; null: it has none
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_ACTOR_CONSTRUCTION_H_
