// Writes JSON (RFC 8259), for listings. Reading it is nobody's business here.
#ifndef IOCLUSTER_LIB_BASE_JSON_H_
#define IOCLUSTER_LIB_BASE_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ioc {

// `text` with quotes around it, as a JSON string. Bytes that are no UTF-8 become U+FFFD, so that the result is valid.
std::string JsonQuote(std::string_view text);

// Appends to a document, two spaces a level. A value: a scalar, or BeginObject ... EndObject, or BeginArray ...
// EndArray; inside an object each value follows its Key. Calls that don't nest are a bug, and checked.
class JsonWriter {
 public:
  void BeginObject();
  void EndObject();
  void BeginArray();
  void EndArray();
  void Key(std::string_view key);

  void String(std::string_view value);
  void Int(int64_t value);
  void Uint(uint64_t value);
  void Double(double value);  // the shortest form that reads back as the same; null for what is no number
  void Bool(bool value);
  void Null();
  // A key and its value, by the value's type.
  template <typename T>
  void Member(std::string_view key, const T& value) {
    Key(key);
    if constexpr (std::is_same_v<T, bool>) {
      Bool(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      Double(value);
    } else if constexpr (std::is_unsigned_v<T>) {
      Uint(value);
    } else if constexpr (std::is_integral_v<T>) {
      Int(value);
    } else {
      String(value);
    }
  }

  // The document, once it is whole.
  std::string Take();

 private:
  struct Level {
    char closer = 0;
    bool is_empty = true;
    bool awaits_value = false;  // of an object: a key was written
  };

  void BeforeValue();
  void Scalar(std::string_view text);
  void Open(char opener, char closer);
  void Close(char closer);
  void NewLine();

  std::string text_;
  std::vector<Level> levels_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_JSON_H_
