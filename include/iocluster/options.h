// Options of tasks, actors and clusters: plain structs with a default for every member, made for designated
// initialisers:
//
//   cluster.With(ioc::TaskOptions{.gpus = 1, .where = {.gpu_models = {"RTX 4090"}}, .max_retries = 5}).Submit<F>(x);
#ifndef IOCLUSTER_OPTIONS_H_
#define IOCLUSTER_OPTIONS_H_

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ioc {

inline constexpr uint64_t kKiB = uint64_t{1} << 10;
inline constexpr uint64_t kMiB = uint64_t{1} << 20;
inline constexpr uint64_t kGiB = uint64_t{1} << 30;

// A condition on one of a node's labels ("disk" = "ssd").
struct LabelCondition {
  enum class Op { kIn, kNotIn, kExists, kNotExists, kLess, kGreater };  // the last two compare numbers

  std::string key = {};
  Op op = Op::kIn;
  std::vector<std::string> values = {};  // kIn, kNotIn: any number; kLess, kGreater: one number; otherwise none

  friend auto operator<=>(const LabelCondition&, const LabelCondition&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const LabelCondition& c) {
    return H::combine(std::move(h), c.key, c.op, c.values);
  }
};

// Hard conditions on the node. A default member asks for nothing; a list is satisfied by any one of its elements.
struct Where {
  std::vector<std::string> gpu_models = {};
  uint64_t min_gpu_memory = 0;  // bytes a card
  std::vector<std::string> regions = {};
  double min_down_mbps = 0;
  double min_up_mbps = 0;
  double max_price_per_hour = 0;                // US dollars; 0 is any price
  std::vector<std::string> architectures = {};  // "x86_64", "aarch64"
  std::vector<std::string> systems = {};        // "linux", "macos"
  std::vector<std::string> nodes = {};          // node names or ids (node affinity)
  std::vector<LabelCondition> labels = {};

  friend auto operator<=>(const Where&, const Where&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Where& w) {
    return H::combine(std::move(h), w.gpu_models, w.min_gpu_memory, w.regions, w.min_down_mbps, w.min_up_mbps,
                      w.max_price_per_hour, w.architectures, w.systems, w.nodes, w.labels);
  }
};

enum class Strategy {
  kDefault,  // the own node while it has room, otherwise the fullest that fits
  kPack,     // as few nodes as possible
  kSpread,   // as many nodes as possible
};

struct TaskOptions {
  std::string name = {};  // shown in listings and errors; the function's name unless set
  double cpus = 1;
  double gpus = 0;
  uint64_t memory = 0;                           // bytes
  std::map<std::string, double> resources = {};  // custom ones; the built-in ones have the members above
  Where where = {};
  Strategy strategy = Strategy::kDefault;
  int max_retries = 3;                                   // after a system failure; -1 is without end
  bool retry_on_exception = false;                       // whether user exceptions count as failures to retry
  absl::Duration placement_timeout = absl::Seconds(30);  // for what no registered node could ever run
  int num_returns = 0;     // for SubmitAll: splits the vector that the function returns into as many references
  int stream_window = 64;  // items by which a stream may be ahead of its reader; at most a million
};

enum class Lifetime {
  kHandles,  // until the last handle is gone and its calls have run
  // Until it is killed, its constructor fails, or it has died more than max_restarts times; its driver may have ended
  // long before. Needs a name, by which others find it. The arguments of its constructor travel as values: references
  // among them are refused, and more than 1 MiB in all.
  kDetached,
};

struct ActorOptions {
  std::string name = {};        // for FindActor; empty is none
  std::string name_space = {};  // names are unique in one; empty is the default one
  Lifetime lifetime = Lifetime::kHandles;
  double cpus = 0;
  double gpus = 0;
  uint64_t memory = 0;
  std::map<std::string, double> resources = {};
  Where where = {};
  Strategy strategy = Strategy::kDefault;
  int max_restarts = 0;      // -1 is without end
  int max_task_retries = 0;  // likewise
  // Of a class with Checkpoint and Restore (actor.h) that may restart: when its state is saved. After so many calls,
  // before the answer of the last of them is sent (0: never for that reason); and this long after a call at the latest,
  // or later if saving takes more than a twentieth of the time. ioc::SaveCheckpoint() asks for it besides.
  int checkpoint_every = 0;
  absl::Duration checkpoint_period = absl::Seconds(1);
  int max_concurrency = 1;  // calls that run at a time, of those that name no group; more than one gives up order
  // Further groups of calls, by name, and how many of each run at a time: {{"io", 2}, {"compute", 4}}. They don't wait
  // for each other. A call names its group with CallOptions. All together at most kMaxConcurrency.
  std::map<std::string, int> concurrency_groups = {};
  // Many actors in one process, each as light as an object: their calls run on a thread pool, one at a time for each
  // (unless max_concurrency says otherwise). They hold no resources of their own; if their process dies, all of them
  // have died. Killing one cancels the call that it runs, which should look at ioc::Cancelled().
  bool shared_process = false;
  absl::Duration placement_timeout = absl::Seconds(30);
};

// Calls of one actor that can run at a time.
inline constexpr int kMaxConcurrency = 1024;

struct CallOptions {
  std::string name = {};               // shown in errors; the method's name unless set
  std::string concurrency_group = {};  // one of ActorOptions::concurrency_groups; empty is the default one
};

// What Connect takes from the program; whatever is not set here comes from the environment variable in brackets, and
// whatever is not set there either from the default.
struct ConnectOptions {
  std::string address = {};          // [IOCLUSTER_ADDRESS] HOST:PORT of a head; empty: a cluster in this process
  uint64_t object_store_memory = 0;  // [IOCLUSTER_OBJECT_STORE_MEMORY] bytes, at least 16 MiB; 0: 30 % of the memory
  std::string spill_directory = {};  // [IOCLUSTER_SPILL_DIRECTORY] where its node puts what the store has no room for
  int64_t spill_limit = -1;          // [IOCLUSTER_SPILL_LIMIT] bytes there; 0: none; -1: half of what the disk has free
  double cpus = -1;                  // [IOCLUSTER_CPUS] of an embedded cluster; -1: one a hardware thread
  double gpus = -1;                  // [IOCLUSTER_GPUS] likewise; -1: none
  std::map<std::string, double> resources = {};  // custom ones, of an embedded cluster
  absl::Duration timeout = absl::Seconds(10);    // to reach the cluster
  // [IOCLUSTER_LOCAL_MODE] No cluster: tasks run inside Submit, on the caller's stack, and actors are objects in this
  // process. For debuggers and sanitizers; see docs/guide.md for what differs.
  bool local_mode = false;
};

}  // namespace ioc

#endif  // IOCLUSTER_OPTIONS_H_
