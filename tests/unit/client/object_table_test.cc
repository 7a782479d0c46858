#include "runtime/client/object_table.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/status.h"
#include "lib/env_asio/asio_env.h"

namespace ioc {
namespace {

using internal::Ref;

// A table of its own, and what it tells its owner.
class Table final : public ObjectTableHooks {
 public:
  Table() : env({.background_thread = false}), objects(env.executor(), *this) {}

  internal::Runtime& runtime() override { std::abort(); }
  void OnDead(ObjectRecord& record) override {
    dead.push_back(record.id().sequence);
    if (on_dead) on_dead(record);
  }
  void OnOnlyLent(ObjectRecord& record) override { lent.push_back(record.id().sequence); }
  void OnUserHolds() override { ++user_holds; }
  void OnUserLetsGo() override { --user_holds; }

  ObjectRecord& Make(uint64_t sequence) { return objects.Create({ProcessId(1), sequence}); }
  Mutex& mutex() { return env.executor().mutex(); }

  AsioEnv env;
  ObjectTable objects;
  std::vector<uint64_t> dead;
  std::vector<uint64_t> lent;
  std::function<void(const ObjectRecord&)> on_dead;
  std::atomic<int> user_holds{0};
};

class Listener final : public SettleListener {
 public:
  void OnSettled(ObjectRecord& record) override { settled.push_back(record.id().sequence); }
  std::vector<uint64_t> settled;
};

// Ends others when it hears: the listener of an actor's constructor ends calls of the actor, say.
class Ender final : public SettleListener {
 public:
  explicit Ender(Table& table) : table_(table) {}
  void OnSettled(ObjectRecord& record) override {
    for (Listener* other : others) table_.objects.Unlisten(record, *other);
  }
  std::vector<Listener*> others;

