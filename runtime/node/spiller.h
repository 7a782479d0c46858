// Puts objects that no process has mapped on disk when memory is short, and brings them back when they are wanted.
//
// Owned by the StoreService, on its executor; what the disk does is done in the background. What is written is a whole
// idle extent, so that memory comes free with it: one large object, or a slab full of small ones; first what has been
// idle for longest. An object stays on disk as long as it lives, so that it is written once however often it comes
// back. When the disk's limit is reached, the copies of objects that are in memory as well go first.
//
// Every block that comes back is checked against what was written. An object whose bytes can't be had any more is lost,
// and whoever asks for it hears why.
//
// Invariants: an object is in the ObjectStore, in the SpillTable, in both, or lost. While it is written it is pinned.
#ifndef IOCLUSTER_RUNTIME_NODE_SPILLER_H_
#define IOCLUSTER_RUNTIME_NODE_SPILLER_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "lib/objects/object_store.h"
#include "lib/objects/spill_table.h"
#include "runtime/node/allocation_queue.h"
#include "runtime/node/holders.h"
#include "runtime/node/life.h"

namespace ioc {

// What is on its way to the disk at a time. A larger object goes alone.
inline constexpr uint64_t kMaxSpillingBytes = uint64_t{64} << 20;
// Written beyond what is wanted, so that the next who wants memory need not wait: this part of the store at most.
inline constexpr uint64_t kSpillAheadPart = 8;
// Among the objects that have been idle for longest, so many that find no room on disk are passed over.
inline constexpr int kMaxPassedOver = 64;
// The disk reads and writes so much at a time; between two pieces, what others want of it has its turn.
inline constexpr uint64_t kDiskPieceBytes = 8 * kSpillBlockBytes;
// After an error the disk is left alone for this long.
inline constexpr absl::Duration kDiskRetryInterval = absl::Seconds(1);
// The log tells of the same error once in so long.
inline constexpr absl::Duration kDiskLogInterval = absl::Seconds(10);
// Objects whose loss is remembered, so that readers hear of it.
inline constexpr size_t kMaxLostObjects = 4096;

struct SpillOptions {
  std::string directory = {};          // empty: Files::ScratchDirectory()
  std::optional<uint64_t> limit = {};  // bytes on disk, 0 is none; unset: half of what is free there at first use
};

class Spiller {
 public:
  using Handler = absl::AnyInvocable<void(const absl::Status&)>;
  // The bytes that were asked for, and what keeps them.
  struct Chunk {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  using ReadHandler = absl::AnyInvocable<void(const absl::StatusOr<Chunk>&)>;

  // `on_room` is called when objects were written: their memory can be had.
  Spiller(Env& env, ObjectStore& store, AllocationQueue& memory, SpillOptions options,
          absl::AnyInvocable<void()> on_room);
  ~Spiller() { store_.DropHolder(kSpillHolder); }
  Spiller(const Spiller&) = delete;
  Spiller& operator=(const Spiller&) = delete;

  // Evicts idle objects that are on disk already, up to `bytes`; says whether there were any.
  bool Evict(uint64_t bytes);
  // Begins to write idle objects, so that `bytes` can be evicted and a little more; says whether any are on their way
  // (not after an error: what is tried again then is no more than that).
  bool Spill(uint64_t bytes);

  // Whether the object is on disk, or was and is lost. It may be in memory as well.
  bool Knows(ObjectId id) const { return table_.Find(id) != nullptr || lost_.contains(id); }
  std::optional<uint64_t> SizeOf(ObjectId id) const;  // of one that is on disk
  // How it was lost; OK if it was not.
  absl::Status LossOf(ObjectId id) const;
  // Brings back one that is known. `handler` is called once, maybe before this returns: OK if it is in memory (for as
  // long as the call takes, unless it is pinned), otherwise kObjectLost or kStoreFull.
  void Restore(ObjectId id, Handler handler);
  // Reads a part of one that is on disk, without memory of the store's. The part must lie within it.
  void Read(ObjectId id, uint64_t offset, uint64_t length, ReadHandler handler);

  // It was sealed anew (by another attempt of its task), or its owner freed it: what is on disk is not wanted any more.
  void Forget(ObjectId id);
  std::vector<ObjectId> MadeBy(ProcessId maker) const { return table_.MadeBy(maker); }

  // Memory whose objects are being written.
  uint64_t writing_bytes() const { return writing_bytes_; }
  // Objects that are on disk and not in memory.
  size_t away() const { return table_.size() - resident_.size(); }
  uint64_t used() const { return table_.used(); }
  // Why nothing more can be spilled; OK if it can.
  absl::Status Obstacle() const;

 private:
  struct Item {
    ObjectId id;
    Extent memory;
    Extent disk;
  };
  struct Batch {
    uint64_t extent = 0;  // in memory
    uint64_t bytes = 0;   // of it
    std::vector<Item> items;
    // Where the writing stands: in the background while a piece is written.
    size_t item = 0;
    uint64_t written = 0;  // of the item
    std::vector<std::vector<uint64_t>> checksums;

    // Writes the next piece.
    absl::Status WritePiece(const SharedMemory& memory, ScratchFile& file);
  };
  struct Restoring {
    ObjectId id;
    Extent extent;
    uint64_t read = 0;  // bytes that are there
    std::vector<Handler> waiting;
    bool wanted = true;
  };

  absl::Status Open();
  // Begins to write it; says whether it does.
  bool Begin(uint64_t extent);
  // Drops what is on disk and in memory, if then so much more can go to disk; says whether it can.
  bool MakeRoomOnDisk(uint64_t bytes);
  void SetResident(ObjectId id);
  void ClearResident(ObjectId id);
  void KeepLimit();
  void WriteNext(std::shared_ptr<Batch> batch);
  void Written(std::shared_ptr<Batch> batch, const absl::Status& status);
  void NoteDiskError(const absl::Status& error);
  void Discard(Extent place);
  void RemoveFromDisk(ObjectId id);
  bool IsOnDisk(uint64_t extent) const;

  void GotMemory(uint64_t restore, const absl::StatusOr<Extent>& extent);
  void ReadNext(uint64_t restore);
  void Restored(uint64_t restore, const absl::Status& status);
  void FinishRestore(uint64_t restore, const absl::Status& status);
  void Lose(ObjectId id, const absl::Status& why);

  Env& env_;
  ObjectStore& store_;
  AllocationQueue& memory_;
  SpillOptions options_;
  absl::AnyInvocable<void()> on_room_;
  std::shared_ptr<ScratchFile> file_;  // once anything is spilled
  SpillTable table_;
  absl::Status disk_error_;  // of the last write, or of opening the file
  absl::Time retry_at_ = absl::InfinitePast();
  absl::Status logged_error_;
  absl::Time log_again_at_ = absl::InfinitePast();
  bool limit_reached_ = false;
  uint64_t writing_bytes_ = 0;
  uint64_t wanted_back_bytes_ = 0;  // of objects that wait for memory to come back to
  std::set<ObjectId> resident_;     // on disk and in memory
  uint64_t resident_bytes_ = 0;     // that they have on disk
  std::set<uint64_t> clean_;        // extents whose objects were on disk when last looked at
  uint64_t last_restore_ = 0;
  std::map<uint64_t, Restoring> restoring_;
  std::map<ObjectId, uint64_t> restore_of_;  // those that are wanted
  std::map<ObjectId, absl::Status> lost_;
  std::deque<ObjectId> lost_order_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_SPILLER_H_
