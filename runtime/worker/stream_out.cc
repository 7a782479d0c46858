#include "runtime/worker/stream_out.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>

#include "lib/base/status.h"
#include "lib/protocol/message_size.h"

namespace ioc {

StreamOut::StreamOut(Executor& executor, Client& client, WorkerJob& job)
    : executor_(executor),
      client_(client),
      job_(job),
      keeps_items_(job.spec->kind == TaskKind::kActorCall),
      taken_(job.spec->stream_skip) {
  job_.stream = this;
}

StreamOut::~StreamOut() { job_.stream = nullptr; }

void StreamOut::OnCredit(uint64_t taken) {
  for (; taken_ < taken && !ahead_.empty(); ++taken_) {
    for (ObjectRecord* ref : ahead_.front().refs) client_.objects().Drop(*ref);
    bytes_ahead_ -= ahead_.front().size;
    ahead_.pop_front();
  }
  if (waiting_ != nullptr && HasRoom()) executor_.Notify(*waiting_);
}

void StreamOut::Resume(uint64_t received) {
  OnCredit(received);  // news of what was taken may be lost: the reader may be one window further behind for that
  SendItems(client_, job_, ahead_, received);
}

void StreamOut::Close() {
  closed_ = true;
  if (waiting_ != nullptr) executor_.Notify(*waiting_);
}

bool StreamOut::HasRoom() const {
  return ahead_.empty() || (ahead_.size() < job_.spec->stream_window && bytes_ahead_ < kStreamWindowBytes);
}

internal::StreamSink::Step StreamOut::BeginItem() {
  MutexLock lock(executor_.mutex());
  if (open() && index_ < job_.spec->stream_skip) {
    ++index_;
    return Step::kSkip;
  }
  while (open() && !HasRoom()) {
    Waiter waiter;
    waiting_ = &waiter;
    const absl::Cleanup forget = [this] { waiting_ = nullptr; };  // also when the thread is unwound
    client_.Block(waiter, absl::InfiniteFuture());                // ends with credit, or when the reader is gone
  }
  return open() ? Step::kSend : Step::kClosed;
}

bool StreamOut::MaySend(internal::WritableValue* value, const std::vector<internal::Ref>& refs) {
  status_ = client_.CheckOurs(value, refs);
  if (status_.ok() && kBytesOfRef * refs.size() > kMaxTaskBytes) {
    status_ = MakeError(Cause::kInvalidArgument, absl::StrCat("it has ", refs.size(), " references; at most ",
                                                              kMaxTaskBytes / kBytesOfRef, " are possible"));
  }
  if (status_.ok()) return true;
  status_ =
      WithContext(status_, absl::StrCat("item ", index_, " of the stream of ", std::string(job_.function->label)));
  MutexLock lock(executor_.mutex());
  Close();
  return false;
}

void StreamOut::Return(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) {
  if (!MaySend(value.get(), refs)) return;
  MutexLock lock(executor_.mutex());
  const ObjectId id = {job_.caller, job_.spec->sequence + 1 + index_};
  SentItem item;
  item.value = client_.SealResult(value, id);
  item.memory = std::move(value);
  const bool stored = item.value.kind == ValueKind::kStored;
  if (stored) client_.UnpinResult(id);
  item.size = stored ? item.value.size : item.value.bytes.size();
  Add(std::move(item), refs);
}

void StreamOut::ReturnInline(std::string bytes, std::vector<internal::Ref> refs) {
  if (!MaySend(nullptr, refs)) return;
  MutexLock lock(executor_.mutex());
  SentItem item;
  item.text = std::move(bytes);
  item.size = item.text.size();
  Add(std::move(item), refs);
}

void StreamOut::Add(SentItem item, const std::vector<internal::Ref>& refs) {
  item.index = index_++;
  for (const internal::Ref& ref : refs) {
    item.refs.push_back(static_cast<ObjectRecord*>(ref.get()));
    item.value.refs.push_back(client_.borrowing().Export(*item.refs.back()));
  }
  const bool reader_waits = ahead_.empty();
  bytes_ahead_ += item.size;
  if (PeerLink* link = client_.peers().FindLink(job_.link)) {
    SendItem(client_, job_, *link, item);
    if (reader_waits) link->channel->Flush();
  }
  if (!keeps_items_) item = SentItem{.index = item.index, .size = item.size};
  for (ObjectRecord* ref : item.refs) client_.objects().Hold(*ref);
  ahead_.push_back(std::move(item));
}

void StreamOut::SendItem(Client& client, const WorkerJob& job, PeerLink& link, const SentItem& item) {
  StreamItem message{
      .sequence = job.spec->sequence, .attempt = job.spec->attempt, .index = item.index, .value = item.value};
  if (message.value.kind == ValueKind::kInline && item.memory == nullptr) message.value.bytes = item.text;
  client.borrowing().Refresh(message.value.refs);
  client.lending().HoldInTransit(*link.peer, item.refs);
  link.channel->Notify(message);
}

void StreamOut::SendItems(Client& client, const WorkerJob& job, const std::deque<SentItem>& items, uint64_t received) {
  PeerLink* const link = client.peers().FindLink(job.link);
  if (link == nullptr) return;
  for (const SentItem& item : items) {
    if (item.index >= received) SendItem(client, job, *link, item);
  }
}

}  // namespace ioc
