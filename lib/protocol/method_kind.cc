#include "lib/protocol/method_kind.h"

#include <array>

#include "lib/protocol/codec.h"

namespace ioc {
namespace {

using KindTable = std::array<MethodKind, 1024>;  // by the method's number

template <typename M>
constexpr void NoteKind(KindTable& kinds) {
  // An answer has no method of its own.
  if constexpr (Message<M>) {
    const MethodKind kind = Request<M> && Notification<M> ? MethodKind::kEither
                            : Request<M>                  ? MethodKind::kRequest
                                                          : MethodKind::kNotification;
    kinds.at(static_cast<size_t>(M::kMethod)) = kind;
  }
}

constexpr KindTable AllKinds() {
  KindTable kinds = {};
#define IOC_NOTE_KIND(M) NoteKind<M>(kinds);
  IOC_FOR_EACH_MESSAGE(IOC_NOTE_KIND)
#undef IOC_NOTE_KIND
  return kinds;
}

constexpr KindTable kKinds = AllKinds();

}  // namespace

MethodKind KindOf(Method method) {
  const auto number = static_cast<size_t>(method);
  return number < kKinds.size() ? kKinds[number] : MethodKind::kUnknown;
}

}  // namespace ioc
