// ioc::Array<T>: a dense n-dimensional array (row-major) whose elements lie in the machine's shared memory.
//
// Cluster::NewArray makes one to be written in place. Put(std::move(array)), returning it from a task, or passing it by
// std::move seals the memory as it is: nothing is copied. An array that comes from Get, or as an argument, shows those
// same bytes to every process on the machine, again without a copy.
//
//   auto array = cluster.NewArray<float>({1024, 1024}).value();
//   std::fill(array.begin(), array.end(), 1.0f);
//   ioc::ObjectRef<ioc::Array<float>> ref = cluster.Put(std::move(array));
//
// Who may write: whoever made the array, until it is sealed. An array from Get or an argument is for reading: its
// writable() is false, and its elements are shared with others, so take it as a const ioc::Array<T>&, or copy it
// (Array::Copy) to change it. The non-const accessors are there for both, since no accessor costs a check.
//
// Copying an Array copies a handle: both see the same elements. If copies of a writable array exist when it is put, its
// elements are copied, as others might still write. The memory lives as long as any array on it, even without its
// Cluster. Not synchronised: threads that write elements see to it themselves.
#ifndef IOCLUSTER_ARRAY_H_
#define IOCLUSTER_ARRAY_H_

#include <absl/status/statusor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "iocluster/internal/value.h"
#include "iocluster/serde.h"

namespace ioc {

inline constexpr size_t kMaxArrayDimensions = 32;
inline constexpr size_t kArrayAlignment = 64;  // bytes: of the first element, within shared memory

namespace internal {

// What may be an element: trivially copyable and without pointers, as far as the compiler can see.
template <typename T>
constexpr bool IsArrayElement() {
  if constexpr (!std::is_trivially_copyable_v<T> || std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
                std::is_reference_v<T> || std::is_const_v<T> || std::is_array_v<T>) {
    return false;
  } else if constexpr (Aggregate<T> && !std::is_empty_v<T>) {
    return []<typename... Members>(std::type_identity<std::tuple<Members&...>>) {
      return (IsArrayElement<Members>() && ...);
    }(std::type_identity<MembersOf<T>>());
  } else {
    return true;
  }
}

// Memory that an array wrote its header and may write its elements into.
struct ArrayMemory {
  std::unique_ptr<WritableValue> value;
};

// Bytes in front of the elements of an array that is a whole value.
size_t ArrayPrefixBytes(size_t dimensions);
// The product of `shape`; InvalidArgument if there are too many dimensions or the bytes don't fit a size_t.
absl::StatusOr<size_t> CountElements(std::span<const size_t> shape, size_t element_bytes);
// Memory on the heap, zeroed, aligned to kArrayAlignment.
std::unique_ptr<WritableValue> AllocateOnHeap(size_t bytes);
// The number of dimensions, and each.
void WriteShape(Encoder& out, std::span<const size_t> shape);
bool ReadShape(Decoder& in, size_t element_bytes, std::vector<size_t>& shape, size_t& count);

}  // namespace internal

template <typename T>
class Array {
  static_assert(internal::IsArrayElement<T>(),
                "iocluster cannot make an array of this type: its elements must be trivially copyable and hold no "
                "pointers");

 public:
  using value_type = T;

  // Empty: one dimension, no elements.
  Array() : shape_(1, 0) {}

  // A new array on the heap of this process with these elements; kInvalidArgument if their number is not the shape's.
  // For small results; large ones are better written in place, in what Cluster::NewArray gives.
  static absl::StatusOr<Array> Copy(std::vector<size_t> shape, std::span<const T> elements) {
    absl::StatusOr<Array> array =
        InMemory(std::move(shape), [](size_t bytes) { return internal::AllocateOnHeap(bytes); });
    if (!array.ok()) return array;
    if (array->size() != elements.size()) {
      return MakeError(Cause::kInvalidArgument, "the shape of an array asks for " + std::to_string(array->size()) +
                                                    " elements; " + std::to_string(elements.size()) + " were given");
    }
    std::copy(elements.begin(), elements.end(), array->data());
    return array;
  }

