#include "tests/sim/sim_link.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "tests/sim/sim_env.h"

namespace ioc::sim {
namespace {

// Of each frame on the wire, beside body and trailer.
constexpr size_t kFrameOverheadBytes = 32;
// Much that is sent at once arrives bit by bit.
constexpr size_t kSegmentBytes = 256 << 10;

size_t BytesOf(const SimFrame& frame) {
  return frame.body.size() * sizeof(uint64_t) + frame.trailer_bytes + kFrameOverheadBytes;
}

std::vector<uint64_t> CopyWords(std::span<const std::byte> bytes) {
  std::vector<uint64_t> words((bytes.size() + 7) / 8);
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

}  // namespace

class SimConnection final : public Connection, public Deferred {
 public:
  SimConnection(std::shared_ptr<SimLink> link, int side) : link_(std::move(link)), side_(side) {}
  ~SimConnection() override { link_->Detach(side_); }

  void Start(FrameHandler& handler) override {
    IOC_CHECK(!std::exchange(started_, true)) << "a connection is started twice";
    link_->Start(side_, handler);
  }
  absl::Status Send(const FrameHeader& header, std::span<const std::byte> body, Trailer trailer,
                    std::vector<Attachment> attachments) override {
    return link_->Send(side_, header, body, trailer.bytes, std::move(attachments));
  }
  void Flush() override { link_->Flush(side_); }
  size_t unsent_bytes() const override { return link_->UnsentBytes(side_); }
  const PeerInfo& peer() const override { return link_->peer(side_); }
  void RunDeferred() override { link_->Flush(side_); }

  void BeginTransit() {
    IOC_CHECK(!started_) << "a connection that has been started is handed over";
    link_->BeginTransit(side_);
  }
  void EndTransit(SimEnv& process) { link_->EndTransit(side_, process); }

 private:
  const std::shared_ptr<SimLink> link_;
  const int side_;
  bool started_ = false;
};

std::unique_ptr<Connection> SimLink::Attach(int side, SimEnv& process) {
  auto connection = std::make_unique<SimConnection>(shared_from_this(), side);
  ends_[side].process = &process;
  ends_[side].machine = &process.machine();
  ends_[side].connection = connection.get();
  return connection;
}

std::pair<std::unique_ptr<Connection>, std::unique_ptr<Connection>> SimLink::Connect(World& world, SimEnv& a,
                                                                                     SimEnv& b) {
  const std::shared_ptr<SimLink> link(new SimLink(world, true));
  world.AddLink(link);
  link->ends_[0].peer = {.description = absl::StrCat("pid ", b.pid()), .same_machine = true, .pid = b.pid()};
  link->ends_[1].peer = {.description = absl::StrCat("pid ", a.pid()), .same_machine = true, .pid = a.pid()};
  auto first = link->Attach(0, a);
  return {std::move(first), link->Attach(1, b)};
}

std::unique_ptr<Connection> SimLink::Dial(World& world, SimEnv& dialler, SimMachine& to, std::string door, bool local,
                                          const Preamble& preamble) {
  const std::shared_ptr<SimLink> link(new SimLink(world, local));
  world.AddLink(link);
  link->ends_[1].machine = &to;
  link->ends_[0].peer = {.description = local ? door : absl::StrCat(to.address, door.substr(door.find(':'))),
                         .same_machine = local};
  SimMachine& from = dialler.machine();
  link->ends_[1].peer = {
      .description = local ? absl::StrCat("pid ", dialler.pid()) : absl::StrCat(from.address, ":", from.next_port++),
      .same_machine = local,
      .pid = local ? dialler.pid() : 0};
  link->door_ = std::move(door);
  auto connection = link->Attach(0, dialler);
  link->Transmit(0, {.preamble = preamble, .bytes = kPreambleBytes});
  return connection;
}

void SimLink::Start(int side, FrameHandler& handler) {
  End& end = ends_[side];
  if (!end.process->alive()) return;
  end.handler = &handler;
  if (!end.inbox.empty()) DeliverSoon(side);
}

absl::Status SimLink::CheckFrame(const End& end, std::span<const std::byte> body, std::span<const std::byte> trailer,
                                 const std::vector<Attachment>& attachments) const {
  const auto error = [&](std::string_view what, size_t value, size_t bound) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("a frame to ", end.peer.description, " has ", value,
                                                           std::string(what), "; ", bound, " are allowed"));
  };
  if (body.size() % 8 != 0) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("a body of ", body.size(), " bytes is not made of words"));
  }
  if (body.size() > kMaxBodyBytes) return error(" bytes of body", body.size(), kMaxBodyBytes);
  if (trailer.size() > kMaxTrailerBytes) return error(" bytes of trailer", trailer.size(), kMaxTrailerBytes);
  const size_t allowed = local_ ? kMaxAttachments : 0;
  if (attachments.size() > allowed) return error(" attachments", attachments.size(), allowed);
  return absl::OkStatus();
}

