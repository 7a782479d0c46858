// Makes objects of this process's in its own node's store out of what lies in other nodes': what is to outlive those.
//
// Lives on the client's executor. Bytes are copied in pieces, between which others have their turn.
#ifndef IOCLUSTER_RUNTIME_CLIENT_STORE_COPIES_H_
#define IOCLUSTER_RUNTIME_CLIENT_STORE_COPIES_H_

#include <absl/functional/any_invocable.h>

#include <memory>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/store_client.h"

namespace ioc {

inline constexpr uint64_t kCopyPieceBytes = uint64_t{4} << 20;

class StoreCopies {
 public:
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  StoreCopies(Env& env, StoreClient& store) : env_(env), store_(store) {}

  // Gives the bytes of `from` to a new object with the fresh id `to`, which nobody has pinned when `done` hears of it.
  // kObjectLost, kStoreFull, kDisconnected.
  void Copy(ObjectId from, uint64_t size, const std::vector<ObjectCopy>& copies, ObjectId to, Done done);
  // Nothing is copied any more, and nobody hears of it.
  void Clear() { closed_ = true; }

 private:
  struct Copying {
    ObjectId from;
    ObjectId to;
    StoreLocation source;
    StorePiece target;
    uint64_t copied = 0;
    Done done;
  };

  void Proceed(const std::shared_ptr<Copying>& copying);

  Env& env_;
  StoreClient& store_;
  bool closed_ = false;
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for turns that outlive this
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_STORE_COPIES_H_
