#include "tests/sim/sim_network.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/status.h"
#include "tests/sim/sim_env.h"
#include "tests/sim/sim_link.h"

namespace ioc::sim {
namespace {

// An unanswered attempt to connect is repeated, as TCP does.
constexpr absl::Duration kKnockInterval = absl::Seconds(1);

bool IsLoopback(std::string_view host) { return host == "127.0.0.1" || host == "localhost" || host == "::1"; }

class SimListener final : public Listener {
 public:
  SimListener(SimMachine& machine, std::string door, std::string address, std::shared_ptr<AcceptHandler> handler)
      : machine_(machine), door_(std::move(door)), address_(std::move(address)), handler_(std::move(handler)) {}
  ~SimListener() override {
    // After a crash somebody else may listen there.
    const auto found = machine_.doors.find(door_);
    if (found != machine_.doors.end() && found->second.handler == handler_) machine_.doors.erase(found);
  }
  const std::string& address() const override { return address_; }

 private:
  SimMachine& machine_;
  const std::string door_;
  const std::string address_;
  const std::shared_ptr<AcceptHandler> handler_;
};

}  // namespace

struct SimNetwork::Address {
  bool local = false;  // a Unix socket
  std::string host;    // without brackets
  std::string name;    // of a Unix socket
  int port = 0;

  std::string door() const { return local ? absl::StrCat("unix:", name) : absl::StrCat("tcp:", port); }
};

struct SimNetwork::Attempt {
  std::string text;
  Address address;
  Preamble preamble;
  DialHandler handler;  // null: done or cancelled
  EventKey timeout;

  void Finish(World& world, absl::StatusOr<std::unique_ptr<Connection>> result) {
    world.Cancel(timeout);
    if (DialHandler callback = std::exchange(handler, nullptr); callback != nullptr) callback(std::move(result));
  }
};

absl::StatusOr<SimNetwork::Address> SimNetwork::Parse(std::string_view text) const {
  const absl::Status malformed = MakeError(
      Cause::kInvalidArgument, absl::StrCat("'", std::string(text), "' is no address; use HOST:PORT or unix:NAME"));
  Address address;
  if (text.starts_with("unix:")) {
    address.local = true;
    address.name = text.substr(5);
    if (address.name.empty()) return malformed;
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return malformed;
  const std::string port(text.substr(colon + 1));
  if (!absl::SimpleAtoi(port, &address.port) || address.port < 0 || address.port > 65535) return malformed;
  address.host = text.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

absl::StatusOr<std::unique_ptr<Listener>> SimNetwork::Listen(std::string_view text, AcceptHandler handler) {
  IOC_ASSIGN_OR_RETURN(Address address, Parse(text));
  SimMachine& machine = process_.machine();
  const bool any = address.host == "0.0.0.0" || address.host == "::";
  if (!address.local && !any && !IsLoopback(address.host) && world_.topology().Find(address.host) != &machine) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("can't listen on ", std::string(text), ": ", address.host,
                                                           " is not an address of ", machine.name()));
  }
  if (!process_.alive()) return MakeError(Cause::kDisconnected, "the process is dead");
  if (!address.local && address.port == 0) {
    do address.port = machine.next_port++;
    while (machine.doors.contains(address.door()));
  }
  if (machine.doors.contains(address.door())) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("can't listen on ", std::string(text), " of ", machine.name(), ": it is in use"));
  }
  auto shared = std::make_shared<AcceptHandler>(std::move(handler));
  machine.doors[address.door()] = {&process_, shared, IsLoopback(address.host)};
  std::string reached_at =
      address.local ? std::string(text) : absl::StrCat(any ? machine.address : address.host, ":", address.port);
  return std::make_unique<SimListener>(machine, address.door(), std::move(reached_at), std::move(shared));
}

void SimNetwork::Close() {
  std::erase_if(process_.machine().doors, [&](const auto& entry) { return entry.second.process == &process_; });
}

std::unique_ptr<Dialling> SimNetwork::Dial(std::string_view text, const Preamble& preamble, absl::Duration timeout,
                                           DialHandler handler) {
  class SimDialling final : public Dialling {
   public:
    explicit SimDialling(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}
    // The handler itself may do this; it is no longer in the attempt then.
    ~SimDialling() override { const DialHandler cancelled = std::exchange(attempt_->handler, nullptr); }

   private:
    const std::shared_ptr<Attempt> attempt_;
  };

  auto attempt = std::make_shared<Attempt>();
  attempt->text = text;
  attempt->preamble = preamble;
  attempt->handler = std::move(handler);
  auto dialling = std::make_unique<SimDialling>(attempt);
  if (!process_.alive()) return dialling;
  absl::StatusOr<Address> address = Parse(text);
  if (!address.ok()) {
    process_.executor().Post([this, attempt, error = address.status()] { attempt->Finish(world_, error); });
    return dialling;
  }
  attempt->address = *std::move(address);
  const absl::Time deadline = world_.Now() + std::min(timeout, absl::Hours(24));
  attempt->timeout = world_.Schedule(deadline, &process_, EventKind::kDial, true, [this, attempt, timeout] {
    attempt->timeout = {};
    attempt->Finish(world_, MakeError(Cause::kDeadline, absl::StrCat(attempt->text, " has not answered within ",
                                                                     absl::FormatDuration(timeout))));
  });
  Knock(std::move(attempt));
  return dialling;
}

void SimNetwork::Knock(std::shared_ptr<Attempt> attempt) {
  SimMachine& own = process_.machine();
  const Address& address = attempt->address;
  SimMachine* const to = address.local || IsLoopback(address.host) ? &own : world_.topology().Find(address.host);
  if (to == nullptr) {
    process_.executor().Post([this, attempt] {
      attempt->Finish(world_, MakeError(Cause::kDisconnected,
                                        absl::StrCat("can't dial ", attempt->text, ": there is no such host")));
    });
    return;
  }
  Topology& topology = world_.topology();
  world_.Schedule(world_.Now() + topology.Latency(own, *to), &process_, EventKind::kDial, false, [this, attempt, to] {
    if (attempt->handler == nullptr) return;
    SimMachine& own = process_.machine();
    Topology& topology = world_.topology();
    const bool cut_off = !to->up || topology.Blocked(own, *to) != 0 || topology.Blocked(*to, own) != 0;
    const absl::Time next = world_.Now() + (cut_off ? kKnockInterval : topology.Latency(*to, own));
    world_.Schedule(next, &process_, EventKind::kDial, !cut_off, [this, attempt, to, cut_off] {
      if (attempt->handler == nullptr) return;
      cut_off ? Knock(attempt) : Answer(*attempt, *to);
    });
  });
}

void SimNetwork::Answer(Attempt& attempt, SimMachine& to) {
  const std::string door = attempt.address.door();
  const auto found = to.doors.find(door);
  if (found == to.doors.end() || (found->second.loopback_only && &to != &process_.machine())) {
    return attempt.Finish(
        world_, MakeError(Cause::kDisconnected, absl::StrCat("can't dial ", attempt.text, ": nobody listens there")));
  }
  attempt.Finish(world_, SimLink::Dial(world_, process_, to, door, attempt.address.local, attempt.preamble));
}

}  // namespace ioc::sim
