// What the executor needs of Boost.Asio, and nothing more: run one handler, post one, two alarms, and readiness of file
// descriptors. The one place that includes Asio is event_loop.cc, since every file that does costs seconds to compile.
//
// Threads: one at a time calls RunOne. Everything else from any thread; FdWatch with the executor's mutex held.
#ifndef IOCLUSTER_LIB_ENV_ASIO_EVENT_LOOP_H_
#define IOCLUSTER_LIB_ENV_ASIO_EVENT_LOOP_H_

#include <chrono>
#include <memory>

#include "lib/env/executor.h"
#include "lib/env_asio/fd.h"

namespace ioc {

enum class Alarm { kTimers, kDeferred };

// The executor, as the loop sees it.
class LoopClient {
 public:
  // Around every handler, on the thread that is in RunOne.
  virtual void EnterTurn() = 0;
  virtual void LeaveTurn() = 0;
  // Within a turn.
  virtual void OnAlarm(Alarm alarm) = 0;

 protected:
  ~LoopClient() = default;
};

class EventLoop {
 public:
  explicit EventLoop(LoopClient& client);
  // Destroys the handlers that have not run.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Waits for one handler and runs it; returns without one at `deadline`.
  void RunOne(std::chrono::steady_clock::time_point deadline);
  void Post(Callback callback);
  // Ends a RunOne that waits, without a turn.
  void Wake();
  // Calls OnAlarm once, at `when`; an earlier setting of the same alarm is forgotten.
  void SetAlarm(Alarm alarm, std::chrono::steady_clock::time_point when);

 private:
  friend class FdWatch;
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

class FdHandler {
 public:
  virtual void OnReadable() = 0;
  virtual void OnWritable() {}

 protected:
  ~FdHandler() = default;
};

// Owns a non-blocking descriptor and tells its handler when it is ready. After the FdWatch is destroyed (the handler
// may do that from its callbacks), the handler is not called again.
class FdWatch {
 public:
  FdWatch(EventLoop& loop, UniqueFd fd, FdHandler& handler);
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  int fd() const;
  // Each leads to one call of the handler (also when the descriptor has failed: the next read or write says how).
  void WaitReadable();
  void WaitWritable();
  // Stops watching without closing.
  UniqueFd Release();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_EVENT_LOOP_H_
