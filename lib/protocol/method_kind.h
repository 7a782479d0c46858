// Which methods ask for an answer: a frame that comes as another kind than its method's is refused.
#ifndef IOCLUSTER_LIB_PROTOCOL_METHOD_KIND_H_
#define IOCLUSTER_LIB_PROTOCOL_METHOD_KIND_H_

#include <concepts>
#include <cstdint>

#include "lib/protocol/method.h"

namespace ioc {

template <typename M>
concept Message = requires {
  { M::kMethod } -> std::convertible_to<Method>;
};
template <typename M>
concept Request = Message<M> && requires {
  typename M::Reply;
};
template <typename M>
concept Notification = Message<M> &&(!Request<M> || requires { M::kAlsoNotified; });

enum class MethodKind : uint8_t { kUnknown, kRequest, kNotification, kEither };

// kUnknown for one that this release does not know.
MethodKind KindOf(Method method);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_METHOD_KIND_H_
