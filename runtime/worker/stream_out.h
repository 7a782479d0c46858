// The items of one running stream on their way to its caller; what an ioc::Yield hands them to.
//
// Made for a job and known to it while it runs. BeginItem and Return are the job's thread's, without the mutex; the
// rest is the worker's, with it. At most `stream_window` items, and about kStreamWindowBytes, are ahead of the reader.
// Those of an actor's call are kept until they are taken, to be sent again if only the connection breaks.
#ifndef IOCLUSTER_RUNTIME_WORKER_STREAM_OUT_H_
#define IOCLUSTER_RUNTIME_WORKER_STREAM_OUT_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "lib/env/executor.h"
#include "runtime/client/client.h"
#include "runtime/worker/job.h"

namespace ioc {

inline constexpr uint64_t kStreamWindowBytes = uint64_t{16} << 20;

class StreamOut final : public internal::StreamSink {
 public:
  StreamOut(Executor& executor, Client& client, WorkerJob& job);
  ~StreamOut();
  StreamOut(const StreamOut&) = delete;
  StreamOut& operator=(const StreamOut&) = delete;

  void OnCredit(uint64_t taken);
  // Nobody reads any more.
  void Close();
  // The job's link is a new one, whose caller has the items before `received`.
  void Resume(uint64_t received);
  // What was sent and not taken, when the function has ended; whoever gets them lets go of their references.
  std::deque<SentItem> TakeItems() { return std::exchange(ahead_, {}); }
  // Sends those of `items` again that its caller has not received.
  static void SendItems(Client& client, const WorkerJob& job, const std::deque<SentItem>& items, uint64_t received);

  Step BeginItem() override;
  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Reserve(size_t bytes) override {
    return client_.Allocate(bytes);
  }
  void Return(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) override;
  void ReturnInline(std::string bytes, std::vector<internal::Ref> refs) override;
  // What was wrong with an item; the stream is closed then. The job's thread's as well.
  const absl::Status& status() const { return status_; }

 private:
  bool MaySend(internal::WritableValue* value, const std::vector<internal::Ref>& refs);
  bool HasRoom() const;
  bool open() const { return !closed_ && !job_.cancelled; }
  // With the mutex.
  void Add(SentItem item, const std::vector<internal::Ref>& refs);
  static void SendItem(Client& client, const WorkerJob& job, PeerLink& link, const SentItem& item);

  Executor& executor_;
  Client& client_;
  WorkerJob& job_;
  const bool keeps_items_;
  uint64_t index_ = 0;          // of the next item
  uint64_t taken_ = 0;          // by the reader
  std::deque<SentItem> ahead_;  // sent and not taken
  uint64_t bytes_ahead_ = 0;    // the sum of their sizes
  bool closed_ = false;
  absl::Status status_;
  Waiter* waiting_ = nullptr;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_STREAM_OUT_H_
