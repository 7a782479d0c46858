// Where the results of a call in local mode go, and the items of a stream.
#ifndef IOCLUSTER_RUNTIME_LOCAL_LOCAL_RESULTS_H_
#define IOCLUSTER_RUNTIME_LOCAL_LOCAL_RESULTS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/local/local_runtime.h"

namespace ioc {

// Collects what a function returns. The call's thread's own.
class LocalRuntime::Results final : public internal::ReturnSink {
 public:
  explicit Results(LocalRuntime& runtime) : runtime_(runtime) {}

  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Reserve(size_t bytes) override {
    return runtime_.Allocate(bytes);
  }
  void Return(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) override {
    values.push_back(Written(std::move(value), std::move(refs)));
  }
  void ReturnInline(std::string bytes, std::vector<internal::Ref> refs) override {
    values.push_back(Inline(std::move(bytes), std::move(refs)));
  }

  std::vector<internal::EncodedValue> values;

 private:
  LocalRuntime& runtime_;
};

// Keeps what a stream's function yields until it is read. The call's thread's own, but for the stream.
class LocalRuntime::StreamSink final : public internal::StreamSink {
 public:
  StreamSink(LocalRuntime& runtime, const LocalTask& task) : runtime_(runtime), task_(task) {}

  // The function is run again from its beginning: what it has made is skipped.
  void BeginAttempt() { index_ = 0; }

  Step BeginItem() override;
  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Reserve(size_t bytes) override {
    return runtime_.Allocate(bytes);
  }
  void Return(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) override {
    Add(Written(std::move(value), std::move(refs)));
  }
  void ReturnInline(std::string bytes, std::vector<internal::Ref> refs) override {
    Add(Inline(std::move(bytes), std::move(refs)));
  }
  // Why no more items were taken, if that is an error.
  const absl::Status& status() const { return status_; }

 private:
  void Add(internal::EncodedValue value);

  LocalRuntime& runtime_;
  const LocalTask& task_;
  uint64_t index_ = 0;  // of the next item
  uint64_t made_ = 0;   // in all attempts
  absl::Status status_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_LOCAL_LOCAL_RESULTS_H_
