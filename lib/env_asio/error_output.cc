#include "lib/env_asio/error_output.h"

#include <absl/strings/str_cat.h>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <string>
#include <thread>
#include <utility>

#include "lib/base/mutex.h"
#include "lib/env_asio/quiet_write.h"

namespace ioc {

struct ErrorOutput::State {
  explicit State(int descriptor) : fd(descriptor) {}

  void NoteDropped() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (dropped == 0) return;
    absl::StrAppend(&waiting, ends_line ? "" : "\n", "iocluster: ", dropped, dropped == 1 ? " line was" : " lines were",
                    " dropped here, because nobody read them\n");
    ends_line = true;
    dropped = 0;
  }

  void Main() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock lock(mutex.native());
    while (true) {
      NoteDropped();
      if (waiting.empty()) {
        if (closing) return;
        busy = false;
        idle.notify_all();
        wake.wait(lock);
        continue;
      }
      busy = true;
      const std::string text = std::exchange(waiting, {});
      lock.unlock();
      WriteQuietly(fd, text.data(), text.size());
      lock.lock();
    }
  }

  const int fd;
  Mutex mutex;
  std::condition_variable wake;
  std::condition_variable idle;
  std::string waiting ABSL_GUARDED_BY(mutex);
  size_t dropped ABSL_GUARDED_BY(mutex) = 0;  // lines, since the last that fitted
  bool ends_line ABSL_GUARDED_BY(mutex) = true;
  bool busy ABSL_GUARDED_BY(mutex) = false;
  bool closing ABSL_GUARDED_BY(mutex) = false;
  std::thread thread ABSL_GUARDED_BY(mutex);
};

ErrorOutput::ErrorOutput(int fd) : state_(std::make_shared<State>(fd)) {}

ErrorOutput::~ErrorOutput() {
  const bool done = Flush(kLastLinesTimeout);
  std::thread thread;
  {
    MutexLock lock(state_->mutex);
    state_->closing = true;
    state_->wake.notify_one();
    thread = std::move(state_->thread);
  }
  if (!thread.joinable()) return;
  done ? thread.join() : thread.detach();
}

void ErrorOutput::Write(std::string_view text) {
  if (text.empty()) return;
  State& state = *state_;
  MutexLock lock(state.mutex);
  if (state.waiting.size() + text.size() > kMaxErrorOutputBytes) {
    state.dropped += std::max<size_t>(1, static_cast<size_t>(std::count(text.begin(), text.end(), '\n')));
    return;
  }
  state.NoteDropped();
  state.waiting.append(text);
  state.ends_line = text.back() == '\n';
  state.busy = true;
  state.wake.notify_one();
  if (state.thread.joinable()) return;
  state.thread = std::thread([state = state_] { state->Main(); });
  pthread_setname_np(state.thread.native_handle(), "ioc-messages");
}

bool ErrorOutput::Flush(absl::Duration timeout) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  State& state = *state_;
  std::unique_lock lock(state.mutex.native());
  return state.idle.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                             [&state]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !state.busy; });
}

}  // namespace ioc
