// Results that come one by one, while the task that makes them still runs.
//
//   void Primes(int limit, ioc::Yield<int>& yield) {
//     for (int n = 2; n < limit; ++n) {
//       if (IsPrime(n) && !yield(n)) return;
//     }
//   }
//
//   ioc::ObjectStream<int> primes = cluster.Submit<Primes>(1'000'000);
//   while (std::optional<int> prime = primes.Next().value()) std::cout << *prime << "\n";
//
// The last parameter of a stream's function or method is an ioc::Yield<T>&; it returns void or an absl::Status. The
// reader holds it back: it runs ahead by at most TaskOptions::stream_window items, and some MiB. If its worker dies it
// is run again like any task, and what the reader already has is skipped, so it must yield the same items again.
#ifndef IOCLUSTER_STREAM_H_
#define IOCLUSTER_STREAM_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "iocluster/internal/runtime.h"
#include "iocluster/internal/value.h"
#include "iocluster/object_ref.h"
#include "iocluster/status.h"

namespace ioc {

// What a stream's function gives its items to. For the thread that runs the function.
template <typename T>
class Yield {
 public:
  // For the library.
  explicit Yield(internal::StreamSink& sink) : sink_(sink) {}
  Yield(const Yield&) = delete;
  Yield& operator=(const Yield&) = delete;

  // Hands over the next item; waits while the reader is too far behind. False once there is nobody to read it (the
  // stream was dropped or cancelled) or it can't be stored: return then, status() says why.
  bool operator()(T item) {
    if (!status_.ok()) return false;
    const internal::StreamSink::Step step = sink_.BeginItem();
    if (step == internal::StreamSink::Step::kClosed)
      status_ = absl::CancelledError("nobody reads this stream any more");
    if (step == internal::StreamSink::Step::kSend) status_ = internal::ReturnValue(sink_, std::move(item));
    return status_.ok();
  }

  const absl::Status& status() const { return status_; }

 private:
  internal::StreamSink& sink_;
  absl::Status status_;
};

// The reader's end. Movable, not copyable: an item is read once. Destroying it cancels what still runs. One thread at a
// time.
template <typename T>
class ObjectStream {
 public:
  // Of nothing: it has ended.
  ObjectStream() = default;
  // For the library.
  explicit ObjectStream(internal::Ref end) : end_(std::move(end)), taken_(std::make_shared<internal::Ref>()) {}
  ObjectStream(ObjectStream&& other) noexcept : end_(std::move(other.end_)), taken_(std::move(other.taken_)) {}
  ObjectStream& operator=(ObjectStream&& other) noexcept {
    if (this != &other) {
      Close();
      end_ = std::move(other.end_);
      taken_ = std::move(other.taken_);
    }
    return *this;
  }
  ~ObjectStream() { Close(); }

  // Waits for the next item. Empty at the end; or why there will be none, as ObjectRef::Get says it. After `timeout`:
  // kDeadline, and Next may be called again.
  absl::StatusOr<std::optional<T>> Next(absl::Duration timeout = absl::InfiniteDuration()) {
    if (!end_) return std::optional<T>();
    const absl::Time deadline = end_->runtime().Deadline(timeout);
    absl::StatusOr<std::optional<ObjectRef<T>>> ref = NextUntil(deadline);
    if (!ref.ok()) return ref.status();
    if (!ref->has_value()) return std::optional<T>();
    absl::StatusOr<T> item = (*ref)->GetUntil(deadline);
    if (CauseOf(item.status()) == Cause::kDeadline) *taken_ = (*ref)->ref();
    if (!item.ok()) return item.status();
    return std::optional<T>(*std::move(item));
  }

  // With iocluster/asio.h: the same for a completion token, as in co_await stream.Next(boost::asio::use_awaitable).
  template <typename Token>
  auto Next(Token&& token) -> decltype(AsyncNext(*this, std::forward<Token>(token))) {
    return AsyncNext(*this, std::forward<Token>(token));
  }
  template <typename Token>
  auto Next(absl::Duration timeout, Token&& token) -> decltype(AsyncNext(*this, timeout, std::forward<Token>(token))) {
    return AsyncNext(*this, timeout, std::forward<Token>(token));
  }

  // The same without fetching the value: to pass it on, say.
  absl::StatusOr<std::optional<ObjectRef<T>>> NextRef(absl::Duration timeout = absl::InfiniteDuration()) {
    if (!end_) return std::optional<ObjectRef<T>>();
    return NextUntil(end_->runtime().Deadline(timeout));
  }

  // For the library.
  const internal::Ref& end_ref() const { return end_; }
  // An item whose value did not come in time: the next one to be read.
  const std::shared_ptr<internal::Ref>& taken() const { return taken_; }

  // Settles when the function has returned or failed: for Wait, and for Cluster::Cancel.
  ObjectRef<void> end_of_task() const { return ObjectRef<void>(end_); }

  // for (absl::StatusOr<T>& item : stream): the last one is the error, if there is one.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = absl::StatusOr<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type*;
    using reference = value_type&;

    explicit Iterator(ObjectStream& stream) : stream_(&stream) { ++*this; }
    Iterator& operator++() {
      if (item_.has_value() && !item_->ok()) {
        item_.reset();
        return *this;
      }
      absl::StatusOr<std::optional<T>> next = stream_->Next();
      if (!next.ok()) {
        item_.emplace(next.status());
      } else if (next->has_value()) {
        item_.emplace(**std::move(next));
      } else {
        item_.reset();
      }
      return *this;
    }
    reference operator*() { return *item_; }
    pointer operator->() { return &*item_; }
    friend bool operator==(const Iterator& a, std::default_sentinel_t) { return !a.item_.has_value(); }

   private:
    ObjectStream* stream_;
    std::optional<absl::StatusOr<T>> item_;
  };
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() { return {}; }

 private:
  absl::StatusOr<std::optional<ObjectRef<T>>> NextUntil(absl::Time deadline) {
    if (*taken_) return std::optional<ObjectRef<T>>(ObjectRef<T>(std::exchange(*taken_, {})));
    absl::StatusOr<internal::Ref> item = end_->runtime().NextItem(end_, deadline);
    if (!item.ok()) return item.status();
    if (!*item) return std::optional<ObjectRef<T>>();
    return std::optional<ObjectRef<T>>(ObjectRef<T>(*std::move(item)));
  }
  void Close() {
    if (const internal::Ref end = std::exchange(end_, {})) end->runtime().CloseStream(end);
  }

  internal::Ref end_;
  std::shared_ptr<internal::Ref> taken_;
};

}  // namespace ioc

#endif  // IOCLUSTER_STREAM_H_
