#include "lib/protocol/common_codec.h"

#include <absl/time/time.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "lib/base/status.h"

namespace ioc {
namespace {

// A longer one (a user's exception may hold anything) is cut off.
constexpr size_t kMaxErrorBytes = size_t{64} << 10;

constexpr int64_t kWithoutEnd = std::numeric_limits<int64_t>::max();

void Write(const LabelCondition& condition, wire::LabelCondition::Builder out) {
  out.setKey(AsText(condition.key));
  out.setOp(WriteEnum<wire::LabelCondition::Op>(condition.op));
  WriteTexts(condition.values, out.initValues(condition.values.size()));
}

void Read(Budget& budget, wire::LabelCondition::Reader in, LabelCondition& condition) {
  using Op = LabelCondition::Op;
  condition.key = AsView(in.getKey());
  condition.op = ReadEnum(in.getOp(), Op::kIn, Op::kGreater, "the label condition");
  ReadTexts(budget, in.getValues(), condition.values);
}

void Write(const Where& where, wire::Where::Builder out) {
  WriteTexts(where.gpu_models, out.initGpuModels(where.gpu_models.size()));
  out.setMinGpuMemory(where.min_gpu_memory);
  WriteTexts(where.regions, out.initRegions(where.regions.size()));
  out.setMinDownMbps(where.min_down_mbps);
  out.setMinUpMbps(where.min_up_mbps);
  out.setMaxPricePerHour(where.max_price_per_hour);
  WriteTexts(where.architectures, out.initArchitectures(where.architectures.size()));
  WriteTexts(where.systems, out.initSystems(where.systems.size()));
  WriteTexts(where.nodes, out.initNodes(where.nodes.size()));
  auto labels = out.initLabels(where.labels.size());
  for (unsigned i = 0; i < labels.size(); ++i) Write(where.labels[i], labels[i]);
}

void Read(Budget& budget, wire::Where::Reader in, Where& where) {
  ReadTexts(budget, in.getGpuModels(), where.gpu_models);
  where.min_gpu_memory = in.getMinGpuMemory();
  ReadTexts(budget, in.getRegions(), where.regions);
  where.min_down_mbps = NonNegative(in.getMinDownMbps(), "min_down_mbps");
  where.min_up_mbps = NonNegative(in.getMinUpMbps(), "min_up_mbps");
  where.max_price_per_hour = NonNegative(in.getMaxPricePerHour(), "max_price_per_hour");
  ReadTexts(budget, in.getArchitectures(), where.architectures);
  ReadTexts(budget, in.getSystems(), where.systems);
  ReadTexts(budget, in.getNodes(), where.nodes);
  const auto labels = in.getLabels();
  ResizeFor(budget, labels, where.labels);
  for (unsigned i = 0; i < labels.size(); ++i) Read(budget, labels[i], where.labels[i]);
}

}  // namespace

void Write(const ObjectId& id, wire::ObjectId::Builder out) {
  out.setMaker(id.maker.value());
  out.setSequence(id.sequence);
}

void Read(Budget&, wire::ObjectId::Reader in, ObjectId& id) {
  id.maker = ProcessId(in.getMaker());
  id.sequence = in.getSequence();
}

void WriteIds(const std::vector<ObjectId>& ids, capnp::List<wire::ObjectId>::Builder out) {
  for (unsigned i = 0; i < out.size(); ++i) Write(ids[i], out[i]);
}

void ReadIds(Budget& budget, capnp::List<wire::ObjectId>::Reader in, std::vector<ObjectId>& ids) {
  ResizeFor(budget, in, ids);
  for (unsigned i = 0; i < in.size(); ++i) Read(budget, in[i], ids[i]);
}

void WriteError(const absl::Status& error, wire::Status::Builder out) {
  out.setCode(static_cast<uint16_t>(error.raw_code()));
  out.setCause(static_cast<uint16_t>(CauseOf(error)));
  const absl::string_view message = error.message().substr(0, kMaxErrorBytes);
  std::copy(message.begin(), message.end(), out.initMessage(message.size()).begin());
}

absl::Status ReadError(wire::Status::Reader in) {
  const std::string_view message = AsView(in.getMessage());
  constexpr int kLastCode = static_cast<int>(absl::StatusCode::kUnauthenticated);
  const bool known = in.getCode() <= kLastCode;
  if (in.getCause() != static_cast<int>(Cause::kNone)) {
    const absl::Status error = MakeError(CauseFromWire(in.getCause()), message);
    // What user code returned keeps its own code; every other cause has one.
    const bool is_users = CauseOf(error) == Cause::kTaskThrew && known && in.getCode() != 0;
    return is_users ? WithCode(error, static_cast<absl::StatusCode>(in.getCode())) : error;
  }
  return absl::Status(known ? static_cast<absl::StatusCode>(in.getCode()) : absl::StatusCode::kUnknown,
                      absl::string_view(message.data(), message.size()));
}

void Write(const NodeAddress& address, wire::NodeAddress::Builder out) {
  out.setNode(address.node.value());
  out.setMachine(address.machine);
  out.setLocalAddress(AsText(address.local_address));
  out.setNodeAddress(AsText(address.node_address));
  out.setName(AsText(address.name));
}

void Read(Budget&, wire::NodeAddress::Reader in, NodeAddress& address) {
  address.node = NodeId(in.getNode());
  address.machine = in.getMachine();
  address.local_address = AsView(in.getLocalAddress());
  address.node_address = AsView(in.getNodeAddress());
  address.name = AsView(in.getName());
}

void Write(const ProcessAddress& address, wire::ProcessAddress::Builder out) {
  out.setProcess(address.process.value());
  wire::NodeAddress::Builder node = out.initNode();
  node.setNode(address.node.value());
  node.setMachine(address.machine);
  node.setLocalAddress(AsText(address.local_address));
  node.setNodeAddress(AsText(address.node_address));
}

void Read(Budget&, wire::ProcessAddress::Reader in, ProcessAddress& address) {
  address.process = ProcessId(in.getProcess());
  const wire::NodeAddress::Reader node = in.getNode();
  address.node = NodeId(node.getNode());
  address.machine = node.getMachine();
  address.local_address = AsView(node.getLocalAddress());
  address.node_address = AsView(node.getNodeAddress());
}

void Write(const RefInfo& ref, wire::RefInfo::Builder out) {
  Write(ref.id, out.initId());
  Write(ref.owner, out.initOwner());
}

void Read(Budget& budget, wire::RefInfo::Reader in, RefInfo& ref) {
  Read(budget, in.getId(), ref.id);
  Read(budget, in.getOwner(), ref.owner);
}

void Write(const SchedulingClass& spec, wire::SchedulingClass::Builder out) {
  out.setJob(spec.job.value());
  Write(spec.job_origin, out.initJobOrigin());
  Write(spec.resources, out.initResources(CountOf(spec.resources)));
  if (spec.where != Where{}) Write(spec.where, out.initWhere());
  out.setStrategy(WriteEnum<wire::Strategy>(spec.strategy));
  out.setDedicated(spec.dedicated);
  // Saturates, so that a duration without end is the greatest value.
  out.setPlacementTimeoutNs(absl::ToInt64Nanoseconds(spec.placement_timeout));
  out.setOutlivesDriver(spec.outlives_driver);
}

void Read(Budget& budget, wire::SchedulingClass::Reader in, SchedulingClass& spec) {
  spec.job = JobId(in.getJob());
  Read(budget, in.getJobOrigin(), spec.job_origin);
  Read(budget, in.getResources(), spec.resources);
  Read(budget, in.getWhere(), spec.where);
  spec.strategy = ReadEnum(in.getStrategy(), Strategy::kDefault, Strategy::kSpread, "the strategy");
  spec.dedicated = in.getDedicated();
  const int64_t timeout_ns = NonNegative(in.getPlacementTimeoutNs(), "placement_timeout");
  spec.placement_timeout = timeout_ns == kWithoutEnd ? absl::InfiniteDuration() : absl::Nanoseconds(timeout_ns);
  spec.outlives_driver = in.getOutlivesDriver();
}

void Write(const NodeInfo& info, wire::NodeInfo::Builder out) {
  Write(info.address, out.initAddress());
  out.setName(AsText(info.name));
  out.setHostname(AsText(info.hostname));
  out.setPid(info.pid);
  Write(info.total, out.initTotal(CountOf(info.total)));
  auto labels = out.initLabels(info.labels.size());
  unsigned i = 0;
  for (const auto& [key, value] : info.labels) {
    labels[i].setKey(AsText(key));
    labels[i++].setValue(AsText(value));
  }
  out.setGpuModel(AsText(info.gpu_model));
  out.setGpuMemory(info.gpu_memory);
  out.setRegion(AsText(info.region));
  out.setDownMbps(info.down_mbps);
  out.setUpMbps(info.up_mbps);
  out.setPricePerHour(info.price_per_hour);
  out.setArch(AsText(info.arch));
  out.setOs(AsText(info.os));
  out.setStoreBytes(info.store_bytes);
  out.setRelease(AsText(info.release));
}

void Read(Budget& budget, wire::NodeInfo::Reader in, NodeInfo& info) {
  Read(budget, in.getAddress(), info.address);
  info.name = AsView(in.getName());
  info.hostname = AsView(in.getHostname());
  info.pid = NonNegative(in.getPid(), "pid");
  Read(budget, in.getTotal(), info.total);
  info.labels.clear();
  const auto labels = in.getLabels();
  // A map's node has about this much around key and value.
  budget.Charge(labels.size() * (2 * sizeof(std::string) + 4 * sizeof(void*)));
  for (const wire::Label::Reader label : labels)
    info.labels[std::string(AsView(label.getKey()))] = AsView(label.getValue());
  info.gpu_model = AsView(in.getGpuModel());
  info.gpu_memory = in.getGpuMemory();
  info.region = AsView(in.getRegion());
  info.down_mbps = NonNegative(in.getDownMbps(), "down_mbps");
  info.up_mbps = NonNegative(in.getUpMbps(), "up_mbps");
  info.price_per_hour = NonNegative(in.getPricePerHour(), "price_per_hour");
  info.arch = AsView(in.getArch());
  info.os = AsView(in.getOs());
  info.store_bytes = in.getStoreBytes();
  info.release = AsView(in.getRelease());
}

void Write(const LibraryInfo& library, wire::LibraryInfo::Builder out) {
  out.setName(AsText(library.name));
  out.setPath(AsText(library.path));
  out.setSize(library.size);
  out.setSha256(AsText(library.sha256));
}

void Read(Budget&, wire::LibraryInfo::Reader in, LibraryInfo& library) {
  library.name = AsView(in.getName());
  library.path = AsView(in.getPath());
  library.size = in.getSize();
  library.sha256 = AsView(in.getSha256());
}

void Write(const ProgramInfo& program, wire::ProgramInfo::Builder out) {
  out.setPath(AsText(program.path));
  out.setBuildId(AsText(program.build_id));
  out.setSize(program.size);
  out.setSha256(AsText(program.sha256));
  WriteTexts(program.arguments, out.initArguments(program.arguments.size()));
  out.setDirectory(AsText(program.directory));
  auto libraries = out.initLibraries(program.libraries.size());
  for (unsigned i = 0; i < libraries.size(); ++i) Write(program.libraries[i], libraries[i]);
  WriteTexts(program.library_path, out.initLibraryPath(program.library_path.size()));
}

void Read(Budget& budget, wire::ProgramInfo::Reader in, ProgramInfo& program) {
  program.path = AsView(in.getPath());
  program.build_id = AsView(in.getBuildId());
  program.size = in.getSize();
  program.sha256 = AsView(in.getSha256());
  ReadTexts(budget, in.getArguments(), program.arguments);
  program.directory = AsView(in.getDirectory());
  const auto libraries = in.getLibraries();
  ResizeFor(budget, libraries, program.libraries);
  for (unsigned i = 0; i < libraries.size(); ++i) Read(budget, libraries[i], program.libraries[i]);
  ReadTexts(budget, in.getLibraryPath(), program.library_path);
}

void WriteTexts(const std::vector<std::string>& texts, capnp::List<capnp::Text>::Builder out) {
  for (unsigned i = 0; i < out.size(); ++i) out.set(i, AsText(texts[i]));
}

void ReadTexts(Budget& budget, capnp::List<capnp::Text>::Reader in, std::vector<std::string>& texts) {
  ResizeFor(budget, in, texts);
  for (unsigned i = 0; i < in.size(); ++i) texts[i] = AsView(in[i]);
}

void Write(const ResourceSet& resources, capnp::List<wire::Resource>::Builder out) {
  unsigned i = 0;
  for (const auto& [name, ticks] : resources.amounts()) {
    out[i].setName(AsText(name));
    out[i++].setTicks(ticks);
  }
}

void Read(Budget& budget, capnp::List<wire::Resource>::Reader in, ResourceSet& resources) {
  budget.Charge(in.size() * sizeof(std::pair<std::string, int64_t>));
  resources = ResourceSet();
  std::string_view last;
  for (unsigned i = 0; i < in.size(); ++i) {
    const std::string_view name = AsView(in[i].getName());
    // Sorted, each is put at the end; in any other order a long list would take quadratic time.
    if (i > 0 && name <= last) RejectBody("its resources are not sorted by name, each once");
    resources.SetTicks(name, in[i].getTicks());
    last = name;
  }
}

void EncodeStatus(const absl::Status& status, BodyBuffer& body) {
  BodyBuilder builder(body);
  WriteError(status, builder.initRoot<wire::Status>());
  builder.Finish();
}

absl::Status DecodeStatus(std::span<const std::byte> body) {
  absl::Status error;
  const absl::Status decoded = DecodeBody("Status", body, [&error](Budget&, capnp::MessageReader& reader) {
    error = ReadError(reader.getRoot<wire::Status>());
  });
  if (!decoded.ok())
    return MakeError(Cause::kInternal, "the peer sent an error that can't be read: " + std::string(decoded.message()));
  if (error.ok()) return MakeError(Cause::kInternal, "the peer sent an error that says OK");
  return error;
}

}  // namespace ioc
