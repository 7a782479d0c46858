#include "tests/mixed_load.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace ioc {
namespace {

constexpr size_t kMaxMistakes = 5;
constexpr size_t kMaxKept = 40;  // of each kind
constexpr uint32_t kArrayElements = 40'000;

using Numbers = Array<uint32_t>;

// --- what runs in the cluster ---

// References in a container, some of them to large objects.
struct Box {
  std::string label;
  std::vector<ObjectRef<int>> numbers;
  std::optional<ObjectRef<Numbers>> array;
};

int Plus(int a, int b) { return a + b; }
std::tuple<int, std::string> Both(int n) { return {n, std::string(static_cast<size_t>(n % 50), 'b')}; }
int Fail(int n) { throw std::runtime_error(absl::StrCat("number ", n)); }

Numbers MakeNumbers(uint32_t first) {
  Numbers numbers = Cluster::Current().NewArray<uint32_t>({kArrayElements}).value();
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}
uint64_t SumOf(const Numbers& numbers) { return std::accumulate(numbers.begin(), numbers.end(), uint64_t{0}); }
uint64_t SumFrom(uint32_t first) {
  return uint64_t{first} * kArrayElements + uint64_t{kArrayElements} * (kArrayElements - 1) / 2;
}

int SumBox(const Box& box) {
  int sum = 0;
  for (const ObjectRef<int>& number : box.numbers) sum += number.Get().value();
  return sum;
}

int Nested(int depth, int n) {
  if (depth == 0) return n;
  const Cluster cluster = Cluster::Current();
  const ObjectRef<int> left = cluster.Submit<Nested>(depth - 1, n);
  const ObjectRef<int> right = cluster.Submit<Nested>(depth - 1, n);
  return left.Get().value() + right.Get().value();
}

ObjectRef<int> PutNumber(int n) { return Cluster::Current().Put(n); }
ObjectRef<int> SubmitNumber(int n) { return Cluster::Current().Submit<Plus>(n, 0); }
// What it refers to outlives it: small and large ones of its own, one of its child's.
Box MakeBox(int n) {
  const Cluster cluster = Cluster::Current();
  Box box{.label = absl::StrCat("box ", n), .numbers = {cluster.Put(n), cluster.Submit<Plus>(n, 1)}, .array = {}};
  if (n % 4 == 0) box.array = cluster.Put(MakeNumbers(static_cast<uint32_t>(n)));
  return box;
}
// A reference to a value that contains references.
ObjectRef<Box> PutBox(int n) { return Cluster::Current().Put(MakeBox(n)); }

void CountTo(int n, Yield<int>& yield) {
  for (int i = 0; i < n; ++i) {
    if (!yield(i)) return;
  }
}
void MakeArrays(int n, Yield<Numbers>& yield) {
  for (int i = 0; i < n; ++i) {
    if (!yield(MakeNumbers(static_cast<uint32_t>(i)))) return;
  }
}
void PutSome(int n, Yield<ObjectRef<int>>& yield) {
  for (int i = 0; i < n; ++i) {
    if (!yield(Cluster::Current().Put(i))) return;
  }
}

class Shelf {
 public:
  explicit Shelf(int start) : start_(start) {}
  int Put(const std::string& name, const Box& box) {
    boxes_[name] = box;
    return start_ + static_cast<int>(boxes_.size());
  }
  std::optional<Box> Take(const std::string& name) {
    auto found = boxes_.extract(name);
    if (found.empty()) return std::nullopt;
    return std::move(found.mapped());
  }
  std::optional<Box> Show(const std::string& name) {
    auto found = boxes_.find(name);
    return found == boxes_.end() ? std::nullopt : std::optional<Box>(found->second);
  }
  int Plus(int a, int b) { return a + b; }
  ObjectRef<int> Own(int n) {
    own_ = Cluster::Current().Put(n);
    return own_;
  }
  void Count(int n, Yield<int>& yield) { CountTo(n, yield); }
  Numbers Make(uint32_t first) { return MakeNumbers(first); }

 private:
  const int start_;
  std::map<std::string, Box> boxes_;
  ObjectRef<int> own_;
};

// --- what the driver does ---

class MixedLoad {
 public:
  MixedLoad(const Cluster& cluster, const MixedLoadOptions& options)
      : cluster_(cluster), options_(options), state_(options.seed * 0x9e3779b97f4a7c15 + 1) {}

