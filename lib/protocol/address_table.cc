#include "lib/protocol/address_table.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace ioc {
namespace {

void CopyText(std::string_view text, capnp::Text::Builder out) { std::copy(text.begin(), text.end(), out.begin()); }

void CheckIndex(uint32_t index, size_t size) {
  if (index >= size) RejectBody(absl::StrCat("it names address ", index, " of ", size));
}

}  // namespace

template <typename T>
uint32_t AddressWriter::Interner<T>::IndexOf(const T& value) {
  const auto searched_end = values_.begin() + std::min(kSearched, values_.size());
  const auto found = std::find(values_.begin(), searched_end, value);
  if (found != searched_end) return static_cast<uint32_t>(found - values_.begin());
  const uint32_t next = static_cast<uint32_t>(values_.size());
  if (next >= kSearched) {
    const auto [it, added] = index_.try_emplace(value, next);
    if (!added) return it->second;
  }
  values_.push_back(value);
  return next;
}

uint32_t AddressWriter::IndexOf(const NodeAddress& node) {
  return IndexOf(NodeView{node.node, node.machine, node.local_address, node.node_address, node.name});
}

uint32_t AddressWriter::IndexOf(const ProcessAddress& process) {
  // References come in runs of one owner.
  if (last_process_ == nullptr || *last_process_ != process) {
    const uint32_t node =
        IndexOf(NodeView{process.node, process.machine, process.local_address, process.node_address, {}});
    last_index_ = processes_.IndexOf(ProcessView{process.process, node});
    last_process_ = &process;
  }
  return last_index_;
}

void AddressWriter::Write(wire::AddressTable::Builder out) const {
  auto nodes = out.initNodes(nodes_.values().size());
  for (unsigned i = 0; i < nodes.size(); ++i) {
    const NodeView& node = nodes_.values()[i];
    nodes[i].setNode(node.node.value());
    nodes[i].setMachine(node.machine);
    CopyText(node.local_address, nodes[i].initLocalAddress(node.local_address.size()));
    CopyText(node.node_address, nodes[i].initNodeAddress(node.node_address.size()));
    if (!node.name.empty()) CopyText(node.name, nodes[i].initName(node.name.size()));
  }
  auto processes = out.initProcesses(processes_.values().size());
  for (unsigned i = 0; i < processes.size(); ++i) {
    processes[i].setProcess(processes_.values()[i].process.value());
    processes[i].setNode(processes_.values()[i].node);
  }
}

AddressReader::AddressReader(Budget& budget, wire::AddressTable::Reader in) {
  const auto nodes = in.getNodes();
  ResizeFor(budget, nodes, nodes_);
  for (unsigned i = 0; i < nodes.size(); ++i) {
    nodes_[i] = {NodeId(nodes[i].getNode()), nodes[i].getMachine(), AsView(nodes[i].getLocalAddress()),
                 AsView(nodes[i].getNodeAddress()), AsView(nodes[i].getName())};
  }
  const auto processes = in.getProcesses();
  ResizeFor(budget, processes, processes_);
  for (unsigned i = 0; i < processes.size(); ++i) {
    CheckIndex(processes[i].getNode(), nodes_.size());
    processes_[i] = {ProcessId(processes[i].getProcess()), processes[i].getNode()};
  }
}

void AddressReader::Read(Budget& budget, uint32_t index, NodeAddress& node) const {
  const Node& found = NodeAt(budget, index);
  node.node = found.node;
  node.machine = found.machine;
  node.local_address = found.local_address;
  node.node_address = found.node_address;
  node.name = found.name;
}

void AddressReader::Read(Budget& budget, uint32_t index, ProcessAddress& process) const {
  CheckIndex(index, processes_.size());
  const Node& node = NodeAt(budget, processes_[index].node);
  process.process = processes_[index].process;
  process.node = node.node;
  process.machine = node.machine;
  process.local_address = node.local_address;
  process.node_address = node.node_address;
}

const AddressReader::Node& AddressReader::NodeAt(Budget& budget, uint32_t index) const {
  CheckIndex(index, nodes_.size());
  const Node& node = nodes_[index];
  budget.Charge(node.local_address.size() + node.node_address.size() + node.name.size());
  return node;
}

}  // namespace ioc
