#include "lib/env_asio/event_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace ioc {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
using TimePoint = std::chrono::steady_clock::time_point;

namespace {

// Callbacks don't throw; if one does, the process ends here, where the stack still tells which.
template <typename F>
void RunTurn(LoopClient& client, F&& body) noexcept {
  client.EnterTurn();
  body();
  client.LeaveTurn();
}

}  // namespace

struct EventLoop::Impl {
  explicit Impl(LoopClient& client) : client(client) {}

  asio::steady_timer& timer(Alarm alarm) { return alarm == Alarm::kTimers ? timers : deferred; }

  LoopClient& client;
  // One thread at a time is in it: the leader.
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::steady_timer timers{context};
  asio::steady_timer deferred{context};
};

EventLoop::EventLoop(LoopClient& client) : impl_(std::make_unique<Impl>(client)) {}
EventLoop::~EventLoop() = default;

void EventLoop::RunOne(TimePoint deadline) {
  if (deadline == TimePoint::max()) {
    impl_->context.run_one();
  } else {
    impl_->context.run_one_until(deadline);
  }
}

void EventLoop::Post(Callback callback) {
  asio::post(impl_->context, [&client = impl_->client, callback = std::move(callback)]() mutable {
    // The callback goes within the turn as well: what it captured may belong to the executor.
    RunTurn(client, [&callback] {
      Callback run = std::move(callback);
      run();
    });
  });
}

void EventLoop::Wake() {
  asio::post(impl_->context, [] {});
}

void EventLoop::SetAlarm(Alarm alarm, TimePoint when) {
  asio::steady_timer& timer = impl_->timer(alarm);
  timer.expires_at(when);
  timer.async_wait([&client = impl_->client, alarm](const boost::system::error_code& error) {
    if (error) return;
    RunTurn(client, [&] { client.OnAlarm(alarm); });
  });
}

struct FdWatch::State {
  State(EventLoop::Impl& loop, UniqueFd fd, FdHandler& handler)
      : client(loop.client), handler(&handler), descriptor(loop.context, fd.Release()) {}

  LoopClient& client;
  FdHandler* handler;  // null once the watch is gone
  Descriptor descriptor;
};

FdWatch::FdWatch(EventLoop& loop, UniqueFd fd, FdHandler& handler)
    : state_(std::make_shared<State>(*loop.impl_, std::move(fd), handler)) {}

// Not Descriptor::close: that relies on the kernel to forget a closed descriptor, which it doesn't as long as a child
// or another process has a copy.
FdWatch::~FdWatch() {
  if (state_ != nullptr) Release();
}

int FdWatch::fd() const { return state_->descriptor.native_handle(); }

void FdWatch::WaitReadable() {
  state_->descriptor.async_wait(Descriptor::wait_read, [state = state_](const boost::system::error_code&) {
    RunTurn(state->client, [&] {
      if (state->handler != nullptr) state->handler->OnReadable();
    });
  });
}

void FdWatch::WaitWritable() {
  state_->descriptor.async_wait(Descriptor::wait_write, [state = state_](const boost::system::error_code&) {
    RunTurn(state->client, [&] {
      if (state->handler != nullptr) state->handler->OnWritable();
    });
  });
}

UniqueFd FdWatch::Release() {
  state_->handler = nullptr;
  UniqueFd fd(state_->descriptor.release());
  state_.reset();
  return fd;
}

}  // namespace ioc
