// Peers and addresses that are wrong, against the real executables: a sentence, an exit code, and others are served on.
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/env_asio/asio_env.h"
#include "lib/env_asio/wire.h"
#include "lib/rpc/channel.h"
#include "tests/cluster/real_cluster.h"

namespace ioc {
namespace {

using Catch::Contains;

sockaddr_in Loopback(const std::string& address) {
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return where;
}

// A TCP connection that sends what the test likes.
class RawPeer {
 public:
  explicit RawPeer(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in where = Loopback(address);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
    const timeval patience = {.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawPeer() { ::close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void Send(const std::string& bytes) const {
    static_cast<void>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  // Everything until the other side closes; fails the test if it doesn't.
  std::string ReadToEnd() const {
    std::string text;
    char bytes[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd_, bytes, sizeof bytes, 0)) > 0) text.append(bytes, static_cast<size_t>(got));
    const bool is_closed = got == 0 || errno == ECONNRESET;
    CHECK(is_closed);
    return text;
  }

 private:
  const int fd_;
};

// Listens, lets others connect, and never says a word.
class SilentHead {
 public:
  SilentHead() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where = Loopback(":0");
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
    REQUIRE(::listen(fd_, 16) == 0);
    socklen_t size = sizeof where;
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&where), &size) == 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(where.sin_port));
  }
  ~SilentHead() { ::close(fd_); }
  const std::string& address() const { return address_; }
  int fd() const { return fd_; }

 private:
  const int fd_;
  std::string address_;
};

// Greets whoever connects, as a server of another kind does.
class Stranger {
 public:
  explicit Stranger(std::string greeting) : greeting_(std::move(greeting)), thread_([this] { Serve(); }) {}
  ~Stranger() {
    ::shutdown(door_.fd(), SHUT_RDWR);
    thread_.join();
  }
  const std::string& address() const { return door_.address(); }

 private:
  void Serve() {
    for (int fd = 0; (fd = ::accept(door_.fd(), nullptr, nullptr)) >= 0; ::close(fd)) {
      static_cast<void>(::send(fd, greeting_.data(), greeting_.size(), MSG_NOSIGNAL));
      char byte = 0;
      while (::recv(fd, &byte, 1, 0) > 0) continue;  // until it goes
    }
  }

  const std::string greeting_;
  const SilentHead door_;
  std::thread thread_;
};

