// The template's side of ProcessTemplate: a process that a node has started and that forks others from itself.
#ifndef IOCLUSTER_LIB_ENV_ASIO_FORK_SERVER_H_
#define IOCLUSTER_LIB_ENV_ASIO_FORK_SERVER_H_

namespace ioc {

// Users set it to 0 to have every worker started anew.
inline constexpr char kForkVariable[] = "IOCLUSTER_FORK";

// Called by a program that serves as a child, before it makes an Env or a thread. In a process that was asked to be a
// template it serves requests until its node is gone, then waits for its children, and never returns; in each child
// that it forks, it returns. It returns at once in a process that was not asked, and in one that can't be forked, which
// says so to its node and goes on as an ordinary child: because it has more than one thread, or descriptors or memory
// that two processes would share.
void ServeForks();

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_FORK_SERVER_H_
