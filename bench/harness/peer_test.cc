#include "bench/harness/peer.h"

#include <catch2/catch.hpp>

namespace ioc::bench {
namespace {

TEST_CASE("APeersLinesAreReadAndOthersPassedOver") {
  Samples peer("");
  REQUIRE(ReadPeer("a log line of three\nsystem ray 2 python\ntask_sync_per_s 512.5\nwarning: slow\n", peer).ok());
  REQUIRE(ReadPeer("system ray 2 python\ntask_sync_per_s 600\n", peer).ok());
  REQUIRE(peer.system() == "ray 2 python");
  REQUIRE(peer.series().size() == 1);
  REQUIRE(peer.Find("task_sync_per_s")->samples == std::vector<double>{512.5, 600});
}

TEST_CASE("APeerThatSaysNothingIsAnError") {
  Samples peer("");
  REQUIRE_FALSE(ReadPeer("", peer).ok());
  REQUIRE_FALSE(ReadPeer("task_sync_per_s 600\n", peer).ok());
  REQUIRE_FALSE(ReadPeer("system ray\n", peer).ok());
}

TEST_CASE("ACommandIsRunAndItsFailureNamed") {
  Samples peer("");
  Samples ours;
  REQUIRE(PeerMeasurement("echo system x 1; echo calls_per_s 7", peer).run(ours).ok());
  REQUIRE(peer.Find("calls_per_s")->median() == 7);
  REQUIRE(ours.series().empty());
  const absl::Status status = PeerMeasurement("echo broken; exit 3", peer).run(ours);
  REQUIRE(std::string(status.message()).find("broken") != std::string::npos);
}

}  // namespace
}  // namespace ioc::bench
