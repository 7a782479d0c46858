#include "runtime/client/ready_waits.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "runtime/client/object_maker.h"

namespace ioc {

class ReadyWaits::Wait final : public SettleListener, public ItemListener {
 public:
  Wait(ReadyWaits& waits, ObjectRecord& record, bool for_item, std::shared_ptr<internal::ReadyListener> listener)
      : waits_(waits),
        record_(record),
        for_item_(for_item),
        listener_(std::move(listener)),
        number_(++waits.last_number_) {
    waits_.objects_.Hold(record_);
  }
  ~Wait() {
    waits_.executor_.CancelTimer(timer_);
    waits_.objects_.Unlisten(record_, *this);
    if (for_item_) waits_.streams_.Unlisten(record_.id().sequence, *this);
    if (job_ != 0) waits_.hooks_.OnWaitEnds(job_);
    waits_.objects_.Drop(record_);
  }

  const std::shared_ptr<internal::ReadyListener>& listener() const { return listener_; }
  uint64_t number() const { return number_; }

  bool IsReady() const {
    if (for_item_) return record_.settled() || waits_.streams_.HasItem(record_.id().sequence);
    return record_.settled() && (record_.state != ObjectState::kStored || waits_.store_.IsPinned(record_.id()));
  }

  // What the listener is told then.
  absl::Status Outcome() const {
    return !for_item_ && record_.state == ObjectState::kFailed ? record_.error : absl::OkStatus();
  }

  // Once it is in the table.
  void Start(absl::Time deadline) {
    job_ = waits_.hooks_.OnWaitBegins();
    if (deadline != absl::InfiniteFuture()) {
      const absl::Duration left = std::max(deadline - waits_.executor_.Now(), absl::ZeroDuration());
      timer_ = waits_.executor_.Schedule(left, [this] { OnLate(); });
    }
    if (for_item_) waits_.streams_.Listen(record_.id().sequence, static_cast<ItemListener&>(*this));
    if (record_.settled()) return Pin();
    waits_.objects_.Listen(record_, *this);
    waits_.hooks_.OnWanted(record_);
  }

  void OnSettled(ObjectRecord&) override {
    if (IsReady()) return waits_.End(*this, Outcome());
    Pin();
  }
  void OnItem() override { waits_.End(*this, absl::OkStatus()); }

 private:
  void OnLate() {
    timer_ = 0;
    waits_.End(*this, for_item_
                          ? MakeError(Cause::kDeadline, "the stream's next item was not there when the deadline passed")
                          : waits_.hooks_.LateError(record_));
  }

  // The pin is cached from then on, so that reading it asks nobody.
  void Pin() {
    waits_.store_.Pin(record_.id(), record_.size, record_.copies,
                      [waits = &waits_, key = listener_.get(), number = number_,
                       id = record_.id()](const absl::StatusOr<StoreLocation>& location) {
                        Wait* const wait = waits->Find(key, number);
                        // Without a wait the record may be gone, and nobody would end the caching.
                        if (location.ok() && wait != nullptr) waits->store_.Cache(id);
                        if (location.ok()) waits->store_.Unpin(id);
                        if (wait != nullptr) waits->End(*wait, WithMaker(location.status(), wait->record_));
                      });
  }

  ReadyWaits& waits_;
  ObjectRecord& record_;
  const bool for_item_;
  const std::shared_ptr<internal::ReadyListener> listener_;
  const uint64_t number_;  // a listener may come again
  uint64_t job_ = 0;
  TimerId timer_ = 0;
};

ReadyWaits::ReadyWaits(Executor& executor, ObjectTable& objects, StoreClient& store, StreamTable& streams,
                       ReadyWaitsHooks& hooks)
    : executor_(executor), objects_(objects), store_(store), streams_(streams), hooks_(hooks) {}

ReadyWaits::~ReadyWaits() { IOC_CHECK(waits_.empty()) << "a client is destroyed while somebody waits for it"; }

void ReadyWaits::ForValue(ObjectRecord& record, absl::Time deadline,
                          std::shared_ptr<internal::ReadyListener> listener) {
  Begin(std::make_unique<Wait>(*this, record, /*for_item=*/false, std::move(listener)), deadline);
}

void ReadyWaits::ForItem(ObjectRecord& end, absl::Time deadline, std::shared_ptr<internal::ReadyListener> listener) {
  Begin(std::make_unique<Wait>(*this, end, /*for_item=*/true, std::move(listener)), deadline);
}

void ReadyWaits::Begin(std::unique_ptr<Wait> wait, absl::Time deadline) {
  const std::shared_ptr<internal::ReadyListener> listener = wait->listener();
  if (wait->IsReady()) {
    const absl::Status outcome = wait->Outcome();
    wait = nullptr;
    return listener->OnReady(outcome);
  }
  Wait& begun = *wait;
  IOC_CHECK(waits_.emplace(listener.get(), std::move(wait)).second) << "a listener waits for two things at once";
  begun.Start(deadline);
}

void ReadyWaits::End(Wait& wait, const absl::Status& status) {
  std::unique_ptr<Wait> ended = Extract(*wait.listener());
  const std::shared_ptr<internal::ReadyListener> listener = ended->listener();
  ended = nullptr;
  listener->OnReady(status);
}

std::unique_ptr<ReadyWaits::Wait> ReadyWaits::Extract(const internal::ReadyListener& listener) {
  const auto found = waits_.find(&listener);
  if (found == waits_.end()) return nullptr;
  std::unique_ptr<Wait> wait = std::move(found->second);
  waits_.erase(found);
  return wait;
}

ReadyWaits::Wait* ReadyWaits::Find(const internal::ReadyListener* listener, uint64_t number) {
  const auto found = waits_.find(listener);
  return found != waits_.end() && found->second->number() == number ? found->second.get() : nullptr;
}

bool ReadyWaits::Stop(const internal::ReadyListener& listener) { return Extract(listener) != nullptr; }

void ReadyWaits::FailAll(const absl::Status& error) {
  std::vector<Wait*> all;
  for (const auto& [listener, wait] : waits_) all.push_back(wait.get());
  std::sort(all.begin(), all.end(), [](const Wait* a, const Wait* b) { return a->number() < b->number(); });
  for (Wait* wait : all) End(*wait, error);
}

}  // namespace ioc
