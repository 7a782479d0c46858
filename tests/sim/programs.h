// What the users of the simulated clusters wrote: the tasks and actors of the scenarios.
#ifndef IOCLUSTER_TESTS_SIM_PROGRAMS_H_
#define IOCLUSTER_TESTS_SIM_PROGRAMS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/iocluster.h"

namespace ioc::sim {

int Add(int a, int b);

// Counts the tasks of a tree of `size`: each submits the two halves of what is below it and waits for them.
int CountTree(int size);

// A task waits for a task, and so on: how many there are.
int WaitInDepth(int depth);

// As CountTree; each computes for a while first and afterwards.
int CountSlowTree(int size);

class SlowAdder {
 public:
  explicit SlowAdder(int start) : sum_(start) {}
  int Add(int number, int milliseconds);

 private:
  int sum_;
};

class SlowCounter {
 public:
  void Count(int count, int milliseconds, Yield<int>& yield);
  int next() { return next_; }

 private:
  int next_ = 0;
};

// Has numbers made on `node`, which this process owns, and computes for an hour.
int OwnNumbersOn(const std::string& node, uint32_t count);

// Makes an actor there and computes for an hour.
int OwnActorOn(const std::string& node);

// Where a token ends up.
class Goal {
 public:
  void Arrive(int token) { token_ = token; }
  int token() { return token_; }  // 0: not there yet

 private:
  int token_ = 0;
};

// Adds 1 to a token and sends it to the next of the ring, `hops` times; then to the goal.
class RingMember {
 public:
  explicit RingMember(int position) : position_(position) {}
  void Pass(const std::vector<ActorHandle<RingMember>>& ring, const ActorHandle<Goal>& goal, int hops, int token);
  int passed() { return passed_; }
  std::string node_name() { return Cluster::Current().node_name(); }

 private:
  const int position_;
  int passed_ = 0;
};

// Writes to another and gets answers.
class Correspondent {
 public:
  void Write(const ActorHandle<Correspondent>& to, int letters);
  int Answer(int letter) { return letter + 1; }
  // Of all that it wrote since: how many were answered rightly, and how many never will be. Waits for them.
  std::pair<int, int> AnsweredAndLost();

 private:
  std::vector<std::pair<int, ObjectRef<int>>> written_;
};

// Lives without its driver, and has others work for it.
class Steward {
 public:
  explicit Steward(int start) : sum_(start) {}
  int Add(int number) { return sum_ += number; }
  std::string node_name() { return Cluster::Current().node_name(); }
  // WorkCounted in a task on `node`, which is not run again if it is lost.
  int Delegate(const std::string& node, int milliseconds, int result);
  // The same once `pause` has passed, and nobody waits.
  void DelegateLater(int pause_milliseconds, const std::string& node, int result);
  // Adds with the help of an actor of its own, which it keeps.
  int AddElsewhere(int number);

 private:
  int sum_;
  ActorHandle<SlowAdder> helper_;
};

// 0, 1, 2, ...
Array<uint32_t> MakeNumbers(uint32_t count);
Array<uint32_t> MakeNumbersLater(int milliseconds, uint32_t count);
uint64_t SumOf(const Array<uint32_t>& numbers);

// Numbers that differ from place to place and from one `id` to the next.
using Pattern = Array<uint64_t>;
Pattern MakePattern(uint64_t id, uint32_t count);
// Puts one that is the caller's.
ObjectRef<Pattern> PutPattern(const Cluster& cluster, uint64_t id, uint32_t count);
bool IsPattern(uint64_t id, const Pattern& numbers);

// A number that another task makes; and what a task makes of a reference to one.
ObjectRef<int> MakeElsewhere(int milliseconds, int result);
int AddOne(const ObjectRef<int>& number);

// 0, 1, 2, ..., computing for a while before each.
void CountSlowly(int count, int milliseconds, Yield<int>& yield);
// Blocks of `elements` times their number.
void MakeBlocks(uint32_t count, uint32_t elements, Yield<Array<uint32_t>>& yield);

// As CountTree, but the leaves work until they are cancelled.
int CountTreeForEver(int size);

// Compute for `milliseconds`.
int WorkFor(int milliseconds, int result);
int WorkElsewhere(int milliseconds, int result);  // in another task, for which it waits
// Works itself, and notes that `result` was computed once more.
int WorkCounted(int milliseconds, int result);
std::map<int, int>& TimesWorked();  // by result
std::string WorkOnNode(int milliseconds);

// After a while, has a task on `node` add two numbers.
int AddLaterOn(const std::string& node, int milliseconds, int a, int b);

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_PROGRAMS_H_
