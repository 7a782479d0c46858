// A simulated connection: two ends, what is under way between them, and what happens when an end goes.
//
// What a connection has buffered leaves as one segment (Flush, or the end of the turn), or as several if it is much,
// and each arrives as one, in a turn of the receiver, after the link's serialisation delay and latency and never before
// what left earlier. A partition holds arrived segments back. Kept alive by its ends (SimConnection) and by the events
// that carry its segments.
#ifndef IOCLUSTER_TESTS_SIM_SIM_LINK_H_
#define IOCLUSTER_TESTS_SIM_SIM_LINK_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/env/network.h"
#include "tests/sim/topology.h"
#include "tests/sim/world.h"

namespace ioc::sim {

class SimConnection;

struct SimFrame {
  FrameHeader header;
  std::vector<uint64_t> body;
  std::vector<uint64_t> trailer;
  size_t trailer_bytes = 0;
  std::vector<Attachment> attachments;
};

struct Segment {
  std::optional<Preamble> preamble;
  std::vector<SimFrame> frames;
  size_t bytes = 0;
  std::string closed;  // why the connection ends after these frames; empty: it doesn't
};

class SimLink final : public std::enable_shared_from_this<SimLink> {
 public:
  // Between two processes of a machine, as with socketpair().
  static std::pair<std::unique_ptr<Connection>, std::unique_ptr<Connection>> Connect(World& world, SimEnv& a,
                                                                                     SimEnv& b);
  // The dialler's end; the other one comes to be when the preamble arrives at `door`. `local`: a Unix socket.
  static std::unique_ptr<Connection> Dial(World& world, SimEnv& dialler, SimMachine& to, std::string door, bool local,
                                          const Preamble& preamble);

  // For the ends. A side is 0 or 1.
  void Start(int side, FrameHandler& handler);
  absl::Status Send(int side, const FrameHeader& header, std::span<const std::byte> body,
                    std::span<const std::byte> trailer, std::vector<Attachment> attachments);
  void Flush(int side);
  void Detach(int side);
  size_t UnsentBytes(int side);
  const PeerInfo& peer(int side) const { return ends_[side].peer; }
  // The end belongs to no process while it is under way as an attachment.
  void BeginTransit(int side);
  void EndTransit(int side, SimEnv& process) { ends_[side].process = &process; }

  // For the World.
  bool IsBetween(const SimMachine& a, const SimMachine& b) const;
  void OnProcessDied(const SimEnv& process, bool silent);
  void Break(std::string_view why);
  void ReleaseHeld();

 private:
  struct End {
    SimMachine* machine = nullptr;
    SimEnv* process = nullptr;
    SimConnection* connection = nullptr;  // null before it is accepted and after it was destroyed
    FrameHandler* handler = nullptr;      // once started
    PeerInfo peer;
    bool open = true;     // what is sent here goes anywhere
    bool closed = false;  // its handler has been told, or never will be
    std::deque<Segment> inbox;
    std::vector<SimFrame> outbox;
    size_t outbox_bytes = 0;
    absl::Time last_arrival = absl::InfinitePast();  // of what was sent here
    std::deque<std::pair<absl::Time, size_t>> leaving;
    size_t leaving_bytes = 0;
    std::deque<Segment> held;  // sent here, kept back by a partition
    size_t held_bytes = 0;
  };

  SimLink(World& world, bool local) : world_(world), local_(local) {}

  std::unique_ptr<Connection> Attach(int side, SimEnv& process);
  absl::Status CheckFrame(const End& end, std::span<const std::byte> body, std::span<const std::byte> trailer,
                          const std::vector<Attachment>& attachments) const;
  void Transmit(int from, Segment segment);
  void Arrive(int from, Segment segment);
  void Admit(int from, Segment segment);
  void AdmitHeld(int from);
  void Accept(const Preamble& preamble);
  void DeliverSoon(int side);
  void Deliver(int side);
  void DeliverSegment(int side, Segment& segment);
  void DropBuffers(End& end);

  World& world_;
  const bool local_;
  bool broken_ = false;
  std::string door_;  // that was dialled
  End ends_[2];
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SIM_LINK_H_
