// Has OpenMP in user code take as many threads as its task has CPUs, unless the user has said how many.
//
// A node starts its workers with OMP_NUM_THREADS=1 if the variable was not set: that is what OpenMP's library finds
// when it is loaded, before user code runs. Workers are used again for leases of other sizes; each says its own.
#ifndef IOCLUSTER_RUNTIME_WORKER_OMP_THREADS_H_
#define IOCLUSTER_RUNTIME_WORKER_OMP_THREADS_H_

#include <cstdint>

namespace ioc {

class OmpThreads {
 public:
  // Reads what the node has set, and forgets it for the programs that this one starts.
  OmpThreads();

  // The tasks that come have so many CPUs. While no user code runs: it changes the environment.
  void SetCpus(uint32_t cpus);
  // On the thread that is about to run one of them.
  void Apply() const {
    if (set_num_threads_ != nullptr) set_num_threads_(static_cast<int>(cpus_));
  }

 private:
  bool follows_ = false;  // nobody else has set the variable
  uint32_t cpus_ = 1;
  void (*set_num_threads_)(int) = nullptr;  // omp_set_num_threads, where the program has OpenMP
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_OMP_THREADS_H_
