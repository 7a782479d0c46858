// Addresses written once a message: a value can carry 10,000 references that one process owns.
#ifndef IOCLUSTER_LIB_PROTOCOL_ADDRESS_TABLE_H_
#define IOCLUSTER_LIB_PROTOCOL_ADDRESS_TABLE_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "lib/protocol/common.capnp.h"
#include "lib/protocol/common.h"
#include "lib/protocol/wire.h"

namespace ioc {

// Gives addresses numbers while a message is built; allocates nothing for a few. The addresses must stay where they are
// until Write.
class AddressWriter {
 public:
  uint32_t IndexOf(const NodeAddress& node);
  uint32_t IndexOf(const ProcessAddress& process);
  bool empty() const { return nodes_.empty(); }

  void Write(wire::AddressTable::Builder out) const;

 private:
  // A node's address, wherever it stands.
  struct NodeView {
    NodeId node;
    uint64_t machine = 0;
    std::string_view local_address;
    std::string_view node_address;
    std::string_view name;  // of a process's node: empty

    friend bool operator==(const NodeView&, const NodeView&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const NodeView& view) {
      return H::combine(std::move(h), view.node);
    }
  };
  struct ProcessView {
    ProcessId process;
    uint32_t node = 0;

    friend bool operator==(const ProcessView&, const ProcessView&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const ProcessView& view) {
      return H::combine(std::move(h), view.process, view.node);
    }
  };
  // A set with numbers: a short list is searched, a long one hashed.
  template <typename T>
  class Interner {
   public:
    uint32_t IndexOf(const T& value);
    const absl::InlinedVector<T, 8>& values() const { return values_; }
    bool empty() const { return values_.empty(); }

   private:
    static constexpr size_t kSearched = 8;

    absl::InlinedVector<T, 8> values_;
    absl::flat_hash_map<T, uint32_t> index_;  // of the values from kSearched on
  };

  uint32_t IndexOf(const NodeView& view) { return nodes_.IndexOf(view); }

  Interner<NodeView> nodes_;
  Interner<ProcessView> processes_;
  const ProcessAddress* last_process_ = nullptr;
  uint32_t last_index_ = 0;
};

// The table of a message that is read; its views point into the body. Rejects numbers that it does not have.
class AddressReader {
 public:
  AddressReader(Budget& budget, wire::AddressTable::Reader in);

  void Read(Budget& budget, uint32_t index, NodeAddress& node) const;
  void Read(Budget& budget, uint32_t index, ProcessAddress& process) const;

 private:
  struct Node {
    NodeId node;
    uint64_t machine = 0;
    std::string_view local_address;
    std::string_view node_address;
    std::string_view name;
  };
  struct Process {
    ProcessId process;
    uint32_t node = 0;
  };

  const Node& NodeAt(Budget& budget, uint32_t index) const;

  absl::InlinedVector<Node, 4> nodes_;
  absl::InlinedVector<Process, 4> processes_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_ADDRESS_TABLE_H_
