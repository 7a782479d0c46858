// The streams that this process reads: items that have come and were not taken yet.
//
// A stream belongs to a call of this process (its sequence names it) and lives from the call until its reader closes
// it, so also after the call has ended. Its worker may be `stream_window` items ahead of the reader; each item that is
// taken gives it room for another (StreamCredit). When the call is run again, items that are here already are skipped.
//
// Lives on the client's executor. Invariant: `items` are those from `taken` on, without a gap.
#ifndef IOCLUSTER_RUNTIME_CLIENT_STREAMS_H_
#define IOCLUSTER_RUNTIME_CLIENT_STREAMS_H_

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <vector>

#include "runtime/client/borrowing.h"
#include "runtime/client/peers.h"
#include "runtime/client/store_client.h"
#include "runtime/client/task_record.h"

namespace ioc {

// Items of one stream: its call's ids are set apart for so many.
inline constexpr uint64_t kMaxStreamItems = uint64_t{1} << 32;

// Wants to know once when a stream has an item, or was closed.
class ItemListener {
 public:
  virtual void OnItem() = 0;

 protected:
  ~ItemListener() = default;
};

class StreamTable {
 public:
  StreamTable(Executor& executor, PeerTable& peers, ObjectTable& objects, Borrowing& borrowing, StoreClient& store)
      : executor_(executor), peers_(peers), objects_(objects), borrowing_(borrowing), store_(store) {}

  void SetSelf(ProcessId self) { self_ = self; }

  // A new stream, of the call `task`.
  void Open(const TaskRecord& task) { streams_.try_emplace(task.sequence); }
  // An item of `task`'s, stored (if it is) on `node`.
  void OnItem(PeerLink& link, const TaskRecord& task, StreamItem& item, const NodeAddress& node);

  // The next item, held; null if none is here.
  ObjectRecord* Take(uint64_t sequence);
  // Notifies `waiter` when an item comes, until Unlisten. No-ops for a stream that is closed.
  void Listen(uint64_t sequence, Waiter& waiter);
  void Unlisten(uint64_t sequence, Waiter& waiter);
  void Listen(uint64_t sequence, ItemListener& listener);
  void Unlisten(uint64_t sequence, ItemListener& listener);
  // Whether Take would give one.
  bool HasItem(uint64_t sequence) const;
  // Forgets it; says whether it was open.
  bool Close(uint64_t sequence);

  bool IsOpen(uint64_t sequence) const { return streams_.contains(sequence); }
  // How many of its items another attempt of the call shall skip.
  uint64_t Received(uint64_t sequence) const;
  // The node is gone, and what lay there: another attempt makes those again.
  void LoseItemsOn(uint64_t sequence, NodeId node);

  size_t size() const { return streams_.size(); }

 private:
  struct Stream {
    std::deque<ObjectRecord*> items;
    uint64_t taken = 0;
    uint64_t credited = 0;  // of `taken`, what the worker knows
    uint32_t window = 1;
    uint64_t link = 0;  // that the items come on
    std::vector<Waiter*> waiting;
    std::vector<ItemListener*> listening;

    void Tell(Executor& executor);
  };

  void GiveCredit(uint64_t sequence, Stream& stream);

  Executor& executor_;
  PeerTable& peers_;
  ObjectTable& objects_;
  Borrowing& borrowing_;
  StoreClient& store_;
  ProcessId self_;
  absl::flat_hash_map<uint64_t, Stream> streams_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_STREAMS_H_
