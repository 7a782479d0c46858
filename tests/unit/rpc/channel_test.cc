// Calls, notifications and the ways in which a ready channel ends.
#include "lib/rpc/channel.h"

#include <catch2/catch.hpp>

#include "tests/unit/rpc/channel_fixture.h"

namespace ioc {
namespace {

using Catch::Contains;
using Strings = std::vector<std::string>;

// Answers each request at once.
absl::Status AnswerPing(Channel& channel, FrameView& frame) {
  channel.Reply(frame.header, Ping::Reply{});
  return absl::OkStatus();
}

TEST_CASE_METHOD(ChannelFixture, "A request is answered") {
  OpenBoth();
  server.on_message = AnswerPing;
  CallPing();
  CHECK(answers.empty());
  Run();
  CHECK(answers == Strings{"ok"});
  CHECK(env.executor().pending() == 0);
}

TEST_CASE_METHOD(ChannelFixture, "An answer brings its values") {
  OpenBoth();
  server.on_message = [](Channel& channel, FrameView& frame) {
    return Take<AllocateExtent>(frame, [&](const AllocateExtent& request) {
      channel.Reply(frame.header, AllocateExtent::Reply{.offset = 64, .length = request.length * 2});
    });
  };
  uint64_t length = 0;
  client.channel->Call(AllocateExtent{.length = 10}, absl::Seconds(1),
                       [&](absl::StatusOr<AllocateExtent::Reply> reply) { length = reply->length; });
  Run();
  CHECK(length == 20);
}

TEST_CASE_METHOD(ChannelFixture, "Both sides may call") {
  OpenBoth();
  client.on_message = AnswerPing;
  server.channel->Call(Ping{}, absl::Seconds(1), [this](absl::StatusOr<Ping::Reply> reply) { Note(reply.status()); });
  Run();
  CHECK(answers == Strings{"ok"});
}

TEST_CASE_METHOD(ChannelFixture, "An error reaches the caller with its cause") {
  OpenBoth();
  server.on_message = [](Channel& channel, FrameView& frame) {
    channel.Fail(frame.header, MakeError(Cause::kStoreFull, "the object store is full"));
    return absl::OkStatus();
  };
  CallPing();
  Run();
  CHECK(answers == Strings{"the object store is full"});
  CHECK(CauseOf(last_error) == Cause::kStoreFull);
}

TEST_CASE_METHOD(ChannelFixture, "A call ends at its deadline and its late answer is dropped") {
  OpenBoth();
  FrameHeader request;
  server.on_message = [&](Channel&, FrameView& frame) {
    request = frame.header;
    return absl::OkStatus();
  };
  CallPing(absl::Seconds(3));
  env.executor().AdvanceBy(absl::Milliseconds(2999));
  CHECK(answers.empty());
  CHECK(request.timeout_ms == 3000);
  env.executor().AdvanceBy(absl::Milliseconds(1));
  CHECK(answers == Strings{"node n (server:1) did not answer Ping within 3s"});
  CHECK(CauseOf(last_error) == Cause::kDeadline);

  server.channel->Reply(request, Ping::Reply{});
  Run();
  CHECK(answers.size() == 1);
  CHECK(client.channel->ready());
}

TEST_CASE_METHOD(ChannelFixture, "A finite timeout never says none on the wire") {
  OpenBoth();
  std::vector<uint32_t> timeouts;
  server.on_message = [&](Channel&, FrameView& frame) {
    timeouts.push_back(frame.header.timeout_ms);
    return absl::OkStatus();
  };
  CallPing(absl::Nanoseconds(1));
  CallPing(absl::Microseconds(1500));
  CallPing(absl::InfiniteDuration());
  CallPing(absl::Hours(1'000'000));
  Run();
  CHECK(timeouts == std::vector<uint32_t>{1, 2, 0, 0xffffffff});
}

TEST_CASE_METHOD(ChannelFixture, "A peer that closes fails the calls that wait, in their order, before OnClosed") {
  OpenBoth();
  CallPing();
  client.channel->Call(Stop{}, absl::InfiniteDuration(),
                       [this](absl::StatusOr<Stop::Reply>) { answers.push_back("stop"); });
  client.on_closed = [this](Channel&) { answers.push_back("closed"); };
  Run();
  server.channel.reset();
  Run();
  REQUIRE(answers.size() == 3);
  CHECK_THAT(answers[0], Contains("the connection to node n (server:1) has ended"));
  CHECK(CauseOf(last_error) == Cause::kDisconnected);
  CHECK(answers[1] == "stop");
  CHECK(answers[2] == "closed");
  CHECK(client.channel->closed());
}

TEST_CASE_METHOD(ChannelFixture, "Close tells the peer why and is silent on its own side") {
  OpenBoth();
  CallPing();
  client.channel->Close(MakeError(Cause::kNodeDied, "the node is drained"));
  CHECK(answers.empty());
  Run();
  CHECK(answers.size() == 1);
  CHECK_FALSE(client.closed());
  CHECK(server.closed_message() == "driver d (client:2) ended the connection: the node is drained");
  CHECK(CauseOf(server.closed_why) == Cause::kNodeDied);
}

TEST_CASE_METHOD(ChannelFixture, "A message that can't be accepted ends the connection with the reason on both sides") {
  OpenBoth();
  server.on_message = [](Channel&, FrameView& frame) { return Take<ReadObject>(frame, [](const ReadObject&) {}); };
  client.channel->CallEncoded(Method::kReadObject, {}, absl::Seconds(1), {},
                              [this](absl::StatusOr<RawReply> reply) { Note(reply.status()); });
  Run();
  CHECK(server.closed_message() == "bad ReadObject message: it is empty");
  CHECK(client.closed_message() == "node n (server:1) ended the connection: bad ReadObject message: it is empty");
  CHECK(CauseOf(client.closed_why) == Cause::kInvalidArgument);
  CHECK_THAT(answers.at(0), Contains("bad ReadObject message"));
}

TEST_CASE_METHOD(ChannelFixture, "A frame of an unknown kind ends the connection") {
  OpenServer();
  RawPeer peer(std::move(client_end));
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver});
  peer.Send(static_cast<FrameKind>(9), Method::kPing, 2, Ping{});
  Run();
  CHECK(peer.goodbye() == "a frame of the unknown kind 9");
  CHECK(peer.closed);
  CHECK(server.closed());
}

