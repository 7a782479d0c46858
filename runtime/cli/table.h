// A table of text with aligned columns, for people.
#ifndef IOCLUSTER_RUNTIME_CLI_TABLE_H_
#define IOCLUSTER_RUNTIME_CLI_TABLE_H_

#include <absl/time/time.h>

#include <string>
#include <vector>

namespace ioc {

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;  // where all titles are empty there is no title row
    Align align = Align::kLeft;
    bool is_optional = false;  // left out where all its cells are empty
  };

  explicit Table(std::vector<Column> columns);
  // As many cells as there are columns. Line breaks and other controls in a cell become '?'.
  void AddRow(std::vector<std::string> cells);
  std::string ToString() const;

 private:
  void AppendRow(std::string& out, const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// "60 us", "1.2 ms", "3.5 s".
std::string FormatLatency(absl::Duration latency);
// "3 d 4 h", "2 min 5 s", "12 s"; the two largest units.
std::string FormatAge(absl::Duration age);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_TABLE_H_
