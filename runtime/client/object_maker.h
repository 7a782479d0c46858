// Names, in errors about objects of this process's that can't be read, the functions that made them. Nodes and workers
// know an object only by its id.
#ifndef IOCLUSTER_RUNTIME_CLIENT_OBJECT_MAKER_H_
#define IOCLUSTER_RUNTIME_CLIENT_OBJECT_MAKER_H_

#include <absl/status/status.h>

#include "runtime/client/object_record.h"

namespace ioc {

// `error`, with "(made by Train)" behind the first mention of the object's id, if that is known.
absl::Status WithMaker(const absl::Status& error, const ObjectRecord& object);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_OBJECT_MAKER_H_
