// The part of Client that deals with values in memory: writing them, sealing them, keeping views of them.
#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "runtime/client/awaited.h"
#include "runtime/client/client.h"

namespace ioc {

// A value on the heap that is being written.
class Client::HeapValue final : public internal::WritableValue {
 public:
  explicit HeapValue(size_t bytes) : text_(std::make_shared<std::string>(bytes, '\0')) {}

  std::span<std::byte> bytes() override { return {reinterpret_cast<std::byte*>(text_->data()), text_->size()}; }
  const std::shared_ptr<std::string>& text() const { return text_; }

  // What `value` holds, if it is not in the store. Values that the public API has made itself (Array::Copy) are copied.
  static std::shared_ptr<std::string> TextOf(internal::WritableValue& value) {
    if (auto* ours = dynamic_cast<HeapValue*>(&value)) return ours->text();
    const std::span<std::byte> bytes = value.bytes();
    return std::make_shared<std::string>(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

 private:
  std::shared_ptr<std::string> text_;
};

// A value in the object store that is being written; the piece is counted in `in_store_` already.
class Client::StoreValue final : public internal::WritableValue {
 public:
  StoreValue(Client& client, const StorePiece& piece)
      : client_(client), memory_(client.store_.memory()), piece_(piece) {
    client_.Retain();
  }
  ~StoreValue() override {
    if (!sealed_) {
      MutexLock lock(client_.env_->executor().mutex());
      if (client_.closed_.ok()) client_.store_.Abandon(piece_);
      client_.LetGoOfStore();
    }
    client_.Release();
  }

  std::span<std::byte> bytes() override { return {memory_->data() + piece_.offset, piece_.size}; }
  bool IsOf(const Client& client) const { return &client_ == &client; }
  // Mutex held.
  const StorePiece& Seal() {
    sealed_ = true;
    client_.LetGoOfStore();
    return piece_;
  }

 private:
  Client& client_;
  const std::shared_ptr<SharedMemory> memory_;
  const StorePiece piece_;
  bool sealed_ = false;
};

// Keeps a stored object in place while somebody reads it.
class Client::Pin {
 public:
  // Mutex held.
  Pin(Client& client, ObjectId id) : client_(client), memory_(client.store_.memory()), id_(id) {
    client_.Retain();
    ++client_.in_store_;
  }
  ~Pin() {
    {
      MutexLock lock(client_.env_->executor().mutex());
      if (client_.closed_.ok()) client_.store_.Unpin(id_);
      client_.LetGoOfStore();
    }
    client_.Release();
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

 private:
  Client& client_;
  const std::shared_ptr<SharedMemory> memory_;
  const ObjectId id_;
};

internal::EncodedValue Client::View(ObjectId id, const StoreLocation& location) {
  internal::EncodedValue value;
  value.bytes = {reinterpret_cast<const char*>(store_.memory()->data()) + location.offset, location.size};
  value.keepalive = std::make_shared<Pin>(*this, id);
  value.stored = true;
  return value;
}

absl::StatusOr<internal::EncodedValue> Client::ReadStored(ObjectId id, uint64_t size,
                                                          const std::vector<ObjectCopy>& copies, absl::Time deadline,
                                                          Waiter** waiting) {
  if (!closed_.ok()) return closed_;
  if (const StoreLocation* location = store_.PinAgain(id)) return View(id, *location);
  Awaited<absl::StatusOr<StoreLocation>> asked;
  store_.Pin(id, size, copies, [this, id, promise = asked.promise()](absl::StatusOr<StoreLocation> location) {
    const bool pinned = location.ok();
    if (promise.Set(env_->executor(), std::move(location)) || !pinned) return;
    // Too late for the one that waited, but not for whoever asks again. Only a record ends the caching.
    if (objects_.Find(id) != nullptr) store_.Cache(id);
    store_.Unpin(id);
  });
  if (waiting != nullptr) *waiting = &asked.waiter();
  const bool notified = Block(asked.waiter(), deadline);
  if (waiting != nullptr) *waiting = nullptr;
  if (!asked.value().has_value()) {
    if (notified)
      return MakeError(Cause::kCancelled, absl::StrCat("object ", id.ToString(), " is not wanted any more"));
    return MakeError(Cause::kDeadline,
                     absl::StrCat("object ", id.ToString(), " (", size, " bytes) did not reach this node in time"));
  }
  if (!asked.value()->ok()) {
    const absl::Status& error = asked.value()->status();
    if (CauseOf(error) != Cause::kStoreFull) return error;
    return WithContext(error, absl::StrCat("object ", id.ToString(), " has no room on this node"));
  }
  if (!closed_.ok()) return closed_;  // meanwhile, and nobody kept it
  return View(id, **asked.value());
}

absl::StatusOr<std::unique_ptr<internal::WritableValue>> Client::Allocate(size_t bytes) {
  if (bytes <= internal::kMaxInlineBytes) return std::make_unique<HeapValue>(bytes);
  IOC_ASSIGN_OR_RETURN(const StorePiece piece, AllocatePiece(bytes));
  // Here and not in the store client: for a large one it takes long, and others need the mutex meanwhile.
  if (!piece.in_slab) store_.memory()->Populate(piece.offset, piece.size);
  return std::make_unique<StoreValue>(*this, piece);
}

absl::StatusOr<StorePiece> Client::AllocatePiece(size_t bytes) {
  MutexLock lock(env_->executor().mutex());
  if (!closed_.ok()) return closed_;
  Awaited<absl::StatusOr<StorePiece>> piece;
  store_.Allocate(bytes, [this, promise = piece.promise()](absl::StatusOr<StorePiece> given) {
    const bool ok = given.ok();
    const StorePiece copy = ok ? *given : StorePiece{};
    if (!promise.Set(env_->executor(), std::move(given)) && ok) store_.Abandon(copy);
  });
  // The request has a deadline of its own, so this ends.
  if (!piece.waiter().notified) env_->executor().Await(piece.waiter(), absl::InfiniteFuture());
  if (!closed_.ok()) return closed_;  // meanwhile, and nobody kept it
  if (piece.value()->ok()) ++in_store_;
  return *std::move(piece.value());
}

absl::Status Client::CheckOurs(const internal::WritableValue* memory, const std::vector<internal::Ref>& refs) const {
  const auto* stored = dynamic_cast<const StoreValue*>(memory);
  if (stored != nullptr && !stored->IsOf(*this)) {
    return MakeError(Cause::kInvalidArgument, "a value lies in memory of another cluster; copy it");
  }
  for (const internal::Ref& ref : refs) {
    if (RecordOf(ref) == nullptr) {
      return MakeError(Cause::kInvalidArgument, "a value contains a reference of another cluster; get its value first");
    }
  }
  return absl::OkStatus();
}

internal::Ref Client::Put(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord& record = objects_.Create(book_.NextId());
  internal::Ref ref = objects_.MakeRef(record);
  if (const absl::Status ours = CheckOurs(value.get(), refs); !closed_.ok() || !ours.ok()) {
    objects_.Fail(record, closed_.ok() ? ours : closed_);
  } else if (auto* stored = dynamic_cast<StoreValue*>(value.get())) {
    const StorePiece& piece = stored->Seal();
    store_.Seal(record.id(), piece);
    store_.Cache(record.id());
    store_.Unpin(record.id());
    objects_.SettleStored(record, piece.size, {ObjectCopy{registration_.node}}, HoldAll(refs));
  } else {
    objects_.SettleInline(record, HeapValue::TextOf(*value), HoldAll(refs));
  }
  return ref;
}

internal::Ref Client::PutInline(std::string bytes, std::vector<internal::Ref> refs) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord& record = objects_.Create(book_.NextId());
  internal::Ref ref = objects_.MakeRef(record);
  if (const absl::Status ours = CheckOurs(nullptr, refs); !closed_.ok() || !ours.ok()) {
    objects_.Fail(record, closed_.ok() ? ours : closed_);
  } else {
    objects_.SettleInline(record, std::make_shared<const std::string>(std::move(bytes)), HoldAll(refs));
  }
  return ref;
}

internal::Ref Client::PutError(const absl::Status& error) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord& record = objects_.Create(book_.NextId());
  internal::Ref ref = objects_.MakeRef(record);
  objects_.Fail(record, error);
  return ref;
}

WireValue Client::SealResult(std::unique_ptr<internal::WritableValue>& value, ObjectId id) {
  WireValue wire;
  if (auto* stored = dynamic_cast<StoreValue*>(value.get())) {
    const StorePiece& piece = stored->Seal();
    store_.Seal(id, piece);
    wire.kind = ValueKind::kStored;
    wire.size = piece.size;
    wire.copies = {ObjectCopy{registration_.node}};
  } else {
    if (dynamic_cast<HeapValue*>(value.get()) == nullptr) {
      auto copy = std::make_unique<HeapValue>(0);
      *copy->text() = *HeapValue::TextOf(*value);
      value = std::move(copy);
    }
    wire.bytes = *HeapValue::TextOf(*value);
  }
  return wire;
}

void Client::UnpinResult(ObjectId id) { store_.Unpin(id); }

}  // namespace ioc
