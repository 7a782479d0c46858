// The node's side of ProcessTemplate; fork_server.h is the other. Lives on the executor.
//
// The first child is started with a second socket. Until something comes on that, nobody knows whether the process will
// be the template (then the first child is the first that it forks) or the first child itself; who is wanted meanwhile
// waits for a little.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_TEMPLATE_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_TEMPLATE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/processes.h"
#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/error_output.h"
#include "lib/env_asio/reaper.h"

namespace ioc {

class AsioTemplate final : public ProcessTemplate {
 public:
  AsioTemplate(AsioExecutor& executor, ErrorOutput& errors, Reaper& reaper, SpawnOptions options);
  ~AsioTemplate() override;
  AsioTemplate(const AsioTemplate&) = delete;
  AsioTemplate& operator=(const AsioTemplate&) = delete;

  absl::StatusOr<std::unique_ptr<Child>> Fork(const std::vector<std::pair<std::string, std::string>>& environment,
                                              ExitHandler on_exit) override;

 private:
  class Core;
  ErrorOutput& errors_;
  const std::shared_ptr<Core> core_;  // its children keep it, too: they hear through it how they ended
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_TEMPLATE_H_
