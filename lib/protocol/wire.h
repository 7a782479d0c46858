// What every codec is made of: building a body in place, and reading one that nobody vouches for.
//
// Inside a codec errors are exceptions, because Cap'n Proto's are; DecodeBody is the one place that catches them. A
// codec is a set of overloads, found by argument type:
//   void Write(const T& value, wire::T::Builder out);
//   void Read(Budget& budget, wire::T::Reader in, T& value);   // overwrites all of `value`
#ifndef IOCLUSTER_LIB_PROTOCOL_WIRE_H_
#define IOCLUSTER_LIB_PROTOCOL_WIRE_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/protocol/codec.h"

namespace ioc {

// Builds one message in a BodyBuffer's own memory. The body is a Cap'n Proto stream message whose only segment lies
// behind one word of segment table; a message that outgrows the buffer is gathered once, and the buffer grows for the
// next.
class BodyBuilder final : public capnp::MessageBuilder {
 public:
  explicit BodyBuilder(BodyBuffer& body);

  kj::ArrayPtr<capnp::word> allocateSegment(unsigned minimum_words) override;
  // Completes the body. Nothing may be built afterwards.
  void Finish();

 private:
  BodyBuffer& body_;
  bool started_ = false;
  size_t allocated_words_ = 0;
  std::vector<std::vector<uint64_t>> overflow_;
};

// Throws what DecodeBody turns into InvalidArgument.
[[noreturn]] void RejectBody(std::string_view what);

// What a body may cost in memory once decoded. A few bytes on the wire can stand for large structs, or for an address
// that is copied into each of a million references; this bounds it by the body's size.
class Budget {
 public:
  explicit Budget(size_t body_bytes);
  void Charge(size_t bytes);

 private:
  size_t left_;
};

// Calls `read` with the message in `body`; what that throws comes back as "bad NAME message: ...".
absl::Status DecodeBody(std::string_view name, std::span<const std::byte> body,
                        absl::FunctionRef<void(Budget&, capnp::MessageReader&)> read);

// Text and data. A reader's view points into the body.
inline capnp::Text::Reader AsText(const std::string& text) { return {text.c_str(), text.size()}; }
inline capnp::Data::Reader AsData(std::string_view bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}
inline std::string_view AsView(capnp::Text::Reader text) { return {text.begin(), text.size()}; }
inline std::string_view AsView(capnp::Data::Reader bytes) {
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

// A peer of a newer release may send an enumerator that this one does not know.
template <typename E, typename WireEnum>
E ReadEnum(WireEnum value, E first, E last, const char* what) {
  const unsigned number = static_cast<unsigned>(value);
  if (number < static_cast<unsigned>(first) || number > static_cast<unsigned>(last)) {
    RejectBody(std::string(what) + " " + std::to_string(number) + " is unknown to this release");
  }
  return static_cast<E>(number);
}
template <typename WireEnum, typename E>
WireEnum WriteEnum(E value) {
  return static_cast<WireEnum>(static_cast<uint16_t>(value));
}

int64_t NonNegative(int64_t value, const char* what);
// Also refuses what is not a number, which would break every comparison.
double NonNegative(double value, const char* what);

// Makes `values` as long as the list, if the budget allows.
template <typename List, typename Vector>
void ResizeFor(Budget& budget, const List& list, Vector& values) {
  budget.Charge(list.size() * sizeof(typename Vector::value_type));
  values.resize(list.size());
}

}  // namespace ioc

// Defines the two functions of codec.h for a message, from its Write and Read.
#define IOC_DEFINE_CODEC(M)                                                                \
  void Encode(const M& message, BodyBuffer& body) {                                        \
    BodyBuilder builder(body);                                                             \
    Write(message, builder.initRoot<wire::M>());                                           \
    builder.Finish();                                                                      \
  }                                                                                        \
  absl::Status Decode(std::span<const std::byte> body, M& message) {                       \
    return DecodeBody(#M, body, [&message](Budget& budget, capnp::MessageReader& reader) { \
      Read(budget, reader.getRoot<wire::M>(), message);                                    \
    });                                                                                    \
  }                                                                                        \
  static_assert(true, "so that a semicolon may follow")

#endif  // IOCLUSTER_LIB_PROTOCOL_WIRE_H_
