#include "lib/objects/interval_set.h"

#include <algorithm>
#include <iterator>

#include "lib/base/check.h"

namespace ioc {

void IntervalSet::Insert(Extent range) {
  by_offset_.emplace(range.offset, range.length);
  by_length_.emplace(range.length, range.offset);
  total_ += range.length;
}

void IntervalSet::Erase(std::map<uint64_t, uint64_t>::iterator position) {
  by_length_.erase({position->second, position->first});
  total_ -= position->second;
  by_offset_.erase(position);
}

void IntervalSet::Add(Extent range) {
  if (range.length == 0) return;
  auto next = by_offset_.lower_bound(range.offset);
  IOC_CHECK(next == by_offset_.end() || range.end() <= next->first) << "range at " << range.offset << " is in twice";
  if (next != by_offset_.end() && next->first == range.end()) {
    range.length += next->second;
    Erase(next);
  }
  auto after = by_offset_.lower_bound(range.offset);
  if (after != by_offset_.begin()) {
    auto before = std::prev(after);
    IOC_CHECK(before->first + before->second <= range.offset) << "range at " << range.offset << " is in twice";
    if (before->first + before->second == range.offset) {
      range = {before->first, before->second + range.length};
      Erase(before);
    }
  }
  Insert(range);
}

std::vector<Extent> IntervalSet::Take(Extent range) {
  std::vector<Extent> taken;
  auto position = by_offset_.upper_bound(range.offset);
  if (position != by_offset_.begin()) --position;
  while (position != by_offset_.end() && position->first < range.end()) {
    const Extent found{position->first, position->second};
    auto next = std::next(position);
    const uint64_t begin = std::max(found.offset, range.offset);
    const uint64_t end = std::min(found.end(), range.end());
    if (begin < end) {
      Erase(position);
      if (found.offset < begin) Insert({found.offset, begin - found.offset});
      if (end < found.end()) Insert({end, found.end() - end});
      taken.push_back({begin, end - begin});
    }
    position = next;
  }
  return taken;
}

std::optional<Extent> IntervalSet::BestFit(uint64_t length) const {
  auto position = by_length_.lower_bound({length, 0});
  if (position == by_length_.end()) return std::nullopt;
  return Extent{position->second, position->first};
}

Extent IntervalSet::Largest() const {
  if (by_length_.empty()) return {};
  return {by_length_.rbegin()->second, by_length_.rbegin()->first};
}

std::vector<Extent> IntervalSet::All() const {
  std::vector<Extent> all;
  all.reserve(by_offset_.size());
  for (const auto& [offset, length] : by_offset_) all.push_back({offset, length});
  return all;
}

}  // namespace ioc
