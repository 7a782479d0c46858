#include "tests/sim/topology.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/base/check.h"

namespace ioc::sim {

SimMachine& Topology::AddMachine(MachineOptions options) {
  auto machine = std::make_unique<SimMachine>();
  machine->index = machines_.size() + 1;
  machine->address = absl::StrCat("10.0.", machine->index / 250, ".", machine->index % 250);
  if (options.name.empty()) options.name = absl::StrCat("m", machine->index);
  IOC_CHECK(Find(options.name) == nullptr) << "two machines are called " << options.name;
  machine->memory = std::make_shared<MemoryAccount>();
  machine->memory->limit_bytes =
      options.shared_memory_limit_bytes == 0 ? options.memory_bytes : options.shared_memory_limit_bytes;
  machine->disk = std::make_shared<SimDisk>();
  machine->disk->limit_bytes = options.disk_bytes;
  machine->options = std::move(options);
  return *machines_.emplace_back(std::move(machine));
}

SimMachine* Topology::Find(std::string_view host) const {
  for (const auto& machine : machines_) {
    if (machine->name() == host || machine->address == host) return machine.get();
  }
  return nullptr;
}

void Topology::SetLink(const SimMachine& a, const SimMachine& b, LinkOptions options) {
  const auto set = [&options](Link& link) {
    link.base = options.latency;
    if (options.bytes_per_second > 0) link.bytes_per_second = options.bytes_per_second;
  };
  set(LinkOf(a, b));
  set(LinkOf(b, a));
}

// Valid until the next call.
Topology::Link& Topology::LinkOf(const SimMachine& from, const SimMachine& to) {
  if (const auto found = links_.find({from.index, to.index}); found != links_.end()) return found->second;
  Link link;
  link.bytes_per_second = options_.bytes_per_second;
  // The base is the same both ways.
  if (const auto back = links_.find({to.index, from.index}); back != links_.end()) {
    link.base = back->second.base;
  } else {
    link.base = random_.Between(options_.link_latency);
  }
  return links_.emplace(Pair{from.index, to.index}, link).first->second;
}

absl::Time Topology::Depart(const SimMachine& from, const SimMachine& to, size_t bytes, absl::Time now) {
  const auto time_of = [bytes](double bytes_per_second) {
    return absl::Nanoseconds(static_cast<int64_t>(static_cast<double>(bytes) / bytes_per_second * 1e9));
  };
  if (&from == &to) return now + time_of(options_.local_bytes_per_second);
  Link& link = LinkOf(from, to);
  link.busy_until = std::max(link.busy_until, now) + time_of(link.bytes_per_second);
  return link.busy_until;
}

absl::Duration Topology::Latency(const SimMachine& from, const SimMachine& to) {
  if (&from == &to) return random_.Between(options_.local_latency);
  const absl::Duration base = LinkOf(from, to).base;
  return base + random_.Between({absl::ZeroDuration(), base * options_.jitter});
}

void Topology::Block(const SimMachine& from, const SimMachine& to) {
  Link& link = LinkOf(from, to);
  if (link.blocked == 0) link.blocked = ++last_partition_;
}

void Topology::Unblock(const SimMachine& from, const SimMachine& to) { LinkOf(from, to).blocked = 0; }

uint64_t Topology::Blocked(const SimMachine& from, const SimMachine& to) const {
  const auto found = links_.find({from.index, to.index});
  return found == links_.end() ? 0 : found->second.blocked;
}

}  // namespace ioc::sim