  MixedLoadReport Run(const std::function<void(int)>& between) {
    using Step = void (MixedLoad::*)();
    // The small ones more often.
    const std::vector<std::pair<int, Step>> steps = {
        {30, &MixedLoad::Batch},      {8, &MixedLoad::Chain},       {8, &MixedLoad::Check},
        {6, &MixedLoad::PutSmall},    {3, &MixedLoad::PutAndDrop},  {3, &MixedLoad::MakeLarge},
        {3, &MixedLoad::SumLarge},    {4, &MixedLoad::PassBox},     {2, &MixedLoad::Nest},
        {4, &MixedLoad::ReturnedRef}, {4, &MixedLoad::ReturnedBox}, {3, &MixedLoad::ReturnedRefToBox},
        {3, &MixedLoad::Several},     {3, &MixedLoad::Throw},       {3, &MixedLoad::CancelOne},
        {3, &MixedLoad::WaitForSome}, {2, &MixedLoad::ReadStream},  {1, &MixedLoad::ReadArrays},
        {1, &MixedLoad::ReadRefs},    {6, &MixedLoad::UseActor},    {1, &MixedLoad::MakeActor},
        {1, &MixedLoad::NamedActor},  {1, &MixedLoad::EndActor},    {6, &MixedLoad::DropSome}};
    int weights = 0;
    for (const auto& [weight, step] : steps) weights += weight;
    while (report_.operations < options_.operations && report_.mistakes.size() < kMaxMistakes) {
      int at = Pick(weights);
      for (const auto& [weight, step] : steps) {
        if ((at -= weight) >= 0) continue;
        (this->*step)();
        break;
      }
      between(report_.operations);
    }
    return report_;
  }

 private:
  template <typename T, typename Expected>
  struct Kept {
    ObjectRef<T> ref;
    Expected expected;
  };

  int Pick(int below) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<int>((state_ * 0x2545f4914f6cdd1d >> 33) % static_cast<uint64_t>(below));
  }

  TaskSubmitter Tasks() {
    TaskOptions options;
    if (!options_.near && Pick(2) == 0) options.strategy = Strategy::kSpread;
    return cluster_.With(options);
  }

  void Mistake(const std::string& what) {
    if (report_.mistakes.size() < kMaxMistakes) report_.mistakes.push_back(what);
  }

  // Whether it went well; what a fault explains is counted.
  bool Ok(const absl::Status& status, const char* what) {
    if (status.ok()) return true;
    const Cause cause = CauseOf(status);
    // What user code throws is what it was told of, when it passes on what it could not get.
    const bool explained = options_.faults && cause != Cause::kDeadline && cause != Cause::kInternal;
    if (explained) {
      ++report_.lost;
    } else {
      Mistake(absl::StrCat(what, ": ", status.ToString()));
    }
    return false;
  }

  template <typename T, typename Expected>
  void Expect(const ObjectRef<T>& ref, const Expected& expected, const char* what) {
    const absl::StatusOr<T> value = ref.Get(options_.patience);
    if (Ok(value.status(), what) && !(*value == expected)) Mistake(absl::StrCat(what, ": a wrong value"));
  }

  void Keep(ObjectRef<int> ref, int expected) {
    if (numbers_.size() >= kMaxKept) numbers_.erase(numbers_.begin() + Pick(kMaxKept));
    numbers_.push_back({std::move(ref), expected});
  }
  void Keep(ObjectRef<Numbers> ref, uint64_t expected) {
    if (arrays_.size() >= kMaxKept / 4) arrays_.erase(arrays_.begin() + Pick(kMaxKept / 4));
    arrays_.push_back({std::move(ref), expected});
  }
  const Kept<int, int>& AnyNumber() {
    if (numbers_.empty()) PutSmall();
    return numbers_[Pick(static_cast<int>(numbers_.size()))];
  }
  const Kept<Numbers, uint64_t>& AnyArray() {
    if (arrays_.empty()) MakeLarge();
    return arrays_[Pick(static_cast<int>(arrays_.size()))];
  }

  void Count(int operations = 1) { report_.operations += operations; }