TEST_CASE_METHOD(ChannelFixture, "A request that comes as a notification ends the connection") {
  OpenServer();
  server.on_message = AnswerPing;
  RawPeer peer(std::move(client_end));
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver});
  peer.Send(FrameKind::kNotify, Method::kPing, 2, Ping{});
  Run();
  CHECK(peer.goodbye() == "Ping came as a notification");
  CHECK(CauseOf(server.closed_why) == Cause::kInvalidArgument);
  CHECK(server.events == Strings{"ready ", "closed"});
}

TEST_CASE_METHOD(ChannelFixture, "A notification that comes as a request ends the connection") {
  OpenServer();
  RawPeer peer(std::move(client_end));
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver});
  peer.Send(FrameKind::kRequest, Method::kLeaseEnded, 2, LeaseEnded{});
  Run();
  CHECK(peer.goodbye() == "LeaseEnded came as a request");
  CHECK(server.events == Strings{"ready ", "closed"});
}

TEST_CASE_METHOD(ChannelFixture, "A notification of a method that this release does not know is not answered") {
  OpenServer();
  server.on_message = [](Channel& channel, FrameView& frame) {
    channel.Fail(frame.header, absl::UnimplementedError("unknown"));
    return absl::OkStatus();
  };
  RawPeer peer(std::move(client_end));
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver});
  peer.Send(FrameKind::kNotify, static_cast<Method>(60000), 2, Ping{});
  Run();
  CHECK(peer.frames.size() == 1);
  CHECK(server.channel->ready());
}

TEST_CASE_METHOD(ChannelFixture, "An answer that nobody waits for does no harm") {
  OpenServer();
  RawPeer peer(std::move(client_end));
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver});
  peer.Send(FrameKind::kReply, Method::kPing, 99, Ping::Reply{});
  peer.Send(FrameKind::kError, Method::kPing, 98, Ping::Reply{});
  Run();
  CHECK(server.events == Strings{"ready "});
  CHECK(server.channel->ready());
}

TEST_CASE_METHOD(ChannelFixture, "An answer that can't be read is the caller's error") {
  OpenClient();
  RawPeer peer(std::move(server_end));
  peer.AnswerHello({.major = kProtocolMajor, .role = Role::kNode});
  Run();
  client.channel->Call(DescribeObject{}, absl::Seconds(1),
                       [this](absl::StatusOr<DescribeObject::Reply> reply) { Note(reply.status()); });
  Run();
  peer.Send(FrameKind::kError, Method::kDescribeObject, peer.frames.back().header.call, Ping{});
  Run();
  CHECK(answers == Strings{"the peer sent an error that says OK"});
  CHECK(CauseOf(last_error) == Cause::kInternal);
  CHECK(client.channel->ready());
}

TEST_CASE_METHOD(ChannelFixture, "A peer that leaves too many requests open is cut off") {
  OpenBoth();
  for (size_t i = 0; i < kMaxOpenRequests; ++i) CallPing(absl::InfiniteDuration());
  Run();
  CHECK_FALSE(server.closed());
  CallPing(absl::InfiniteDuration());
  Run();
  CHECK_THAT(answers.at(0), Contains("Ping was not sent: 65536 requests to node n"));
  CHECK_FALSE(server.closed());

  client.channel->Close(absl::OkStatus());
  Run();
  CHECK(answers.size() == kMaxOpenRequests + 1);
}

