// What the tests of the real Env share: a world of its own each, waits that are bounded, connections that record.
#ifndef IOCLUSTER_TESTS_UNIT_ENV_ASIO_FIXTURE_H_
#define IOCLUSTER_TESTS_UNIT_ENV_ASIO_FIXTURE_H_

#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/status.h"
#include "lib/env_asio/asio_env.h"

namespace ioc {

inline constexpr absl::Duration kTestTimeout = absl::Seconds(30);

// Bytes of a frame: a body is a multiple of 8 long.
inline std::vector<std::byte> Bytes(size_t size, int seed = 1) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>((i * 31 + i / 251 + static_cast<size_t>(seed)) & 0xff);
  return bytes;
}

inline Trailer OwnedTrailer(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  return {.bytes = *owner, .owner = owner};
}

struct Received {
  FrameHeader header;
  std::vector<std::byte> body;
  std::vector<std::byte> trailer;
  std::vector<Attachment> attachments;
};

// A connection that keeps what comes.
class Recorder final : public FrameHandler {
 public:
  explicit Recorder(std::unique_ptr<Connection> given) : connection(std::move(given)) { connection->Start(*this); }

  void OnFrame(FrameView frame) override {
    aligned = aligned && reinterpret_cast<uintptr_t>(frame.body.data()) % 8 == 0;
    Received received = {.header = frame.header,
                         .body = {frame.body.begin(), frame.body.end()},
                         .trailer = {frame.trailer.begin(), frame.trailer.end()}};
    for (Attachment& attachment : frame.attachments) received.attachments.push_back(std::move(attachment));
    frames.push_back(std::move(received));
    if (frames.size() == close_after) connection.reset();
  }
  void OnClosed(const absl::Status& why) override {
    ++closings;
    closed = why;
  }

  std::unique_ptr<Connection> connection;
  std::vector<Received> frames;
  bool aligned = true;
  size_t close_after = 0;
  int closings = 0;
  std::optional<absl::Status> closed;
};

// An Env whose mutex the test holds, except in its waits.
class World {
 public:
  World()
      : env_({.log_level = LogLevel::kWarning,
              .log_sink = [this](LogLevel, std::string_view line) { logged_.emplace_back(line); }}) {
    env_.executor().mutex().lock();
  }
  ~World() { env_.executor().mutex().unlock(); }

  AsioEnv& env() { return env_; }
  Executor& executor() { return env_.executor(); }
  // Log lines; written by callbacks, so with the mutex held.
  const std::vector<std::string>& logged() const { return logged_; }

  // Drives the loop until `condition` holds; false if it doesn't in time.
  template <typename Condition>
  bool Eventually(Condition condition) {
    const absl::Time deadline = executor().Now() + kTestTimeout;
    while (!condition() && executor().Now() < deadline) Turn();
    return condition();
  }

  // Lets the loop run for about a millisecond.
  void Turn() {
    Waiter waiter;
    const TimerId timer = executor().Schedule(absl::Milliseconds(1), [&] { executor().Notify(waiter); });
    executor().Await(waiter, absl::InfiniteFuture());
    executor().CancelTimer(timer);
  }

  absl::StatusOr<std::unique_ptr<Connection>> Dial(std::string_view address, Preamble preamble = {},
                                                   absl::Duration timeout = kTestTimeout) {
    std::optional<absl::StatusOr<std::unique_ptr<Connection>>> result;
    auto dialling = env_.network().Dial(address, preamble, timeout, [&](auto dialled) { result = std::move(dialled); });
    if (!Eventually([&] { return result.has_value(); })) return absl::InternalError("Dial never answered");
    return *std::move(result);
  }

 private:
  std::vector<std::string> logged_;
  AsioEnv env_;
};

// A listener and what it accepted.
class Door {
 public:
  Door(World& world, std::string_view address) : world_(world) {
    auto made = world.env().network().Listen(address, [this](auto connection, const Preamble& preamble) {
      accepted.push_back(std::move(connection));
      preambles.push_back(preamble);
    });
    REQUIRE(made.ok());
    listener = *std::move(made);
  }

  const std::string& address() const { return listener->address(); }
  std::unique_ptr<Connection> Next() {
    REQUIRE(world_.Eventually([this] { return !accepted.empty(); }));
    std::unique_ptr<Connection> first = std::move(accepted.front());
    accepted.erase(accepted.begin());
    return first;
  }

  std::unique_ptr<Listener> listener;
  std::vector<std::unique_ptr<Connection>> accepted;
  std::vector<Preamble> preambles;

 private:
  World& world_;
};

// A name that no other test run on this machine has.
inline std::string UnixName(World& world, std::string_view name) {
  return absl::StrCat("unix:ioc-test-", world.env().host().pid, "-", world.env().Random(), "-", std::string(name));
}

// Both ends of a connection.
struct Pair {
  Pair(World& world, std::string_view address) : door(world, address) {
    auto dialled = world.Dial(door.address());
    REQUIRE(dialled.ok());
    near.emplace(*std::move(dialled));
    far.emplace(door.Next());
  }

  Door door;
  std::optional<Recorder> near;
  std::optional<Recorder> far;
};

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_ENV_ASIO_FIXTURE_H_
