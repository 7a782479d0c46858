#include "runtime/node/object_owners.h"

#include <algorithm>

namespace ioc {

void ObjectOwners::Adopt(ObjectId id, ProcessId owner) {
  if (owner == id.maker) {
    adopted_.erase(id);
    return;
  }
  adopted_[id] = owner;
  if (is_here_(id)) return;
  early_.push_back(id);
  if (early_.size() <= kMaxEarlyAdoptions) return;
  if (!is_here_(early_.front())) adopted_.erase(early_.front());
  early_.pop_front();
}

ProcessId ObjectOwners::OwnerOf(ObjectId id) const {
  const auto adopted = adopted_.find(id);
  return adopted == adopted_.end() ? id.maker : adopted->second;
}

std::vector<ObjectId> ObjectOwners::OwnedBy(ProcessId process, std::vector<ObjectId> made) const {
  std::erase_if(made, [&](const ObjectId& id) { return OwnerOf(id) != process; });
  for (const auto& [id, owner] : adopted_) {
    if (owner == process) made.push_back(id);
  }
  std::sort(made.begin(), made.end());
  return made;
}

}  // namespace ioc
