// The programs of jobs: hands those of this node's drivers to other nodes, and fetches those of drivers elsewhere, by
// content hash, checked against it before they run.
//
// Owned by the node, on its executor. Hashing goes in pieces, one a turn, so that a large program delays nobody.
#ifndef IOCLUSTER_RUNTIME_NODE_PROGRAM_STORE_H_
#define IOCLUSTER_RUNTIME_NODE_PROGRAM_STORE_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "runtime/node/life.h"
#include "runtime/node/peer_nodes.h"
#include "runtime/node/sessions.h"
#include "runtime/node/sha256.h"

namespace ioc {

inline constexpr uint32_t kProgramChunkBytes = 1 << 20;
inline constexpr uint64_t kMaxProgramBytes = uint64_t{4} << 30;
inline constexpr absl::Duration kProgramCallTimeout = absl::Seconds(60);

class ProgramStore {
 public:
  using Handler = absl::AnyInvocable<void(const absl::StatusOr<ProgramInfo>&)>;

  ProgramStore(Env& env, NodeId self, Sessions& sessions, PeerNodes& peers);
  ProgramStore(const ProgramStore&) = delete;
  ProgramStore& operator=(const ProgramStore&) = delete;

  // A driver of this node has said what it runs.
  void AddJob(JobId job, ProgramInfo program);
  // The driver has ended. Its program is described a while longer: detached actors may still need it.
  void RemoveJob(JobId job);

  // What to start for the job: `path` is on this machine. Called once, maybe before this returns. Errors:
  // kProgramMissing.
  void Locate(JobId job, const NodeAddress& origin, Handler handler);

  // DescribeProgram and ReadProgram of other nodes; as ChannelDelegate::OnMessage.
  absl::Status OnNodeMessage(Session& session, FrameView& frame);

 private:
  using HashHandler = absl::AnyInvocable<void(const absl::StatusOr<std::string>&)>;
  struct Hashing {
    std::unique_ptr<FileReader> file;
    Sha256 hash;
    uint64_t offset = 0;
    HashHandler done;
  };
  struct Fetch {
    JobId job;
    NodeAddress origin;
    ProgramInfo program;
    std::string path;
    std::unique_ptr<FileWriter> file;
    Sha256 hash;
    uint64_t received = 0;
    std::vector<Handler> waiting;
  };

  void HashFile(const std::string& path, HashHandler done);
  void HashPiece(std::shared_ptr<Hashing> hashing);
  void HashOwn(JobId job);

  void Described(JobId job, const absl::StatusOr<DescribeProgram::Reply>& reply);
  void UseCached(JobId job);
  void StartFetch(JobId job);
  void ReadNext(JobId job);
  void PieceArrived(JobId job, absl::StatusOr<RawReply>& reply);
  void FinishFetch(JobId job, const absl::Status& status);

  void Describe(SessionId session, const FrameHeader& request, JobId job);
  void Read(Session& session, const FrameHeader& request, const ReadProgram& read);

  Env& env_;
  const NodeId self_;
  Sessions& sessions_;
  PeerNodes& peers_;
  const ProgramInfo* Find(JobId job) const;

  std::map<JobId, ProgramInfo> own_;  // of drivers here
  std::deque<JobId> ended_;           // those of own_ whose drivers have ended, bounded by kMaxEndedJobs
  std::map<JobId, std::vector<HashHandler>> hashing_;
  std::map<JobId, Fetch> fetches_;
  std::map<JobId, ProgramInfo> fetched_;  // bounded by kMaxFetchedJobs
  std::set<std::string> verified_;        // hashes of cached files that were checked since this node started
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_PROGRAM_STORE_H_
