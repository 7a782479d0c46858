#include "runtime/node/spiller.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/base/units.h"

namespace ioc {
namespace {

absl::Status WrongBytes() {
  return MakeError(Cause::kObjectLost, "the disk gave other bytes than were written; look at its health");
}

}  // namespace

Spiller::Spiller(Env& env, ObjectStore& store, AllocationQueue& memory, SpillOptions options,
                 absl::AnyInvocable<void()> on_room)
    : env_(env), store_(store), memory_(memory), options_(std::move(options)), on_room_(std::move(on_room)) {
  if (options_.directory.empty()) options_.directory = env_.files().ScratchDirectory();
}

// --- out of memory ---

absl::Status Spiller::Open() {
  if (file_ != nullptr) return absl::OkStatus();
  if (!options_.limit.has_value()) {
    IOC_ASSIGN_OR_RETURN(const uint64_t free, env_.files().FreeBytes(options_.directory));
    if (free < kSpillBlockBytes) {
      return MakeError(Cause::kStoreFull,
                       absl::StrCat("the disk of ", options_.directory,
                                    " has no free space; make some, or name another directory with "
                                    "IOCLUSTER_SPILL_DIRECTORY, ConnectOptions.spill_directory or --spill-directory"));
    }
    options_.limit = free / 2;
  }
  IOC_ASSIGN_OR_RETURN(file_, env_.files().CreateScratch(options_.directory));
  table_.set_limit(*options_.limit);
  return absl::OkStatus();
}

absl::Status Spiller::Obstacle() const {
  if (options_.limit == uint64_t{0}) {
    return MakeError(Cause::kStoreFull, "nothing is spilled to disk, as IOCLUSTER_SPILL_LIMIT is 0");
  }
  if (!disk_error_.ok()) return WithContext(disk_error_, "nothing more can be spilled");
  if (!limit_reached_) return absl::OkStatus();
  return MakeError(Cause::kStoreFull,
                   absl::StrCat(FormatBytes(table_.used()), " of the ", FormatBytes(table_.limit()),
                                " that may be spilled to ", options_.directory,
                                " are used; allow more with IOCLUSTER_SPILL_LIMIT, ConnectOptions.spill_limit or "
                                "--spill-limit"));
}

bool Spiller::IsOnDisk(uint64_t extent) const {
  const std::vector<ObjectStore::StoredObject> objects = store_.ObjectsIn(extent);
  return std::all_of(objects.begin(), objects.end(),
                     [this](const auto& object) { return table_.Find(object.id) != nullptr; });
}

bool Spiller::Evict(uint64_t bytes) {
  uint64_t freed = 0;
  for (auto position = store_.idle().begin(); position != store_.idle().end() && freed < bytes;) {
    const uint64_t extent = position->second;
    ++position;  // it may go
    if (!clean_.contains(extent)) continue;
    clean_.erase(extent);
    if (!IsOnDisk(extent)) continue;  // another extent had been there
    freed += store_.LengthOf(extent);
    for (const ObjectStore::StoredObject& object : store_.ObjectsIn(extent)) ClearResident(object.id);
    store_.Evict(extent);
  }
  return freed > 0;
}

bool Spiller::Spill(uint64_t bytes) {
  const bool off = options_.limit == uint64_t{0} || (!disk_error_.ok() && env_.executor().Now() < retry_at_);
  if (off) return writing_bytes_ > 0 && disk_error_.ok();
  const uint64_t wanted = bytes + store_.budget() / kSpillAheadPart;
  if (const absl::Status opened = store_.idle().empty() ? absl::OkStatus() : Open(); !opened.ok()) {
    NoteDiskError(opened);
    return false;
  }
  limit_reached_ = false;
  int passed_over = 0;
  for (auto position = store_.idle().begin(); position != store_.idle().end() && writing_bytes_ < wanted;) {
    const uint64_t extent = position->second;
    ++position;  // Begin makes it busy
    if (clean_.contains(extent) && IsOnDisk(extent)) continue;
    if (writing_bytes_ > 0 && writing_bytes_ + store_.LengthOf(extent) > kMaxSpillingBytes) break;
    if (!Begin(extent) && ++passed_over == kMaxPassedOver) break;
  }
  return writing_bytes_ > 0 && disk_error_.ok();
}

bool Spiller::MakeRoomOnDisk(uint64_t bytes) {
  const uint64_t in_the_way = table_.used() - resident_bytes_;
  if (bytes > table_.limit() || in_the_way + bytes > table_.limit() + wanted_back_bytes_) return false;
  while (table_.used() + bytes > table_.limit() && !resident_.empty()) RemoveFromDisk(ObjectId(*resident_.begin()));
  return true;
}

void Spiller::SetResident(ObjectId id) {
  if (resident_.insert(id).second) resident_bytes_ += table_.Find(id)->place.length;
}

void Spiller::ClearResident(ObjectId id) {
  if (resident_.erase(id) > 0) resident_bytes_ -= table_.Find(id)->place.length;
}

void Spiller::KeepLimit() {
  while (table_.used() > table_.limit() && !resident_.empty()) RemoveFromDisk(ObjectId(*resident_.begin()));
}

bool Spiller::Begin(uint64_t extent) {
  auto batch = std::make_shared<Batch>();
  batch->extent = extent;
  batch->bytes = store_.LengthOf(extent);
  uint64_t bytes = 0;
  for (const ObjectStore::StoredObject& object : store_.ObjectsIn(extent)) {
    if (table_.Find(object.id) != nullptr) continue;
    batch->items.push_back({object.id, object.place, {}});
    bytes += SpillTable::RoomFor(object.place.length);
  }
  if (!MakeRoomOnDisk(bytes)) {
    limit_reached_ = true;
    return false;
  }
  // An object of the extent that was on disk may have gone to make room: the rest of it is written all the same.
  for (size_t i = 0; i < batch->items.size(); ++i) {
    Item& item = batch->items[i];
    const std::optional<Extent> disk = table_.Reserve(item.memory.length, wanted_back_bytes_);
    const bool pinned = disk.has_value() && store_.Pin(kSpillHolder, item.id).ok();
    if (pinned) item.disk = *disk;
    if (pinned) continue;
    if (disk) table_.Release(*disk);
    for (size_t done = 0; done < i; ++done) {
      table_.Release(batch->items[done].disk);
      store_.Unpin(kSpillHolder, batch->items[done].id);
    }
    return false;
  }
  batch->checksums.resize(batch->items.size());
  writing_bytes_ += batch->bytes;
  WriteNext(std::move(batch));
  return true;
}

absl::Status Spiller::Batch::WritePiece(const SharedMemory& memory, ScratchFile& file) {
  for (uint64_t bytes = 0; item < items.size() && bytes < kDiskPieceBytes;) {
    const Item& now = items[item];
    const uint64_t length = std::min(now.memory.length - written, kDiskPieceBytes);
    const std::span<const std::byte> piece(memory.data() + now.memory.offset + written, length);
    const std::vector<uint64_t> sums = BlockChecksums(piece);
    checksums[item].insert(checksums[item].end(), sums.begin(), sums.end());
    IOC_RETURN_IF_ERROR(file.Write(now.disk.offset + written, piece));
    bytes += length;
    written += length;
    if (written < now.memory.length) continue;
    ++item;
    written = 0;
  }
  return absl::OkStatus();
}

void Spiller::WriteNext(std::shared_ptr<Batch> batch) {
  env_.background().Run(
      std::min(batch->bytes, kDiskPieceBytes),
      [batch, file = file_, memory = store_.memory()] { return batch->WritePiece(*memory, *file); },
      life_.Bind([this, batch](const absl::Status& status) {
        if (status.ok() && batch->item < batch->items.size()) return WriteNext(batch);
        Written(batch, status);
      }));
}

void Spiller::Written(std::shared_ptr<Batch> batch, const absl::Status& status) {
  writing_bytes_ -= batch->bytes;
  disk_error_ = absl::OkStatus();
  if (!status.ok()) NoteDiskError(status);
  for (size_t i = 0; i < batch->items.size(); ++i) {
    const Item& item = batch->items[i];
    // It may have been freed meanwhile.
    if (status.ok() && store_.Find(item.id).has_value()) {
      table_.Add(item.id, {item.disk, item.memory.length, std::move(batch->checksums[i])});
      SetResident(item.id);
    } else {
      Discard(item.disk);
    }
  }
  if (status.ok()) clean_.insert(batch->extent);
  for (const Item& item : batch->items) store_.Unpin(kSpillHolder, item.id);
  on_room_();
}

void Spiller::NoteDiskError(const absl::Status& error) {
  const absl::Time now = env_.executor().Now();
  disk_error_ = error;
  retry_at_ = now + kDiskRetryInterval;
  if (error == logged_error_ && now < log_again_at_) return;
  logged_error_ = error;
  log_again_at_ = now + kDiskLogInterval;
  env_.Log(LogLevel::kWarning, absl::StrCat("can't spill objects: ", absl::string_view(error.message())));
}

void Spiller::Discard(Extent place) {
  table_.Release(place);
  // After what reads it now, and before what is written there next.
  env_.background().Run(
      0,
      [file = file_, place] {
        file->Discard(place.offset, place.length);
        return absl::OkStatus();
      },
      [](const absl::Status&) {});
}

void Spiller::RemoveFromDisk(ObjectId id) {
  ClearResident(id);
  if (const std::optional<Extent> place = table_.Remove(id)) Discard(*place);
}

// --- and back ---

std::optional<uint64_t> Spiller::SizeOf(ObjectId id) const {
  const SpilledObject* const object = table_.Find(id);
  return object == nullptr ? std::nullopt : std::optional(object->size);
}

absl::Status Spiller::LossOf(ObjectId id) const {
  const auto lost = lost_.find(id);
  return lost == lost_.end() ? absl::OkStatus() : lost->second;
}

void Spiller::Restore(ObjectId id, Handler handler) {
  if (store_.Find(id).has_value()) return handler(absl::OkStatus());
  if (absl::Status lost = LossOf(id); !lost.ok()) return handler(lost);
  const SpilledObject* const object = table_.Find(id);
  IOC_CHECK(object != nullptr) << "object " << id.ToString() << " was never spilled";
  auto [found, is_new] = restore_of_.try_emplace(id, last_restore_ + 1);
  Restoring& restoring = restoring_[found->second];
  restoring.waiting.push_back(std::move(handler));
  if (!is_new) return;
  restoring.id = id;
  const uint64_t size = std::max<uint64_t>(object->size, 1);
  wanted_back_bytes_ += size;
  memory_.Ask(AllocationQueue::Purpose::kRead, kSpillHolder, size,
              life_.Bind([this, restore = ++last_restore_, size](const absl::StatusOr<Extent>& extent) {
                wanted_back_bytes_ -= size;
                GotMemory(restore, extent);
              }));
}

void Spiller::GotMemory(uint64_t restore, const absl::StatusOr<Extent>& extent) {
  Restoring& restoring = restoring_.at(restore);
  if (!extent.ok()) return FinishRestore(restore, extent.status());
  restoring.extent = *extent;
  ReadNext(restore);
}

void Spiller::ReadNext(uint64_t restore) {
  const Restoring& restoring = restoring_.at(restore);
  const SpilledObject* const object = table_.Find(restoring.id);
  // Freed meanwhile, or sealed anew, or lost to another reader; or it is all there.
  const bool is_done = !restoring.wanted || object == nullptr || restoring.read == object->size;
  if (is_done) return Restored(restore, absl::OkStatus());
  const uint64_t begin = restoring.read;
  const uint64_t length = std::min(object->size - begin, kDiskPieceBytes);
  env_.background().RunFirst(
      length,
      [file = file_, memory = store_.memory(), at = restoring.extent.offset + begin, begin, length, object = *object] {
        const std::span<std::byte> bytes(memory->data() + at, length);
        IOC_RETURN_IF_ERROR(file->Read(object.place.offset + begin, bytes));
        return BlocksAreRight(bytes, object.checksums, begin / kSpillBlockBytes) ? absl::OkStatus() : WrongBytes();
      },
      life_.Bind([this, restore, length](const absl::Status& status) {
        if (!status.ok()) return Restored(restore, status);
        restoring_.at(restore).read += length;
        ReadNext(restore);
      }));
}

void Spiller::Restored(uint64_t restore, const absl::Status& status) {
  const Restoring& restoring = restoring_.at(restore);
  const ObjectId id = restoring.id;
  if (!restoring.wanted || store_.Find(id).has_value()) return FinishRestore(restore, absl::OkStatus());
  if (!status.ok()) Lose(id, status);
  if (absl::Status lost = LossOf(id); !lost.ok()) return FinishRestore(restore, lost);
  const Extent extent = restoring.extent;
  const std::optional<uint64_t> size = SizeOf(id);
  const absl::Status sealed = size ? store_.Seal(kSpillHolder, id, extent.offset, *size)
                                   : MakeError(Cause::kObjectLost, absl::StrCat("object ", id.ToString(), " is lost"));
  if (sealed.ok()) {
    SetResident(id);
    clean_.insert(extent.offset);
    KeepLimit();
  }
  FinishRestore(restore, sealed);
  if (sealed.ok()) store_.Unpin(kSpillHolder, id);
}

void Spiller::FinishRestore(uint64_t restore, const absl::Status& status) {
  auto found = restoring_.find(restore);
  Restoring done = std::move(found->second);
  restoring_.erase(found);
  if (done.wanted) restore_of_.erase(done.id);
  if (done.extent.length != 0) store_.ReleaseExtent(kSpillHolder, done.extent.offset).IgnoreError();
  for (Handler& handler : done.waiting) handler(status);
  if (!done.wanted || !status.ok()) on_room_();
}

void Spiller::Lose(ObjectId id, const absl::Status& why) {
  RemoveFromDisk(id);
  if (store_.Find(id).has_value()) return;
  const absl::Status lost = MakeError(
      Cause::kObjectLost, absl::StrCat("object ", id.ToString(), ", which was spilled to ", options_.directory,
                                       ", can't be read back: ", absl::string_view(why.message())));
  env_.Log(LogLevel::kError, std::string(lost.message()));
  if (!lost_.emplace(id, lost).second) return;
  lost_order_.push_back(id);
  if (lost_order_.size() <= kMaxLostObjects) return;
  lost_.erase(lost_order_.front());
  lost_order_.pop_front();
}

void Spiller::Read(ObjectId id, uint64_t offset, uint64_t length, ReadHandler handler) {
  const SpilledObject* const object = table_.Find(id);
  IOC_CHECK(object != nullptr && offset <= object->size && length <= object->size - offset);
  const uint64_t first = offset / kSpillBlockBytes;
  const uint64_t begin = first * kSpillBlockBytes;
  const uint64_t blocks = (offset + length - begin + kSpillBlockBytes - 1) / kSpillBlockBytes;
  const uint64_t bytes = std::min(blocks * kSpillBlockBytes, object->size - begin);
  auto buffer = std::make_shared<std::vector<std::byte>>();  // allocated when it is its turn
  env_.background().RunFirst(
      bytes,
      [buffer, bytes, begin, first, file = file_, object = *object] {
        buffer->resize(bytes);
        IOC_RETURN_IF_ERROR(file->Read(object.place.offset + begin, *buffer));
        return BlocksAreRight(*buffer, object.checksums, first) ? absl::OkStatus() : WrongBytes();
      },
      life_.Bind([this, id, buffer, place = object->place, skip = offset - begin, length,
                  handler = std::move(handler)](const absl::Status& status) mutable {
        if (status.ok()) return handler(Chunk{std::span(*buffer).subspan(skip, length), buffer});
        const SpilledObject* const now = table_.Find(id);
        if (now != nullptr && now->place == place) Lose(id, status);
        const absl::Status lost = LossOf(id);
        handler(lost.ok() ? status : lost);
      }));
}

void Spiller::Forget(ObjectId id) {
  lost_.erase(id);
  RemoveFromDisk(id);
  auto found = restore_of_.find(id);
  if (found == restore_of_.end()) return;
  Restoring& restoring = restoring_.at(found->second);
  restore_of_.erase(found);
  restoring.wanted = false;
  const absl::Status status =
      store_.Find(id).has_value()
          ? absl::OkStatus()
          : MakeError(Cause::kObjectLost,
                      absl::StrCat("object ", id.ToString(), " was freed while it was read back from disk"));
  for (Handler& handler : std::exchange(restoring.waiting, {})) handler(status);
}

}  // namespace ioc
