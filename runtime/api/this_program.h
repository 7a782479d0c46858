// The program that this process runs, as its workers are to run it on any machine.
#ifndef IOCLUSTER_RUNTIME_API_THIS_PROGRAM_H_
#define IOCLUSTER_RUNTIME_API_THIS_PROGRAM_H_

#include "lib/protocol/common.h"

namespace ioc {

// With the shared libraries that are loaded now, but for those in the system's directories (/lib, /usr/lib and so on),
// which every machine has or must be given.
ProgramInfo ThisProgram(int argc, char** argv);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_API_THIS_PROGRAM_H_
