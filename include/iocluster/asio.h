// iocluster and Boost.Asio: waiting in coroutines, on io_contexts of your own, and tasks that are coroutines. The one
// header beside capnp.h that iocluster.h does not include, so only who includes this pays for Asio.
//
//   boost::asio::awaitable<int> Total(ioc::Cluster& cluster) {
//     ioc::ObjectRef<int> a = cluster.Submit<Add>(1, 2);
//     absl::StatusOr<int> sum = co_await a;                                  // what a.Get() gives
//     absl::StatusOr<int> again = co_await ioc::AsyncGet(a, absl::Seconds(5), boost::asio::use_awaitable);
//     ioc::ObjectStream<int> primes = cluster.Submit<Primes>(100);
//     while (auto prime = co_await primes.Next(boost::asio::use_awaitable)) { ... }
//     co_return sum.value_or(0);
//   }
//
// Any completion token will do: the completion signature is void(absl::StatusOr<T>), of an ObjectRef<void>
// void(absl::Status). The handler runs on its associated executor (for a plain function without one that is Asio's
// system_executor); until then its context has outstanding work. Its cancellation slot ends the wait with kCancelled
// and leaves the task alone; Cluster::Cancel is for that. After `timeout` the wait ends with kDeadline, and may be
// begun anew. A context may be destroyed with waits pending: their handlers are destroyed with it.
//
// No thread waits: the cluster's background thread reads the answer (one switch from the network to that thread) and
// posts to the handler's executor (a second one, to the thread that runs it), where the value is decoded. A thread in
// Get saves the second, since it reads its answer itself; while such threads come and go, an answer may be read up to
// 2 ms later. Any number of threads and contexts may wait at once, also for the same reference.
//
// A task or method may itself return a boost::asio::awaitable<T>:
//
//   boost::asio::awaitable<int> Tree(int depth) {
//     if (depth == 0) co_return 1;
//     ioc::Cluster cluster = ioc::Cluster::Current();
//     ioc::ObjectRef<int> left = cluster.Submit<Tree>(depth - 1);
//     ioc::ObjectRef<int> right = cluster.Submit<Tree>(depth - 1);
//     co_return (co_await left).value() + (co_await right).value();
//   }
//
// Its worker runs it on an io_context that it drives by one thread of its own, the same for all coroutines of the
// process: calls of an actor at the same time, up to max_concurrency, and tasks one by one, giving their CPU back while
// they wait for references. That thread must not be held up: Get, Wait and Next without co_await are refused in there
// (kInvalidArgument; Wait just looks). Timers, sockets and further coroutines may use its executor
// (boost::asio::this_coro::executor); what still runs there when the worker ends is destroyed. Cancel ends what the
// coroutine waits for with operation_aborted.
//
// In g++ 12, name lambdas with captures and braced values before the expression with co_await: within it, that compiler
// destroys some of them twice.
#ifndef IOCLUSTER_ASIO_H_
#define IOCLUSTER_ASIO_H_

#include <absl/time/time.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "iocluster/internal/asio_coroutine.h"
#include "iocluster/internal/asio_wait.h"
#include "iocluster/object_ref.h"
#include "iocluster/stream.h"

namespace ioc {

namespace internal {

template <typename Token, typename Result>
concept WaitToken = boost::asio::completion_token_for < std::decay_t<Token>,
void(Result) > ;

template <typename Step, typename Token>
auto AsyncWaitFor(Step step, Token& token)
    -> decltype(boost::asio::async_initiate<Token, void(typename Step::Result)>(InitiateWait<Step>(), token,
                                                                                std::move(step))) {
  return boost::asio::async_initiate<Token, void(typename Step::Result)>(InitiateWait<Step>(), token, std::move(step));
}

}  // namespace internal

// The value of `ref`, or why there is none, when it is there; kDeadline after `timeout`.
template <typename T, typename Token>
requires internal::WaitToken<Token, typename ObjectRef<T>::Result>
auto AsyncGet(const ObjectRef<T>& ref, absl::Duration timeout, Token&& token)
    -> decltype(internal::AsyncWaitFor(std::declval<internal::GetStep<T>>(), token)) {
  internal::GetStep<T> step{ref.ref(), ref ? ref.ref()->runtime().Deadline(timeout) : absl::InfiniteFuture()};
  return internal::AsyncWaitFor(std::move(step), token);
}
template <typename T, typename Token>
requires internal::WaitToken<Token, typename ObjectRef<T>::Result>
auto AsyncGet(const ObjectRef<T>& ref, Token&& token)
    -> decltype(internal::AsyncWaitFor(std::declval<internal::GetStep<T>>(), token)) {
  return AsyncGet(ref, absl::InfiniteDuration(), std::forward<Token>(token));
}

// The next item of `stream`, empty at its end, or why there is none; kDeadline after `timeout`. One at a time; the
// stream may be closed meanwhile.
template <typename T, typename Token>
requires internal::WaitToken<Token, absl::StatusOr<std::optional<T>>>
auto AsyncNext(ObjectStream<T>& stream, absl::Duration timeout, Token&& token)
    -> decltype(internal::AsyncWaitFor(std::declval<internal::NextStep<T>>(), token)) {
  const internal::Ref& end = stream.end_ref();
  internal::NextStep<T> step{end, stream.taken(), end ? end->runtime().Deadline(timeout) : absl::InfiniteFuture()};
  return internal::AsyncWaitFor(std::move(step), token);
}
template <typename T, typename Token>
requires internal::WaitToken<Token, absl::StatusOr<std::optional<T>>>
auto AsyncNext(ObjectStream<T>& stream, Token&& token)
    -> decltype(internal::AsyncWaitFor(std::declval<internal::NextStep<T>>(), token)) {
  return AsyncNext(stream, absl::InfiniteDuration(), std::forward<Token>(token));
}

}  // namespace ioc

// What co_await does with an operation, for references that are named: Boost 1.81 has it only for those that are given
// away.
template <typename Signature, typename T, typename Executor>
class boost::asio::detail::awaitable_async_op<Signature, ioc::ObjectRef<T>, Executor> {
 public:
  using handler_type = awaitable_async_op_handler<Signature, Executor>;

  awaitable_async_op(const ioc::ObjectRef<T>& ref, awaitable_frame_base<Executor>* frame) : ref_(ref), frame_(frame) {}

  bool await_ready() const noexcept { return false; }
  template <typename Suspended>
  void await_suspend(Suspended) {
    frame_->after_suspend(
        [](void* argument) {
          auto* self = static_cast<awaitable_async_op*>(argument);
          self->ref_(handler_type(self->frame_->detach_thread(), self->result_));
        },
        this);
  }
  auto await_resume() { return handler_type::resume(result_); }

 private:
  const ioc::ObjectRef<T>& ref_;  // lives until the end of the expression with co_await
  awaitable_frame_base<Executor>* const frame_;
  typename handler_type::result_type result_ = {};
};

#endif  // IOCLUSTER_ASIO_H_
