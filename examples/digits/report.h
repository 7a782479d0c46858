// What the user sees: a progress bar while it runs, and who did what share at the end.
#ifndef IOCLUSTER_EXAMPLES_DIGITS_REPORT_H_
#define IOCLUSTER_EXAMPLES_DIGITS_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace digits {

// A bar on stderr that redraws itself on a terminal; elsewhere a line every tenth of the way.
class Progress {
 public:
  Progress(std::string_view title, size_t total);

  // `done` of the total, and a few words beside the bar.
  void Show(size_t done, std::string_view note);

 private:
  std::string title_;
  size_t total_;
  bool terminal_;
  int shown_ = -1;  // percent
};

// What the nodes did, by their names.
struct Share {
  size_t trained = 0;  // images, counted each time
  size_t served = 0;
};
using Shares = std::map<std::string, Share>;

void PrintShares(const Shares& shares);

}  // namespace digits

#endif  // IOCLUSTER_EXAMPLES_DIGITS_REPORT_H_
