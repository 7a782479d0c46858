// One end of a simulated connection for tests: notes down what comes.
#ifndef IOCLUSTER_TESTS_SIM_TEST_PEER_H_
#define IOCLUSTER_TESTS_SIM_TEST_PEER_H_

#include <absl/time/time.h>

#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/env/network.h"
#include "tests/sim/sim_env.h"

namespace ioc::sim {

inline std::vector<std::byte> Bytes(std::string_view text) {
  std::vector<std::byte> bytes((text.size() + 7) / 8 * 8);
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// Without the padding.
inline std::string Text(std::span<const std::byte> bytes) {
  const char* const text = reinterpret_cast<const char*>(bytes.data());
  return std::string(text, strnlen(text, bytes.size()));
}

class TestPeer final : public FrameHandler {
 public:
  explicit TestPeer(SimEnv& env) : env_(env) {}
  ~TestPeer() { connection = nullptr; }

  // Mutex held.
  void Use(std::unique_ptr<Connection> with) {
    connection = std::move(with);
    connection->Start(*this);
  }
  void Listen(std::string_view address) {
    listener = env_.network()
                   .Listen(address,
                           [this](std::unique_ptr<Connection> accepted, const Preamble& preamble) {
                             wanted = preamble;
                             Use(std::move(accepted));
                           })
                   .value();
  }
  void Dial(std::string_view address, absl::Duration timeout = absl::Seconds(10)) {
    dialling = env_.network().Dial(address, {.target = Target::kHead, .id = 7}, timeout,
                                   [this](absl::StatusOr<std::unique_ptr<Connection>> result) {
                                     dialled = result.status();
                                     if (result.ok()) Use(*std::move(result));
                                   });
  }

  // Takes the mutex.
  absl::Status Send(std::string_view text, std::vector<Attachment> attachments = {}, uint16_t method = 1) {
    MutexLock lock(env_.executor().mutex());
    return connection->Send({.method = method}, Bytes(text), {}, std::move(attachments));
  }

  void OnFrame(FrameView frame) override {
    frames.push_back(Text(frame.body));
    times.push_back(env_.executor().Now());
    for (Attachment& attachment : frame.attachments) attachments.push_back(std::move(attachment));
    if (on_frame) on_frame(frames.back());
  }
  void OnClosed(const absl::Status& why) override {
    closed = why;
    connection = nullptr;
  }

  std::unique_ptr<Connection> connection;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Dialling> dialling;
  Preamble wanted;
  absl::Status dialled;
  std::vector<std::string> frames;
  std::vector<absl::Time> times;
  std::vector<Attachment> attachments;
  absl::Status closed;
  std::function<void(const std::string&)> on_frame;

 private:
  SimEnv& env_;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_TEST_PEER_H_
