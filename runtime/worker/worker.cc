#include "runtime/worker/worker.h"

#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/objects/worker_page.h"
#include "runtime/worker/stream_out.h"

namespace ioc {
namespace {

// Says where and in which attempt it happened.
absl::Status Located(const absl::Status& error, const std::string& node, uint32_t attempt) {
  if (error.ok()) return error;
  absl::Status located(error.code(), absl::StrCat(error.message(), " (on node ", node, ", attempt ", attempt + 1, ")"));
  error.ForEachPayload(
      [&located](absl::string_view url, const absl::Cord& payload) { located.SetPayload(url, payload); });
  return located;
}

}  // namespace

// Collects what a function returns.
class Worker::Results final : public internal::ReturnSink {
 public:
  explicit Results(Client& client) : client_(client) {}

  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Reserve(size_t bytes) override {
    return client_.Allocate(bytes);
  }
  void Return(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) override {
    values.push_back({std::move(value), {}, std::move(refs)});
  }
  void ReturnInline(std::string bytes, std::vector<internal::Ref> refs) override {
    values.push_back({nullptr, std::move(bytes), std::move(refs)});
  }

  std::vector<ReturnedValue> values;

 private:
  Client& client_;
};

Worker::Worker(std::shared_ptr<Env> env, absl::AnyInvocable<void(int)> exit_now)
    : env_(std::move(env)), exit_now_(std::move(exit_now)), client_(new Client(env_, this)) {}

Worker::~Worker() {
  client_->Shutdown();
  // Left by Run only if that was unwound.
  if (actor_object_ != nullptr) destroy_actor_(std::exchange(actor_object_, nullptr));
  {
    MutexLock lock(env_->executor().mutex());
    env_->executor().CancelTimer(connect_timer_);
    env_->executor().CancelTimer(absence_timer_);
    env_->executor().Undefer(*this);
  }
  client_->Release();
}

absl::Status Worker::Connect(absl::Duration timeout) {
  return client_->Connect({.role = Role::kWorker, .timeout = timeout});
}

void Worker::Run() {
  RunLoop();
  for (auto& thread : std::exchange(threads_, {})) thread.reset();
  if (actor_object_ != nullptr) destroy_actor_(std::exchange(actor_object_, nullptr));
}

void Worker::RunLoop() {
  internal::RunContext context{.runtime = client_};
  internal::SetCurrentContext(&context);
  {
    MutexLock lock(env_->executor().mutex());
    while (true) {
      if (!queue_.empty()) {
        std::unique_ptr<Job> job = std::move(queue_.front());
        queue_.pop_front();
        Execute(*job, context);
        continue;
      }
      if (stopping_) break;
      client_->NoteOwned();
      std::fflush(stdout);  // what tasks printed must not wait for the end of the process, which may be sudden
      Waiter waiter;
      idle_.push_back(&waiter);
      env_->executor().Await(waiter, absl::InfiniteFuture());
      std::erase(idle_, &waiter);
    }
    RunDeferred();
  }
  internal::SetCurrentContext(nullptr);
}

void Worker::WakeOne() {
  for (Waiter* waiter : idle_) {
    if (!waiter->notified) return env_->executor().Notify(*waiter);
  }
}

void Worker::Stop() {
  stopping_ = true;
  for (Waiter* waiter : idle_) env_->executor().Notify(*waiter);
}

// --- one task ---

void Worker::Execute(Job& job, internal::RunContext& context) {
  const TaskSpec& spec = *job.spec;
  running_.push_back(&job);
  context.job = job.number;
  if (client_->registration().status_page != nullptr) {
    WorkerPage& page = WorkerPageIn(*client_->registration().status_page);
    page.started.store(spec.sequence, std::memory_order_relaxed);
    page.caller.store(job.caller.value(), std::memory_order_relaxed);
  }
  client_->set_depth(spec.depth + 1);
  std::vector<ObjectRecord*> covered;
  uint64_t run_ns = 0;
  Results results(*client_);
  std::optional<StreamOut> stream;
  if (spec.stream_window > 0) stream.emplace(env_->executor(), *client_, job);
  absl::Status status;
  {
    internal::Invocation invocation;
    invocation.stream = stream ? &*stream : nullptr;
    status = Gather(job, invocation, covered);
    const absl::Time start = env_->executor().Now();
    // What the invocation refers to is let go outside the mutex, before it is looked at what is kept.
    env_->executor().mutex().unlock();
    if (status.ok()) status = Invoke(job, invocation, results);
    if (status.ok() && stream) status = stream->status();
    invocation.payload = {};
    invocation.dependencies.clear();
    env_->executor().mutex().lock();
    run_ns = static_cast<uint64_t>(absl::ToInt64Nanoseconds(env_->executor().Now() - start));
    if (status.ok() && spec.kind == TaskKind::kCreateActor) AdoptActor(job, invocation);
  }
  Finish(job, status, results, run_ns, covered);
  stream.reset();
  std::erase(running_, &job);
  context.job = 0;
  if (lease_ending_ && running_.empty()) EndLease();
  env_->executor().mutex().unlock();
  results.values.clear();
  env_->executor().mutex().lock();
}

absl::Status Worker::Gather(Job& job, internal::Invocation& invocation, std::vector<ObjectRecord*>& covered) {
  const TaskSpec& spec = *job.spec;
  gathering_ = true;
  absl::Status status;
  if (spec.payload_stored.empty()) {
    invocation.payload.bytes = spec.payload;
    invocation.payload.keepalive = job.frame;
  } else {
    absl::StatusOr<internal::EncodedValue> payload = Import(job, spec.payload_stored.front(), covered);
    status = payload.status();
    if (payload.ok()) invocation.payload = *std::move(payload);
  }
  for (ObjectRecord* record : client_->borrowing().ImportCovered(spec.refs)) {
    covered.push_back(record);
    invocation.payload.refs.push_back(client_->objects().MakeRef(*record));
  }
  for (const WireValue& dependency : spec.dependencies) {
    absl::StatusOr<internal::EncodedValue> value = Import(job, dependency, covered);
    if (!value.ok()) {
      status = value.status();
      break;
    }
    invocation.dependencies.push_back(*std::move(value));
  }
  gathering_ = false;
  invocation.actor = actor_object_;
  invocation.num_returns = spec.num_returns;
  invocation.split = spec.split;
  return status;
}

absl::StatusOr<internal::EncodedValue> Worker::Import(Job& job, const WireValue& value,
                                                      std::vector<ObjectRecord*>& covered) {
  internal::EncodedValue imported;
  if (value.kind == ValueKind::kInline) {
    imported.bytes = value.bytes;
    imported.keepalive = job.frame;
  } else {
    const absl::Time deadline = env_->executor().Now() + kPullTimeout;
    absl::StatusOr<internal::EncodedValue> stored = client_->ReadStored(value.id, value.size, value.copies, deadline);
    if (!stored.ok()) return WithContext(stored.status(), "an argument");
    imported = *std::move(stored);
  }
  for (ObjectRecord* record : client_->borrowing().ImportCovered(value.refs)) {
    covered.push_back(record);
    imported.refs.push_back(client_->objects().MakeRef(*record));
  }
  return imported;
}

absl::Status Worker::Invoke(Job& job, internal::Invocation& invocation, Results& results) {
  if (job.spec->kind == TaskKind::kActorCall && invocation.actor == nullptr) {
    return MakeError(Cause::kActorDied, "the actor's constructor failed");
  }
  invocation.results = &results;
  IOC_RETURN_IF_ERROR(job.function->entry(invocation));
  for (const ReturnedValue& value : results.values) {
    if (absl::Status ours = client_->CheckOurs(value.written.get(), value.refs); !ours.ok()) {
      return WithContext(ours, absl::StrCat("the result of ", std::string(job.function->label)));
    }
  }
  return absl::OkStatus();
}

void Worker::AdoptActor(Job& job, const internal::Invocation& invocation) {
  actor_ = job.spec->actor;
  actor_object_ = invocation.created;
  destroy_actor_ = invocation.destroy;
  const uint32_t threads = std::min(job.spec->max_concurrency, kMaxActorThreads);
  if (threads <= 1) return;
  env_->executor().mutex().unlock();
  for (uint32_t i = 1; i < threads; ++i) {
    threads_.push_back(env_->executor().StartThread(absl::StrCat("ioc-actor-", i), [this] { RunLoop(); }));
  }
  env_->executor().mutex().lock();
}

void Worker::Finish(Job& job, const absl::Status& status, Results& results, uint64_t run_ns,
                    const std::vector<ObjectRecord*>& covered) {
  const TaskSpec& spec = *job.spec;
  auto answer = std::make_shared<Answer>();
  answer->link = job.link;
  answer->result.sequence = spec.sequence;
  answer->result.attempt = spec.attempt;
  answer->result.run_ns = run_ns;
  answer->result.error = Located(status, client_->NodeName(), spec.attempt);
  answer->result.outcome = status.ok() ? TaskOutcome::kDone : TaskOutcome::kFailed;
  answer->kept = spec.kind == TaskKind::kActorCall;
  PeerLink* const link = client_->peers().FindLink(job.link);
  const bool wanted = status.ok() && (answer->kept || link != nullptr);
  answer->texts.reserve(results.values.size());  // so that views of them stay good
  for (size_t i = 0; wanted && i < results.values.size(); ++i) {
    AddResult(*answer, results.values[i], {job.caller, spec.sequence + i});
  }
  if (answer->kept) {
    for (ObjectRecord* ref : answer->refs) client_->objects().Hold(*ref);
    if (job.stream != nullptr) answer->items = job.stream->TakeItems();
    if (!answered_.Keep(job.caller, spec.session, spec.call_sequence, answer)) Forget(*answer);
  } else if (link != nullptr) {
    client_->borrowing().HoldInTransit(*link->peer, answer->refs);
  }
  client_->borrowing().Uncover(covered, job.caller, [this, answer] { Reply(answer); });
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

// --- answers ---

void Worker::Reply(std::shared_ptr<Answer> answer) {
  answer->ready = true;
  if (std::exchange(answer->queued, true)) return;
  for (const std::string& bytes : answer->texts) answer_bytes_ += bytes.size();
  answers_.push_back(std::move(answer));
  if (answer_bytes_ > kAnswerBytes) return RunDeferred();
  env_->executor().Defer(*this);
}

void Worker::RunDeferred() {
  answer_bytes_ = 0;
  const std::vector<std::shared_ptr<Answer>> answers = std::exchange(answers_, {});
  // One frame for each run of answers to the same link; they are nearly always all to one.
  for (size_t begin = 0, end = 0; begin < answers.size(); begin = end) {
    const uint64_t id = answers[begin]->link;
    PeerLink* const link = client_->peers().FindLink(id);
    results_.results.clear();
    for (; end < answers.size() && answers[end]->link == id; ++end) {
      Answer& answer = *answers[end];
      answer.queued = false;
      if (answer.kept && link != nullptr) client_->borrowing().HoldInTransit(*link->peer, answer.refs);
      results_.results.push_back(std::move(answer.result));
    }
    if (link != nullptr) link->channel->Notify(results_);
    for (size_t i = begin; i < end; ++i) {
      if (answers[i]->kept) answers[i]->result = std::move(results_.results[i - begin]);
    }
  }
}

void Worker::Forget(Answer& answer) {
  for (ObjectRecord* ref : std::exchange(answer.refs, {})) client_->objects().Drop(*ref);
  for (const SentItem& item : std::exchange(answer.items, {})) {
    for (ObjectRecord* ref : item.refs) client_->objects().Drop(*ref);
  }
}

void Worker::ReplyReturned(const Job& job, bool blocked) {
  auto answer = std::make_shared<Answer>();
  answer->link = job.link;
  answer->result.sequence = job.spec->sequence;
  answer->result.attempt = job.spec->attempt;
  answer->result.outcome = TaskOutcome::kReturned;
  answer->result.blocked = blocked;
  Reply(std::move(answer));
}

void Worker::ReplyFailed(const Job& job, const absl::Status& error) {
  auto answer = std::make_shared<Answer>();
  answer->link = job.link;
  answer->result.sequence = job.spec->sequence;
  answer->result.attempt = job.spec->attempt;
  answer->result.outcome = TaskOutcome::kFailed;
  answer->result.error = Located(error, client_->NodeName(), job.spec->attempt);
  if (job.taken) {
    answer->kept = true;
    static_cast<void>(answered_.Keep(job.caller, job.spec->session, job.spec->call_sequence, answer));
  }
  Reply(std::move(answer));
}

}  // namespace ioc
