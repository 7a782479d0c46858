#include "lib/protocol/common_codec.h"
#include "lib/protocol/store.capnp.h"
#include "lib/protocol/store_messages.h"
#include "lib/protocol/wire.h"

namespace ioc {
namespace {

void Write(const AllocateExtent& request, wire::AllocateExtent::Builder out) { out.setLength(request.length); }
void Read(Budget&, wire::AllocateExtent::Reader in, AllocateExtent& request) { request.length = in.getLength(); }

void Write(const AllocateExtent::Reply& extent, wire::AllocateExtent::Reply::Builder out) {
  out.setOffset(extent.offset);
  out.setLength(extent.length);
}
void Read(Budget&, wire::AllocateExtent::Reply::Reader in, AllocateExtent::Reply& extent) {
  extent.offset = in.getOffset();
  extent.length = in.getLength();
}

void Write(const ReleaseExtent& release, wire::ReleaseExtent::Builder out) { out.setOffset(release.offset); }
void Read(Budget&, wire::ReleaseExtent::Reader in, ReleaseExtent& release) { release.offset = in.getOffset(); }

void Write(const SealObject& seal, wire::SealObject::Builder out) {
  Write(seal.id, out.initId());
  out.setOffset(seal.offset);
  out.setSize(seal.size);
}
void Read(Budget& budget, wire::SealObject::Reader in, SealObject& seal) {
  Read(budget, in.getId(), seal.id);
  seal.offset = in.getOffset();
  seal.size = in.getSize();
}

void Write(const ObjectCopy& copy, wire::NodeAddress::Builder out) { Write(copy.node, out); }
void Read(Budget& budget, wire::NodeAddress::Reader in, ObjectCopy& copy) { Read(budget, in, copy.node); }

void Write(const PinObject& pin, wire::PinObject::Builder out) {
  Write(pin.id, out.initId());
  out.setSize(pin.size);
  auto copies = out.initCopies(pin.copies.size());
  for (unsigned i = 0; i < copies.size(); ++i) Write(pin.copies[i], copies[i]);
}
void Read(Budget& budget, wire::PinObject::Reader in, PinObject& pin) {
  Read(budget, in.getId(), pin.id);
  pin.size = in.getSize();
  const auto copies = in.getCopies();
  ResizeFor(budget, copies, pin.copies);
  for (unsigned i = 0; i < copies.size(); ++i) Read(budget, copies[i], pin.copies[i]);
}

void Write(const PinObject::Reply& reply, wire::PinObject::Reply::Builder out) {
  out.setOffset(reply.offset);
  out.setSize(reply.size);
}
void Read(Budget&, wire::PinObject::Reply::Reader in, PinObject::Reply& reply) {
  reply.offset = in.getOffset();
  reply.size = in.getSize();
}

void Write(const UnpinObjects& unpin, wire::UnpinObjects::Builder out) {
  WriteIds(unpin.ids, out.initIds(unpin.ids.size()));
}
void Read(Budget& budget, wire::UnpinObjects::Reader in, UnpinObjects& unpin) {
  ReadIds(budget, in.getIds(), unpin.ids);
}

void Write(const FreeObjects& free, wire::FreeObjects::Builder out) {
  Write(free.node, out.initNode());
  WriteIds(free.ids, out.initIds(free.ids.size()));
  out.setOwner(free.owner.value());
}
void Read(Budget& budget, wire::FreeObjects::Reader in, FreeObjects& free) {
  Read(budget, in.getNode(), free.node);
  ReadIds(budget, in.getIds(), free.ids);
  free.owner = ProcessId(in.getOwner());
}

void Write(const AdoptObjects& adopt, wire::AdoptObjects::Builder out) {
  Write(adopt.node, out.initNode());
  WriteIds(adopt.ids, out.initIds(adopt.ids.size()));
  out.setOwner(adopt.owner.value());
}
void Read(Budget& budget, wire::AdoptObjects::Reader in, AdoptObjects& adopt) {
  Read(budget, in.getNode(), adopt.node);
  ReadIds(budget, in.getIds(), adopt.ids);
  adopt.owner = ProcessId(in.getOwner());
}

void Write(const DescribeObject& request, wire::DescribeObject::Builder out) { Write(request.id, out.initId()); }
void Read(Budget& budget, wire::DescribeObject::Reader in, DescribeObject& request) {
  Read(budget, in.getId(), request.id);
}

void Write(const DescribeObject::Reply& reply, wire::DescribeObject::Reply::Builder out) { out.setSize(reply.size); }
void Read(Budget&, wire::DescribeObject::Reply::Reader in, DescribeObject::Reply& reply) { reply.size = in.getSize(); }

void Write(const ReadObject& request, wire::ReadObject::Builder out) {
  Write(request.id, out.initId());
  out.setOffset(request.offset);
  out.setLength(request.length);
}
void Read(Budget& budget, wire::ReadObject::Reader in, ReadObject& request) {
  Read(budget, in.getId(), request.id);
  request.offset = in.getOffset();
  request.length = in.getLength();
}

void Write(const FreeObjects::Reply&, wire::FreeObjects::Reply::Builder) {}
void Read(Budget&, wire::FreeObjects::Reply::Reader, FreeObjects::Reply&) {}
void Write(const AdoptObjects::Reply&, wire::AdoptObjects::Reply::Builder) {}
void Read(Budget&, wire::AdoptObjects::Reply::Reader, AdoptObjects::Reply&) {}
void Write(const ReadObject::Reply&, wire::ReadObject::Reply::Builder) {}
void Read(Budget&, wire::ReadObject::Reply::Reader, ReadObject::Reply&) {}

void Write(const ReleaseUnused&, wire::ReleaseUnused::Builder) {}
void Read(Budget&, wire::ReleaseUnused::Reader, ReleaseUnused&) {}

}  // namespace

IOC_DEFINE_CODEC(AllocateExtent);
IOC_DEFINE_CODEC(AllocateExtent::Reply);
IOC_DEFINE_CODEC(ReleaseExtent);
IOC_DEFINE_CODEC(SealObject);
IOC_DEFINE_CODEC(PinObject);
IOC_DEFINE_CODEC(PinObject::Reply);
IOC_DEFINE_CODEC(UnpinObjects);
IOC_DEFINE_CODEC(FreeObjects);
IOC_DEFINE_CODEC(FreeObjects::Reply);
IOC_DEFINE_CODEC(AdoptObjects);
IOC_DEFINE_CODEC(AdoptObjects::Reply);
IOC_DEFINE_CODEC(DescribeObject);
IOC_DEFINE_CODEC(DescribeObject::Reply);
IOC_DEFINE_CODEC(ReadObject);
IOC_DEFINE_CODEC(ReadObject::Reply);
IOC_DEFINE_CODEC(ReleaseUnused);

}  // namespace ioc
