// ioc::Capnp<T>: a message of a Cap'n Proto struct of the user's own as a value, for arguments, results and members.
// Needs Cap'n Proto's headers and library, so iocluster.h does not include this one.
//
//   capnp::MallocMessageBuilder builder;
//   builder.initRoot<Person>().setName("Ada");
//   ioc::Capnp<Person> person(builder);
//   cluster.Submit<Greet>(person);             // std::string Greet(const ioc::Capnp<Person>& person) {
//                                              //   return person.Root().getName();
//
// Immutable; copies share the bytes. It travels as its flat bytes (capnp::messageToFlatArray), read where they were
// copied to once. Cap'n Proto checks what it reads as it reads it, so damaged bytes are an exception there.
#ifndef IOCLUSTER_CAPNP_H_
#define IOCLUSTER_CAPNP_H_

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "iocluster/serde.h"

namespace ioc {

template <typename T>
class Capnp {
 public:
  // A message whose fields have their defaults.
  Capnp() {
    capnp::MallocMessageBuilder builder;
    builder.initRoot<T>();
    Adopt(capnp::messageToFlatArray(builder));
  }
  // The message in `builder`, whose root is a T.
  explicit Capnp(capnp::MessageBuilder& builder) { Adopt(capnp::messageToFlatArray(builder)); }
  // A copy of `root`.
  explicit Capnp(typename T::Reader root) {
    capnp::MallocMessageBuilder builder;
    builder.setRoot(root);
    Adopt(capnp::messageToFlatArray(builder));
  }

  // Valid while this or a copy of it lives. Not for two threads at once on one Capnp and its copies.
  typename T::Reader Root() const { return message_->reader.template getRoot<T>(); }

 private:
  friend struct Serde<Capnp<T>>;

  struct Message {
    explicit Message(kj::Array<capnp::word> flat) : words(std::move(flat)), reader(words, Limits(words.size())) {}

    // Reading may go over all of it this often, however large it is.
    static capnp::ReaderOptions Limits(size_t words) {
      capnp::ReaderOptions options;
      options.traversalLimitInWords = 1024 + 64 * uint64_t{words};
      return options;
    }

    kj::Array<capnp::word> words;
    capnp::FlatArrayMessageReader reader;
  };

  void Adopt(kj::Array<capnp::word> words) { message_ = std::make_shared<Message>(std::move(words)); }

  std::shared_ptr<Message> message_;
};

// The number of words, zeros up to a multiple of 8 bytes, the words.
template <typename T>
struct Serde<Capnp<T>> {
  static void Write(Encoder& out, const Capnp<T>& value) {
    const auto bytes = value.message_->words.asBytes();
    out.WriteLength(value.message_->words.size());
    out.Align(sizeof(capnp::word));
    out.Append(bytes.begin(), bytes.size());
  }

  static bool Read(Decoder& in, Capnp<T>& value) {
    size_t size = 0;
    if (!in.ReadLength(size, sizeof(capnp::word)) || !in.Align(sizeof(capnp::word))) return false;
    auto words = kj::heapArray<capnp::word>(size);
    if (!in.TakeInto(words.begin(), size * sizeof(capnp::word))) return false;
    try {
      value.Adopt(std::move(words));
      static_cast<void>(value.Root());
    } catch (const kj::Exception& exception) {
      value = Capnp<T>();
      return in.Fail(exception.getDescription().cStr());
    }
    return true;
  }

  template <int>
  static constexpr uint32_t Fingerprint() {
    return internal::Mix(internal::Mix(internal::kFingerprintSeed, "Capnp"),
                         internal::PlainName(internal::TypeName<T>()));
  }
};

}  // namespace ioc

#endif  // IOCLUSTER_CAPNP_H_
