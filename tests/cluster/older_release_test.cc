// Applications of other releases: what one built with 0.1.0 said, byte for byte, is kept in recorded/.
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/env_asio/asio_env.h"
#include "lib/env_asio/wire.h"
#include "lib/rpc/channel.h"
#include "tests/cluster/real_cluster.h"

namespace ioc {
namespace {

using Catch::Contains;

// Where its Hello says which protocol it speaks: behind the preamble, the frame's header, the segment table and the
// root pointer.
constexpr size_t kPreambleMajor = 8;
constexpr size_t kPreambleMinor = 10;
constexpr size_t kHelloMajor = kPreambleBytes + kFrameHeaderBytes + 16;
constexpr size_t kHelloMinor = kHelloMajor + 2;

std::string Recorded(const std::string& name) {
  std::ifstream file(absl::StrCat(RECORDED_DIRECTORY, "/", name, ".hex"));
  std::string digits{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::erase_if(digits, [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) == 0; });
  REQUIRE(digits.size() > 2 * kHelloMinor);
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string WithVersion(std::string bytes, char major, char minor) {
  bytes[kPreambleMajor] = bytes[kHelloMajor] = major;
  bytes[kPreambleMinor] = bytes[kHelloMinor] = minor;
  return bytes;
}

struct Answer {
  FrameHeader header;
  std::vector<std::byte> body;
};

// Says what was recorded and reads what comes.
class Application {
 public:
  Application(const std::string& address, const std::string& bytes) {
    const std::string unix_prefix = "unix:";
    if (address.starts_with(unix_prefix)) {
      sockaddr_un where = {};
      where.sun_family = AF_UNIX;
      const std::string name = address.substr(unix_prefix.size());
      std::memcpy(where.sun_path + 1, name.data(), name.size());
      Connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&where),
              static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
    } else {
      sockaddr_in where = {};
      where.sin_family = AF_INET;
      where.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
      where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      Connect(AF_INET, reinterpret_cast<const sockaddr*>(&where), sizeof where);
    }
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  ~Application() { ::close(fd_); }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  // Nothing once the other side has closed, or is silent for too long.
  std::optional<Answer> Next() {
    std::vector<std::byte> header(kFrameHeaderBytes);
    FrameLayout layout;
    if (!Read(header) || !DecodeFrameLayout(header, layout).ok()) return std::nullopt;
    Answer answer{.header = layout.header, .body = std::vector<std::byte>(layout.total_bytes() - kFrameHeaderBytes)};
    if (!Read(answer.body)) return std::nullopt;
    return answer;
  }

 private:
  void Connect(int family, const sockaddr* where, socklen_t length) {
    fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience = {.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    REQUIRE(::connect(fd_, where, length) == 0);
  }
  bool Read(std::span<std::byte> bytes) const {
    return ::recv(fd_, bytes.data(), bytes.size(), MSG_WAITALL) == static_cast<ssize_t>(bytes.size());
  }

  int fd_ = -1;
};

std::string Member(const std::string& json, const std::string& name) {
  const std::string key = absl::StrCat("\"", name, "\": \"");
  const size_t begin = json.find(key);
  REQUIRE(begin != std::string::npos);
  return json.substr(begin + key.size(), json.find('"', begin + key.size()) - begin - key.size());
}

std::string LocalAddressOf(const RealCluster& cluster) {
  return absl::StrCat("unix:ioc-", Member(cluster.Ask({"nodes", "--json"}).output, "id"));
}

void CheckHeadAnswers(Application& application) {
  const std::optional<Answer> hello = application.Next();
  REQUIRE(hello.has_value());
  CHECK(hello->header.kind == FrameKind::kReply);
  Hello head;
  REQUIRE(Decode(hello->body, head).ok());
  CHECK(head.role == Role::kHead);
  CHECK(head.major == kProtocolMajor);
  const std::optional<Answer> local = application.Next();
  REQUIRE(local.has_value());
  CHECK(local->header.kind == FrameKind::kError);  // it says that its machine is one that has no node
  CHECK_THAT(std::string(DecodeStatus(local->body).message()), Contains("node"));
  const std::optional<Answer> ping = application.Next();
  REQUIRE(ping.has_value());
  CHECK(ping->header.kind == FrameKind::kReply);
  CHECK(ping->header.call == 3);
}

TEST_CASE("A head answers an application of an older release, and one of the next minor one") {
  RealCluster cluster;
  const std::string recorded = Recorded("application-to-head-0.1.0");
  Application older(cluster.address(), recorded);
  CheckHeadAnswers(older);
  Application newer(cluster.address(), WithVersion(recorded, kProtocolMajor, kProtocolMinor + 1));
  CheckHeadAnswers(newer);
}

TEST_CASE("A node takes on an application of an older release, and one of the next minor one") {
  RealCluster cluster({"alpha"});
  const std::string recorded = Recorded("application-to-node-0.1.0");
  for (const std::string& bytes : {recorded, WithVersion(recorded, kProtocolMajor, kProtocolMinor + 1)}) {
    Application application(LocalAddressOf(cluster), bytes);
    const std::optional<Answer> hello = application.Next();
    REQUIRE(hello.has_value());
    CHECK(hello->header.kind == FrameKind::kReply);
    // Registered: it is given the store and its job.
    const std::optional<Answer> registered = application.Next();
    REQUIRE(registered.has_value());
    CHECK(registered->header.kind == FrameKind::kReply);
    RegisterProcess::Reply reply;
    REQUIRE(Decode(registered->body, reply).ok());
    CHECK(reply.node_name == "alpha");
    CHECK(reply.job.value() == 0x4711);
  }
}

TEST_CASE("An application of another major release is told which to upgrade") {
  RealCluster cluster({"alpha"});
  const std::vector<std::pair<std::string, std::string>> conversations = {
      {cluster.address(), Recorded("application-to-head-0.1.0")},
      {LocalAddressOf(cluster), Recorded("application-to-node-0.1.0")}};
  for (const auto& [address, recorded] : conversations) {
    INFO(address);
    Application application(address, WithVersion(recorded, kProtocolMajor + 1, 0));
    const std::optional<Answer> goodbye = application.Next();
    REQUIRE(goodbye.has_value());
    CHECK(goodbye->header.kind == FrameKind::kGoodbye);
    CHECK_THAT(std::string(DecodeStatus(goodbye->body).message()), Contains("upgrade the older one"));
    CHECK_FALSE(application.Next().has_value());
  }
}

// A head of the next minor release, as far as a handshake goes.
class NextHead final : public ChannelDelegate {
 public:
  NextHead() {
    const MutexLock lock(env_.executor().mutex());
    auto listener = env_.network().Listen("127.0.0.1:0", [this](auto connection, const Preamble&) {
      const Hello self{.major = kProtocolMajor,
                       .minor = kProtocolMinor + 1,
                       .features = ~uint64_t{0},
                       .role = Role::kHead,
                       .name = "head",
                       .release = "0.2.0"};
      channel_ = std::make_unique<Channel>(env_, std::move(connection), Channel::Side::kAcceptor, self, *this);
    });
    REQUIRE(listener.ok());
    listener_ = *std::move(listener);
  }
  ~NextHead() {
    const MutexLock lock(env_.executor().mutex());
    channel_.reset();
    listener_.reset();
  }
  const std::string& address() const { return listener_->address(); }

 private:
  void OnReady(Channel&, const Hello&) override {}
  absl::Status OnMessage(Channel& channel, FrameView frame) override {
    if (frame.header.method == static_cast<uint16_t>(Method::kPing)) {
      channel.Reply(frame.header, Ping::Reply{});
    } else {
      channel.Fail(frame.header, absl::NotFoundError("no node"));
    }
    return absl::OkStatus();
  }
  void OnClosed(Channel&, const absl::Status&) override {}

  AsioEnv env_{{.log_level = LogLevel::kError}};
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<Listener> listener_;
};

TEST_CASE("A head of the next minor release answers an application of this one") {
  const NextHead head;
  Application application(head.address(), Recorded("application-to-head-0.1.0"));
  CheckHeadAnswers(application);
}

}  // namespace
}  // namespace ioc
