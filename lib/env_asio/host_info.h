// Finds out what machine this is.
#ifndef IOCLUSTER_LIB_ENV_ASIO_HOST_INFO_H_
#define IOCLUSTER_LIB_ENV_ASIO_HOST_INFO_H_

#include "lib/env/env.h"

namespace ioc {

HostInfo FindHostInfo();

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_HOST_INFO_H_
