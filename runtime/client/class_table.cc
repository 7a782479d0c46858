#include "runtime/client/class_table.h"

namespace ioc {

ClassQueue& ClassTable::Get(const SchedulingClass& spec, LeaseTaker* taker) {
  const auto [found, is_new] = by_spec_.try_emplace({spec, taker}, nullptr);
  if (!is_new) return *found->second;
  do {
    ++last_id_;
  } while (last_id_ == 0 || by_id_.contains(last_id_));
  auto queue = std::make_unique<ClassQueue>();
  queue->id = last_id_;
  queue->spec = spec;
  queue->taker = taker;
  found->second = queue.get();
  return *(by_id_[last_id_] = std::move(queue));
}

ClassQueue* ClassTable::Find(uint32_t id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

void ClassTable::Erase(ClassQueue& queue) {
  by_spec_.erase({queue.spec, queue.taker});
  by_id_.erase(queue.id);
}

}  // namespace ioc
