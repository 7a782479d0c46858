// How a worker ended, in words; said by whoever tells others of it.
#ifndef IOCLUSTER_LIB_PROTOCOL_FATE_H_
#define IOCLUSTER_LIB_PROTOCOL_FATE_H_

#include <string>

#include "lib/protocol/node_messages.h"

namespace ioc {

// "its worker on node den was killed by signal 9 (Killed); its last lines on stderr: ...". The fate is known, and the
// worker not running; `node` is a NodeAddress::Label.
std::string DescribeFate(const GetWorkerFate::Reply& fate, const std::string& node);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_FATE_H_
