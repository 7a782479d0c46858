#include "lib/protocol/address_table.h"
#include "lib/protocol/common_codec.h"
#include "lib/protocol/peer.capnp.h"
#include "lib/protocol/peer_messages.h"
#include "lib/protocol/wire.h"

namespace ioc {
namespace {

// Writes the parts of a message that share one address table.
class PeerWriter {
 public:
  void Refs(const std::vector<RefInfo>& refs, capnp::List<wire::Ref>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) {
      auto id = out[i].getId();
      id.setMaker(refs[i].id.maker.value());
      id.setSequence(refs[i].id.sequence);
      out[i].setOwner(addresses_.IndexOf(refs[i].owner));
    }
  }

  void Value(const WireValue& value, wire::Value::Builder out) {
    auto id = out.getId();
    id.setMaker(value.id.maker.value());
    id.setSequence(value.id.sequence);
    out.setKind(WriteEnum<wire::ValueKind>(value.kind));
    if (!value.bytes.empty()) out.setBytes(AsData(value.bytes));
    out.setSize(value.size);
    if (!value.copies.empty()) {
      auto copies = out.initCopies(value.copies.size());
      for (unsigned i = 0; i < copies.size(); ++i) copies.set(i, addresses_.IndexOf(value.copies[i].node));
    }
    if (!value.refs.empty()) Refs(value.refs, out.initRefs(value.refs.size()));
  }

  void Values(const std::vector<WireValue>& values, capnp::List<wire::Value>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) Value(values[i], out[i]);
  }

  void Task(const TaskSpec& task, wire::Task::Builder out) {
    out.setKind(WriteEnum<wire::TaskKind>(task.kind));
    out.setSequence(task.sequence);
    out.setAttempt(task.attempt);
    out.setFunction(task.function);
    out.setNumReturns(task.num_returns);
    out.setDepth(task.depth);
    if (!task.name.empty()) out.setName(AsData(task.name));
    if (!task.payload.empty()) out.setPayload(AsData(task.payload));
    if (!task.payload_stored.empty()) Values(task.payload_stored, out.initPayloadStored(task.payload_stored.size()));
    if (!task.dependencies.empty()) Values(task.dependencies, out.initDependencies(task.dependencies.size()));
    if (!task.refs.empty()) Refs(task.refs, out.initRefs(task.refs.size()));
    auto actor = out.getActor();
    actor.setMaker(task.actor.maker.value());
    actor.setSequence(task.actor.sequence);
    out.setCallSequence(task.call_sequence);
    out.setMaxConcurrency(task.max_concurrency);
    out.setSplit(task.split);
    out.setStreamWindow(task.stream_window);
    out.setStreamSkip(task.stream_skip);
    out.setSession(task.session);
    out.setAnswered(task.answered);
    if (!task.group.empty()) out.setGroup(AsData(task.group));
    if (!task.concurrency_groups.empty()) {
      auto groups = out.initConcurrencyGroups(task.concurrency_groups.size());
      for (unsigned i = 0; i < groups.size(); ++i) {
        groups[i].setName(AsData(task.concurrency_groups[i].name));
        groups[i].setLimit(task.concurrency_groups[i].limit);
      }
    }
    out.setShared(task.shared);
    out.setIncarnation(task.incarnation);
    out.setCheckpointIds(task.checkpoint_ids);
    out.setCheckpointEvery(task.checkpoint_every);
    out.setCheckpointPeriodNs(task.checkpoint_period_ns);
    if (!task.checkpoint.empty()) {
      auto checkpoints = out.initCheckpoint(task.checkpoint.size());
      for (unsigned i = 0; i < checkpoints.size(); ++i) Saved(task.checkpoint[i], checkpoints[i]);
    }
  }

  void Result(const TaskResult& result, wire::TaskResult::Builder out) {
    out.setSequence(result.sequence);
    out.setAttempt(result.attempt);
    out.setOutcome(WriteEnum<wire::TaskOutcome>(result.outcome));
    out.setBlocked(result.blocked);
    if (!result.error.ok()) WriteError(result.error, out.initError());
    if (!result.returns.empty()) Values(result.returns, out.initReturns(result.returns.size()));
    out.setRunNs(result.run_ns);
    out.setGone(result.gone);
    if (!result.given.empty()) Values(result.given, out.initGiven(result.given.size()));
  }

