// Codecs of common.h, for the codecs of the messages. See wire.h.
#ifndef IOCLUSTER_LIB_PROTOCOL_COMMON_CODEC_H_
#define IOCLUSTER_LIB_PROTOCOL_COMMON_CODEC_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "lib/protocol/common.capnp.h"
#include "lib/protocol/common.h"
#include "lib/protocol/node_messages.h"
#include "lib/protocol/wire.h"

namespace ioc {

void Write(const ObjectId& id, wire::ObjectId::Builder out);
void Read(Budget& budget, wire::ObjectId::Reader in, ObjectId& id);

void WriteIds(const std::vector<ObjectId>& ids, capnp::List<wire::ObjectId>::Builder out);
void ReadIds(Budget& budget, capnp::List<wire::ObjectId>::Reader in, std::vector<ObjectId>& ids);

// Only a status that is not OK has a place in a message: absent is OK.
void WriteError(const absl::Status& error, wire::Status::Builder out);
absl::Status ReadError(wire::Status::Reader in);

void Write(const NodeAddress& address, wire::NodeAddress::Builder out);
void Read(Budget& budget, wire::NodeAddress::Reader in, NodeAddress& address);

void Write(const ProcessAddress& address, wire::ProcessAddress::Builder out);
void Read(Budget& budget, wire::ProcessAddress::Reader in, ProcessAddress& address);

void Write(const RefInfo& ref, wire::RefInfo::Builder out);
void Read(Budget& budget, wire::RefInfo::Reader in, RefInfo& ref);

void Write(const SchedulingClass& spec, wire::SchedulingClass::Builder out);
void Read(Budget& budget, wire::SchedulingClass::Reader in, SchedulingClass& spec);

void Write(const NodeInfo& info, wire::NodeInfo::Builder out);
void Read(Budget& budget, wire::NodeInfo::Reader in, NodeInfo& info);

void Write(const ProgramInfo& program, wire::ProgramInfo::Builder out);
void Read(Budget& budget, wire::ProgramInfo::Reader in, ProgramInfo& program);

void WriteTexts(const std::vector<std::string>& texts, capnp::List<capnp::Text>::Builder out);
void ReadTexts(Budget& budget, capnp::List<capnp::Text>::Reader in, std::vector<std::string>& texts);

void Write(const ResourceSet& resources, capnp::List<wire::Resource>::Builder out);
void Read(Budget& budget, capnp::List<wire::Resource>::Reader in, ResourceSet& resources);

// For the `initX` of a list of resources.
inline unsigned CountOf(const ResourceSet& resources) { return static_cast<unsigned>(resources.amounts().size()); }

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_COMMON_CODEC_H_
