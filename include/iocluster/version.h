// The release of these headers. A program and its workers are one executable, so they always agree; a cluster's daemons
// may be of another release within the same major version.
#ifndef IOCLUSTER_VERSION_H_
#define IOCLUSTER_VERSION_H_

#define IOCLUSTER_VERSION_MAJOR 0
#define IOCLUSTER_VERSION_MINOR 1
#define IOCLUSTER_VERSION_PATCH 0
#define IOCLUSTER_VERSION "0.1.0"

#endif  // IOCLUSTER_VERSION_H_
