// A child process as its parent sees it: its connection, its standard error, and its end. Lives on the executor.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_CHILD_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_CHILD_H_

#include <memory>
#include <optional>
#include <string>

#include "lib/env/processes.h"
#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/error_output.h"
#include "lib/env_asio/spawn.h"

namespace ioc {

// Made before the process is there; then it is started once, by one of the functions below, or never.
class AsioChild final : public Child, private FdHandler {
 public:
  // Who forks it, if somebody else than this process does.
  class Forker {
   public:
    // It wants no process any more, or is destroyed.
    virtual void Forget(AsioChild& child) = 0;

   protected:
    ~Forker() = default;
  };

  // `name`: of its program, for messages.
  AsioChild(AsioExecutor& executor, ErrorOutput& errors, const std::string& name, ChildEnds ends, ExitHandler on_exit);
  // As Child's. One whose process another forks, and has not yet forked, finds its connection closed.
  ~AsioChild() override;

  // It is a child of this process, which takes its exit status.
  void Started(Spawned process);
  // It is a child of one of ours, which will say how it ended: HasEnded.
  void StartedBy(Spawned process);
  void HasEnded(ExitStatus status);
  // Nobody is left who could say how it ended.
  void WatchAlone();
  // There will be no process.
  void NotStarted(const absl::Status& why);
  // Takes back Started: that process is another's.
  Spawned TakeProcess();
  void set_forker(std::shared_ptr<Forker> forker) { forker_ = std::move(forker); }

  int64_t pid() const override { return process_.pid; }
  std::unique_ptr<Connection> TakeConnection() override { return std::move(connection_); }
  void Kill() override;

 private:
  class ErrorReader;

  void OnReadable() override;
  void Watch();
  void FinishIfDone();
  void Finish();

  AsioExecutor& executor_;
  ExitHandler on_exit_;
  std::unique_ptr<Connection> connection_;
  std::shared_ptr<Forker> forker_;
  Spawned process_;
  bool is_ours_ = false;          // to reap
  bool killed_ = false;           // also if its process turns out to be another one
  std::optional<FdWatch> watch_;  // of a copy of the pidfd, until the process has ended
  bool exited_ = false;
  ExitStatus status_;
  TimerId drain_timer_ = 0;
  const std::unique_ptr<ErrorReader> errors_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_CHILD_H_
