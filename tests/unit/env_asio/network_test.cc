// Connections of frames over Unix sockets and TCP: what goes in comes out; what can't, says why.
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "lib/env_asio/fd.h"
#include "lib/env_asio/socket.h"
#include "tests/unit/env_asio/fixture.h"

namespace ioc {
namespace {

using Catch::Matchers::Contains;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

TEST_CASE("Frames of all sizes go both ways") {
  World world;
  Pair pair(world, GENERATE_REF(UnixName(world, "both"), std::string("127.0.0.1:0"), std::string("[::1]:0")));
  constexpr size_t kSizes[] = {0, 8, 4096, 65536, kMaxBodyBytes};
  constexpr size_t kTrailers[] = {0, 1, 4097, 100001, kMaxTrailerBytes};
  for (int i = 0; i < 5; ++i) {
    const FrameHeader header = {.kind = FrameKind::kRequest, .method = 7, .timeout_ms = 9, .call = uint64_t(i)};
    CHECK(pair.near->connection->Send(header, Bytes(kSizes[i]), OwnedTrailer(Bytes(kTrailers[4 - i], i)), {}).ok());
    CHECK(pair.far->connection->Send(header, Bytes(kSizes[4 - i]), OwnedTrailer(Bytes(kTrailers[i], i)), {}).ok());
  }
  REQUIRE(world.Eventually([&] { return pair.near->frames.size() == 5 && pair.far->frames.size() == 5; }));
  for (int i = 0; i < 5; ++i) {
    const Received& far = pair.far->frames[i];
    CHECK((far.header.kind == FrameKind::kRequest && far.header.method == 7 && far.header.timeout_ms == 9));
    CHECK(far.header.call == uint64_t(i));
    CHECK((far.body == Bytes(kSizes[i]) && far.trailer == Bytes(kTrailers[4 - i], i)));
    CHECK(
        (pair.near->frames[i].body == Bytes(kSizes[4 - i]) && pair.near->frames[i].trailer == Bytes(kTrailers[i], i)));
  }
  CHECK((pair.near->aligned && pair.far->aligned));
  CHECK(pair.near->connection->unsent_bytes() == 0);
}

TEST_CASE("Thousands of small frames arrive in order") {
  World world;
  Pair pair(world, UnixName(world, "many"));
  for (uint64_t i = 0; i < 20000; ++i) {
    CHECK(pair.near->connection->Send({.call = i}, Bytes(8 * (i % 40)), {}, {}).ok());
  }
  REQUIRE(world.Eventually([&] { return pair.far->frames.size() == 20000; }));
  bool in_order = true;
  for (uint64_t i = 0; i < 20000; ++i) in_order = in_order && pair.far->frames[i].header.call == i;
  CHECK(in_order);
}

TEST_CASE("Both ends of a TCP connection notice a machine that falls silent") {
  World world;
  const Pair pair(world, "127.0.0.1:0");
  const auto option = [](int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
  };
  int ends = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    if (option(fd, SOL_SOCKET, SO_DOMAIN) != AF_INET || option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0) continue;
    ++ends;
    CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 5);
    CHECK(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 15'000);
  }
  CHECK(ends == 2);
}

TEST_CASE("Frames sent before the peer starts to read are kept, and the preamble tells whom was asked for") {
  World world;
  Door door(world, "localhost:0");
  auto dialled = world.Dial(door.address(), {.target = Target::kProcess, .id = 4711});
  REQUIRE(dialled.ok());
  CHECK((*dialled)->Send({}, Bytes(16), {}, {}).ok());
  (*dialled)->Flush();
  CHECK((*dialled)->unsent_bytes() == 0);
  Recorder far(door.Next());
  REQUIRE(world.Eventually([&] { return far.frames.size() == 1; }));
  CHECK(door.preambles[0].target == Target::kProcess);
  CHECK(door.preambles[0].id == 4711);
  CHECK((*dialled)->peer().description == door.address());
}

TEST_CASE("Another major version is passed on, for the handshake to refuse") {
  World world;
  Door door(world, UnixName(world, "major"));
  auto dialled = world.Dial(door.address(), {.major = 99});
  REQUIRE(dialled.ok());
  door.Next();
  CHECK(door.preambles[0].major == 99);
}

TEST_CASE("What was sent before a connection is destroyed still arrives, then the end") {
  World world;
  Pair pair(world, UnixName(world, "end"));
  CHECK(pair.near->connection->Send({.kind = FrameKind::kGoodbye}, Bytes(32), {}, {}).ok());
  pair.near->connection.reset();
  REQUIRE(world.Eventually([&] { return pair.far->closed.has_value(); }));
  CHECK(pair.far->frames.size() == 1);
  CHECK(pair.far->closings == 1);
  CHECK(CauseOf(*pair.far->closed) == Cause::kDisconnected);
  CHECK_THAT(MessageOf(*pair.far->closed), Contains("closed the connection"));
  CHECK(pair.near->closings == 0);
  // A connection that broke swallows frames.
  CHECK(pair.far->connection->Send({}, Bytes(8), {}, {}).ok());
}

TEST_CASE("A goodbye is read though writing to its sender failed") {
  World world;
  Pair pair(world, UnixName(world, "goodbye"));
  CHECK(pair.near->connection->Send({.kind = FrameKind::kGoodbye}, Bytes(32), {}, {}).ok());
  pair.near->connection.reset();
  CHECK(pair.far->connection->Send({}, Bytes(8), {}, {}).ok());
  pair.far->connection->Flush();
  REQUIRE(world.Eventually([&] { return pair.far->closed.has_value(); }));
  CHECK(pair.far->frames.size() == 1);
}

TEST_CASE("A handler may destroy its connection while frames are delivered") {
  World world;
  Pair pair(world, UnixName(world, "destroy"));
  pair.far->close_after = 2;
  for (int i = 0; i < 5; ++i) CHECK(pair.near->connection->Send({}, Bytes(64), {}, {}).ok());
  REQUIRE(world.Eventually([&] { return pair.near->closed.has_value(); }));
  CHECK(pair.far->frames.size() == 2);
  CHECK(pair.far->closings == 0);
}

TEST_CASE("Frames beyond the bounds are refused to the caller") {
  World world;
  Pair pair(world, "127.0.0.1:0");
  Connection& near = *pair.near->connection;
  CHECK_THAT(MessageOf(near.Send({}, Bytes(kMaxBodyBytes + 8), {}, {})), Contains("16777224"));
  CHECK_THAT(MessageOf(near.Send({}, Bytes(4), {}, {})), Contains("no multiple of 8"));
  CHECK_THAT(MessageOf(near.Send({}, {}, OwnedTrailer(Bytes(kMaxTrailerBytes + 1)), {})), Contains("16777217"));
  std::vector<Attachment> attachments;
  attachments.emplace_back(*world.env().CreateSharedMemory("test", 4096));
  CHECK_THAT(MessageOf(near.Send({}, {}, {}, std::move(attachments))), Contains("Unix socket"));
  CHECK(near.unsent_bytes() == 0);
}

TEST_CASE("A peer that never reads costs bounded memory") {
  World world;
  Door door(world, UnixName(world, "slow"));
  auto dialled = world.Dial(door.address());
  REQUIRE(dialled.ok());
  Recorder near(*std::move(dialled));
  auto never_reads = door.Next();
  const Trailer trailer = OwnedTrailer(Bytes(kMaxTrailerBytes));
  for (size_t sent = 0; sent < kMaxUnsentBytes + (size_t{64} << 20); sent += kMaxTrailerBytes) {
    CHECK(near.connection->Send({}, {}, trailer, {}).ok());
  }
  CHECK(near.connection->unsent_bytes() == 0);
  CHECK(near.closings == 0);
  REQUIRE(world.Eventually([&] { return near.closed.has_value(); }));
  CHECK_THAT(MessageOf(*near.closed), Contains("reads too slowly"));
}

TEST_CASE("Shared memory and unread connections are handed over") {
  World world;
  Pair pair(world, UnixName(world, "attach"));
  Door front(world, "127.0.0.1:0");
  auto outsider = world.Dial(front.address());
  REQUIRE(outsider.ok());
  CHECK((*outsider)->Send({.call = 5}, Bytes(24), {}, {}).ok());
  (*outsider)->Flush();

  for (int i = 0; i < 3; ++i) {
    auto memory = *world.env().CreateSharedMemory("test", 1 << 20);
    memory->data()[1000] = static_cast<std::byte>(i + 1);
    std::vector<Attachment> attachments;
    attachments.emplace_back(std::move(memory));
    if (i == 1) attachments.emplace_back(front.Next());
    CHECK(pair.near->connection->Send({}, Bytes(8), OwnedTrailer(Bytes(10000)), std::move(attachments)).ok());
    CHECK(pair.near->connection->Send({}, Bytes(8), {}, {}).ok());
  }
  REQUIRE(world.Eventually([&] { return pair.far->frames.size() == 6; }));
  for (size_t i = 0; i < 3; ++i) {
    const auto& memory = std::get<0>(pair.far->frames[2 * i].attachments.at(0));
    CHECK(memory->size() == 1 << 20);
    CHECK(memory->data()[1000] == static_cast<std::byte>(i + 1));
    CHECK(pair.far->frames[2 * i + 1].attachments.empty());
  }
  Recorder handed_over(std::get<1>(std::move(pair.far->frames[2].attachments.at(1))));
  REQUIRE(world.Eventually([&] { return handed_over.frames.size() == 1; }));
  CHECK(handed_over.frames[0].header.call == 5);
  CHECK(handed_over.connection->Send({.call = 6}, {}, {}, {}).ok());
  Recorder dialler(*std::move(outsider));
  REQUIRE(world.Eventually([&] { return dialler.frames.size() == 1; }));
}

// Has the kernel take so many unread descriptors from this process's user and no more, whatever its privileges are.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    header_.version = _LINUX_CAPABILITY_VERSION_3;
    ::syscall(SYS_capget, &header_, before_);
    __user_cap_data_struct lowered[2] = {before_[0], before_[1]};
    lowered[0].effective &= ~(1U << CAP_SYS_RESOURCE | 1U << CAP_SYS_ADMIN);
    ::syscall(SYS_capset, &header_, lowered);
    ::getrlimit(RLIMIT_NOFILE, &limit_before_);
    const rlimit low = {.rlim_cur = limit, .rlim_max = limit_before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &low);
  }
  ~DescriptorLimit() {
    ::setrlimit(RLIMIT_NOFILE, &limit_before_);
    ::syscall(SYS_capset, &header_, before_);
  }

 private:
  __user_cap_header_struct header_ = {};
  __user_cap_data_struct before_[2] = {};
  rlimit limit_before_ = {};
};

