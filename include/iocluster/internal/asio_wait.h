// Waiting for a Runtime as Asio's operations wait. Not for users: it may change with any release.
//
// A runtime tells an AsyncWait, on a thread of its own, that what it waits for is there; the AsyncWait hands itself to
// the executor of its handler, where the value is taken and decoded. Nobody's thread waits meanwhile.
#ifndef IOCLUSTER_INTERNAL_ASIO_WAIT_H_
#define IOCLUSTER_INTERNAL_ASIO_WAIT_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "iocluster/internal/runtime.h"
#include "iocluster/object_ref.h"
#include "iocluster/status.h"
#include "iocluster/stream.h"

namespace ioc::internal {

class PendingWait {
 public:
  virtual ~PendingWait() = default;
  // Its context is being destroyed: its handler never runs, and is destroyed with it.
  virtual void Abandon() = 0;
};

// The waits whose handlers are to run in one execution context, so that one that is destroyed takes them along.
class PendingWaits final : public boost::asio::execution_context::service {
 public:
  using key_type = PendingWaits;
  static inline boost::asio::execution_context::id id;

  explicit PendingWaits(boost::asio::execution_context& context) : service(context) {}

  void Add(std::shared_ptr<PendingWait> wait) {
    const std::lock_guard lock(mutex_);
    PendingWait* const pending = wait.get();
    waits_.emplace(pending, std::move(wait));
  }
  void Remove(PendingWait* wait) {
    const std::lock_guard lock(mutex_);
    waits_.erase(wait);
  }

 private:
  void shutdown() override {
    std::map<PendingWait*, std::shared_ptr<PendingWait>> waits;
    {
      const std::lock_guard lock(mutex_);
      waits.swap(waits_);
    }
    for (const auto& [pending, wait] : waits) wait->Abandon();
  }

  std::mutex mutex_;
  std::map<PendingWait*, std::shared_ptr<PendingWait>> waits_;
};

// Null for an executor that has no context.
template <typename Executor>
PendingWaits* PendingWaitsOf(const Executor& executor) {
  if constexpr (boost::asio::can_query_v<const Executor&, boost::asio::execution::context_t>) {
    boost::asio::execution_context& context = boost::asio::query(executor, boost::asio::execution::context);
    return &boost::asio::use_service<PendingWaits>(context);
  } else {
    return nullptr;
  }
}

// A Step says what is waited for and takes it: its Take gives nothing if something else is to be waited for next.
//
// Who has `state_` is decided by the runtime's lock: the runtime, until it calls OnReady or StopListening says true.
// After that nothing here refers to the runtime's objects, so whoever drops this last may hold that lock.
template <typename Handler, typename Step>
class AsyncWait final : public ReadyListener,
                        public PendingWait,
                        public std::enable_shared_from_this<AsyncWait<Handler, Step>> {
 public:
  AsyncWait(Runtime* runtime, PendingWaits* pending) : runtime_(runtime), pending_(pending) {}

  static void Start(Handler handler, Step step) {
    const auto executor = boost::asio::get_associated_executor(handler);
    auto wait = std::make_shared<AsyncWait>(step.runtime(), PendingWaitsOf(executor));
    const auto slot = boost::asio::get_associated_cancellation_slot(handler);
    wait->state_.reset(new State{std::move(handler), step,
                                 boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked)});
    if (step.runtime() == nullptr) return Post(wait, std::move(wait->state_), Step::Empty());
    if (auto connected = slot; connected.is_connected()) {
      connected.assign([weak = std::weak_ptr(wait)](boost::asio::cancellation_type type) {
        const auto self = weak.lock();
        if (self != nullptr && type != boost::asio::cancellation_type::none) self->Cancel();
      });
    }
    if (wait->pending_ != nullptr) wait->pending_->Add(wait);
    step.Ask(std::move(wait));
  }

  void OnReady(const absl::Status& status) override { Post(this->shared_from_this(), std::move(state_), status); }

  void Abandon() override {
    if (!runtime_->StopListening(*this)) return;
    const std::unique_ptr<State> state = std::move(state_);
  }

 private:
  using Executor = boost::asio::associated_executor_t<Handler>;
  using Work = std::decay_t<decltype(boost::asio::prefer(std::declval<const Executor&>(),
                                                         boost::asio::execution::outstanding_work.tracked))>;
  struct State {
    Handler handler;
    Step step;
    Work work;  // the context doesn't run out of it meanwhile
  };

  static void Post(std::shared_ptr<AsyncWait> self, std::unique_ptr<State> state, const absl::Status& status) {
    const Work work = state->work;
    boost::asio::post(work, [self = std::move(self), state = std::move(state), status]() mutable {
      self->Resume(std::move(state), status);
    });
  }