  void Saved(const Checkpoint& checkpoint, wire::Checkpoint::Builder out) {
    Value(checkpoint.state, out.initState());
    auto calls = out.initCalls(checkpoint.calls.size());
    for (unsigned i = 0; i < calls.size(); ++i) {
      const SavedCall& call = checkpoint.calls[i];
      calls[i].setCaller(call.caller.value());
      Result(call.result, calls[i].initResult());
      auto items = calls[i].initItems(call.items.size());
      for (unsigned j = 0; j < items.size(); ++j) {
        items[j].setIndex(call.items[j].index);
        items[j].setSize(call.items[j].size);
        Value(call.items[j].value, items[j].initValue());
      }
    }
  }

  // Last: the table is complete when all else is written.
  template <typename Message>
  void Finish(Message out) {
    if (!addresses_.empty()) addresses_.Write(out.initAddresses());
  }

 private:
  AddressWriter addresses_;
};

// Most lists of a value, a task or a result are absent; to look for one costs as much as to read a number (measured:
// 330 instructions less a result).
class PeerReader {
 public:
  template <typename Message>
  PeerReader(Budget& budget, Message in) : budget_(budget), addresses_(budget, in.getAddresses()) {}

  void Refs(capnp::List<wire::Ref>::Reader in, std::vector<RefInfo>& refs) {
    ResizeFor(budget_, in, refs);
    for (unsigned i = 0; i < in.size(); ++i) {
      refs[i].id = {ProcessId(in[i].getId().getMaker()), in[i].getId().getSequence()};
      addresses_.Read(budget_, in[i].getOwner(), refs[i].owner);
    }
  }

  void Value(wire::Value::Reader in, WireValue& value) {
    value.id = {ProcessId(in.getId().getMaker()), in.getId().getSequence()};
    value.kind = ReadEnum(in.getKind(), ValueKind::kInline, ValueKind::kStored, "the kind of value");
    value.bytes = AsView(in.getBytes());
    value.size = in.getSize();
    in.hasCopies() ? Copies(in.getCopies(), value.copies) : value.copies.clear();
    in.hasRefs() ? Refs(in.getRefs(), value.refs) : value.refs.clear();
  }

  void Copies(capnp::List<uint32_t>::Reader in, std::vector<ObjectCopy>& copies) {
    ResizeFor(budget_, in, copies);
    for (unsigned i = 0; i < in.size(); ++i) addresses_.Read(budget_, in[i], copies[i].node);
  }

  void Values(capnp::List<wire::Value>::Reader in, std::vector<WireValue>& values) {
    ResizeFor(budget_, in, values);
    for (unsigned i = 0; i < in.size(); ++i) Value(in[i], values[i]);
  }

  void Function(wire::FunctionNumber::Reader in, FunctionNumber& function) {
    function.number = in.getNumber();
    function.key.build_id = AsView(in.getBuildId());
    function.key.offset = in.getOffset();
    function.key.name = AsView(in.getName());
    function.key.label = AsView(in.getLabel());
  }

  void Task(wire::Task::Reader in, TaskSpec& task) {
    task.kind = ReadEnum(in.getKind(), TaskKind::kTask, TaskKind::kActorCall, "the kind of task");
    task.sequence = in.getSequence();
    task.attempt = in.getAttempt();
    task.function = in.getFunction();
    task.num_returns = in.getNumReturns();
    task.depth = in.getDepth();
    task.name = AsView(in.getName());
    task.payload = AsView(in.getPayload());
    in.hasPayloadStored() ? Values(in.getPayloadStored(), task.payload_stored) : task.payload_stored.clear();
    in.hasDependencies() ? Values(in.getDependencies(), task.dependencies) : task.dependencies.clear();
    in.hasRefs() ? Refs(in.getRefs(), task.refs) : task.refs.clear();
    task.actor = {ProcessId(in.getActor().getMaker()), in.getActor().getSequence()};
    task.call_sequence = in.getCallSequence();
    task.max_concurrency = in.getMaxConcurrency();
    task.split = in.getSplit();
    task.stream_window = in.getStreamWindow();
    task.stream_skip = in.getStreamSkip();
    task.session = in.getSession();
    task.answered = in.getAnswered();
    task.group = AsView(in.getGroup());
    in.hasConcurrencyGroups() ? Groups(in.getConcurrencyGroups(), task.concurrency_groups)
                              : task.concurrency_groups.clear();
    task.shared = in.getShared();
    task.incarnation = in.getIncarnation();
    task.checkpoint_ids = in.getCheckpointIds();
    task.checkpoint_every = in.getCheckpointEvery();
    task.checkpoint_period_ns = in.getCheckpointPeriodNs();
    in.hasCheckpoint() ? Checkpoints(in.getCheckpoint(), task.checkpoint) : task.checkpoint.clear();
  }

