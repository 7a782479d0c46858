#include "runtime/client/store_copies.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ioc {

void StoreCopies::Copy(ObjectId from, uint64_t size, const std::vector<ObjectCopy>& copies, ObjectId to, Done done) {
  auto copying = std::make_shared<Copying>();
  copying->from = from;
  copying->to = to;
  copying->done = std::move(done);
  store_.Pin(from, size, copies, [this, copying](const absl::StatusOr<StoreLocation>& location) {
    if (closed_) return;
    if (!location.ok()) return copying->done(location.status());
    copying->source = *location;
    store_.Allocate(location->size, [this, copying](const absl::StatusOr<StorePiece>& piece) {
      if (closed_) return;
      if (!piece.ok()) {
        store_.Unpin(copying->from);
        return copying->done(piece.status());
      }
      copying->target = *piece;
      Proceed(copying);
    });
  });
}

void StoreCopies::Proceed(const std::shared_ptr<Copying>& copying) {
  if (closed_) return;
  std::byte* const memory = store_.memory()->data();
  const uint64_t bytes = std::min(kCopyPieceBytes, copying->source.size - copying->copied);
  std::memcpy(memory + copying->target.offset + copying->copied, memory + copying->source.offset + copying->copied,
              bytes);
  copying->copied += bytes;
  if (copying->copied < copying->source.size) {
    return env_.executor().Post([this, copying, alive = std::weak_ptr<const bool>(alive_)] {
      if (!alive.expired()) Proceed(copying);
    });
  }
  store_.Seal(copying->to, copying->target);
  store_.Unpin(copying->to);
  store_.Unpin(copying->from);
  copying->done(absl::OkStatus());
}

}  // namespace ioc
