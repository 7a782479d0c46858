// Child processes that are to end and that nobody asks about any more. Each may take a moment, is killed if it takes
// longer, and reaped; the executor does not wait for it.
//
// Lives on the executor. Destroyed without the mutex; what is left then is waited for.
#ifndef IOCLUSTER_LIB_ENV_ASIO_REAPER_H_
#define IOCLUSTER_LIB_ENV_ASIO_REAPER_H_

#include <memory>
#include <vector>

#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/spawn.h"

namespace ioc {

class Reaper {
 public:
  explicit Reaper(AsioExecutor& executor);
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  void Take(Spawned process);

 private:
  class Ending;

  AsioExecutor& executor_;
  std::vector<std::unique_ptr<Ending>> endings_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_REAPER_H_
