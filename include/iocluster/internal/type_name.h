// Names of types and functions as the compiler prints them, at compile time. Not for users: it may change with any
// release.
#ifndef IOCLUSTER_INTERNAL_TYPE_NAME_H_
#define IOCLUSTER_INTERNAL_TYPE_NAME_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace ioc::internal {

// What stands for the template argument in __PRETTY_FUNCTION__: after "T = ", up to the ';' (GCC lists type aliases
// after it) or the last ']'.
constexpr std::string_view ArgumentIn(std::string_view pretty) {
  pretty.remove_prefix(pretty.find(" = ") + 3);
  const size_t aliases = pretty.find("; ");
  return pretty.substr(0, aliases != pretty.npos ? aliases : pretty.rfind(']'));
}

template <typename T>
constexpr std::string_view TypeName() {
  return ArgumentIn(__PRETTY_FUNCTION__);
}

template <auto F>
constexpr std::string_view FunctionName() {
  std::string_view name = ArgumentIn(__PRETTY_FUNCTION__);
  while (!name.empty() && (name.front() == '&' || name.front() == '(' || name.front() == ' ')) {
    if (name.front() == '(' && (name.starts_with("(lambda") || name.starts_with("(anonymous"))) break;
    if (name.front() == '(' && name.back() == ')') name.remove_suffix(1);
    name.remove_prefix(1);
  }
  return name;
}

// The name without namespaces and template arguments: all that compilers agree on.
constexpr std::string_view PlainName(std::string_view name) {
  name = name.substr(0, name.find('<'));
  const size_t scope = name.rfind("::");
  return scope == name.npos ? name : name.substr(scope + 2);
}

// For messages: "std::vector<std::string>" instead of "std::vector<std::__cxx11::basic_string<char> >".
std::string ReadableName(std::string_view type_name);

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_TYPE_NAME_H_
