#include "lib/env_asio/asio_template.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "lib/base/status.h"
#include "lib/env_asio/asio_child.h"
#include "lib/env_asio/fork_wire.h"
#include "lib/env_asio/spawn.h"

namespace ioc {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

// What the program may take up to Connect before others are started beside it.
constexpr absl::Duration kTemplatePatience = absl::Seconds(1);

std::string EncodeEnvironment(const Environment& environment) {
  std::string text;
  for (const auto& [name, value] : environment) absl::StrAppend(&text, name, "=", value, absl::string_view("\0", 1));
  return text;
}

}  // namespace

class AsioTemplate::Core final : public std::enable_shared_from_this<Core>,
                                 public AsioChild::Forker,
                                 private FdHandler {
 public:
  Core(AsioExecutor& executor, Reaper& reaper, SpawnOptions options)
      : executor_(executor), reaper_(reaper), options_(std::move(options)) {}

  ~Core() {
    executor_.CancelTimer(patience_timer_);
    EndTemplate();
  }

  AsioExecutor& executor() { return executor_; }
  const std::string& program() const { return options_.program; }

  absl::Status Begin(AsioChild& child, ChildEnds ends, const Environment& environment) {
    switch (state_) {
      case State::kNone:
        return StartTemplate(child, std::move(ends), environment);
      case State::kStarting:
        if (patience_timer_ == 0) break;
        waiting_.push_back({.child = &child, .ends = std::move(ends), .environment = environment});
        child.set_forker(shared_from_this());
        return absl::OkStatus();
      case State::kReady:
        if (AskToFork(child, ends, environment)) return absl::OkStatus();
        break;
      case State::kUnable:
        break;
    }
    return StartAlone(child, std::move(ends), environment);
  }

  void Forget(AsioChild& child) override {
    std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.child == &child; });
    std::erase_if(children_, [&](const auto& entry) { return entry.second == &child; });
    // The process that was to be the template is killed with its child.
    if (std::exchange(first_, first_ == &child ? nullptr : first_) == &child && state_ == State::kStarting) {
      Settle(State::kNone);
    }
  }

 private:
  enum class State {
    kNone,      // no process
    kStarting,  // it has not said yet whether it can fork
    kReady,
    kUnable,  // all are started anew
  };
  struct Waiting {
    AsioChild* child = nullptr;
    ChildEnds ends;
    Environment environment;
  };

  SpawnOptions OptionsWith(const Environment& environment) const {
    SpawnOptions options = options_;
    options.environment.insert(options.environment.end(), environment.begin(), environment.end());
    return options;
  }

  absl::Status StartAlone(AsioChild& child, ChildEnds ends, const Environment& environment) {
    IOC_ASSIGN_OR_RETURN(Spawned process, SpawnProcess(OptionsWith(environment), std::move(ends)));
    child.Started(std::move(process));
    return absl::OkStatus();
  }

  absl::Status StartTemplate(AsioChild& child, ChildEnds ends, const Environment& environment) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
      return StartAlone(child, std::move(ends), environment);
    }
    UniqueFd ours(sockets[0]);
    UniqueFd theirs(sockets[1]);
    fcntl(ours.get(), F_SETFL, O_NONBLOCK);
    // What is the first child's alone must not be the template's.
    SendForkMessage(ours.get(), {.kind = ForkKind::kFork, .child = 0, .text = EncodeEnvironment(environment)});
    IOC_ASSIGN_OR_RETURN(Spawned process, SpawnProcess(options_, std::move(ends), std::move(theirs)));
    child.Started(std::move(process));
    child.set_forker(shared_from_this());
    first_ = &child;
    state_ = State::kStarting;
    control_.emplace(executor_.loop(), std::move(ours), static_cast<FdHandler&>(*this));
    control_->WaitReadable();
    patience_timer_ = executor_.Schedule(kTemplatePatience, [this] {
      patience_timer_ = 0;
      StartWaiting();
    });
    return absl::OkStatus();
  }

  // Takes the ends if it succeeds.
  bool AskToFork(AsioChild& child, ChildEnds& ends, const Environment& environment) {
    const uint64_t number = last_child_ + 1;
    ForkMessage request = {.kind = ForkKind::kFork, .child = number, .text = EncodeEnvironment(environment)};
    request.descriptors.push_back(std::move(ends.socket));
    request.descriptors.push_back(std::move(ends.errors));
    if (!SendForkMessage(control_->fd(), request)) {
      ends = {.socket = std::move(request.descriptors[0]), .errors = std::move(request.descriptors[1])};
      return false;
    }
    last_child_ = number;
    children_[number] = &child;
    child.set_forker(shared_from_this());
    return true;
  }

  // Begins what has waited, in the way that is now right.
  void StartWaiting() {
    for (Waiting& waiting : std::exchange(waiting_, {})) {
      const absl::Status begun = Begin(*waiting.child, std::move(waiting.ends), waiting.environment);
      if (!begun.ok()) waiting.child->NotStarted(begun);
    }
  }

  void Settle(State state) {
    state_ = state;
    first_ = nullptr;
    executor_.CancelTimer(std::exchange(patience_timer_, 0));
    if (state != State::kReady) control_.reset();
    StartWaiting();
  }

  void OnReadable() override {
    const std::shared_ptr<Core> self = shared_from_this();
    ForkMessage message;
    while (control_.has_value()) {
      switch (ReceiveForkMessage(control_->fd(), message)) {
        case ForkRead::kMessage:
          Handle(message);
          break;
        case ForkRead::kNothing:
          return control_->WaitReadable();
        case ForkRead::kEnd:
          return OnTemplateGone();
      }
    }
  }

  void Handle(ForkMessage& message) {
    switch (message.kind) {
      case ForkKind::kForked:
        return OnForked(message);
      case ForkKind::kFailed:
        return OnFailed(message);
      case ForkKind::kExited:
        if (AsioChild* child = Take(message.child)) {
          child->HasEnded({.code = message.value, .signal = message.signal});
        }
        return;
      case ForkKind::kUnable:
        if (state_ == State::kStarting) Settle(State::kUnable);
        return;
      case ForkKind::kFork:
        return;
    }
  }

  void OnForked(ForkMessage& message) {
    if (message.descriptors.empty()) return;
    Spawned process = {.pid = message.pid, .pidfd = std::move(message.descriptors.front())};
    if (state_ == State::kStarting && message.child == 0) {
      template_ = first_->TakeProcess();
      children_[0] = first_;
      first_->StartedBy(std::move(process));
      return Settle(State::kReady);
    }
    auto child = children_.find(message.child);
    if (child == children_.end()) return KillProcess(process.pidfd);
    child->second->StartedBy(std::move(process));
  }

  void OnFailed(const ForkMessage& message) {
    const absl::Status why = StartError(options_.program, "can't fork it: ", message.value);
    if (state_ == State::kStarting && message.child == 0) {
      template_ = first_->TakeProcess();
      first_->NotStarted(why);
      return Settle(State::kReady);
    }
    if (AsioChild* child = Take(message.child)) child->NotStarted(why);
  }

  AsioChild* Take(uint64_t number) {
    auto found = children_.find(number);
    if (found == children_.end()) return nullptr;
    AsioChild* child = found->second;
    children_.erase(found);
    return child;
  }

  // It closed its socket, or died.
  void OnTemplateGone() {
    if (state_ == State::kStarting) return Settle(State::kUnable);
    EndTemplate();
    for (const auto& [number, child] : std::exchange(children_, {})) {
      if (child->pid() != 0) {
        child->WatchAlone();
      } else {
        child->NotStarted(MakeError(Cause::kProgramMissing,
                                    absl::StrCat("the process that was to fork ", options_.program, " has ended")));
      }
    }
    Settle(State::kNone);
  }

  void EndTemplate() {
    control_.reset();
    if (template_.pidfd) reaper_.Take(std::exchange(template_, {}));
  }

  AsioExecutor& executor_;
  Reaper& reaper_;
  const SpawnOptions options_;
  State state_ = State::kNone;
  std::optional<FdWatch> control_;
  AsioChild* first_ = nullptr;  // while starting
  TimerId patience_timer_ = 0;
  std::vector<Waiting> waiting_;
  Spawned template_;  // once it is ready
  uint64_t last_child_ = 0;
  std::map<uint64_t, AsioChild*> children_;  // that the template forks or has forked
};

AsioTemplate::AsioTemplate(AsioExecutor& executor, ErrorOutput& errors, Reaper& reaper, SpawnOptions options)
    : errors_(errors), core_(std::make_shared<Core>(executor, reaper, std::move(options))) {}

AsioTemplate::~AsioTemplate() = default;

absl::StatusOr<std::unique_ptr<Child>> AsioTemplate::Fork(const Environment& environment, ExitHandler on_exit) {
  const std::string& program = core_->program();
  IOC_ASSIGN_OR_RETURN(ChildPlumbing plumbing, MakeChildPlumbing(program));
  auto child =
      std::make_unique<AsioChild>(core_->executor(), errors_, program, std::move(plumbing.ours), std::move(on_exit));
  IOC_RETURN_IF_ERROR(core_->Begin(*child, std::move(plumbing.theirs), environment));
  return child;
}

}  // namespace ioc