absl::Status SimLink::Send(int side, const FrameHeader& header, std::span<const std::byte> body,
                           std::span<const std::byte> trailer, std::vector<Attachment> attachments) {
  End& end = ends_[side];
  if (absl::Status status = CheckFrame(end, body, trailer, attachments); !status.ok()) return status;
  if (!end.open || !end.process->alive()) return absl::OkStatus();
  for (Attachment& attachment : attachments) {
    if (auto* connection = std::get_if<std::unique_ptr<Connection>>(&attachment)) {
      static_cast<SimConnection&>(**connection).BeginTransit();
    }
  }
  end.outbox.push_back({.header = header,
                        .body = CopyWords(body),
                        .trailer = CopyWords(trailer),
                        .trailer_bytes = trailer.size(),
                        .attachments = std::move(attachments)});
  end.outbox_bytes += BytesOf(end.outbox.back());
  if (UnsentBytes(side) > kMaxUnsentBytes) {
    Break(absl::StrCat("is ended: more than ", kMaxUnsentBytes, " bytes wait to be sent"));
    return absl::OkStatus();
  }
  end.process->executor().Defer(*end.connection);
  return absl::OkStatus();
}

void SimLink::Flush(int side) {
  End& end = ends_[side];
  if (end.outbox.empty() || !end.open) return;
  end.process->executor().Undefer(*end.connection);
  end.outbox_bytes = 0;
  Segment segment;
  for (SimFrame& frame : std::exchange(end.outbox, {})) {
    segment.bytes += BytesOf(frame);
    segment.frames.push_back(std::move(frame));
    if (segment.bytes >= kSegmentBytes) Transmit(side, std::exchange(segment, {}));
  }
  if (!segment.frames.empty()) Transmit(side, std::move(segment));
}

size_t SimLink::UnsentBytes(int side) {
  End& end = ends_[side];
  while (!end.leaving.empty() && end.leaving.front().first <= world_.Now()) {
    end.leaving_bytes -= end.leaving.front().second;
    end.leaving.pop_front();
  }
  return end.outbox_bytes + end.leaving_bytes + end.held_bytes;
}

void SimLink::BeginTransit(int side) {
  Flush(side);
  ends_[side].process = nullptr;
}

void SimLink::DropBuffers(End& end) {
  // Attachments are destroyed with them and may come back here.
  const auto inbox = std::exchange(end.inbox, {});
  const auto outbox = std::exchange(end.outbox, {});
  end.outbox_bytes = 0;
  if (end.connection != nullptr && end.connection->is_deferred) end.process->executor().Undefer(*end.connection);
}

void SimLink::Detach(int side) {
  End& end = ends_[side];
  DropBuffers(end);
  end.connection = nullptr;
  end.handler = nullptr;
  end.closed = true;
  if (std::exchange(end.open, false)) Transmit(side, {.closed = "was closed by the peer"});
}

void SimLink::Transmit(int from, Segment segment) {
  End& end = ends_[from];
  const SimMachine& to = *ends_[1 - from].machine;
  const absl::Time now = world_.Now();
  const absl::Time departure = world_.topology().Depart(*end.machine, to, segment.bytes, now);
  end.last_arrival = std::max(end.last_arrival, departure + world_.topology().Latency(*end.machine, to));
  if (departure > now) {
    end.leaving.emplace_back(departure, segment.bytes);
    end.leaving_bytes += segment.bytes;
  }
  world_.Schedule(end.last_arrival, nullptr, EventKind::kArrival, false,
                  [self = shared_from_this(), from, segment = std::move(segment)]() mutable {
                    self->Arrive(from, std::move(segment));
                  });
}

void SimLink::Arrive(int from, Segment segment) {
  if (broken_) return;
  End& sender = ends_[from];
  // Behind what is held back already, so that nothing overtakes.
  if (!sender.held.empty() || world_.topology().Blocked(*sender.machine, *ends_[1 - from].machine) != 0) {
    sender.held_bytes += segment.bytes;
    sender.held.push_back(std::move(segment));
    return;
  }
  Admit(from, std::move(segment));
}

void SimLink::Admit(int from, Segment segment) {
  const int side = 1 - from;
  End& receiver = ends_[side];
  if (segment.preamble.has_value()) return Accept(*segment.preamble);
  if (receiver.closed) return;
  receiver.inbox.push_back(std::move(segment));
  if (receiver.handler == nullptr) return;
  if (world_.IsStopped(*receiver.process)) return DeliverSoon(side);
  Callback turn = [this, side] { Deliver(side); };
  receiver.process->executor().RunTurn(turn);
}

