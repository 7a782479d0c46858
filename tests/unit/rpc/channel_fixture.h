// Channels over a LoopEnv whose delegates write down what happens.
#ifndef IOCLUSTER_TESTS_UNIT_RPC_CHANNEL_FIXTURE_H_
#define IOCLUSTER_TESTS_UNIT_RPC_CHANNEL_FIXTURE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/rpc/channel.h"
#include "tests/unit/rpc/loop_env.h"

namespace ioc {

// One side: a channel, and what its delegate was told.
class Side final : public ChannelDelegate {
 public:
  void OnReady(Channel& channel, const Hello& peer) override {
    events.push_back("ready " + peer.name);
    if (on_ready) on_ready(channel);
  }
  absl::Status OnMessage(Channel& channel, FrameView frame) override {
    events.push_back(MethodName(static_cast<Method>(frame.header.method)));
    return on_message ? on_message(channel, frame) : absl::OkStatus();
  }
  void OnClosed(Channel& channel, const absl::Status& why) override {
    events.push_back("closed");
    closed_why = why;
    if (on_closed) on_closed(channel);
  }

  bool closed() const { return !closed_why.ok(); }
  std::string closed_message() const { return std::string(closed_why.message()); }

  std::vector<std::string> events;
  absl::Status closed_why;
  std::function<void(Channel&)> on_ready;
  std::function<absl::Status(Channel&, FrameView&)> on_message;
  std::function<void(Channel&)> on_closed;
  std::unique_ptr<Channel> channel;
};

// A driver dials a node.
class ChannelFixture {
 public:
  ChannelFixture() {
    auto [first, second] = env.Connect();
    client_end = std::move(first);
    server_end = std::move(second);
  }
  ~ChannelFixture() {
    client.channel.reset();
    server.channel.reset();
  }

  void OpenClient(Hello hello = {.role = Role::kDriver, .name = "driver d"}) {
    client.channel =
        std::make_unique<Channel>(env, std::move(client_end), Channel::Side::kDialler, std::move(hello), client);
  }
  void OpenServer(Hello hello = {.role = Role::kNode, .name = "node n"}) {
    server.channel =
        std::make_unique<Channel>(env, std::move(server_end), Channel::Side::kAcceptor, std::move(hello), server);
  }
  void OpenBoth() {
    OpenClient();
    OpenServer();
    Run();
  }
  void Run() { env.executor().RunUntilIdle(); }

  // Calls Ping and writes the outcome down: "ok" or the error's message.
  void CallPing(absl::Duration timeout = absl::Seconds(1)) {
    client.channel->Call(Ping{}, timeout, [this](absl::StatusOr<Ping::Reply> reply) { Note(reply.status()); });
  }
  void Note(const absl::Status& status) {
    answers.push_back(status.ok() ? "ok" : std::string(status.message()));
    last_error = status;
  }

  LoopEnv env;
  std::unique_ptr<Connection> client_end;
  std::unique_ptr<Connection> server_end;
  Side client;
  Side server;
  std::vector<std::string> answers;
  absl::Status last_error;
};

// A peer without a Channel: sends any frame, and keeps those that come.
class RawPeer final : public FrameHandler {
 public:
  struct Frame {
    FrameHeader header;
    std::vector<uint64_t> body;

    std::span<const std::byte> bytes() const { return std::as_bytes(std::span(body)); }
  };

  explicit RawPeer(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {
    connection_->Start(*this);
  }

  void OnFrame(FrameView frame) override {
    std::vector<uint64_t> words(frame.body.size() / sizeof(uint64_t));
    if (!words.empty()) std::memcpy(words.data(), frame.body.data(), frame.body.size());
    frames.push_back({frame.header, std::move(words)});
  }
  void OnClosed(const absl::Status&) override { closed = true; }

  template <typename M>
  void Send(FrameKind kind, Method method, uint64_t call, const M& message) {
    BodyBuffer body;
    Encode(message, body);
    const FrameHeader header = {.kind = kind, .method = static_cast<uint16_t>(method), .call = call};
    IOC_CHECK(connection_->Send(header, body.bytes(), {}, {}).ok()) << "a frame too large";
  }
  void SayHello(const Hello& hello) { Send(FrameKind::kRequest, Method::kHello, 1, hello); }
  void AnswerHello(const Hello& hello) { Send(FrameKind::kReply, Method::kHello, 1, hello); }

  // What the last frame, a goodbye, says.
  std::string goodbye() const {
    if (frames.empty() || frames.back().header.kind != FrameKind::kGoodbye) return "no goodbye";
    return std::string(DecodeStatus(frames.back().bytes()).message());
  }

  std::vector<Frame> frames;
  bool closed = false;

 private:
  std::unique_ptr<Connection> connection_;
};

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_RPC_CHANNEL_FIXTURE_H_
