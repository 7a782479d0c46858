// A std::mutex with Abseil's thread-safety annotations. Never absl::Mutex: the distribution's Abseil is not built for
// ThreadSanitizer, which then reports correct code.
#ifndef IOCLUSTER_LIB_BASE_MUTEX_H_
#define IOCLUSTER_LIB_BASE_MUTEX_H_

#include <absl/base/thread_annotations.h>

#include <mutex>

namespace ioc {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Lower case, so that std::unique_lock and std::condition_variable_any take it.
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return mutex_.try_lock(); }

  // For std::condition_variable only.
  std::mutex& native() { return mutex_; }

 private:
  std::mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_MUTEX_H_
