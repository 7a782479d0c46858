// The part of Worker that runs one task: gathers its arguments, calls the function, hands on what it returns.
#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/status.h"
#include "lib/protocol/message_size.h"
#include "runtime/worker/results.h"
#include "runtime/worker/stream_out.h"

namespace ioc {
namespace {

// A task lets go of its arguments and reads them anew if the store has no room for all of them: so often, after a
// random part of a delay that grows, since others do the same.
constexpr int kMaxReadArguments = 6;
constexpr absl::Duration kReadArgumentsDelay = absl::Seconds(2);

}  // namespace

void Worker::Execute(std::unique_ptr<Job> owned, internal::RunContext& context) {
  Job& job = *owned;
  const TaskSpec& spec = *job.spec;
  running_.push_back(&job);
  TellBlocked();
  context.job = job.number;
  NoteStarted(job);
  client_->set_depth(spec.depth + 1);
  std::vector<ObjectRecord*> covered;
  uint64_t run_ns = 0;
  Results results(*client_);
  std::optional<StreamOut> stream;
  if (spec.stream_window > 0) stream.emplace(env_->executor(), *client_, job);
  std::unique_ptr<internal::CoroutineCall> coroutine;
  absl::Status status;
  {
    internal::Invocation invocation;
    invocation.stream = stream ? &*stream : nullptr;
    status = Gather(job, invocation, covered);
    internal::EncodedValue checkpoint;
    if (status.ok() && !spec.checkpoint.empty()) {
      job.gathering = true;
      absl::StatusOr<internal::EncodedValue> state = Import(job, spec.checkpoint.front().state, covered);
      job.gathering = false;
      status = state.status();
      if (state.ok()) checkpoint = *std::move(state);
      invocation.checkpoint = &checkpoint;
    }
    if (job.cancelled) status = MakeError(Cause::kCancelled, "cancelled before it started");
    const absl::Time start = env_->executor().Now();
    // What the invocation refers to is let go outside the mutex, before it is looked at what is kept.
    env_->executor().mutex().unlock();
    if (status.ok()) status = Invoke(job, invocation, results);
    if (status.ok() && stream) status = stream->status();
    invocation.payload = {};
    invocation.dependencies.clear();
    checkpoint = {};
    env_->executor().mutex().lock();
    run_ns = static_cast<uint64_t>(absl::ToInt64Nanoseconds(env_->executor().Now() - start));
    if (status.ok() && spec.kind == TaskKind::kCreateActor) AdoptActor(job, invocation, covered);
    if (!status.ok() && spec.shared) ConstructorFailed(spec);
    coroutine = std::move(invocation.coroutine);
  }
  context.job = 0;
  if (coroutine != nullptr) return StartCoroutine(std::move(owned), std::move(coroutine), std::move(covered));
  Finish(job, status, results, run_ns, covered);
  if (job.caller == kHeadProcess) TellConstructed(Located(status, job));
  stream.reset();
  if (job.actor != nullptr && job.actor->checkpoints != nullptr) {
    const Checkpoints& checkpoints = *job.actor->checkpoints;
    if (checkpoints.due && !checkpoints.under_way) TakeCheckpoint(*job.actor);
  }
  Ended(job);
  env_->executor().mutex().unlock();
  results.values.clear();
  env_->executor().mutex().lock();
}

void Worker::Ended(Job& job) {
  std::erase(running_, &job);
  if (job.waits > 0) --blocked_;  // a coroutine's that nobody ended
  if (job.group != nullptr) CallEnded(*job.group);
  TellBlocked();
  if (lease_ending_ && running_.empty()) EndLease();
}

absl::Status Worker::Gather(Job& job, internal::Invocation& invocation, std::vector<ObjectRecord*>& covered) {
  const TaskSpec& spec = *job.spec;
  job.gathering = true;
  const bool is_stored = !spec.payload_stored.empty();
  std::vector<const WireValue*> arguments;
  if (is_stored) arguments.push_back(&spec.payload_stored.front());
  for (const WireValue& dependency : spec.dependencies) arguments.push_back(&dependency);
  absl::StatusOr<std::vector<internal::EncodedValue>> values = ReadArguments(job, arguments);
  if (!is_stored) {
    invocation.payload.bytes = spec.payload;
    invocation.payload.keepalive = job.frame;
  } else if (values.ok()) {
    invocation.payload = std::move(values->front());
    ImportRefs(*arguments.front(), invocation.payload, covered);
  }
  for (ObjectRecord* record : client_->borrowing().ImportCovered(spec.refs)) {
    covered.push_back(record);
    invocation.payload.refs.push_back(client_->objects().MakeRef(*record));
  }
  for (size_t i = is_stored ? 1 : 0; values.ok() && i < arguments.size(); ++i) {
    ImportRefs(*arguments[i], (*values)[i], covered);
    invocation.dependencies.push_back(std::move((*values)[i]));
  }
  job.gathering = false;
  invocation.actor = job.actor == nullptr ? nullptr : job.actor->object();
  invocation.num_returns = spec.num_returns;
  invocation.split = spec.split;
  return values.status();
}

absl::StatusOr<internal::EncodedValue> Worker::Import(Job& job, const WireValue& value,
                                                      std::vector<ObjectRecord*>& covered) {
  absl::StatusOr<internal::EncodedValue> imported = ReadArgument(job, value);
  if (imported.ok()) ImportRefs(value, *imported, covered);
  return imported;
}

void Worker::ImportRefs(const WireValue& value, internal::EncodedValue& imported, std::vector<ObjectRecord*>& covered) {
  for (ObjectRecord* record : client_->borrowing().ImportCovered(value.refs)) {
    covered.push_back(record);
    imported.refs.push_back(client_->objects().MakeRef(*record));
  }
}

absl::StatusOr<internal::EncodedValue> Worker::ReadArgument(Job& job, const WireValue& value) {
  if (job.cancelled) return MakeError(Cause::kCancelled, "cancelled before it started");
  if (value.kind != ValueKind::kInline) {
    const absl::Time deadline = env_->executor().Now() + kPullTimeout;
    absl::StatusOr<internal::EncodedValue> stored =
        client_->ReadStored(value.id, value.size, value.copies, deadline, &job.fetching);
    return stored.ok() ? std::move(stored) : WithContext(stored.status(), "an argument");
  }
  internal::EncodedValue inlined;
  inlined.bytes = value.bytes;
  inlined.keepalive = job.frame;
  return inlined;
}

absl::StatusOr<std::vector<internal::EncodedValue>> Worker::ReadArguments(Job& job,
                                                                          const std::vector<const WireValue*>& values) {
  const auto stored = std::count_if(values.begin(), values.end(),
                                    [](const WireValue* value) { return value->kind != ValueKind::kInline; });
  for (int tries = 1;; ++tries) {
    std::vector<internal::EncodedValue> read;
    absl::Status status;
    for (size_t i = 0; status.ok() && i < values.size(); ++i) {
      absl::StatusOr<internal::EncodedValue> value = ReadArgument(job, *values[i]);
      status = value.status();
      if (value.ok()) read.push_back(*std::move(value));
    }
    if (status.ok()) return read;
    env_->executor().mutex().unlock();
    read.clear();
    env_->executor().mutex().lock();
    const bool may_retry = stored > 1 && CauseOf(status) == Cause::kStoreFull && !job.abandoned;
    if (!may_retry || tries == kMaxReadArguments) return status;
    Waiter cancelled;
    job.fetching = &cancelled;
    const double part = static_cast<double>(env_->Random()) / 0x1p64;
    client_->Block(cancelled, env_->executor().Now() + kReadArgumentsDelay * tries * part);
    job.fetching = nullptr;
  }
}

absl::Status Worker::Invoke(Job& job, internal::Invocation& invocation, Results& results) {
  invocation.results = &results;
  omp_threads_.Apply();
  IOC_RETURN_IF_ERROR(job.function->entry(invocation));
  return CheckResults(job, results);
}

absl::Status Worker::CheckResults(const Job& job, const Results& results) const {
  for (const ReturnedValue& value : results.values) {
    if (absl::Status ours = client_->CheckOurs(value.written.get(), value.refs); !ours.ok()) {
      return WithContext(ours, absl::StrCat("the result of ", std::string(job.function->label)));
    }
  }
  return absl::OkStatus();
}

void Worker::Finish(Job& job, const absl::Status& status, Results& results, uint64_t run_ns,
                    const std::vector<ObjectRecord*>& covered) {
  const TaskSpec& spec = *job.spec;
  const std::shared_ptr<Answer> answer = AnswerTo(job);
  if (job.abandoned) {
    if (job.stream != nullptr) answer->items = job.stream->TakeItems();
    Forget(*answer);
    return client_->borrowing().Uncover(covered, [] {});
  }
  answer->result.run_ns = run_ns;
  answer->result.error = Located(status, job);
  answer->result.outcome = status.ok() ? TaskOutcome::kDone : TaskOutcome::kFailed;
  answer->kept = job.actor != nullptr;
  PeerLink* const link = client_->peers().FindLink(job.link);
  const bool wanted = status.ok() && (answer->kept || link != nullptr);
  answer->texts.reserve(results.values.size());  // so that views of them stay good
  for (size_t i = 0; wanted && i < results.values.size(); ++i) {
    AddResult(*answer, results.values[i], {job.caller, spec.sequence + i});
  }
  if (const size_t bytes = WireBytesOf(answer->result); bytes > kMaxTaskBytes) {
    const absl::Status error = MakeError(
        Cause::kInvalidArgument,
        absl::StrCat(std::string(job.function->label), " returned ", answer->result.returns.size(), " values with ",
                     answer->refs.size(), " references, of ", bytes, " bytes in a message; at most ", kMaxTaskBytes,
                     " are possible: return fewer and larger ones"));
    answer->result.returns.clear();
    answer->refs.clear();
    answer->result.outcome = TaskOutcome::kFailed;
    answer->result.error = Located(error, job);
  } else if (wanted && link != nullptr) {
    answer->result.given = client_->ownership().Give(job.caller, answer->refs);
  }
  if (answer->kept) {
    for (ObjectRecord* ref : answer->refs) client_->objects().Hold(*ref);
    if (job.stream != nullptr) answer->items = job.stream->TakeItems();
    if (!job.actor->answered().Keep(job.caller, spec.session, spec.call_sequence, answer)) Forget(*answer);
    answer->withheld = NoteChange(job, answer);
  } else if (link != nullptr) {
    client_->lending().HoldInTransit(*link->peer, answer->refs);
  }
  client_->borrowing().Uncover(covered, [this, answer] { Reply(answer); });
}

void Worker::AddResult(Answer& answer, ReturnedValue& value, ObjectId id) {
  WireValue wire;
  if (value.written != nullptr) {
    wire = client_->SealResult(value.written, id);
    if (wire.kind == ValueKind::kStored) client_->UnpinResult(id);
    answer.values.push_back(std::move(value.written));
  } else {
    answer.texts.push_back(std::move(value.text));
    wire.bytes = answer.texts.back();
  }
  for (const internal::Ref& ref : value.refs) {
    answer.refs.push_back(static_cast<ObjectRecord*>(ref.get()));
    wire.refs.push_back(client_->borrowing().Export(*answer.refs.back()));
  }
  answer.result.returns.push_back(std::move(wire));
}

}  // namespace ioc
