// What strangers and broken peers send: it ends their connection with a sentence, and nobody else's.
#include <poll.h>

#include <catch2/catch.hpp>

#include "lib/env_asio/fd.h"
#include "lib/env_asio/socket.h"
#include "lib/env_asio/wire.h"
#include "tests/unit/env_asio/fixture.h"

namespace ioc {
namespace {

using Catch::Matchers::Contains;

// A plain socket to `address`.
UniqueFd RawSocket(const std::string& address) {
  const SocketAddress target = ResolveAtOnce(*ParseAddress(address))->front();
  UniqueFd fd(socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(fd.get(), target.get(), target.length) == 0);
  return fd;
}

void SendRaw(const UniqueFd& fd, std::span<const std::byte> bytes) {
  REQUIRE(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

bool IsClosedByPeer(const UniqueFd& fd) {
  char byte;
  const ssize_t got = recv(fd.get(), &byte, 1, MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

std::vector<std::byte> Frame(FrameLayout layout) {
  const auto header = EncodeFrameLayout(layout);
  return {header.begin(), header.end()};
}

TEST_CASE("A frame that comes byte by byte is one frame") {
  World world;
  Door door(world, GENERATE_REF(UnixName(world, "bytes"), std::string("127.0.0.1:0")));
  const UniqueFd raw = RawSocket(door.address());
  std::vector<std::byte> bytes;
  const auto add = [&](auto&& part) { bytes.insert(bytes.end(), part.begin(), part.end()); };
  add(EncodePreamble({.target = Target::kHead}));
  for (int i = 0; i < 2; ++i) {
    add(Frame({.header = {.call = 3}, .body_bytes = 16, .trailer_bytes = 3}));
    add(Bytes(16));
    add(std::vector<std::byte>(8, std::byte{7}));
  }
  std::optional<Recorder> far;
  for (const std::byte byte : bytes) {
    SendRaw(raw, std::span(&byte, 1));
    world.Turn();
    if (!far.has_value() && !door.accepted.empty()) far.emplace(door.Next());
  }
  REQUIRE(far.has_value());
  REQUIRE(world.Eventually([&] { return far->frames.size() == 2; }));
  CHECK((far->frames[1].body == Bytes(16) && far->frames[1].trailer.size() == 3));
}

TEST_CASE("Each malformed frame ends the connection with the peer and the value") {
  World world;
  Door door(world, "127.0.0.1:0");
  const auto [bytes, words] = GENERATE(table<std::vector<std::byte>, std::string>({
      {std::vector<std::byte>(32, std::byte{0x47}), "begin no frame (0x47474747)"},
      {Frame({.header = {.kind = static_cast<FrameKind>(0)}}), "unknown kind 0"},
      {Frame({.header = {.kind = static_cast<FrameKind>(200)}}), "unknown kind 200"},
      {Frame({.body_bytes = kMaxBodyBytes + 8}), "a body of bytes 16777224"},
      {Frame({.trailer_bytes = kMaxTrailerBytes + 1}), "a trailer of bytes 16777217"},
      {Frame({.trailer_bytes = 0xffffffff}), "4294967295"},
      {Frame({.attachment_count = 5}), "a number of attachments 5"},
      {Frame({.attachment_count = 1}), "attachment 0 is of the unknown kind 0"},
      {Frame({.attachments = {AttachmentKind::kConnection}}), "attachment 0 is of the unknown kind 2"},
      {Frame({.attachment_count = 1, .attachments = {AttachmentKind::kSharedMemory}}),
       "1 attachments, of which 0 came"},
  }));
  const UniqueFd raw = RawSocket(door.address());
  SendRaw(raw, EncodePreamble({}));
  SendRaw(raw, bytes);
  Recorder far(door.Next());
  REQUIRE(world.Eventually([&] { return far.closed.has_value(); }));
  CHECK(CauseOf(*far.closed) == Cause::kInvalidArgument);
  CHECK_THAT(std::string(far.closed->message()), Contains(words) && Contains(far.connection->peer().description));
  CHECK(far.frames.empty());
  CHECK(world.Eventually([&] { return IsClosedByPeer(raw); }));
}

TEST_CASE("A connection that ends within a frame says so") {
  World world;
  Door door(world, UnixName(world, "cut"));
  UniqueFd raw = RawSocket(door.address());
  SendRaw(raw, EncodePreamble({}));
  SendRaw(raw, Frame({.body_bytes = 64}));
  Recorder far(door.Next());
  raw.Reset();
  REQUIRE(world.Eventually([&] { return far.closed.has_value(); }));
  CHECK_THAT(std::string(far.closed->message()), Contains("in the middle of a frame"));
}

TEST_CASE("Strangers are closed without a word, with one warning a second") {
  World world;
  Door door(world, "127.0.0.1:0");
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost:7000\r\n\r\n";
  for (int i = 0; i < 5; ++i) {
    const UniqueFd raw = RawSocket(door.address());
    SendRaw(raw, std::as_bytes(std::span(request)));
    CHECK(world.Eventually([&] { return IsClosedByPeer(raw); }));
  }
  CHECK(door.accepted.empty());
  REQUIRE(world.logged().size() == 1);
  CHECK_THAT(world.logged()[0], Contains("doesn't speak iocluster's protocol"));
  CHECK(world.Dial(door.address()).ok());
}

TEST_CASE("Diallers that say nothing go with the listener") {
  World world;
  Door door(world, UnixName(world, "silent"));
  std::vector<UniqueFd> silent;
  for (size_t i = 0; i < 40; ++i) {
    silent.push_back(RawSocket(door.address()));
    world.Turn();
  }
  door.listener.reset();
  for (const UniqueFd& raw : silent) CHECK(world.Eventually([&] { return IsClosedByPeer(raw); }));
}

TEST_CASE("Descriptors that no frame announced are closed") {
  World world;
  Door door(world, UnixName(world, "surplus"));
  const UniqueFd raw = RawSocket(door.address());
  SendRaw(raw, EncodePreamble({}));
  Recorder far(door.Next());
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  UniqueFd read_end(pipe_ends[0]), write_end(pipe_ends[1]);

  const std::vector<std::byte> frame = Frame({});
  iovec piece = {.iov_base = const_cast<std::byte*>(frame.data()), .iov_len = frame.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int sent = write_end.get();
  std::memcpy(CMSG_DATA(rights), &sent, sizeof sent);
  REQUIRE(sendmsg(raw.get(), &message, 0) == static_cast<ssize_t>(frame.size()));
  write_end.Reset();

  REQUIRE(world.Eventually([&] { return far.frames.size() == 1; }));
  CHECK(far.frames[0].attachments.empty());
  // The pipe ends once its last writer is closed.
  CHECK(world.Eventually([&] {
    pollfd end = {.fd = read_end.get(), .events = POLLIN};
    return poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
  }));
}

}  // namespace
}  // namespace ioc
