#include "runtime/client/streams.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace ioc {

void StreamTable::OnItem(PeerLink& link, const TaskRecord& task, StreamItem& item, const NodeAddress& node) {
  std::vector<ObjectRecord*> contained = borrowing_.ImportReceived(item.value.refs, link.peer->process);
  const ObjectId id = {self_, task.sequence + 1 + item.index};
  const auto found = streams_.find(task.sequence);
  const bool wanted = found != streams_.end() && item.index == found->second.taken + found->second.items.size();
  if (!wanted) {
    for (ObjectRecord* inner : contained) objects_.Drop(*inner);
    if (item.value.kind == ValueKind::kStored) store_.Free(id, {ObjectCopy{node}});
    return;
  }
  ObjectRecord& record = objects_.Create(id);
  record.maker = task.function;
  objects_.Hold(record);
  if (item.value.kind == ValueKind::kInline) {
    objects_.SettleInline(record, std::make_shared<const std::string>(item.value.bytes), std::move(contained));
  } else {
    objects_.SettleStored(record, item.value.size, {ObjectCopy{node}}, std::move(contained));
  }
  Stream& stream = found->second;
  stream.link = link.id;
  stream.window = task.stream_window;
  stream.items.push_back(&record);
  stream.Tell(executor_);
}

void StreamTable::Stream::Tell(Executor& executor) {
  for (Waiter* waiter : waiting) executor.Notify(*waiter);
  for (ItemListener* listener : std::exchange(listening, {})) listener->OnItem();
}

ObjectRecord* StreamTable::Take(uint64_t sequence) {
  const auto found = streams_.find(sequence);
  if (found == streams_.end() || found->second.items.empty()) return nullptr;
  Stream& stream = found->second;
  ObjectRecord* const item = stream.items.front();
  stream.items.pop_front();
  ++stream.taken;
  // Not a message for each item; but one before the worker runs dry, or the reader waits.
  if (stream.items.empty() || stream.taken - stream.credited >= std::max(1u, stream.window / 4)) {
    GiveCredit(sequence, stream);
  }
  return item;
}

void StreamTable::GiveCredit(uint64_t sequence, Stream& stream) {
  stream.credited = stream.taken;
  if (PeerLink* link = peers_.FindLink(stream.link)) {
    link->channel->Notify(StreamCredit{.sequence = sequence, .taken = stream.taken});
  }
}

void StreamTable::Listen(uint64_t sequence, Waiter& waiter) {
  const auto found = streams_.find(sequence);
  if (found != streams_.end()) found->second.waiting.push_back(&waiter);
}

void StreamTable::Unlisten(uint64_t sequence, Waiter& waiter) {
  const auto found = streams_.find(sequence);
  if (found != streams_.end()) std::erase(found->second.waiting, &waiter);
}

void StreamTable::Listen(uint64_t sequence, ItemListener& listener) {
  const auto found = streams_.find(sequence);
  if (found != streams_.end()) found->second.listening.push_back(&listener);
}

void StreamTable::Unlisten(uint64_t sequence, ItemListener& listener) {
  const auto found = streams_.find(sequence);
  if (found != streams_.end()) std::erase(found->second.listening, &listener);
}

bool StreamTable::HasItem(uint64_t sequence) const {
  const auto found = streams_.find(sequence);
  return found != streams_.end() && !found->second.items.empty();
}

bool StreamTable::Close(uint64_t sequence) {
  auto closed = streams_.extract(sequence);
  if (closed.empty()) return false;
  Stream& stream = closed.mapped();
  stream.Tell(executor_);
  for (ObjectRecord* item : stream.items) objects_.Drop(*item);
  return true;
}

uint64_t StreamTable::Received(uint64_t sequence) const {
  const auto found = streams_.find(sequence);
  return found == streams_.end() ? 0 : found->second.taken + found->second.items.size();
}

void StreamTable::LoseItemsOn(uint64_t sequence, NodeId node) {
  const auto found = streams_.find(sequence);
  if (found == streams_.end()) return;
  std::deque<ObjectRecord*>& items = found->second.items;
  const auto first = std::find_if(items.begin(), items.end(), [node](const ObjectRecord* item) {
    return item->state == ObjectState::kStored && item->copies.front().node.node == node;
  });
  const std::vector<ObjectRecord*> lost(first, items.end());
  items.erase(first, items.end());
  for (ObjectRecord* item : lost) objects_.Drop(*item);
}

}  // namespace ioc