template <size_t N>
std::string AsString(const std::array<std::byte, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

std::string FrameBytes(FrameKind kind, Method method, const std::string& body) {
  const FrameLayout layout{
      .header = {.kind = kind, .method = static_cast<uint16_t>(method), .timeout_ms = 1000, .call = 1},
      .body_bytes = body.size()};
  return AsString(EncodeFrameLayout(layout)) + body;
}

template <typename M>
std::string BodyOf(const M& message) {
  BodyBuffer body;
  Encode(message, body);
  return {reinterpret_cast<const char*>(body.bytes().data()), body.bytes().size()};
}

std::string NodeAddressOf(const RealCluster& cluster) {
  const std::string listing = cluster.Ask({"nodes", "--json"}).output;
  const std::string key = "\"address\": \"";
  const size_t begin = listing.find(key);
  REQUIRE(begin != std::string::npos);
  return listing.substr(begin + key.size(), listing.find('"', begin + key.size()) - begin - key.size());
}

void CheckSays(const Outcome& outcome, int exit_code, const std::vector<std::string>& words) {
  CHECK(outcome.exit_code == exit_code);
  for (const std::string& word : words) CHECK_THAT(outcome.output, Contains(word));
}

Outcome DriveAt(const std::string& address) { return Run({DRIVER_PROGRAM, "hello"}, {{"IOCLUSTER_ADDRESS", address}}); }

TEST_CASE("Malformed frames end their own connection, and head and node serve the others on") {
  RealCluster cluster({"alpha"});
  const std::string node = NodeAddressOf(cluster);
  for (const auto& [address, target] : {std::pair(cluster.address(), Target::kHead), std::pair(node, Target::kNode)}) {
    INFO(address);
    const std::string preamble = AsString(EncodePreamble({.target = target}));
    const std::string hello =
        FrameBytes(FrameKind::kRequest, Method::kHello, BodyOf(Hello{.major = kProtocolMajor, .role = Role::kTool}));
    std::string huge = FrameBytes(FrameKind::kRequest, Method::kHello, "");
    std::memset(huge.data() + 8, 0xff, 8);  // the sizes of body and trailer
    const std::vector<std::string> attacks = {
        std::string(4096, '\xee'),
        "GET / HTTP/1.1\r\nHost: a browser that took a wrong turn\r\n\r\n",
        preamble + std::string(4096, '\xee'),
        preamble + huge,
        preamble + FrameBytes(FrameKind::kRequest, Method::kHello, std::string(64, '\xff')),
        preamble + FrameBytes(FrameKind::kNotify, Method::kStop, ""),
        preamble + FrameBytes(FrameKind::kReply, Method::kHello, std::string(8, '\0')),
        // Each of these is answered, but nobody asks.
        preamble + hello + FrameBytes(FrameKind::kNotify, Method::kPing, BodyOf(Ping{})),
        preamble + hello + FrameBytes(FrameKind::kNotify, Method::kGetStatus, BodyOf(GetStatus{})),
        preamble + hello + FrameBytes(FrameKind::kNotify, Method::kListNodes, BodyOf(ListNodes{})),
        preamble + hello + FrameBytes(FrameKind::kNotify, Method::kLocateActor, BodyOf(LocateActor{})),
        preamble + hello + FrameBytes(FrameKind::kNotify, Method::kRegisterActorName, BodyOf(RegisterActorName{})),
        preamble + hello + FrameBytes(FrameKind::kNotify, Method::kRegisterProcess, BodyOf(RegisterProcess{})),
        preamble + hello + FrameBytes(FrameKind::kNotify, Method::kGetWorkerFate, BodyOf(GetWorkerFate{})),
        preamble + hello + FrameBytes(FrameKind::kNotify, Method::kDescribeObject, BodyOf(DescribeObject{})),
        preamble + hello + FrameBytes(FrameKind::kRequest, Method::kProcessGone, BodyOf(ProcessGone{})),
    };
    for (const std::string& attack : attacks) {
      const RawPeer peer(address);
      peer.Send(attack);
      peer.ReadToEnd();
    }
    for (size_t length : {size_t{0}, size_t{5}, preamble.size(), preamble.size() + 9}) {
      RawPeer(address).Send((preamble + FrameBytes(FrameKind::kRequest, Method::kHello, "")).substr(0, length));
    }
  }
  CHECK(cluster.Ask({"ping"}).exit_code == 0);
  CheckSays(cluster.RunDriver({"hello"}), 0, {"ran on alpha"});
}

TEST_CASE("A wrong frame is answered with a goodbye that says what was wrong") {
  RealCluster cluster;
  const RawPeer peer(cluster.address());
  peer.Send(AsString(EncodePreamble({.target = Target::kHead})) +
            FrameBytes(FrameKind::kRequest, Method::kStop, std::string(8, '\0')));
  CHECK_THAT(peer.ReadToEnd(), Contains("the first frame must be a Hello"));
}

// What a peer that says `hello` hears at the end.
class Greeter final : public ChannelDelegate {
 public:
  Greeter(const std::string& address, Target target, const Hello& hello) {
    const MutexLock lock(env_.executor().mutex());
    const auto dialling = env_.network().Dial(
        address, {.target = target, .major = hello.major}, kPatience,
        [&](absl::StatusOr<std::unique_ptr<Connection>> connection) {
          if (!connection.ok()) return End(connection.status());
          channel_ = std::make_unique<Channel>(env_, *std::move(connection), Channel::Side::kDialler, hello, *this);
        });
    env_.executor().Await(closed_, env_.executor().Now() + kPatience);
    channel_.reset();
  }
  const std::string& heard() const { return heard_; }

 private:
  void OnReady(Channel&, const Hello&) override {}
  absl::Status OnMessage(Channel&, FrameView) override { return absl::OkStatus(); }
  void OnClosed(Channel&, const absl::Status& why) override { End(why); }
  void End(const absl::Status& why) {
    heard_ = std::string(why.message());
    env_.executor().Notify(closed_);
  }

  AsioEnv env_{{.log_level = LogLevel::kError, .background_thread = false}};
  Waiter closed_;
  std::unique_ptr<Channel> channel_;
  std::string heard_;
};

TEST_CASE("Who speaks another major version is told by head and node which to upgrade") {
  RealCluster cluster({"alpha"});
  const Hello hello{.major = 9, .role = Role::kTool, .name = "a tool of tomorrow", .release = "9.0.0"};
  const std::string node = NodeAddressOf(cluster);
  for (const auto& [address, target] : {std::pair(cluster.address(), Target::kHead), std::pair(node, Target::kNode)}) {
    CHECK_THAT(Greeter(address, target, hello).heard(),
               Contains("a tool of tomorrow") && Contains("9.0") && Contains("upgrade the older one"));
  }
  CHECK(cluster.Ask({"ping"}).exit_code == 0);
}

TEST_CASE("A head that does not answer is named by drivers, tools and nodes") {
  const SilentHead silent;
  Process driver({DRIVER_PROGRAM, "hello"}, {{"IOCLUSTER_ADDRESS", silent.address()}});
  Process tool(IoclusterCommand({"status", "--address", silent.address()}));
  Process node(IoclusterCommand({"node", "--store-memory", "16MiB", "--head", silent.address()}));
  CheckSays(driver.Wait(), 1, {"no head answers at " + silent.address()});
  CheckSays(tool.Wait(), 1, {"no head answers at " + silent.address()});
  CheckSays(node.Wait(), 1, {silent.address(), "name another address with --head"});
}

TEST_CASE("What is no head is named by tools and nodes: a node, with its head, and what is not iocluster") {
  RealCluster cluster({"alpha"});
  const std::string node = NodeAddressOf(cluster);
  const std::string words = "node alpha listens there, not a head; its head is " + cluster.address();
  CheckSays(Run(IoclusterCommand({"status", "--address", node})), 1, {words});
  CheckSays(Run(IoclusterCommand({"node", "--store-memory", "16MiB", "--head", node})), 1, {words});
  CheckSays(DriveAt(node), 1, {words});
  const Stranger stranger("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n");
  const std::string other = "what listens at " + stranger.address() + " isn't iocluster";
  CheckSays(Run(IoclusterCommand({"status", "--address", stranger.address()})), 1, {other, "begin no frame"});
  CheckSays(Run(IoclusterCommand({"node", "--store-memory", "16MiB", "--head", stranger.address()})), 1,
            {other, "begin no frame"});
}

TEST_CASE("A node where no head listens says so, with the address and what to do") {
  CheckSays(
      Run(IoclusterCommand({"node", "--store-memory", "16MiB", "--head", "127.0.0.1:1"})), 1,
      {"can't join the cluster: can't connect to 127.0.0.1:1: refused", "start a head there with 'iocluster head'"});
}

TEST_CASE("A bad address and one where nobody listens are named by a driver") {
  CheckSays(DriveAt("nonsense"), 1, {"\"nonsense\""});
  CheckSays(DriveAt("127.0.0.1:1"), 1, {"no head answers at 127.0.0.1:1"});
  CheckSays(DriveAt("no-such-host.invalid:6380"), 1, {"no-such-host.invalid"});
}

TEST_CASE("A node whose head's place was taken by another cluster ends and says so") {
  auto first = std::make_unique<Process>(IoclusterCommand({"head", "--listen", "127.0.0.1:0"}));
  const std::string address = AwaitHeadAddress(*first);
  Process node(IoclusterCommand({"node", "--head", address, "--name", "alpha", "--store-memory", "16MiB"}));
  node.AwaitLine("node alpha ready");
  first.reset();
  Process second(IoclusterCommand({"head", "--listen", address}));
  AwaitHeadAddress(second);
  const Outcome outcome = node.Wait();
  CheckSays(outcome, 1,
            {"the head at " + address + " was started anew, as another cluster; start this node again to join it"});
  CheckSays(Run(IoclusterCommand({"ping", "--address", address})), 0, {});
}

TEST_CASE("Settings in the environment that make no sense are named") {
  CheckSays(Run({DRIVER_PROGRAM, "hello"}, {{"IOCLUSTER_CPUS", "-2"}}), 1, {"IOCLUSTER_CPUS", "-2"});
  CheckSays(Run({DRIVER_PROGRAM, "hello"}, {{"IOCLUSTER_OBJECT_STORE_MEMORY", "plenty"}}), 1,
            {"IOCLUSTER_OBJECT_STORE_MEMORY", "plenty"});
}

TEST_CASE("A program that is no worker harms no other on the node") {
  RealCluster cluster({"alpha"});
  const Outcome outcome = Run({STRANGER_PROGRAM, "returns"}, {{"IOCLUSTER_ADDRESS", cluster.address()}});
  CheckSays(outcome, 1,
            {"exited with code 5", "before it called ioc::Cluster::Connect; call it first thing in main",
             "not my kind of work"});
  CheckSays(cluster.RunDriver({"hello"}), 0, {"ran on alpha"});
}

}  // namespace
}  // namespace ioc