  const std::vector<size_t>& shape() const { return shape_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Whether this process made it and has not sealed it.
  bool writable() const { return memory_ != nullptr; }

  const T* data() const { return data_; }
  T* data() { return data_; }
  const T* begin() const { return data_; }
  T* begin() { return data_; }
  const T* end() const { return data_ + size_; }
  T* end() { return data_ + size_; }
  std::span<const T> span() const { return {data_, size_}; }
  std::span<T> span() { return {data_, size_}; }

  // By position in memory; not checked.
  const T& operator[](size_t position) const { return data_[position]; }
  T& operator[](size_t position) { return data_[position]; }

  // By one index for each dimension; not checked.
  template <typename... Index>
  requires(std::is_convertible_v<Index, size_t>&&...) const T& operator()(Index... index) const {
    return data_[Position({static_cast<size_t>(index)...})];
  }
  template <typename... Index>
  requires(std::is_convertible_v<Index, size_t>&&...) T& operator()(Index... index) {
    return data_[Position({static_cast<size_t>(index)...})];
  }

  // For the library: an array in what `allocate(bytes)` gives, encoded as a whole value from the start.
  template <typename Allocate>
  static absl::StatusOr<Array> InMemory(std::vector<size_t> shape, const Allocate& allocate) {
    absl::StatusOr<size_t> count = internal::CountElements(shape, sizeof(T));
    if (!count.ok()) return count.status();
    const size_t prefix = internal::ArrayPrefixBytes(shape.size());
    absl::StatusOr<std::unique_ptr<internal::WritableValue>> value = allocate(prefix + *count * sizeof(T));
    if (!value.ok()) return value.status();
    const std::span<std::byte> bytes = (*value)->bytes();
    static constexpr uint32_t kFingerprint = internal::Fingerprint<Array>();
    Encoder out(bytes.first(prefix));
    out.Append(&kFingerprint, sizeof(kFingerprint));
    internal::WriteShape(out, shape);
    out.Align(kArrayAlignment);
    Array array;
    array.data_ = reinterpret_cast<T*>(bytes.data() + prefix);
    array.size_ = *count;
    array.shape_ = std::move(shape);
    array.memory_ = std::make_shared<internal::ArrayMemory>(internal::ArrayMemory{*std::move(value)});
    return array;
  }

 private:
  friend struct Serde<Array<T>>;

  size_t Position(std::initializer_list<size_t> index) const {
    size_t position = 0;
    size_t dimension = 0;
    for (size_t i : index) position = position * shape_[dimension++] + i;
    return position;
  }

  std::vector<size_t> shape_;
  T* data_ = nullptr;
  size_t size_ = 0;
  std::shared_ptr<internal::ArrayMemory> memory_;  // null: read-only
  std::shared_ptr<const void> keepalive_;          // of what is read-only
};

// The fingerprint (it covers the element type), the shape, zeros up to a multiple of kArrayAlignment, the elements.
template <typename T>
struct Serde<Array<T>> {
  static void Write(Encoder& out, const Array<T>& array) {
    internal::WriteShape(out, array.shape_);
    out.Align(kArrayAlignment);
    out.Append(array.data_, array.size_ * sizeof(T));
  }

  static bool Read(Decoder& in, Array<T>& array) {
    array = Array<T>();
    std::vector<size_t> shape;
    size_t count = 0;
    if (!internal::ReadShape(in, sizeof(T), shape, count) || !in.Align(kArrayAlignment)) return false;
    const char* elements = in.Take(count * sizeof(T));
    if (elements == nullptr) return false;
    if constexpr (std::is_same_v<T, bool>) {
      if (std::any_of(elements, elements + count, [](char c) { return c != 0 && c != 1; })) {
        return in.Fail("a bool is neither 0 nor 1");
      }
    }
    if (in.keepalive() != nullptr && reinterpret_cast<uintptr_t>(elements) % alignof(T) == 0) {
      array.data_ = reinterpret_cast<T*>(const_cast<char*>(elements));
      array.keepalive_ = in.keepalive();
    } else {
      CopyElements(elements, count * sizeof(T), array);
    }
    array.size_ = count;
    array.shape_ = std::move(shape);
    return true;
  }

  // The memory of an array that nobody else can write to, encoded as a whole value; the array is empty afterwards. Null
  // otherwise.
  static std::unique_ptr<internal::WritableValue> TakeEncoded(Array<T>& array) {
    if (array.memory_ == nullptr || array.memory_.use_count() != 1) return nullptr;
    std::unique_ptr<internal::WritableValue> value = std::move(array.memory_->value);
    array = Array<T>();
    return value;
  }

  template <int Level>
  static constexpr uint32_t Fingerprint() {
    if constexpr (internal::kIsBlock<T>) {
      return internal::Mix(internal::FingerprintOfParts<Level, T>("Array"), uint32_t{sizeof(T)});
    } else {
      return internal::Mix(internal::Mix(internal::Mix(internal::kFingerprintSeed, "Array"),
                                         internal::PlainName(internal::TypeName<T>())),
                           uint32_t{sizeof(T)});
    }
  }

 private:
  static void CopyElements(const char* elements, size_t bytes, Array<T>& array) {
    auto copy = std::make_shared<std::unique_ptr<internal::WritableValue>>(internal::AllocateOnHeap(bytes));
    array.data_ = reinterpret_cast<T*>((*copy)->bytes().data());
    if (bytes != 0) std::memcpy(static_cast<void*>(array.data_), elements, bytes);
    array.keepalive_ = std::move(copy);
  }
};

}  // namespace ioc

#endif  // IOCLUSTER_ARRAY_H_
