// All of iocluster. Start with cluster.h. (capnp.h is the one header that is not here: it needs Cap'n Proto.)
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
