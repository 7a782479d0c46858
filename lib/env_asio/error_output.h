// A descriptor for messages to people (standard error) whose reader may be slow or stalled: what is written waits in a
// bounded buffer for a thread of its own, so that nobody else ever waits for the reader.
//
// What does not fit is dropped, and where it would have been a line says how much that was. The thread is started with
// the first line. Any thread may call.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ERROR_OUTPUT_H_
#define IOCLUSTER_LIB_ENV_ASIO_ERROR_OUTPUT_H_

#include <absl/time/time.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace ioc {

inline constexpr size_t kMaxErrorOutputBytes = size_t{1} << 20;
// How long the end of an ErrorOutput waits for its last lines to be taken.
inline constexpr absl::Duration kLastLinesTimeout = absl::Seconds(1);

class ErrorOutput {
 public:
  // `fd` stays the caller's.
  explicit ErrorOutput(int fd);
  // A reader that takes nothing leaves the thread behind, and what waits is lost.
  ~ErrorOutput();
  ErrorOutput(const ErrorOutput&) = delete;
  ErrorOutput& operator=(const ErrorOutput&) = delete;

  // All of it, or nothing.
  void Write(std::string_view text);
  // False if what was written before has not left within `timeout`.
  bool Flush(absl::Duration timeout);

 private:
  struct State;
  const std::shared_ptr<State> state_;  // the thread's, too
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ERROR_OUTPUT_H_