TEST_CASE_METHOD(ChannelFixture, "Requests beyond the bound end the connection of who sends them") {
  OpenServer();
  RawPeer peer(std::move(client_end));
  peer.SayHello({.major = kProtocolMajor, .role = Role::kDriver, .name = "flood"});
  for (size_t i = 0; i <= kMaxOpenRequests; ++i) peer.Send(FrameKind::kRequest, Method::kPing, i, Ping{});
  Run();
  CHECK(peer.goodbye() == "more than 65536 requests of flood (client:2) wait for their answer");
  CHECK(server.closed());
}

TEST_CASE_METHOD(ChannelFixture, "An answer too large to send becomes an error") {
  OpenBoth();
  server.on_message = [](Channel& channel, FrameView& frame) {
    const std::vector<std::byte> huge(kMaxBodyBytes + 8);
    channel.ReplyEncoded(frame.header, huge);
    return absl::OkStatus();
  };
  CallPing();
  Run();
  CHECK(answers == Strings{"the body is too large"});
}

TEST_CASE_METHOD(ChannelFixture, "A call too large to send fails in a later turn") {
  OpenBoth();
  const std::vector<std::byte> huge(kMaxBodyBytes + 8);
  client.channel->CallEncoded(Method::kPing, huge, absl::Seconds(1), {},
                              [this](absl::StatusOr<RawReply> reply) { Note(reply.status()); });
  CHECK(answers.empty());
  Run();
  CHECK(answers == Strings{"the body is too large"});
  CHECK(client.channel->ready());
}

TEST_CASE_METHOD(ChannelFixture, "A closed channel drops answers and notifications and fails calls in a later turn") {
  OpenBoth();
  FrameHeader request;
  server.on_message = [&](Channel&, FrameView& frame) {
    request = frame.header;
    return absl::OkStatus();
  };
  CallPing();
  Run();
  client.channel->Close(absl::OkStatus());
  Run();
  server.channel->Reply(request, Ping::Reply{});
  server.channel->Fail(request, absl::AbortedError("late"));
  client.channel->Notify(LeaseEnded{});
  client.channel->Flush();
  answers.clear();
  CallPing();
  CHECK(answers.empty());
  Run();
  REQUIRE(answers.size() == 1);
  CHECK_THAT(answers[0], Contains("the connection to node n (server:1) has ended: it is shutting down"));
}

TEST_CASE_METHOD(ChannelFixture, "Destroying the channel fails its calls before it returns") {
  OpenBoth();
  CallPing();
  CallPing();
  client.channel.reset();
  CHECK(answers.size() == 2);
  CHECK(CauseOf(last_error) == Cause::kDisconnected);
  Run();
  CHECK(server.closed());
  CHECK(env.executor().pending() == 0);
}

TEST_CASE_METHOD(ChannelFixture, "A channel may be destroyed inside any of its callbacks") {
  const auto destroy = [](std::unique_ptr<Channel>& channel) { return [&channel](auto&&...) { channel.reset(); }; };
  SECTION("OnReady") {
    server.on_ready = destroy(server.channel);
    OpenBoth();
    CHECK(server.channel == nullptr);
    CHECK(client.closed());
  }
  SECTION("OnMessage") {
    server.on_message = [this](Channel&, FrameView&) {
      server.channel.reset();
      return absl::InvalidArgumentError("not told to anybody");
    };
    OpenBoth();
    CallPing();
    Run();
    CHECK(client.closed());
    CHECK(answers.size() == 1);
  }
  SECTION("OnClosed") {
    client.on_closed = destroy(client.channel);
    OpenBoth();
    server.channel.reset();
    Run();
    CHECK(client.channel == nullptr);
  }
  SECTION("the handler of an answer") {
    OpenBoth();
    server.on_message = AnswerPing;
    client.channel->Call(Ping{}, absl::Seconds(1), destroy(client.channel));
    CallPing();
    Run();
    CHECK(client.channel == nullptr);
    CHECK(answers.size() == 1);
  }
  SECTION("the handler of a deadline") {
    OpenBoth();
    client.channel->Call(Ping{}, absl::Seconds(1), destroy(client.channel));
    CallPing(absl::Seconds(2));
    env.executor().AdvanceBy(absl::Seconds(1));
    CHECK(client.channel == nullptr);
    CHECK(answers.size() == 1);
  }
  SECTION("the handler of a call that fails because the peer is gone") {
    OpenBoth();
    client.channel->Call(Ping{}, absl::Seconds(1), destroy(client.channel));
    CallPing();
    server.channel.reset();
    Run();
    CHECK(client.channel == nullptr);
    CHECK(answers.size() == 1);
    CHECK_FALSE(client.closed());
  }
}

TEST_CASE_METHOD(ChannelFixture, "Closing inside OnMessage leaves the frame readable") {
  OpenBoth();
  std::string reason;
  server.on_message = [&](Channel& channel, FrameView& frame) {
    channel.Close(absl::OkStatus());
    return Take<StopWorker>(frame, [&](const StopWorker& stop) { reason = stop.reason; });
  };
  client.channel->Notify(StopWorker{.reason = "enough"});
  Run();
  CHECK(reason == "enough");
  CHECK(client.closed());
}

}  // namespace
}  // namespace ioc
