#include "report.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace digits {
namespace {

constexpr int kBarWidth = 32;  // characters

double Percent(size_t part, size_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Progress::Progress(std::string_view title, size_t total)
    : title_(title), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::Show(size_t done, std::string_view note) {
  const int percent = static_cast<int>(Percent(done, total_));
  const int step = terminal_ ? 1 : 10;
  if (percent / step == shown_ / step && shown_ >= 0) return;
  shown_ = percent;
  const int note_width = static_cast<int>(note.size());
  if (!terminal_) {
    std::fprintf(stderr, "%s %3d %%  %.*s\n", title_.c_str(), percent, note_width, note.data());
    return;
  }
  std::string bar(kBarWidth, '.');
  std::fill_n(bar.begin(), percent * kBarWidth / 100, '#');
  std::fprintf(stderr, "\r%s [%s] %3d %%  %.*s\033[K%s", title_.c_str(), bar.c_str(), percent, note_width, note.data(),
               done == total_ ? "\n" : "");
}

void PrintShares(const Shares& shares) {
  Share all;
  size_t width = 4;
  for (const auto& [node, share] : shares) {
    all.trained += share.trained;
    all.served += share.served;
    width = std::max(width, node.size());
  }
  const int name_width = static_cast<int>(width);
  std::printf("%-*s  %15s  %6s  %15s  %6s\n", name_width, "node", "images trained", "share", "images served", "share");
  for (const auto& [node, share] : shares) {
    std::printf("%-*s  %15zu  %4.0f %%  %15zu  %4.0f %%\n", name_width, node.c_str(), share.trained,
                Percent(share.trained, all.trained), share.served, Percent(share.served, all.served));
  }
}

}  // namespace digits