// So many descriptors, all of the same, in one message. An error number, or 0.
int SendDescriptors(int socket, int fd, size_t count) {
  char byte = 0;
  iovec piece = {.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 250)] = {};
  msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control};
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  *rights = {.cmsg_len = CMSG_LEN(sizeof(int) * count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  for (size_t i = 0; i < count; ++i) std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof fd);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

TEST_CASE("Shared memory that the kernel won't carry just now arrives later, and what comes after it too") {
  const DescriptorLimit limit(200);
  World world;
  Pair pair(world, UnixName(world, "later"));
  auto memory = world.env().CreateSharedMemory("test", 4096).value();
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  UniqueFd unread(ends[0]);
  UniqueFd sender(ends[1]);
  REQUIRE(SendDescriptors(sender.get(), sender.get(), 250) == 0);
  if (SendDescriptors(sender.get(), sender.get(), 1) != ETOOMANYREFS) return;  // not limited here

  std::vector<Attachment> attachments;
  attachments.emplace_back(std::move(memory));
  CHECK(pair.near->connection->Send({.call = 1}, {}, {}, std::move(attachments)).ok());
  CHECK(pair.near->connection->Send({.call = 2}, {}, {}, {}).ok());
  pair.near->connection->Flush();
  CHECK(pair.near->connection->unsent_bytes() > 0);
  unread.Reset();
  sender.Reset();
  REQUIRE(world.Eventually([&] { return pair.far->frames.size() == 2; }));
  CHECK(pair.far->frames[0].attachments.size() == 1);
}

TEST_CASE("A connection in use can't be handed over") {
  World world;
  Pair pair(world, UnixName(world, "used"));
  Pair other(world, UnixName(world, "other"));
  std::vector<Attachment> attachments;
  attachments.emplace_back(std::move(other.near->connection));
  CHECK_THAT(MessageOf(pair.near->connection->Send({}, {}, {}, std::move(attachments))), Contains("in use"));
}

TEST_CASE("Addresses that can't be listened on are named") {
  World world;
  Door door(world, GENERATE_REF(UnixName(world, "taken"), std::string("127.0.0.1:0")));
  const auto listen = [&](std::string_view address) {
    return MessageOf(world.env().network().Listen(address, [](auto, const Preamble&) {}).status());
  };
  CHECK_THAT(listen(door.address()), Contains(door.address()) && Contains("another process has it"));
  CHECK_THAT(listen("192.0.2.1:0"), Contains("192.0.2.1:0") && Contains("no address of this machine"));
  CHECK_THAT(listen("127.0.0.1"), Contains("\"127.0.0.1\" has no port"));
  CHECK_THAT(listen("127.0.0.1:70000"), Contains("between 0 and 65535"));
  CHECK_THAT(listen("::1:7000"), Contains("several colons"));
  CHECK_THAT(listen("unix:"), Contains("no name"));
  CHECK_THAT(listen(absl::StrCat("unix:", std::string(108, 'x'))), Contains("too long"));
}

TEST_CASE("Addresses that can't be reached are named") {
  World world;
  std::string address;
  {
    Door door(world, GENERATE_REF(UnixName(world, "refused"), std::string("127.0.0.1:0")));
    address = door.address();
  }
  auto refused = world.Dial(address);
  CHECK(CauseOf(refused.status()) == Cause::kDisconnected);
  CHECK_THAT(MessageOf(refused.status()), Contains(address) && Contains("refused"));
  CHECK_THAT(MessageOf(world.Dial("nonsense").status()), Contains("nonsense"));
  CHECK_THAT(MessageOf(world.Dial("no-such-host.invalid:1").status()), Contains("no-such-host.invalid:1"));
}

TEST_CASE("A dialling that is destroyed calls nobody") {
  World world;
  Door door(world, "127.0.0.1:0");
  bool called = false;
  world.env().network().Dial(door.address(), {}, kTestTimeout, [&](auto) { called = true; }).reset();
  for (int i = 0; i < 5; ++i) world.Turn();
  CHECK_FALSE(called);
}

TEST_CASE("Dialling one that doesn't accept ends at the timeout") {
  World world;
  const std::string address = UnixName(world, "full");
  const SocketAddress where = ResolveAtOnce(*ParseAddress(address))->front();
  const UniqueFd listener = *OpenSocket(AF_UNIX);
  REQUIRE(bind(listener.get(), where.get(), where.length) == 0);
  REQUIRE(listen(listener.get(), 0) == 0);
  const UniqueFd fills_the_backlog = *OpenSocket(AF_UNIX);
  REQUIRE(connect(fills_the_backlog.get(), where.get(), where.length) == 0);
  const auto late = world.Dial(address, {}, absl::Milliseconds(20));
  CHECK(CauseOf(late.status()) == Cause::kDeadline);
  CHECK_THAT(MessageOf(late.status()), Contains(address) && Contains("no answer within 20ms"));
}

}  // namespace
}  // namespace ioc
