// Users' own texts (names, labels, values) as messages show them: readable whatever is in them, and never long.
#ifndef IOCLUSTER_LIB_BASE_TEXT_H_
#define IOCLUSTER_LIB_BASE_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace ioc {

// `text`; `""` if it is empty. Control characters are escaped, and of a long one the beginning is shown with its size:
// "kkkkkk... (1048576 bytes)".
std::string Shown(std::string_view text);

// The first of `texts`, each as Shown, with `separator` between them, and how many more there are.
std::string ShownList(const std::vector<std::string>& texts, std::string_view separator);

// Whether a control character (a newline, an escape) is in `text`.
bool HasControls(std::string_view text);

// How many elements of a list messages show.
inline constexpr size_t kShownElements = 10;

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_TEXT_H_