  void Groups(capnp::List<wire::ConcurrencyGroup>::Reader in, std::vector<ConcurrencyGroup>& groups) {
    ResizeFor(budget_, in, groups);
    for (unsigned i = 0; i < in.size(); ++i) groups[i] = {.name = AsView(in[i].getName()), .limit = in[i].getLimit()};
  }

  void Checkpoints(capnp::List<wire::Checkpoint>::Reader in, std::vector<Checkpoint>& checkpoints) {
    ResizeFor(budget_, in, checkpoints);
    for (unsigned i = 0; i < in.size(); ++i) Saved(in[i], checkpoints[i]);
  }

  void Saved(wire::Checkpoint::Reader in, Checkpoint& checkpoint) {
    Value(in.getState(), checkpoint.state);
    const auto calls = in.getCalls();
    ResizeFor(budget_, calls, checkpoint.calls);
    for (unsigned i = 0; i < calls.size(); ++i) {
      SavedCall& call = checkpoint.calls[i];
      call.caller = ProcessId(calls[i].getCaller());
      Result(calls[i].getResult(), call.result);
      const auto items = calls[i].getItems();
      ResizeFor(budget_, items, call.items);
      for (unsigned j = 0; j < items.size(); ++j) {
        call.items[j].index = items[j].getIndex();
        call.items[j].size = items[j].getSize();
        Value(items[j].getValue(), call.items[j].value);
      }
    }
  }

  void Result(wire::TaskResult::Reader in, TaskResult& result) {
    result.sequence = in.getSequence();
    result.attempt = in.getAttempt();
    result.outcome = ReadEnum(in.getOutcome(), TaskOutcome::kDone, TaskOutcome::kReturned, "the outcome");
    result.blocked = in.getBlocked();
    result.error = in.hasError() ? ReadError(in.getError()) : absl::OkStatus();
    in.hasReturns() ? Values(in.getReturns(), result.returns) : result.returns.clear();
    result.run_ns = in.getRunNs();
    result.gone = in.getGone();
    in.hasGiven() ? Values(in.getGiven(), result.given) : result.given.clear();
  }

 private:
  Budget& budget_;
  AddressReader addresses_;
};

void Write(const FunctionNumber& function, wire::FunctionNumber::Builder out) {
  out.setNumber(function.number);
  out.setBuildId(AsText(function.key.build_id));
  out.setOffset(function.key.offset);
  out.setName(AsText(function.key.name));
  out.setLabel(AsText(function.key.label));
}

void Write(const PushTasks& push, wire::PushTasks::Builder out) {
  PeerWriter writer;
  out.setLease(push.lease.value());
  if (!push.functions.empty()) {
    auto functions = out.initFunctions(push.functions.size());
    for (unsigned i = 0; i < functions.size(); ++i) Write(push.functions[i], functions[i]);
  }
  auto tasks = out.initTasks(push.tasks.size());
  for (unsigned i = 0; i < tasks.size(); ++i) writer.Task(push.tasks[i], tasks[i]);
  writer.Finish(out);
}

void Read(Budget& budget, wire::PushTasks::Reader in, PushTasks& push) {
  PeerReader reader(budget, in);
  push.lease = LeaseId(in.getLease());
  const auto functions = in.getFunctions();
  ResizeFor(budget, functions, push.functions);
  for (unsigned i = 0; i < functions.size(); ++i) reader.Function(functions[i], push.functions[i]);
  const auto tasks = in.getTasks();
  ResizeFor(budget, tasks, push.tasks);
  for (unsigned i = 0; i < tasks.size(); ++i) reader.Task(tasks[i], push.tasks[i]);
}

void Write(const TaskResults& results, wire::TaskResults::Builder out) {
  PeerWriter writer;
  auto list = out.initResults(results.results.size());
  for (unsigned i = 0; i < list.size(); ++i) writer.Result(results.results[i], list[i]);
  writer.Finish(out);
}

void Read(Budget& budget, wire::TaskResults::Reader in, TaskResults& results) {
  PeerReader reader(budget, in);
  const auto list = in.getResults();
  ResizeFor(budget, list, results.results);
  for (unsigned i = 0; i < list.size(); ++i) reader.Result(list[i], results.results[i]);
}