 private:
  Table& table_;
};

std::shared_ptr<const std::string> Text(const char* text) { return std::make_shared<const std::string>(text); }

TEST_CASE("The table says when only borrowers refer to an object any more") {
  Table table;
  Ref ref;
  {
    MutexLock lock(table.mutex());
    ObjectRecord& record = table.Make(1);
    ref = table.objects.MakeRef(record);
    table.objects.Hold(record);  // a task's
    table.objects.Hold(record);  // a borrower's
    record.lent = 1;
    table.objects.Drop(record);
    CHECK(table.lent.empty());  // user code does, too
  }
  ref = {};
  CHECK(table.lent == std::vector<uint64_t>{1});
  MutexLock lock(table.mutex());
  table.objects.Drop(*table.objects.Find(ObjectId{ProcessId(1), 1}));
  CHECK(table.dead == std::vector<uint64_t>{1});
}

TEST_CASE("An object is gone when the user's last reference is", "[object_table]") {
  Table table;
  Ref first;
  {
    MutexLock lock(table.mutex());
    first = table.objects.MakeRef(table.Make(1));
  }
  Ref second = first;
  first = {};
  CHECK(table.objects.size() == 1);
  second = {};
  CHECK(table.objects.size() == 0);
  CHECK(table.dead == std::vector<uint64_t>{1});
  CHECK(table.user_holds == 0);
}

TEST_CASE("An object that contains references holds them, and lets go of them with itself", "[object_table]") {
  Table table;
  MutexLock lock(table.mutex());
  ObjectRecord& inner = table.Make(1);
  ObjectRecord& outer = table.Make(2);
  table.objects.Hold(inner);
  table.objects.Hold(outer);
  table.objects.SettleInline(outer, Text("holds 1"), {&inner});
  CHECK(table.objects.size() == 2);
  table.objects.Drop(outer);
  CHECK(table.objects.size() == 0);
  CHECK(table.dead == std::vector<uint64_t>{2, 1});
}

TEST_CASE("What an object's end lets go of takes no stack, however long the chain is", "[object_table]") {
  static constexpr uint64_t kLength = 300'000;
  Table table;
  MutexLock lock(table.mutex());
  table.on_dead = [&table](const ObjectRecord& record) {
    ObjectRecord* const next = table.objects.Find({ProcessId(1), record.id().sequence - 1});
    if (next != nullptr) table.objects.DropAll({next});
  };
  for (uint64_t i = 1; i <= kLength; ++i) table.objects.Hold(table.Make(i));
  table.objects.DropAll({table.objects.Find({ProcessId(1), kLength})});
  CHECK(table.objects.size() == 0);
}

TEST_CASE("An object settles once, and tells each listener once", "[object_table]") {
  Table table;
  MutexLock lock(table.mutex());
  ObjectRecord& record = table.Make(1);
  table.objects.Hold(record);
  Listener stays;
  Listener leaves;
  table.objects.Listen(record, stays);
  table.objects.Listen(record, leaves);
  table.objects.Unlisten(record, leaves);
  table.objects.SettleInline(record, Text("first"), {});
  table.objects.Fail(record, MakeError(Cause::kCancelled, "second"));
  CHECK(record.state == ObjectState::kInline);
  CHECK(*record.bytes == "first");
  CHECK(stays.settled == std::vector<uint64_t>{1});
  CHECK(leaves.settled.empty());
  table.objects.Drop(record);
}

TEST_CASE("A listener that another one stops while they are told is not told", "[object_table]") {
  Table table;
  MutexLock lock(table.mutex());
  ObjectRecord& record = table.Make(1);
  table.objects.Hold(record);
  Listener before;
  Ender ender(table);
  Listener behind;
  Listener last;
  table.objects.Listen(record, before);
  table.objects.Listen(record, ender);
  table.objects.Listen(record, behind);
  table.objects.Listen(record, last);
  ender.others = {&before, &behind};
  table.objects.Fail(record, MakeError(Cause::kCancelled, "cancelled"));
  CHECK(before.settled == std::vector<uint64_t>{1});
  CHECK(behind.settled.empty());
  CHECK(last.settled == std::vector<uint64_t>{1});
  table.objects.Drop(record);
}

TEST_CASE("What comes with a value that is too late is let go", "[object_table]") {
  Table table;
  MutexLock lock(table.mutex());
  ObjectRecord& inner = table.Make(1);
  ObjectRecord& record = table.Make(2);
  table.objects.Hold(inner);
  table.objects.Hold(record);
  table.objects.Fail(record, MakeError(Cause::kCancelled, "cancelled"));
  table.objects.SettleInline(record, Text("late"), {&inner});
  CHECK(table.objects.Find(ObjectId{ProcessId(1), 1}) == nullptr);
  table.objects.Drop(record);
}

TEST_CASE("Failing all leaves what has settled alone", "[object_table]") {
  Table table;
  MutexLock lock(table.mutex());
  ObjectRecord& done = table.Make(1);
  ObjectRecord& pending = table.Make(2);
  table.objects.Hold(done);
  table.objects.Hold(pending);
  table.objects.SettleInline(done, Text("done"), {});
  table.objects.FailAll(MakeError(Cause::kDisconnected, "shut down"));
  CHECK(done.state == ObjectState::kInline);
  CHECK(CauseOf(pending.error) == Cause::kDisconnected);
  table.objects.Drop(done);
  table.objects.Drop(pending);
}

TEST_CASE("A reference that is made while the last one is dropped keeps the object", "[object_table]") {
  // Threads drop their references while another makes new ones from within the client; at the end nothing is left, and
  // nothing was freed too early (which AddressSanitizer and ThreadSanitizer would see).
  Table table;
  {
    MutexLock lock(table.mutex());
    table.objects.Hold(table.Make(1));
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&table] {
      for (int i = 0; i < 2000; ++i) {
        Ref ref;
        {
          MutexLock lock(table.mutex());
          ref = table.objects.MakeRef(*table.objects.Find(ObjectId{ProcessId(1), 1}));
        }
        Ref copy = ref;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(table.user_holds == 0);
  MutexLock lock(table.mutex());
  CHECK(table.objects.size() == 1);
  table.objects.Drop(*table.objects.Find(ObjectId{ProcessId(1), 1}));
  CHECK(table.objects.size() == 0);
}

}  // namespace
}  // namespace ioc
