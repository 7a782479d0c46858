// Writing to a descriptor that may be a pipe which nobody reads any more, within somebody else's program.
#ifndef IOCLUSTER_LIB_ENV_ASIO_QUIET_WRITE_H_
#define IOCLUSTER_LIB_ENV_ASIO_QUIET_WRITE_H_

#include <cstddef>

namespace ioc {

// All of it, or as much as the descriptor takes. No SIGPIPE reaches the program. Any thread.
void WriteQuietly(int fd, const char* bytes, size_t size);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_QUIET_WRITE_H_