void Write(const RecallTasks& recall, wire::RecallTasks::Builder out) {
  out.setLease(recall.lease.value());
  out.setCount(recall.count);
}
void Read(Budget&, wire::RecallTasks::Reader in, RecallTasks& recall) {
  recall.lease = LeaseId(in.getLease());
  recall.count = in.getCount();
}

void Write(const CancelTask& cancel, wire::CancelTask::Builder out) {
  out.setSequence(cancel.sequence);
  out.setForce(cancel.force);
  Write(cancel.actor, out.initActor());
}
void Read(Budget& budget, wire::CancelTask::Reader in, CancelTask& cancel) {
  cancel.sequence = in.getSequence();
  cancel.force = in.getForce();
  Read(budget, in.getActor(), cancel.actor);
}

void Write(const StreamItem& item, wire::StreamItem::Builder out) {
  PeerWriter writer;
  out.setSequence(item.sequence);
  out.setAttempt(item.attempt);
  out.setIndex(item.index);
  writer.Value(item.value, out.initValue());
  writer.Finish(out);
}
void Read(Budget& budget, wire::StreamItem::Reader in, StreamItem& item) {
  PeerReader reader(budget, in);
  item.sequence = in.getSequence();
  item.attempt = in.getAttempt();
  item.index = in.getIndex();
  reader.Value(in.getValue(), item.value);
}

void Write(const StreamCredit& credit, wire::StreamCredit::Builder out) {
  out.setSequence(credit.sequence);
  out.setTaken(credit.taken);
}
void Read(Budget&, wire::StreamCredit::Reader in, StreamCredit& credit) {
  credit.sequence = in.getSequence();
  credit.taken = in.getTaken();
}

void Write(const FailedObject& failed, wire::FailedObject::Builder out) {
  Write(failed.id, out.initId());
  if (!failed.error.ok()) WriteError(failed.error, out.initError());
}
void Read(Budget& budget, wire::FailedObject::Reader in, FailedObject& failed) {
  Read(budget, in.getId(), failed.id);
  failed.error = in.hasError() ? ReadError(in.getError()) : absl::OkStatus();
}

// Of values and errors that travel together.
template <typename Message, typename Builder>
void WriteOutcomes(const Message& message, Builder out) {
  PeerWriter writer;
  writer.Values(message.values, out.initValues(message.values.size()));
  auto failed = out.initFailed(message.failed.size());
  for (unsigned i = 0; i < failed.size(); ++i) Write(message.failed[i], failed[i]);
  writer.Finish(out);
}
template <typename Reader, typename Message>
void ReadOutcomes(Budget& budget, Reader in, Message& message) {
  PeerReader reader(budget, in);
  reader.Values(in.getValues(), message.values);
  const auto failed = in.getFailed();
  ResizeFor(budget, failed, message.failed);
  for (unsigned i = 0; i < failed.size(); ++i) Read(budget, failed[i], message.failed[i]);
}

void Write(const ResolveObjects& request, wire::ResolveObjects::Builder out) {
  WriteIds(request.ids, out.initIds(request.ids.size()));
}
void Read(Budget& budget, wire::ResolveObjects::Reader in, ResolveObjects& request) {
  ReadIds(budget, in.getIds(), request.ids);
}

void Write(const ResolveObjects::Reply& reply, wire::ResolveObjects::Reply::Builder out) {
  WriteOutcomes(reply, out);
  WriteIds(reply.pending, out.initPending(reply.pending.size()));
}
void Read(Budget& budget, wire::ResolveObjects::Reply::Reader in, ResolveObjects::Reply& reply) {
  ReadOutcomes(budget, in, reply);
  ReadIds(budget, in.getPending(), reply.pending);
}

void Write(const ObjectsResolved& resolved, wire::ObjectsResolved::Builder out) { WriteOutcomes(resolved, out); }
void Read(Budget& budget, wire::ObjectsResolved::Reader in, ObjectsResolved& resolved) {
  ReadOutcomes(budget, in, resolved);
}

void Write(const BorrowsRestored&, wire::BorrowsRestored::Builder) {}
void Read(Budget&, wire::BorrowsRestored::Reader, BorrowsRestored&) {}

void Write(const AddBorrower& add, wire::AddBorrower::Builder out) {
  WriteIds(add.ids, out.initIds(add.ids.size()));
  out.setSentByOwner(add.sent_by_owner);
}
void Read(Budget& budget, wire::AddBorrower::Reader in, AddBorrower& add) {
  ReadIds(budget, in.getIds(), add.ids);
  add.sent_by_owner = in.getSentByOwner();
}

