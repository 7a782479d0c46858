// All of iocluster. Start with cluster.h. (Two headers are not here: capnp.h, which needs Cap'n Proto, and asio.h,
// which takes Boost.Asio along.)
#ifndef IOCLUSTER_IOCLUSTER_H_
#define IOCLUSTER_IOCLUSTER_H_

#include "iocluster/actor.h"
#include "iocluster/array.h"
#include "iocluster/cluster.h"
#include "iocluster/ids.h"
#include "iocluster/object_ref.h"
#include "iocluster/options.h"
#include "iocluster/serde.h"
#include "iocluster/status.h"
#include "iocluster/stream.h"
#include "iocluster/task.h"
#include "iocluster/version.h"

#endif  // IOCLUSTER_IOCLUSTER_H_
