// Callbacks that do nothing once their owner is gone.
//
// A part of the node hands callbacks to timers, channels and other parts, which may outlive it. It keeps a Life as its
// last member, so that this is destroyed first, and binds each callback to it.
#ifndef IOCLUSTER_RUNTIME_NODE_LIFE_H_
#define IOCLUSTER_RUNTIME_NODE_LIFE_H_

#include <memory>
#include <utility>

namespace ioc {

class Life {
 public:
  Life() = default;
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  template <typename F>
  auto Bind(F callback) const {
    return [alive = std::weak_ptr<const bool>(alive_), callback = std::move(callback)](auto&&... arguments) mutable {
      if (!alive.expired()) callback(std::forward<decltype(arguments)>(arguments)...);
    };
  }

 private:
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_LIFE_H_