void Write(const ReleaseBorrows& release, wire::ReleaseBorrows::Builder out) {
  WriteIds(release.ids, out.initIds(release.ids.size()));
}
void Read(Budget& budget, wire::ReleaseBorrows::Reader in, ReleaseBorrows& release) {
  ReadIds(budget, in.getIds(), release.ids);
}

void Write(const RefsReceived& received, wire::RefsReceived::Builder out) {
  WriteIds(received.ids, out.initIds(received.ids.size()));
}
void Read(Budget& budget, wire::RefsReceived::Reader in, RefsReceived& received) {
  ReadIds(budget, in.getIds(), received.ids);
}

void Write(const TakeOver& take, wire::TakeOver::Builder out) { WriteOutcomes(take, out); }
void Read(Budget& budget, wire::TakeOver::Reader in, TakeOver& take) { ReadOutcomes(budget, in, take); }

void Write(const TakeOver::Reply& reply, wire::TakeOver::Reply::Builder out) {
  WriteIds(reply.taken, out.initTaken(reply.taken.size()));
  Write(reply.owner, out.initOwner());
}
void Read(Budget& budget, wire::TakeOver::Reply::Reader in, TakeOver::Reply& reply) {
  ReadIds(budget, in.getTaken(), reply.taken);
  Read(budget, in.getOwner(), reply.owner);
}

void Write(const OwnerMoved& moved, wire::OwnerMoved::Builder out) {
  WriteIds(moved.ids, out.initIds(moved.ids.size()));
  Write(moved.owner, out.initOwner());
}
void Read(Budget& budget, wire::OwnerMoved::Reader in, OwnerMoved& moved) {
  ReadIds(budget, in.getIds(), moved.ids);
  Read(budget, in.getOwner(), moved.owner);
}

void Write(const ResolveActor& request, wire::ResolveActor::Builder out) { Write(request.actor, out.initActor()); }
void Read(Budget& budget, wire::ResolveActor::Reader in, ResolveActor& request) {
  Read(budget, in.getActor(), request.actor);
}

void Write(const ResolveActor::Reply& reply, wire::ResolveActor::Reply::Builder out) {
  Write(reply.worker, out.initWorker());
  out.setIncarnation(reply.incarnation);
  out.setNodeName(AsText(reply.node_name));
  out.setMaxTaskRetries(reply.max_task_retries);
}
void Read(Budget& budget, wire::ResolveActor::Reply::Reader in, ResolveActor::Reply& reply) {
  Read(budget, in.getWorker(), reply.worker);
  reply.incarnation = in.getIncarnation();
  reply.node_name = AsView(in.getNodeName());
  reply.max_task_retries = in.getMaxTaskRetries();
}

void Write(const AnswersHeard& heard, wire::AnswersHeard::Builder out) {
  Write(heard.actor, out.initActor());
  out.setSession(heard.session);
  out.setAnswered(heard.answered);
}
void Read(Budget& budget, wire::AnswersHeard::Reader in, AnswersHeard& heard) {
  Read(budget, in.getActor(), heard.actor);
  heard.session = in.getSession();
  heard.answered = in.getAnswered();
}

void Write(const KeepCheckpoint& save, wire::KeepCheckpoint::Builder out) {
  PeerWriter writer;
  Write(save.actor, out.initActor());
  out.setIncarnation(save.incarnation);
  writer.Saved(save.checkpoint, out.initCheckpoint());
  writer.Finish(out);
}
void Read(Budget& budget, wire::KeepCheckpoint::Reader in, KeepCheckpoint& save) {
  PeerReader reader(budget, in);
  Read(budget, in.getActor(), save.actor);
  save.incarnation = in.getIncarnation();
  reader.Saved(in.getCheckpoint(), save.checkpoint);
}
void Write(const KeepCheckpoint::Reply&, wire::KeepCheckpoint::Reply::Builder) {}
void Read(Budget&, wire::KeepCheckpoint::Reply::Reader, KeepCheckpoint::Reply&) {}