  void Batch() {
    std::vector<ObjectRef<int>> refs;
    const int n = Pick(30) + 1;
    for (int i = 0; i < n; ++i) refs.push_back(cluster_.Submit<Plus>(i, n));
    for (int i = 0; i < n; ++i) Expect(refs[i], i + n, "one of a batch");
    Count(n);
  }
  void Chain() {
    const Kept<int, int> start = AnyNumber();
    ObjectRef<int> ref = start.ref;
    const int n = Pick(6) + 1;
    for (int i = 0; i < n; ++i) ref = Tasks().Submit<Plus>(ref, 1);
    Keep(ref, start.expected + n);
    Count(n);
  }
  void Check() {
    const Kept<int, int> number = AnyNumber();
    Expect(number.ref, number.expected, "a number");
    Count();
  }
  void PutSmall() {
    const int n = Pick(1000);
    Keep(cluster_.Put(n), n);
    Count();
  }
  void PutAndDrop() {
    for (int i = 0; i < 3; ++i) cluster_.Put(std::string(Pick(200'000), 'x'));
    Count(3);
  }
  void MakeLarge() {
    const auto first = static_cast<uint32_t>(Pick(1000));
    if (Pick(2) == 0) {
      Keep(Tasks().Submit<MakeNumbers>(first), SumFrom(first));
    } else {
      absl::StatusOr<Numbers> numbers = cluster_.NewArray<uint32_t>({kArrayElements});
      if (!Ok(numbers.status(), "NewArray")) return;
      std::iota(numbers->begin(), numbers->end(), first);
      Keep(cluster_.Put(*std::move(numbers)), SumFrom(first));
    }
    Count();
  }
  void SumLarge() {
    const Kept<Numbers, uint64_t> array = AnyArray();
    Expect(Tasks().Submit<SumOf>(array.ref), array.expected, "the sum of an array");
    Count();
  }

  // Takes a box apart: each number must be as expected.
  void OpenBox(const Box& box, int sum, const char* what) {
    int found = 0;
    for (const ObjectRef<int>& number : box.numbers) {
      const absl::StatusOr<int> value = number.Get(options_.patience);
      if (!Ok(value.status(), what)) return;
      found += *value;
    }
    if (found != sum) Mistake(absl::StrCat(what, ": ", found, " instead of ", sum));
    if (box.array) {
      const absl::StatusOr<Numbers> numbers = box.array->Get(options_.patience);
      if (Ok(numbers.status(), what) && SumOf(*numbers) != SumFrom((*numbers)[0])) Mistake(what);
    }
  }
  std::pair<Box, int> PackBox() {
    Box box{.label = "packed", .numbers = {}, .array = {}};
    int sum = 0;
    for (int i = Pick(5); i >= 0; --i) {
      const Kept<int, int>& number = AnyNumber();
      box.numbers.push_back(number.ref);
      sum += number.expected;
    }
    if (Pick(4) == 0) box.array = AnyArray().ref;
    return {std::move(box), sum};
  }
  void PassBox() {
    auto [box, sum] = PackBox();
    if (Pick(2) == 0) {
      Expect(Tasks().Submit<SumBox>(box), sum, "the sum of a box");
    } else {
      const ObjectRef<Box> ref = cluster_.Put(box);
      box = {};
      Expect(Tasks().Submit<SumBox>(ref), sum, "the sum of a box that was put");
    }
    Count(2);
  }
  void Nest() {
    const int depth = Pick(3) + 1;
    Expect(Tasks().Submit<Nested>(depth, 3), 3 << depth, "nested tasks");
    Count((2 << depth) - 1);
  }
  void ReturnedRef() {
    const int n = Pick(1000);
    const auto outer = Pick(2) == 0 ? Tasks().Submit<PutNumber>(n) : Tasks().Submit<SubmitNumber>(n);
    const absl::StatusOr<ObjectRef<int>> inner = outer.Get(options_.patience);
    if (Ok(inner.status(), "a returned reference")) Keep(*inner, n);
    Count(2);
  }
  void ReturnedBox() {
    const int n = Pick(1000);
    const absl::StatusOr<Box> box = Tasks().Submit<MakeBox>(n).Get(options_.patience);
    if (Ok(box.status(), "a returned box")) {
      if (Pick(2) == 0) OpenBox(*box, 2 * n + 1, "a returned box");
      Keep(box->numbers[0], n);
    }
    Count(3);
  }
  void ReturnedRefToBox() {
    const int n = Pick(1000);
    const absl::StatusOr<ObjectRef<Box>> ref = Tasks().Submit<PutBox>(n).Get(options_.patience);
    if (Ok(ref.status(), "a reference to a box") && Pick(3) > 0) {
      const absl::StatusOr<Box> box = ref->Get(options_.patience);
      if (Ok(box.status(), "a box by reference")) OpenBox(*box, 2 * n + 1, "a box by reference");
    }
    Count(4);
  }
  void Several() {
    const int n = Pick(1000);
    const auto [number, text] = cluster_.SubmitAll<Both>(n);
    if (Pick(2) == 0) Expect(text, std::string(static_cast<size_t>(n % 50), 'b'), "a second result");
    Keep(number, n);
    Count();
  }
  void Throw() {
    const ObjectRef<int> failed = Tasks().Submit<Fail>(1);
    const ObjectRef<int> behind = Tasks().Submit<Plus>(failed, 1);
    for (const ObjectRef<int>& ref : {failed, behind}) {
      const absl::Status status = ref.Get(options_.patience).status();
      if (CauseOf(status) != Cause::kTaskThrew && Ok(status, "a task that throws")) Mistake("it did not throw");
    }
    Count(2);
  }
  void CancelOne() {
    std::vector<ObjectRef<int>> refs;
    for (int i = 0; i < 4; ++i) refs.push_back(Tasks().Submit<Nested>(2, i));
    const ObjectRef<Numbers> large = Tasks().Submit<MakeNumbers>(1u);
    cluster_.Cancel(refs[Pick(4)]).IgnoreError();
    cluster_.Cancel(large).IgnoreError();
    for (int i = 0; i < 4; ++i) {
      const absl::StatusOr<int> value = refs[i].Get(options_.patience);
      if (CauseOf(value.status()) != Cause::kCancelled && Ok(value.status(), "beside a cancelled task") &&
          *value != 4 * i) {
        Mistake("beside a cancelled task: a wrong value");
      }
    }
    Count(30);
  }
  void WaitForSome() {
    std::vector<ObjectRef<int>> refs;
    const int n = Pick(10) + 1;
    for (int i = 0; i < n; ++i) refs.push_back(Tasks().Submit<Plus>(i, i));
    const size_t wanted = static_cast<size_t>(Pick(n)) + 1;
    if (cluster_.Wait(refs, wanted, options_.patience).ready.size() < wanted) Mistake("Wait: too few");
    Count(n);
  }
  void ReadStream() {
    const int n = Pick(60);
    const int wanted = Pick(2) == 0 ? n + 1 : Pick(n + 1);
    ObjectStream<int> stream = Tasks().Submit<CountTo>(n);
    Read(stream, n, wanted);
    Count(2);
  }
  void Read(ObjectStream<int>& stream, int n, int wanted) {
    for (int i = 0; i < wanted; ++i) {
      const absl::StatusOr<std::optional<int>> item = stream.Next(options_.patience);
      if (!Ok(item.status(), "a stream")) return;
      if (*item != (i < n ? std::optional<int>(i) : std::nullopt)) return Mistake("a stream: a wrong item");
    }
  }
  void ReadArrays() {
    const int n = Pick(6) + 1;
    const int wanted = Pick(2) == 0 ? n : Pick(n);
    ObjectStream<Numbers> stream = Tasks().Submit<MakeArrays>(n);
    for (int i = 0; i < wanted; ++i) {
      const absl::StatusOr<std::optional<Numbers>> item = stream.Next(options_.patience);
      if (!Ok(item.status(), "a stream of arrays")) break;
      if (!item->has_value() || SumOf(**item) != SumFrom(static_cast<uint32_t>(i))) Mistake("a stream of arrays");
    }
    Count(2);
  }
  void ReadRefs() {
    const int n = Pick(20) + 1;
    const int wanted = Pick(2) == 0 ? n : Pick(n);
    ObjectStream<ObjectRef<int>> stream = Tasks().Submit<PutSome>(n);
    for (int i = 0; i < wanted; ++i) {
      const absl::StatusOr<std::optional<ObjectRef<int>>> item = stream.Next(options_.patience);
      if (!Ok(item.status(), "a stream of references")) break;
      if (!item->has_value()) return Mistake("a stream of references ended early");
      if (Pick(3) == 0) Keep(**item, i);
    }
    Count(2);
  }

  void MakeActor() {
    if (actors_.size() >= 3) return EndActor();
    ActorOptions options;
    if (!options_.near) options.strategy = Strategy::kSpread;
    actors_.push_back(cluster_.With(options).Create<Shelf>(10));
    Count();
  }
  void EndActor() {
    if (actors_.empty()) return;
    const int i = Pick(static_cast<int>(actors_.size()));
    if (Pick(2) == 0) Ok(cluster_.Kill(actors_[i]), "Kill");
    actors_.erase(actors_.begin() + i);
  }
  void UseActor() {
    if (actors_.empty()) return MakeActor();
    const int at = Pick(static_cast<int>(actors_.size()));
    const ActorHandle<Shelf> actor = actors_[at];
    const std::string name = absl::StrCat("name ", Pick(4));
    Count(2);
    switch (Pick(6)) {
      case 0: {
        std::vector<ObjectRef<int>> sums;
        for (int i = 0; i < 20; ++i) sums.push_back(actor.Call<&Shelf::Plus>(i, 1));
        for (int i = 0; i < 20; ++i) ExpectCall(at, sums[i], i + 1);
        return Count(20);
      }
      case 1: {
        const auto [box, sum] = PackBox();
        Gone(at, actor.Call<&Shelf::Put>(name, box).Get(options_.patience).status());
        return;
      }
      case 2:
      case 3: {
        const auto box = Pick(2) == 0 ? actor.Call<&Shelf::Take>(name).Get(options_.patience)
                                      : actor.Call<&Shelf::Show>(name).Get(options_.patience);
        if (Gone(at, box.status()) || !box->has_value()) return;
        for (const ObjectRef<int>& number : (*box)->numbers) {
          if (Pick(2) == 0) Ok(number.Get(options_.patience).status(), "what an actor has kept");
        }
        return;
      }
      case 4: {
        const absl::StatusOr<ObjectRef<int>> own = actor.Call<&Shelf::Own>(7).Get(options_.patience);
        if (!Gone(at, own.status())) Expect(*own, 7, "what an actor owns");
        return;
      }
      default: {
        if (Pick(3) > 0) {
          const int n = Pick(30);
          ObjectStream<int> stream = actor.Call<&Shelf::Count>(n);
          return Read(stream, n, Pick(n + 1));
        }
        const ObjectRef<Numbers> made = actor.Call<&Shelf::Make>(3u);
        // Not before it is there: the actor may be killed, and with it the call.
        if (Pick(2) == 0 && !Gone(at, made.Get(options_.patience).status())) Keep(made, SumFrom(3));
      }
    }
  }
  void ExpectCall(int at, const ObjectRef<int>& ref, int expected) {
    const absl::StatusOr<int> value = ref.Get(options_.patience);
    if (!Gone(at, value.status()) && *value != expected) Mistake("an actor's answer is wrong");
  }
  // Whether the call failed; an actor that has died is replaced later.
  bool Gone(int at, const absl::Status& status) {
    if (Ok(status, "a call of an actor")) return false;
    if (CauseOf(status) == Cause::kActorDied && static_cast<size_t>(at) < actors_.size()) {
      actors_.erase(actors_.begin() + at);
    }
    return true;
  }
  void NamedActor() {
    const std::string name = absl::StrCat("shelf ", report_.operations);
    const auto made = cluster_.With(ActorOptions{.name = name}).Create<Shelf>(1);
    if (!Ok(made.Call<&Shelf::Plus>(1, 1).Get(options_.patience).status(), "a named actor")) return;
    const absl::StatusOr<ActorHandle<Shelf>> found = cluster_.FindActor<Shelf>(name);
    if (Ok(found.status(), "FindActor")) {
      const absl::StatusOr<int> sum = found->Call<&Shelf::Plus>(2, 2).Get(options_.patience);
      if (Ok(sum.status(), "a found actor") && *sum != 4) Mistake("a found actor's answer is wrong");
    }
    Count(3);
  }
  void DropSome() {
    const auto thin = [this](auto& kept) { std::erase_if(kept, [this](const auto&) { return Pick(3) == 0; }); };
    thin(numbers_);
    thin(arrays_);
  }

  const Cluster& cluster_;
  const MixedLoadOptions options_;
  uint64_t state_;
  MixedLoadReport report_;
  std::vector<Kept<int, int>> numbers_;
  std::vector<Kept<Numbers, uint64_t>> arrays_;
  std::vector<ActorHandle<Shelf>> actors_;
};

}  // namespace

MixedLoadReport RunMixedLoad(const Cluster& cluster, const MixedLoadOptions& options,
                             const std::function<void(int operations)>& between) {
  return MixedLoad(cluster, options).Run(between);
}

}  // namespace ioc
