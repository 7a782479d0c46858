#include "runtime/node/program_store.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/node/program_check.h"

namespace ioc {
namespace {

constexpr size_t kMaxFetchedJobs = 4096;
constexpr size_t kMaxEndedJobs = 4096;

absl::Status Missing(const std::string& message) { return MakeError(Cause::kProgramMissing, message); }

absl::Status NotHere(JobId job) {
  return Missing(absl::StrCat("job ", job.ToString(), " has no driver on this node, and has not had one for a while"));
}

// What a file's name can be: nothing that leads elsewhere.
bool IsFileName(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/:;$\0", 5)) == std::string::npos;
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

ProgramStore::ProgramStore(Env& env, NodeAddress self, Sessions& sessions, PeerNodes& peers, uint64_t cache_limit)
    : env_(env), self_(std::move(self)), sessions_(sessions), peers_(peers), cache_(env, cache_limit) {}

void ProgramStore::AddJob(JobId job, ProgramInfo program) {
  program.sha256.clear();
  for (LibraryInfo& library : program.libraries) library.sha256.clear();
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
  return fetched == fetched_.end() ? nullptr : &fetched->second.program;
}

void ProgramStore::Unused(JobId job) {
  if (const auto fetched = fetched_.find(job); fetched != fetched_.end()) fetched->second.uses.clear();
}

bool ProgramStore::UseAgain(Fetched& fetched) {
  if (!fetched.uses.empty()) return true;
  std::vector<std::string> paths = {fetched.program.path};
  for (const LibraryInfo& library : fetched.program.libraries) paths.push_back(library.path);
  Uses uses;
  for (const std::string& path : paths) {
    absl::StatusOr<std::unique_ptr<FileUse>> use = env_.files().Use(path);
    if (!use.ok()) return false;
    uses.push_back(*std::move(use));
  }
  fetched.uses = std::move(uses);
  return true;
}

void ProgramStore::Locate(JobId job, const NodeAddress& origin, Handler handler) {
  if (auto own = own_.find(job); own != own_.end()) return handler(own->second);
  if (auto fetched = fetched_.find(job); fetched != fetched_.end()) {
    if (UseAgain(fetched->second)) return handler(fetched->second.program);
    fetched_.erase(fetched);
  }
  if (origin.node == self_.node || !origin.node) {
    return handler(Missing(absl::StrCat("the driver of job ", job.ToString(), " has left; its program is not known")));
  }
  auto [fetch, is_new] = fetches_.try_emplace(job);
  fetch->second.waiting.push_back(std::move(handler));
  if (!is_new) return;
  fetch->second.origin = origin;
  Describe(job);
}

void ProgramStore::Describe(JobId job) {
  peers_.Call(fetches_.at(job).origin, DescribeProgram{.job = job}, kProgramCallTimeout,
              life_.Bind([this, job](absl::StatusOr<DescribeProgram::Reply> reply) { Described(job, reply); }));
}

// The connection may come back: what has arrived is kept meanwhile.
void ProgramStore::Interrupted(JobId job, const absl::Status& why) {
  Fetch& fetch = fetches_.at(job);
  const absl::Time now = env_.executor().Now();
  fetch.until = std::min(fetch.until, now + kFetchPatience);
  if (CauseOf(why) != Cause::kDisconnected || now >= fetch.until) return FinishFetch(job, why);
  env_.executor().Schedule(kFetchAgainAfter,
                           life_.Bind([this, job] { fetches_.at(job).files.empty() ? Describe(job) : ReadNext(job); }));
}

void ProgramStore::Described(JobId job, const absl::StatusOr<DescribeProgram::Reply>& reply) {
  if (!reply.ok()) return Interrupted(job, reply.status());
  Fetch& fetch = fetches_.at(job);
  fetch.program = reply->program;
  if (absl::Status listed = ListFiles(fetch); !listed.ok()) return FinishFetch(job, listed);
  NextFile(job);
}

absl::Status ProgramStore::ListFiles(Fetch& fetch) const {
  const ProgramInfo& program = fetch.program;
  fetch.files = {{.name = absl::StrCat("program ", program.path),
                  .path = cache_.PathOfProgram(program.sha256),
                  .size = program.size,
                  .sha256 = program.sha256}};
  if (program.libraries.size() > kMaxProgramLibraries) {
    return Missing(absl::StrCat(fetch.origin.Label(), " describes program ", program.path, " with ",
                                program.libraries.size(), " libraries; ", kMaxProgramLibraries, " are allowed"));
  }
  for (const LibraryInfo& library : program.libraries) {
    if (!IsFileName(library.name)) {
      return Missing(absl::StrCat(fetch.origin.Label(), " describes a library of program ", program.path,
                                  " by the name \"", library.name, "\", which can't be"));
    }
    fetch.files.push_back({.name = absl::StrCat("library ", library.path),
                           .path = cache_.PathOfLibrary(library.sha256, library.name),
                           .size = library.size,
                           .sha256 = library.sha256});
  }
  for (const File& file : fetch.files) {
    if (IsSha256(file.sha256) && file.size <= kMaxProgramBytes) continue;
    return Missing(absl::StrCat(fetch.origin.Label(), " describes ", file.name, " with size ", file.size,
                                " and hash \"", file.sha256, "\", which can't be"));
  }
  return absl::OkStatus();
}

void ProgramStore::NextFile(JobId job) {
  Fetch& fetch = fetches_.at(job);
  if (fetch.current == fetch.files.size()) return FinishFetch(job, CheckLoads(fetch));
  absl::StatusOr<std::unique_ptr<FileUse>> use = env_.files().Use(fetch.file().path);
  if (!use.ok()) return StartFile(job);
  fetch.uses.push_back(*std::move(use));
  UseCached(job);
}

// Another job or an earlier run left it here; its bytes may have changed since.
void ProgramStore::UseCached(JobId job) {
  const Fetch& fetch = fetches_.at(job);
  if (verified_.contains(fetch.file().path)) return FileDone(job);
  HashFile(fetch.file().path, life_.Bind([this, job](const absl::StatusOr<std::string>& hash) {
    Fetch& fetch = fetches_.at(job);
    const File& file = fetch.file();
    if (hash.ok() && *hash == file.sha256) return FileDone(job);
    env_.Log(LogLevel::kWarning,
             absl::StrCat("the cached ", file.name, " in ", file.path, " is damaged; fetching it again"));
    fetch.uses.pop_back();
    env_.files().Remove(file.path).IgnoreError();
    StartFile(job);
  }));
}

void ProgramStore::StartFile(JobId job) {
  Fetch& fetch = fetches_.at(job);
  auto writer = env_.files().Create(fetch.file().path);
  if (!writer.ok()) return FinishFetch(job, writer.status());
  fetch.writing = std::make_shared<Writing>();
  fetch.writing->file = *std::move(writer);
  fetch.received = 0;
  ReadNext(job);
}

void ProgramStore::ReadNext(JobId job) {
  Fetch& fetch = fetches_.at(job);
  const File& file = fetch.file();
  if (fetch.received < file.size) {
    const uint64_t length = std::min<uint64_t>(kProgramChunkBytes, file.size - fetch.received);
    const ReadProgram read{.job = job,
                           .offset = fetch.received,
                           .length = static_cast<uint32_t>(length),
                           .library = static_cast<uint32_t>(fetch.current)};
    return peers_.CallRaw(fetch.origin, read, kProgramCallTimeout,
                          life_.Bind([this, job](absl::StatusOr<RawReply> reply) { PieceArrived(job, reply); }));
  }
  AllArrived(job);
}

void ProgramStore::AllArrived(JobId job) {
  Fetch& fetch = fetches_.at(job);
  const File& file = fetch.file();
  const std::string hash = fetch.writing->hash.Finish();
  if (hash != file.sha256) {
    return FinishFetch(job,
                       Missing(absl::StrCat(file.name, " has the hash ", hash, " and not the expected ", file.sha256,
                                            "; it was changed while it was fetched: start its driver again")));
  }
  env_.background().Run(
      kProgramChunkBytes, [writing = std::move(fetch.writing)] { return writing->file->Commit(/*executable=*/true); },
      life_.Bind(
          [this, job](const absl::Status& written) { written.ok() ? FileDone(job) : FinishFetch(job, written); }));
}

void ProgramStore::FileDone(JobId job) {
  Fetch& fetch = fetches_.at(job);
  if (fetch.uses.size() == fetch.current) {  // it has just come
    absl::StatusOr<std::unique_ptr<FileUse>> use = env_.files().Use(fetch.file().path);
    if (!use.ok()) return FinishFetch(job, use.status());
    fetch.uses.push_back(*std::move(use));
  }
  verified_.insert(fetch.file().path);
  ++fetch.current;
  NextFile(job);
}

void ProgramStore::PieceArrived(JobId job, absl::StatusOr<RawReply>& reply) {
  if (!reply.ok()) return Interrupted(job, reply.status());
  Fetch& fetch = fetches_.at(job);
  fetch.until = absl::InfiniteFuture();
  const File& file = fetch.file();
  const uint64_t expected = std::min<uint64_t>(kProgramChunkBytes, file.size - fetch.received);
  if (reply->trailer.size() != expected) {
    return FinishFetch(job, Missing(absl::StrCat(file.name, " ended after ", fetch.received + reply->trailer.size(),
                                                 " of ", file.size, " bytes; it was changed while it was fetched")));
  }
  fetch.received += expected;
  std::vector<std::byte> bytes(reply->trailer.begin(), reply->trailer.end());
  env_.background().Run(
      expected,
      [writing = fetch.writing, bytes = std::move(bytes)] {
        writing->hash.Update(bytes);
        return writing->file->Append(bytes);
      },
      life_.Bind(
          [this, job](const absl::Status& written) { written.ok() ? ReadNext(job) : FinishFetch(job, written); }));
}

absl::Status ProgramStore::CheckLoads(const Fetch& fetch) const {
  std::vector<std::string> directories;
  for (size_t i = 1; i < fetch.files.size(); ++i) directories.push_back(DirectoryOf(fetch.files[i].path));
  return CheckProgramLoads(env_.files(), fetch.files.front().path, directories);
}

void ProgramStore::FinishFetch(JobId job, const absl::Status& status) {
  auto found = fetches_.find(job);
  Fetch fetch = std::move(found->second);
  fetches_.erase(found);
  absl::StatusOr<ProgramInfo> result = fetch.program;
  const bool is_complete = !fetch.files.empty() && fetch.current == fetch.files.size();
  if (status.ok()) {
    result->path = fetch.files.front().path;
    result->library_path.clear();
    for (size_t i = 1; i < fetch.files.size(); ++i) {
      result->libraries[i - 1].path = fetch.files[i].path;
      result->library_path.push_back(DirectoryOf(fetch.files[i].path));
    }
    // Another machine may not have the driver's directory.
    if (fetch.origin.machine != env_.host().machine) result->directory.clear();
    if (fetched_.size() >= kMaxFetchedJobs) fetched_.erase(fetched_.begin());
    fetched_[job] = {*result, std::move(fetch.uses)};
  } else if (is_complete) {
    result = Missing(absl::StrCat(self_.Label(), " can't run program ", fetch.program.path, " of job ", job.ToString(),
                                  ": ", absl::string_view(status.message())));
  } else {
    const std::string what =
        absl::StrCat("can't fetch the program of job ", job.ToString(), " from ", fetch.origin.Label());
    result = CauseOf(status) == Cause::kDisconnected
                 ? WithContext(status, what)
                 : Missing(absl::StrCat(what, ": ", absl::string_view(status.message())));
  }
  for (Handler& handler : fetch.waiting) handler(result);
  TrimCache();
}

void ProgramStore::TrimCache() {
  cache_.Trim([this](const std::vector<std::string>& removed) {
    for (const std::string& path : removed) verified_.erase(path);
  });
}

void ProgramStore::HashFile(const std::string& path, HashHandler done) {
  auto file = env_.files().Open(path);
  if (!file.ok()) return done(file.status());
  auto hashing = std::make_shared<Hashing>();
  hashing->file = *std::move(file);
  hashing->done = std::move(done);
  HashPiece(std::move(hashing));
}

absl::Status ProgramStore::Hashing::Piece() {
  IOC_ASSIGN_OR_RETURN(const std::string piece, file->Read(offset, kProgramChunkBytes));
  hash.Update(std::as_bytes(std::span(piece)));
  offset += piece.size();
  at_end = piece.empty();
  return absl::OkStatus();
}

void ProgramStore::HashPiece(std::shared_ptr<Hashing> hashing) {
  env_.background().Run(
      kProgramChunkBytes, [hashing] { return hashing->Piece(); },
      life_.Bind([this, hashing](const absl::Status& status) {
        if (!status.ok()) return hashing->done(status);
        hashing->at_end ? hashing->done(hashing->hash.Finish()) : HashPiece(hashing);
      }));
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
  if (waiting.size() == 1) HashOwn(job, 0);
}

void ProgramStore::HashOwn(JobId job, size_t library) {
  auto own = own_.find(job);
  if (own == own_.end()) return HashedOwn(job, std::string());
  const bool is_program = library >= own->second.libraries.size();
  const std::string path = is_program ? own->second.path : own->second.libraries[library].path;
  HashFile(path, life_.Bind([this, job, library, is_program, path](const absl::StatusOr<std::string>& hash) {
    auto own = own_.find(job);
    auto file = env_.files().Open(path);
    if (!hash.ok()) return HashedOwn(job, hash);
    if (!file.ok()) return HashedOwn(job, file.status());
    if (own == own_.end()) return HashedOwn(job, hash);
    uint64_t& size = is_program ? own->second.size : own->second.libraries[library].size;
    size = (*file)->size();
    (is_program ? own->second.sha256 : own->second.libraries[library].sha256) = *hash;
    if (!is_program) return HashOwn(job, library + 1);
    HashedOwn(job, hash);
  }));
}

void ProgramStore::HashedOwn(JobId job, const absl::StatusOr<std::string>& hash) {
  std::vector<HashHandler> waiting = std::move(hashing_[job]);
  hashing_.erase(job);
  for (HashHandler& handler : waiting) handler(hash);
}

void ProgramStore::Read(Session& session, const FrameHeader& request, const ReadProgram& read) {
  const ProgramInfo* program = Find(read.job);
  if (program == nullptr) return session.channel().Fail(request, NotHere(read.job));
  const std::vector<LibraryInfo>& libraries = program->libraries;
  if (read.library > libraries.size()) {
    return session.channel().Fail(request, Missing(absl::StrCat("program ", program->path, " has ", libraries.size(),
                                                                " libraries, and no library ", read.library)));
  }
  auto file = env_.files().Open(read.library == 0 ? program->path : libraries[read.library - 1].path);
  if (!file.ok()) return session.channel().Fail(request, file.status());
  auto bytes = std::make_shared<std::string>();
  env_.background().Run(
      kProgramChunkBytes,
      [bytes, file = std::shared_ptr<FileReader>(*std::move(file)), offset = read.offset,
       length = std::min(read.length, kProgramChunkBytes)] {
        IOC_ASSIGN_OR_RETURN(*bytes, file->Read(offset, length));
        return absl::OkStatus();
      },
      life_.Bind([this, id = session.id(), request, bytes](const absl::Status& status) {
        if (!status.ok()) return sessions_.Fail(id, request, status);
        sessions_.Reply(id, request, ReadProgram::Reply{},
                        {.trailer = {.bytes = std::as_bytes(std::span(*bytes)), .owner = bytes}});
      }));
}

}  // namespace ioc