void Write(const FollowWait& follow, wire::FollowWait::Builder out) {
  Write(follow.object, out.initObject());
  Write(follow.actor, out.initActor());
  out.setAtWorker(follow.at_worker);
  auto chain = out.initChain(follow.chain.size());
  for (unsigned i = 0; i < chain.size(); ++i) {
    chain[i].setProcess(follow.chain[i].process.value());
    chain[i].setJob(follow.chain[i].job);
    chain[i].setBlocks(follow.chain[i].blocks);
    chain[i].setWhat(AsText(follow.chain[i].what));
  }
}
void Read(Budget& budget, wire::FollowWait::Reader in, FollowWait& follow) {
  Read(budget, in.getObject(), follow.object);
  Read(budget, in.getActor(), follow.actor);
  follow.at_worker = in.getAtWorker();
  const auto chain = in.getChain();
  ResizeFor(budget, chain, follow.chain);
  for (unsigned i = 0; i < chain.size(); ++i) {
    follow.chain[i].process = ProcessId(chain[i].getProcess());
    follow.chain[i].job = chain[i].getJob();
    follow.chain[i].blocks = chain[i].getBlocks();
    follow.chain[i].what = AsView(chain[i].getWhat());
  }
}

void Write(const KillActor& kill, wire::KillActor::Builder out) {
  Write(kill.actor, out.initActor());
  out.setNoRestart(kill.no_restart);
}
void Read(Budget& budget, wire::KillActor::Reader in, KillActor& kill) {
  Read(budget, in.getActor(), kill.actor);
  kill.no_restart = in.getNoRestart();
}
void Write(const KillActor::Reply&, wire::KillActor::Reply::Builder) {}
void Read(Budget&, wire::KillActor::Reply::Reader, KillActor::Reply&) {}

void Write(const StopActor& stop, wire::StopActor::Builder out) {
  Write(stop.actor, out.initActor());
  out.setForce(stop.force);
  out.setIncarnation(stop.incarnation);
}
void Read(Budget& budget, wire::StopActor::Reader in, StopActor& stop) {
  Read(budget, in.getActor(), stop.actor);
  stop.force = in.getForce();
  stop.incarnation = in.getIncarnation();
}
void Write(const StopActor::Reply&, wire::StopActor::Reply::Builder) {}
void Read(Budget&, wire::StopActor::Reply::Reader, StopActor::Reply&) {}

void Write(const ReturnLease& message, wire::ReturnLease::Builder out) { out.setLease(message.lease.value()); }
void Read(Budget&, wire::ReturnLease::Reader in, ReturnLease& message) { message.lease = LeaseId(in.getLease()); }
void Write(const LeaseRecalled& message, wire::LeaseRecalled::Builder out) { out.setLease(message.lease.value()); }
void Read(Budget&, wire::LeaseRecalled::Reader in, LeaseRecalled& message) { message.lease = LeaseId(in.getLease()); }
void Write(const AddBorrower::Reply& reply, wire::AddBorrower::Reply::Builder out) {
  WriteIds(reply.unknown, out.initUnknown(reply.unknown.size()));
}
void Read(Budget& budget, wire::AddBorrower::Reply::Reader in, AddBorrower::Reply& reply) {
  ReadIds(budget, in.getUnknown(), reply.unknown);
}

}  // namespace

IOC_DEFINE_CODEC(PushTasks);
IOC_DEFINE_CODEC(TaskResults);
IOC_DEFINE_CODEC(ReturnLease);
IOC_DEFINE_CODEC(LeaseRecalled);
IOC_DEFINE_CODEC(RecallTasks);
IOC_DEFINE_CODEC(CancelTask);
IOC_DEFINE_CODEC(ResolveObjects);
IOC_DEFINE_CODEC(ResolveObjects::Reply);
IOC_DEFINE_CODEC(ObjectsResolved);
IOC_DEFINE_CODEC(BorrowsRestored);
IOC_DEFINE_CODEC(AddBorrower);
IOC_DEFINE_CODEC(AddBorrower::Reply);
IOC_DEFINE_CODEC(ReleaseBorrows);
IOC_DEFINE_CODEC(RefsReceived);
IOC_DEFINE_CODEC(ResolveActor);
IOC_DEFINE_CODEC(ResolveActor::Reply);
IOC_DEFINE_CODEC(KillActor);
IOC_DEFINE_CODEC(KillActor::Reply);
IOC_DEFINE_CODEC(StopActor);
IOC_DEFINE_CODEC(StopActor::Reply);
IOC_DEFINE_CODEC(StreamItem);
IOC_DEFINE_CODEC(StreamCredit);
IOC_DEFINE_CODEC(AnswersHeard);
IOC_DEFINE_CODEC(FollowWait);
IOC_DEFINE_CODEC(KeepCheckpoint);
IOC_DEFINE_CODEC(KeepCheckpoint::Reply);
IOC_DEFINE_CODEC(TakeOver);
IOC_DEFINE_CODEC(TakeOver::Reply);
IOC_DEFINE_CODEC(OwnerMoved);

}  // namespace ioc
