// The programs of jobs: hands those of this node's drivers to other nodes, and fetches those of drivers elsewhere, with
// the shared libraries that machines don't have by themselves. Files are kept by content hash and checked against it
// before they run, and that this machine can load the program is found out before that.
//
// Owned by the node, on its executor. What it does with files' bytes goes in pieces in the background, so that a large
// program delays nobody.
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
#include "runtime/node/program_cache.h"
#include "runtime/node/sessions.h"
#include "runtime/node/sha256.h"

namespace ioc {

inline constexpr uint32_t kProgramChunkBytes = 1 << 20;
inline constexpr uint64_t kMaxProgramBytes = uint64_t{4} << 30;  // also of each of its libraries
inline constexpr size_t kMaxProgramLibraries = 1024;
inline constexpr absl::Duration kProgramCallTimeout = absl::Seconds(60);
// A fetch whose connection breaks goes on when there is another, within this time.
inline constexpr absl::Duration kFetchPatience = absl::Seconds(10);
inline constexpr absl::Duration kFetchAgainAfter = absl::Milliseconds(100);

class ProgramStore {
 public:
  using Handler = absl::AnyInvocable<void(const absl::StatusOr<ProgramInfo>&)>;

  // Of other nodes' programs, `cache_limit` bytes are kept beside those in use.
  ProgramStore(Env& env, NodeAddress self, Sessions& sessions, PeerNodes& peers, uint64_t cache_limit);
  ProgramStore(const ProgramStore&) = delete;
  ProgramStore& operator=(const ProgramStore&) = delete;

  // A driver of this node has said what it runs.
  void AddJob(JobId job, ProgramInfo program);
  // The driver has ended. Its program is described a while longer: detached actors may still need it.
  void RemoveJob(JobId job);

  // What to start for the job: `path` and `library_path` are on this machine. Called once, maybe before this returns.
  // Errors: kProgramMissing.
  // What is located is in use, and stays on this machine, until Unused.
  void Locate(JobId job, const NodeAddress& origin, Handler handler);
  // Nothing of the job's runs here any more.
  void Unused(JobId job);

  // DescribeProgram and ReadProgram of other nodes; as ChannelDelegate::OnMessage.
  absl::Status OnNodeMessage(Session& session, FrameView& frame);

 private:
  using HashHandler = absl::AnyInvocable<void(const absl::StatusOr<std::string>&)>;
  struct Hashing {
    std::unique_ptr<FileReader> file;
    Sha256 hash;
    uint64_t offset = 0;
    bool at_end = false;
    HashHandler done;

    // In the background.
    absl::Status Piece();
  };
  // A file that is being fetched. In the background while a piece is written.
  struct Writing {
    std::unique_ptr<FileWriter> file;
    Sha256 hash;
  };
  // The program or one of its libraries, as it is to be here.
  struct File {
    std::string name;  // for messages
    std::string path;
    uint64_t size = 0;
    std::string sha256;
  };
  using Uses = std::vector<std::unique_ptr<FileUse>>;
  struct Fetched {
    ProgramInfo program;
    Uses uses;  // of all its files, or none
  };
  struct Fetch {
    NodeAddress origin;
    ProgramInfo program;
    std::vector<File> files;  // the program, then its libraries
    size_t current = 0;       // of the files
    Uses uses;                // of those before it, and maybe of itself
    std::shared_ptr<Writing> writing;
    uint64_t received = 0;
    absl::Time until = absl::InfiniteFuture();  // since the connection broke: nothing has come by then, it has failed
    std::vector<Handler> waiting;

    const File& file() const { return files[current]; }
  };

  void HashFile(const std::string& path, HashHandler done);
  void HashPiece(std::shared_ptr<Hashing> hashing);
  // The library of that number, if there is one, and those after it; then the program.
  void HashOwn(JobId job, size_t library);
  void HashedOwn(JobId job, const absl::StatusOr<std::string>& hash);

  // Whether all its files are here yet; then they stay.
  bool UseAgain(Fetched& fetched);
  void Describe(JobId job);
  void Interrupted(JobId job, const absl::Status& why);
  void Described(JobId job, const absl::StatusOr<DescribeProgram::Reply>& reply);
  // An error says what in it can't be.
  absl::Status ListFiles(Fetch& fetch) const;
  void NextFile(JobId job);
  void UseCached(JobId job);
  void StartFile(JobId job);
  void FileDone(JobId job);
  void ReadNext(JobId job);
  void PieceArrived(JobId job, absl::StatusOr<RawReply>& reply);
  void AllArrived(JobId job);
  void FinishFetch(JobId job, const absl::Status& status);
  void TrimCache();
  // Whether the loader would find all that the program needs.
  absl::Status CheckLoads(const Fetch& fetch) const;

  const ProgramInfo* Find(JobId job) const;
  void Describe(SessionId session, const FrameHeader& request, JobId job);
  void Read(Session& session, const FrameHeader& request, const ReadProgram& read);

  Env& env_;
  const NodeAddress self_;
  Sessions& sessions_;
  PeerNodes& peers_;
  std::map<JobId, ProgramInfo> own_;  // of drivers here
  std::deque<JobId> ended_;           // those of own_ whose drivers have ended, bounded by kMaxEndedJobs
  std::map<JobId, std::vector<HashHandler>> hashing_;
  std::map<JobId, Fetch> fetches_;
  std::map<JobId, Fetched> fetched_;  // bounded by kMaxFetchedJobs
  ProgramCache cache_;
  std::set<std::string> verified_;  // paths of cached files that were checked since this node started
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_PROGRAM_STORE_H_
