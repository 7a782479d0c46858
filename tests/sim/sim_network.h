// The network as a simulated process sees it: listens at doors of its machine, dials those of others.
//
// "HOST:PORT" names a machine by its name or its address ("10.0.0.1"), or is of the own machine (127.0.0.1, localhost,
// ::1; 0.0.0.0 and :: to listen everywhere). "unix:NAME" reaches the own machine only, and only there attachments
// travel.
#ifndef IOCLUSTER_TESTS_SIM_SIM_NETWORK_H_
#define IOCLUSTER_TESTS_SIM_SIM_NETWORK_H_

#include <memory>
#include <string>
#include <string_view>

#include "lib/env/network.h"
#include "tests/sim/world.h"

namespace ioc::sim {

class SimNetwork final : public Network {
 public:
  SimNetwork(World& world, SimEnv& process) : world_(world), process_(process) {}

  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address, AcceptHandler handler) override;
  std::unique_ptr<Dialling> Dial(std::string_view address, const Preamble& preamble, absl::Duration timeout,
                                 DialHandler handler) override;

  // For the process, when it dies: nobody listens here any more.
  void Close();

 private:
  struct Address;
  struct Attempt;

  absl::StatusOr<Address> Parse(std::string_view text) const;
  void Knock(std::shared_ptr<Attempt> attempt);
  void Answer(Attempt& attempt, SimMachine& to);

  World& world_;
  SimEnv& process_;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SIM_NETWORK_H_