void SimLink::Accept(const Preamble& preamble) {
  const auto found = ends_[1].machine->doors.find(door_);
  if (found == ends_[1].machine->doors.end() || preamble.major != kProtocolMajor) {
    return Break("was reset: nobody there wants it");
  }
  SimEnv& process = *found->second.process;
  Callback turn = [&, handler = found->second.handler] { (*handler)(Attach(1, process), preamble); };
  process.executor().RunTurn(turn);
}

void SimLink::DeliverSoon(int side) {
  world_.Schedule(world_.Now(), ends_[side].process, EventKind::kDelivery, true,
                  [self = shared_from_this(), side] { self->Deliver(side); });
}

void SimLink::Deliver(int side) {
  End& end = ends_[side];
  // The handler may destroy the connection or end the process at each frame.
  while (!end.inbox.empty() && !end.closed) {
    Segment segment = std::move(end.inbox.front());
    end.inbox.pop_front();
    DeliverSegment(side, segment);
  }
}

void SimLink::DeliverSegment(int side, Segment& segment) {
  End& end = ends_[side];
  for (SimFrame& frame : segment.frames) {
    for (Attachment& attachment : frame.attachments) {
      if (auto* connection = std::get_if<std::unique_ptr<Connection>>(&attachment)) {
        static_cast<SimConnection&>(**connection).EndTransit(*end.process);
      }
    }
    const auto body = std::as_bytes(std::span(frame.body));
    const auto trailer = std::as_bytes(std::span(frame.trailer)).first(frame.trailer_bytes);
    world_.Trace(EventKind::kFrame, end.process->pid(), frame.header.call * 65536 + frame.header.method,
                 (uint64_t{body.size()} << 32) + trailer.size());
    end.handler->OnFrame({frame.header, body, trailer, frame.attachments});
    if (end.closed) return;
  }
  if (segment.closed.empty()) return;
  end.closed = true;
  end.open = false;
  world_.Trace(EventKind::kClosed, end.process->pid(), 0, 0);
  end.handler->OnClosed(
      MakeError(Cause::kDisconnected, absl::StrCat("the connection to ", end.peer.description, " ", segment.closed)));
}

bool SimLink::IsBetween(const SimMachine& a, const SimMachine& b) const {
  const SimMachine* const x = ends_[0].machine;
  const SimMachine* const y = ends_[1].machine;
  return (x == &a && y == &b) || (x == &b && y == &a);
}

void SimLink::OnProcessDied(const SimEnv& process, bool silent) {
  for (int side : {0, 1}) {
    End& end = ends_[side];
    if (end.process != &process) continue;
    DropBuffers(end);
    end.handler = nullptr;
    end.closed = true;
    if (!std::exchange(end.open, false) || broken_) continue;
    if (!silent) {
      Transmit(side, {.closed = "broke: the process there has ended"});
      continue;
    }
    world_.Schedule(world_.Now() + world_.options().connection_timeout, nullptr, EventKind::kClosed, false,
                    [self = shared_from_this()] { self->Break("timed out: nothing comes from there any more"); });
  }
}

void SimLink::Break(std::string_view why) {
  if (std::exchange(broken_, true)) return;
  for (int side : {0, 1}) {
    End& end = ends_[side];
    end.open = false;
    const auto held = std::exchange(end.held, {});
    const auto outbox = std::exchange(end.outbox, {});
    end.held_bytes = end.outbox_bytes = end.leaving_bytes = 0;
    end.leaving.clear();
    if (end.connection == nullptr || end.closed) continue;
    if (end.connection->is_deferred) end.process->executor().Undefer(*end.connection);
    end.inbox.push_back({.closed = std::string(why)});
    if (end.handler != nullptr) DeliverSoon(side);
  }
}

void SimLink::ReleaseHeld() {
  for (int side : {0, 1}) {
    End& end = ends_[side];
    if (end.held.empty()) continue;
    const absl::Duration latency = world_.topology().Latency(*end.machine, *ends_[1 - side].machine);
    world_.Schedule(world_.Now() + latency, nullptr, EventKind::kArrival, false,
                    [self = shared_from_this(), side] { self->AdmitHeld(side); });
  }
}

void SimLink::AdmitHeld(int from) {
  End& sender = ends_[from];
  while (!sender.held.empty() && world_.topology().Blocked(*sender.machine, *ends_[1 - from].machine) == 0) {
    Segment segment = std::move(sender.held.front());
    sender.held.pop_front();
    sender.held_bytes -= segment.bytes;
    Admit(from, std::move(segment));
  }
}

}  // namespace ioc::sim
