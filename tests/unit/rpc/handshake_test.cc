// What happens on a channel before it is ready.
#include <catch2/catch.hpp>

#include "lib/rpc/channel.h"
#include "tests/unit/rpc/channel_fixture.h"

namespace ioc {
namespace {

using Catch::Contains;
using Strings = std::vector<std::string>;

TEST_CASE_METHOD(ChannelFixture, "Each side learns who the other is") {
  OpenBoth();
  CHECK(client.events == Strings{"ready node n"});
  CHECK(server.events == Strings{"ready driver d"});
  CHECK(client.channel->peer().major == kProtocolMajor);
  CHECK(client.channel->description() == "node n (server:1)");
  CHECK(server.channel->description() == "driver d (client:2)");
}

TEST_CASE_METHOD(ChannelFixture, "What is sent before the handshake arrives after it, in order") {
  OpenClient();
  OpenServer();
  client.channel->Notify(LeaseEnded{});
  CallPing();
  client.channel->Notify(RecallLease{});
  server.channel->Notify(TaskBlocked{});
  Run();
  CHECK(server.events == Strings{"ready driver d", "LeaseEnded", "Ping", "RecallLease"});
  CHECK(client.events == Strings{"ready node n", "TaskBlocked"});
}

TEST_CASE_METHOD(ChannelFixture, "What OnReady sends comes after what waited") {
  client.on_ready = [](Channel& channel) { channel.Notify(RecallLease{}); };
  OpenClient();
  OpenServer();
  client.channel->Notify(LeaseEnded{});
  Run();
  CHECK(server.events == Strings{"ready driver d", "LeaseEnded", "RecallLease"});
}

TEST_CASE_METHOD(ChannelFixture, "A call whose time is up before the handshake is never sent") {
  OpenClient();
  CallPing(absl::Seconds(1));
  env.executor().AdvanceBy(absl::Seconds(2));
  CHECK(answers == Strings{"server:1 did not answer Ping within 1s"});
  OpenServer();
  Run();
  CHECK(server.events == Strings{"ready driver d"});
}

TEST_CASE_METHOD(ChannelFixture, "Another major version is told that the older must be upgraded") {
  OpenClient({.major = 2, .minor = 3, .role = Role::kDriver, .name = "driver d", .release = "2.3.0"});
  OpenServer({.major = 1, .minor = 0, .role = Role::kNode, .name = "node n", .release = "0.1.0"});
  Run();
  const std::string why =
      "driver d (client:2), iocluster 2.3.0, speaks protocol 2.3, but node n, iocluster 0.1.0, speaks protocol 1.0; "
      "the "
      "major versions must be equal: upgrade the older one";
  CHECK(server.closed_message() == why);
  CHECK(client.closed_message() == "server:1 ended the connection: " + why);
  CHECK(client.events == Strings{"closed"});
}

TEST_CASE_METHOD(ChannelFixture, "Another minor version is welcome") {
  OpenClient({.major = 1, .minor = 9, .role = Role::kDriver});
  OpenServer();
  Run();
  CHECK(server.channel->ready());
  CHECK(server.channel->peer().minor == 9);
}

TEST_CASE_METHOD(ChannelFixture, "A node of another cluster is refused and both clusters are named") {
  OpenClient({.cluster = ClusterId(0xa), .role = Role::kNode, .name = "node m"});
  OpenServer({.cluster = ClusterId(0xb), .role = Role::kHead, .name = "head"});
  Run();
  CHECK_THAT(client.closed_message(), Contains("head belongs to cluster 000000000000000b"));
  CHECK_THAT(client.closed_message(), Contains("node m (client:2) to cluster 000000000000000a"));
  CHECK(CauseOf(client.closed_why) == Cause::kInvalidArgument);
}

TEST_CASE_METHOD(ChannelFixture, "Who does not know a cluster yet is welcome") {
  OpenClient();
  OpenServer({.cluster = ClusterId(0xb), .role = Role::kHead});
  Run();
  CHECK(client.channel->ready());
  CHECK(client.channel->peer().cluster == ClusterId(0xb));
}

TEST_CASE_METHOD(ChannelFixture, "A peer that says nothing is given up") {
  OpenClient();
  env.executor().AdvanceBy(kHelloTimeout);
  CHECK(client.closed_message() == "server:1 did not say hello within 10s");
  CHECK(CauseOf(client.closed_why) == Cause::kDeadline);
}

TEST_CASE_METHOD(ChannelFixture, "A message before the hello ends the connection") {
  OpenServer();
  RawPeer peer(std::move(client_end));
  peer.Send(FrameKind::kRequest, Method::kPing, 1, Ping{});
  Run();
  CHECK(peer.goodbye() == "the first frame must be a Hello; this one is Ping of kind 1");
  CHECK(server.events == Strings{"closed"});
}

TEST_CASE_METHOD(ChannelFixture, "A hello that can't be read ends the connection") {
  OpenServer();
  RawPeer peer(std::move(client_end));
  peer.Send(FrameKind::kRequest, Method::kHello, 1, Ping{});
  Run();
  CHECK(peer.goodbye() == "bad Hello message: the role 0 is unknown to this release");
}

TEST_CASE_METHOD(ChannelFixture, "A hello with an endless name is refused") {
  OpenServer();
  RawPeer peer(std::move(client_end));
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver, .name = std::string(1'000'000, 'x')});
  Run();
  CHECK_THAT(peer.goodbye(), Contains("the hello is too long"));
}

TEST_CASE_METHOD(ChannelFixture, "A peer that hangs up before the hello fails the calls that wait for it") {
  OpenClient();
  CallPing();
  server_end.reset();
  Run();
  CHECK(answers == Strings{"the connection to server:1 has ended: server:1 closed the connection"});
  CHECK(client.events == Strings{"closed"});
}

TEST_CASE_METHOD(ChannelFixture, "Too much that waits for the hello ends the connection") {
  OpenClient();
  const std::vector<std::byte> body(kMaxBodyBytes);
  for (size_t bytes = 0; bytes <= kMaxHeldBytes; bytes += body.size()) {
    client.channel->CallEncoded(Method::kPing, body, absl::Seconds(1), {},
                                [this](absl::StatusOr<RawReply> reply) { Note(reply.status()); });
  }
  CHECK(answers.empty());
  Run();
  CHECK(answers.size() == kMaxHeldBytes / kMaxBodyBytes + 1);
  CHECK_THAT(client.closed_message(), Contains("wait for the hello of server:1"));
}

TEST_CASE_METHOD(ChannelFixture, "A second hello is a message like any other, which a role refuses") {
  OpenServer();
  server.on_message = [](Channel&, FrameView& frame) {
    return absl::InvalidArgumentError("unexpected " + MethodName(static_cast<Method>(frame.header.method)));
  };
  RawPeer peer(std::move(client_end));
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver});
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver});
  Run();
  CHECK(peer.goodbye() == "unexpected Hello");
}

}  // namespace
}  // namespace ioc
