// What a Cluster owns: the seam to whoever wires a driver together. Not for users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_CLUSTER_STATE_H_
#define IOCLUSTER_INTERNAL_CLUSTER_STATE_H_

#include "iocluster/internal/runtime.h"

namespace ioc::internal {

class ClusterState {
 public:
  virtual ~ClusterState() = default;
  virtual Runtime& runtime() = 0;
  // Stops everything within a bound. Once.
  virtual void Shutdown() = 0;
};

// Keeps a runtime by its own count.
class RuntimePtr {
 public:
  RuntimePtr() = default;
  explicit RuntimePtr(Runtime* runtime) : runtime_(runtime) {
    if (runtime_ != nullptr) runtime_->Retain();
  }
  RuntimePtr(const RuntimePtr& other) : RuntimePtr(other.runtime_) {}
  RuntimePtr(RuntimePtr&& other) noexcept : runtime_(std::exchange(other.runtime_, nullptr)) {}
  RuntimePtr& operator=(RuntimePtr other) noexcept {
    std::swap(runtime_, other.runtime_);
    return *this;
  }
  ~RuntimePtr() {
    if (runtime_ != nullptr) runtime_->Release();
  }

  explicit operator bool() const { return runtime_ != nullptr; }
  Runtime& operator*() const { return *runtime_; }
  Runtime* operator->() const { return runtime_; }

 private:
  Runtime* runtime_ = nullptr;
};

// Ends the process: a Cluster was used that there is none of. `function` is what was called.
[[noreturn]] void NoCluster(const char* function);

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_CLUSTER_STATE_H_
