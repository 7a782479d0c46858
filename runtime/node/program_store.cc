#include "runtime/node/program_store.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace ioc {
namespace {

constexpr size_t kMaxFetchedJobs = 4096;
constexpr size_t kMaxEndedJobs = 4096;

absl::Status Missing(const std::string& message) { return MakeError(Cause::kProgramMissing, message); }

absl::Status NotHere(JobId job) {
  return Missing(absl::StrCat("job ", job.ToString(), " has no driver on this node, and has not had one for a while"));
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

ProgramStore::ProgramStore(Env& env, NodeId self, Sessions& sessions, PeerNodes& peers)
    : env_(env), self_(self), sessions_(sessions), peers_(peers) {}

void ProgramStore::AddJob(JobId job, ProgramInfo program) {
  program.sha256.clear();
  own_[job] = std::move(program);
}

void ProgramStore::RemoveJob(JobId job) {
  if (!own_.contains(job)) return;
  ended_.push_back(job);
  if (ended_.size() <= kMaxEndedJobs) return;
  own_.erase(ended_.front());
  ended_.pop_front();
}

// Those that were fetched as well: their job's origin may be gone.
const ProgramInfo* ProgramStore::Find(JobId job) const {
  if (const auto own = own_.find(job); own != own_.end()) return &own->second;
  const auto fetched = fetched_.find(job);
  return fetched == fetched_.end() ? nullptr : &fetched->second;
}

void ProgramStore::Locate(JobId job, const NodeAddress& origin, Handler handler) {
  if (auto own = own_.find(job); own != own_.end()) return handler(own->second);
  if (auto fetched = fetched_.find(job); fetched != fetched_.end()) return handler(fetched->second);
  if (origin.node == self_ || !origin.node) {
    return handler(Missing(absl::StrCat("the driver of job ", job.ToString(), " has left; its program is not known")));
  }
  auto [fetch, is_new] = fetches_.try_emplace(job);
  fetch->second.waiting.push_back(std::move(handler));
  if (!is_new) return;
  fetch->second.job = job;
  fetch->second.origin = origin;
  peers_.Call(origin, DescribeProgram{.job = job}, kProgramCallTimeout,
              life_.Bind([this, job](absl::StatusOr<DescribeProgram::Reply> reply) { Described(job, reply); }));
}

void ProgramStore::Described(JobId job, const absl::StatusOr<DescribeProgram::Reply>& reply) {
  if (!reply.ok()) return FinishFetch(job, reply.status());
  Fetch& fetch = fetches_.at(job);
  fetch.program = reply->program;
  if (!IsSha256(fetch.program.sha256) || fetch.program.size > kMaxProgramBytes) {
    return FinishFetch(
        job, Missing(absl::StrCat(fetch.origin.Label(), " describes program ", fetch.program.path, " with size ",
                                  fetch.program.size, " and hash \"", fetch.program.sha256, "\", which can't be")));
  }
  fetch.path = absl::StrCat(env_.files().CacheDirectory(), "/programs/", fetch.program.sha256);
  if (env_.files().Exists(fetch.path)) return UseCached(job);
  StartFetch(job);
}

// Another job or an earlier run left it here; its bytes may have changed since.
void ProgramStore::UseCached(JobId job) {
  const Fetch& fetch = fetches_.at(job);
  if (verified_.contains(fetch.program.sha256)) return FinishFetch(job, absl::OkStatus());
  HashFile(fetch.path, life_.Bind([this, job](const absl::StatusOr<std::string>& hash) {
    Fetch& fetch = fetches_.at(job);
    if (hash.ok() && *hash == fetch.program.sha256) return FinishFetch(job, absl::OkStatus());
    env_.Log(LogLevel::kWarning, absl::StrCat("the cached program ", fetch.path, " is damaged; fetching it again"));
    env_.files().Remove(fetch.path).IgnoreError();
    StartFetch(job);
  }));
}

void ProgramStore::StartFetch(JobId job) {
  Fetch& fetch = fetches_.at(job);
  auto file = env_.files().Create(fetch.path);
  if (!file.ok()) return FinishFetch(job, file.status());
  fetch.file = *std::move(file);
  ReadNext(job);
}

void ProgramStore::ReadNext(JobId job) {
  Fetch& fetch = fetches_.at(job);
  if (fetch.received < fetch.program.size) {
    const uint64_t length = std::min<uint64_t>(kProgramChunkBytes, fetch.program.size - fetch.received);
    const ReadProgram read{.job = job, .offset = fetch.received, .length = static_cast<uint32_t>(length)};
    return peers_.CallRaw(fetch.origin, read, kProgramCallTimeout,
                          life_.Bind([this, job](absl::StatusOr<RawReply> reply) { PieceArrived(job, reply); }));
  }
  const std::string hash = fetch.hash.Finish();
  if (hash != fetch.program.sha256) {
    return FinishFetch(job, Missing(absl::StrCat("program ", fetch.program.path, " has the hash ", hash,
                                                 " and not the expected ", fetch.program.sha256,
                                                 "; it was changed while it was fetched: start its driver again")));
  }
  FinishFetch(job, fetch.file->Commit(/*executable=*/true));
}

void ProgramStore::PieceArrived(JobId job, absl::StatusOr<RawReply>& reply) {
  if (!reply.ok()) return FinishFetch(job, reply.status());
  Fetch& fetch = fetches_.at(job);
  const uint64_t expected = std::min<uint64_t>(kProgramChunkBytes, fetch.program.size - fetch.received);
  if (reply->trailer.size() != expected) {
    return FinishFetch(job, Missing(absl::StrCat("program ", fetch.program.path, " ended after ",
                                                 fetch.received + reply->trailer.size(), " of ", fetch.program.size,
                                                 " bytes; it was changed while it was fetched")));
  }
  fetch.hash.Update(reply->trailer);
  if (absl::Status status = fetch.file->Append(reply->trailer); !status.ok()) return FinishFetch(job, status);
  fetch.received += expected;
  ReadNext(job);
}

void ProgramStore::FinishFetch(JobId job, const absl::Status& status) {
  auto found = fetches_.find(job);
  Fetch fetch = std::move(found->second);
  fetches_.erase(found);
  absl::StatusOr<ProgramInfo> result = fetch.program;
  if (status.ok()) {
    result->path = fetch.path;
    // Another machine may not have the driver's directory.
    if (fetch.origin.machine != env_.host().machine) result->directory.clear();
    verified_.insert(fetch.program.sha256);
    if (fetched_.size() >= kMaxFetchedJobs) fetched_.erase(fetched_.begin());
    fetched_[job] = *result;
  } else {
    result = Missing(absl::StrCat("can't fetch the program of job ", job.ToString(), " from ", fetch.origin.Label(),
                                  ": ", absl::string_view(status.message())));
  }
  for (Handler& handler : fetch.waiting) handler(result);
}

void ProgramStore::HashFile(const std::string& path, HashHandler done) {
  auto file = env_.files().Open(path);
  if (!file.ok()) return done(file.status());
  auto hashing = std::make_shared<Hashing>();
  hashing->file = *std::move(file);
  hashing->done = std::move(done);
  HashPiece(std::move(hashing));
}

void ProgramStore::HashPiece(std::shared_ptr<Hashing> hashing) {
  absl::StatusOr<std::string> piece = hashing->file->Read(hashing->offset, kProgramChunkBytes);
  if (!piece.ok()) return hashing->done(piece.status());
  if (piece->empty()) return hashing->done(hashing->hash.Finish());
  hashing->hash.Update(std::as_bytes(std::span(*piece)));
  hashing->offset += piece->size();
  env_.executor().Post(life_.Bind([this, hashing] { HashPiece(hashing); }));
}

absl::Status ProgramStore::OnNodeMessage(Session& session, FrameView& frame) {
  if (frame.header.method == static_cast<uint16_t>(Method::kDescribeProgram)) {
    return Take<DescribeProgram>(frame, [&](const DescribeProgram& m) { Describe(session.id(), frame.header, m.job); });
  }
  return Take<ReadProgram>(frame, [&](const ReadProgram& m) { Read(session, frame.header, m); });
}

void ProgramStore::Describe(SessionId session, const FrameHeader& request, JobId job) {
  const ProgramInfo* program = Find(job);
  if (program == nullptr) return sessions_.Fail(session, request, NotHere(job));
  if (!program->sha256.empty()) return sessions_.Reply(session, request, DescribeProgram::Reply{*program});
  std::vector<HashHandler>& waiting = hashing_[job];
  waiting.push_back([this, session, request, job](const absl::StatusOr<std::string>& hash) {
    auto own = own_.find(job);
    if (hash.ok() && own != own_.end()) {
      return sessions_.Reply(session, request, DescribeProgram::Reply{own->second});
    }
    sessions_.Fail(session, request,
                   hash.ok() ? Missing("the driver has left") : Missing(std::string(hash.status().message())));
  });
  if (waiting.size() == 1) HashOwn(job);
}

void ProgramStore::HashOwn(JobId job) {
  HashFile(own_.at(job).path, life_.Bind([this, job](const absl::StatusOr<std::string>& hash) {
    auto own = own_.find(job);
    if (own != own_.end() && hash.ok()) {
      own->second.sha256 = *hash;
      auto file = env_.files().Open(own->second.path);
      if (file.ok()) own->second.size = (*file)->size();
    }
    std::vector<HashHandler> waiting = std::move(hashing_[job]);
    hashing_.erase(job);
    for (HashHandler& handler : waiting) handler(hash);
  }));
}

void ProgramStore::Read(Session& session, const FrameHeader& request, const ReadProgram& read) {
  const ProgramInfo* program = Find(read.job);
  if (program == nullptr) return session.channel().Fail(request, NotHere(read.job));
  auto file = env_.files().Open(program->path);
  if (!file.ok()) return session.channel().Fail(request, file.status());
  auto bytes = (*file)->Read(read.offset, std::min(read.length, kProgramChunkBytes));
  if (!bytes.ok()) return session.channel().Fail(request, bytes.status());
  auto owner = std::make_shared<const std::string>(*std::move(bytes));
  session.channel().Reply(request, ReadProgram::Reply{},
                          {.trailer = {.bytes = std::as_bytes(std::span(*owner)), .owner = owner}});
}

}  // namespace ioc