  // On the handler's executor.
  void Resume(std::unique_ptr<State> state, const absl::Status& status) {
    std::optional<typename Step::Result> result = state->step.Take(status);
    if (!result.has_value()) {
      Step step = state->step;
      state_ = std::move(state);
      return step.Ask(this->shared_from_this());
    }
    done_ = true;
    if (pending_ != nullptr) pending_->Remove(this);
    Handler handler = std::move(state->handler);
    [[maybe_unused]] const Work work = state->work;
    state = nullptr;
    std::move(handler)(*std::move(result));
  }

  // Where the handler would run, as Asio wants it.
  void Cancel() {
    if (done_ || !runtime_->StopListening(*this)) return;
    const absl::Status status = state_->step.Cancelled();
    Post(this->shared_from_this(), std::move(state_), status);
  }

  Runtime* const runtime_;  // lives as long as the step in `state_`, wherever that is
  PendingWaits* const pending_;
  std::unique_ptr<State> state_;
  bool done_ = false;
};

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// The value of a reference that is ready; nothing if it had to make room meanwhile, and is not here any more.
template <typename T>
std::optional<typename ObjectRef<T>::Result> TakeReady(const Ref& ref) {
  typename ObjectRef<T>::Result result = ObjectRef<T>(ref).GetUntil(absl::InfinitePast());
  if (CauseOf(StatusOf(result)) == Cause::kDeadline) return std::nullopt;
  return result;
}

// The value of a reference.
template <typename T>
struct GetStep {
  using Result = typename ObjectRef<T>::Result;

  Ref ref;
  absl::Time deadline;

  Runtime* runtime() const { return ref ? &ref->runtime() : nullptr; }
  static absl::Status Empty() {
    return MakeError(Cause::kInvalidArgument, "AsyncGet of an ObjectRef that refers to nothing");
  }
  absl::Status Cancelled() const {
    return MakeError(Cause::kCancelled,
                     "the wait for object " + ref->id().ToString() + " was cancelled; what makes it goes on");
  }
  void Ask(std::shared_ptr<ReadyListener> listener) const {
    ref->runtime().WhenReady(ref, deadline, std::move(listener));
  }
  std::optional<Result> Take(const absl::Status& status) const {
    if (!status.ok()) return Result(status);
    return TakeReady<T>(ref);
  }
};

// The next item of a stream: first its reference, then its value. If that does not come in time it stays the next one.
template <typename T>
struct NextStep {
  using Result = absl::StatusOr<std::optional<T>>;

  Ref end;
  std::shared_ptr<Ref> taken;  // the stream's; null if `end` is
  absl::Time deadline;
  Ref item = {};

  Runtime* runtime() const { return end ? &end->runtime() : nullptr; }
  static absl::Status Empty() { return MakeError(Cause::kInvalidArgument, "AsyncNext of an ObjectStream of nothing"); }
  absl::Status Cancelled() const {
    return MakeError(Cause::kCancelled, "the wait for the next item of a stream was cancelled; the stream goes on");
  }
  void Ask(std::shared_ptr<ReadyListener> listener) const {
    const Ref& wanted = item ? item : *taken;
    if (wanted) return wanted->runtime().WhenReady(wanted, deadline, std::move(listener));
    end->runtime().WhenItemReady(end, deadline, std::move(listener));
  }
  std::optional<Result> Take(const absl::Status& status) {
    if (!item && taken != nullptr) item = std::exchange(*taken, {});
    if (!status.ok()) {
      const bool unread = CauseOf(status) == Cause::kDeadline || CauseOf(status) == Cause::kCancelled;
      if (item && unread) *taken = std::move(item);
      return Result(status);
    }
    if (!item) {
      absl::StatusOr<Ref> next = end->runtime().NextItem(end, absl::InfinitePast());
      if (!next.ok()) return Result(next.status());
      if (!*next) return Result(std::optional<T>());
      item = *std::move(next);
      return std::nullopt;
    }
    std::optional<absl::StatusOr<T>> value = TakeReady<T>(item);
    if (!value.has_value()) return std::nullopt;
    if (!value->ok()) return Result(value->status());
    return Result(std::optional<T>(**std::move(value)));
  }
};

template <typename Step>
struct InitiateWait {
  template <typename Handler>
  void operator()(Handler&& handler, Step step) const {
    AsyncWait<std::decay_t<Handler>, Step>::Start(std::forward<Handler>(handler), std::move(step));
  }
};

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_ASIO_WAIT_H_
