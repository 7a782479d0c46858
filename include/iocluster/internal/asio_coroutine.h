// Tasks and methods that are coroutines: how a call of a function that returns a boost::asio::awaitable runs. Not for
// users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_ASIO_COROUTINE_H_
#define IOCLUSTER_INTERNAL_ASIO_COROUTINE_H_

#include <absl/status/status.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "iocluster/internal/arguments.h"
#include "iocluster/internal/entry.h"
#include "iocluster/internal/function.h"
#include "iocluster/internal/runtime.h"

namespace ioc::internal {

class AsioLoop final : public CoroutineLoop {
 public:
  void Run() override { context_.run(); }
  void Stop() override { context_.stop(); }
  boost::asio::io_context::executor_type executor() { return context_.get_executor(); }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
};

// An executor whose functions run with a RunContext set, so that each coroutine of a thread has its own
// Cluster::Current and Cancelled.
template <typename Inner>
class ContextExecutor {
 public:
  ContextExecutor(Inner inner, std::shared_ptr<RunContext> context)
      : inner_(std::move(inner)), context_(std::move(context)) {}

  template <typename Property>
  requires(boost::asio::can_query_v<const Inner&, Property>) auto query(const Property& property) const noexcept ->
      typename boost::asio::query_result<const Inner&, Property>::type {
    return boost::asio::query(inner_, property);
  }
  template <typename Property>
  requires(boost::asio::can_require_v<const Inner&, Property>) auto require(const Property& property) const noexcept {
    return Wrap(boost::asio::require(inner_, property));
  }
  template <typename Property>
  requires(boost::asio::can_prefer_v<const Inner&, Property>) auto prefer(const Property& property) const noexcept {
    return Wrap(boost::asio::prefer(inner_, property));
  }
  template <typename Function>
  void execute(Function&& function) const {
    inner_.execute([context = context_, function = std::decay_t<Function>(std::forward<Function>(function))]() mutable {
      const Scope scope(*context);
      std::move(function)();
    });
  }

  friend bool operator==(const ContextExecutor& a, const ContextExecutor& b) noexcept {
    return a.inner_ == b.inner_ && a.context_ == b.context_;
  }
  friend bool operator!=(const ContextExecutor& a, const ContextExecutor& b) noexcept { return !(a == b); }

 private:
  class Scope {
   public:
    explicit Scope(RunContext& context) : before_(CurrentContext()) { SetCurrentContext(&context); }
    ~Scope() { SetCurrentContext(before_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    RunContext* const before_;
  };

  template <typename Other>
  ContextExecutor<std::decay_t<Other>> Wrap(Other&& inner) const noexcept {
    return ContextExecutor<std::decay_t<Other>>(std::forward<Other>(inner), context_);
  }

  Inner inner_;
  std::shared_ptr<RunContext> context_;
};

template <typename T, typename Executor, typename Function, typename... Ps>
class AwaitableCall final : public CoroutineCall {
 public:
  AwaitableCall(const Invocation& invocation, std::string_view label, Function function)
      : label_(label), function_(std::move(function)) {
    shape_.num_returns = invocation.num_returns;
    shape_.split = invocation.split;
  }

  std::tuple<Carried<Ps>...>& arguments() { return arguments_; }

  std::unique_ptr<CoroutineLoop> MakeLoop() const override { return std::make_unique<AsioLoop>(); }

  void Start(CoroutineLoop& loop, const RunContext& context, ReturnSink& results, Done done) override {
    shape_.results = &results;
    ending_ = std::make_shared<Ending>(static_cast<AsioLoop&>(loop).executor());
    ending_->done = std::move(done);
    const Executor executor(ContextExecutor(ending_->executor, std::make_shared<RunContext>(context)));
    boost::asio::post(ending_->executor, [this, executor, ending = ending_] {
      auto finish = [ending](std::exception_ptr, absl::Status status) {
        // In a turn of its own: whoever is told destroys this call, whose frames are still on the stack here.
        ending->over = true;
        boost::asio::post(ending->executor, [ending, status = std::move(status)] { ending->done(status); });
      };
      boost::asio::co_spawn(executor, Run(*this),
                            boost::asio::bind_cancellation_slot(ending->signal.slot(), std::move(finish)));
    });
  }

  void Cancel() override {
    boost::asio::post(ending_->executor, [ending = ending_] {
      if (!ending->over) ending->signal.emit(boost::asio::cancellation_type::all);
    });
  }

 private:
  // Outlives the call, until nothing of it is left on the loop.
  struct Ending {
    explicit Ending(boost::asio::io_context::executor_type loop) : executor(std::move(loop)) {}

    const boost::asio::io_context::executor_type executor;
    boost::asio::cancellation_signal signal;
    bool over = false;
    Done done;
  };

  boost::asio::awaitable<T, Executor> Call() {
    return std::apply(
        [this](Carried<Ps>&... values) {  // the values live in this object, as long as the coroutine may refer to them
          return function_(static_cast<Ps&&>(values)...);
        },
        arguments_);
  }

  // What user code throws becomes a status here.
  static boost::asio::awaitable<absl::Status, Executor> Run(AwaitableCall& call) {
    try {
      boost::asio::awaitable<T, Executor> running = call.Call();
      if constexpr (std::is_void_v<T>) {
        co_await std::move(running);
        call.shape_.results->ReturnInline({}, {});
        co_return absl::OkStatus();
      } else {
        T result = co_await std::move(running);
        co_return ReturnResult<T>(call.shape_, call.label_, std::move(result));
      }
    } catch (...) {
      co_return StatusOfException(call.label_);
    }
  }

  const std::string_view label_;
  Function function_;
  std::tuple<Carried<Ps>...> arguments_;
  Invocation shape_;  // how the caller wants the results
  std::shared_ptr<Ending> ending_;
};

template <typename T, typename Executor>
struct CoroutineTraits<boost::asio::awaitable<T, Executor>> {
  static constexpr bool kIsCoroutine = true;

  template <typename... Ps, typename Function>
  static absl::Status MakeCall(TypeList<Ps...> parameters, Invocation& invocation, std::string_view label,
                               const Function& function) {
    static_assert(std::is_constructible_v<Executor, ContextExecutor<boost::asio::io_context::executor_type>>,
                  "iocluster cannot run this coroutine: its boost::asio::awaitable has an executor that does not take "
                  "others; use boost::asio::any_io_executor, the default");
    try {
      auto call = std::make_unique<AwaitableCall<T, Executor, Function, Ps...>>(invocation, label, function);
      absl::Status status = ReadArguments(parameters, invocation, label, call->arguments());
      if (status.ok()) invocation.coroutine = std::move(call);
      return status;
    } catch (...) {
      return StatusOfException(label);
    }
  }
};

template <typename T, typename Executor>
struct ValueOf<boost::asio::awaitable<T, Executor>> : ValueOf<T> {};

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_ASIO_COROUTINE_H_
