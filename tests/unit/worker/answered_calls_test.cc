#include "runtime/worker/answered_calls.h"

#include <catch2/catch.hpp>

namespace ioc {
namespace {

using Seen = AnsweredCalls::Seen;

const ProcessId kOne(1);
const ProcessId kOther(2);

std::shared_ptr<WorkerAnswer> Numbered(uint64_t sequence) {
  auto answer = std::make_shared<WorkerAnswer>();
  answer->result.sequence = sequence;
  return answer;
}

TEST_CASE("A call is new once, pending until it is answered, and answered until its caller has heard",
          "[answered_calls]") {
  AnsweredCalls calls;
  calls.BeginSession(kOne, 1, 0);
  CHECK(calls.Take(kOne, 1, 2) == Seen::kGap);
  CHECK(calls.Take(kOne, 1, 1) == Seen::kNew);
  CHECK(calls.Take(kOne, 1, 1) == Seen::kPending);
  CHECK(calls.Keep(kOne, 1, 1, Numbered(11)));
  CHECK(calls.Take(kOne, 1, 1) == Seen::kAnswered);
  CHECK(calls.Find(kOne, 1)->result.sequence == 11);
  CHECK(calls.Heard(kOne, 1, 1).size() == 1);
  CHECK(calls.Take(kOne, 1, 1) == Seen::kHeard);
  CHECK(calls.Take(kOne, 1, 2) == Seen::kNew);
}

TEST_CASE("A later session begins anew, and one before it is over", "[answered_calls]") {
  AnsweredCalls calls;
  calls.BeginSession(kOne, 1, 0);
  CHECK(calls.Take(kOne, 1, 1) == Seen::kNew);
  CHECK(calls.Keep(kOne, 1, 1, Numbered(11)));
  CHECK(calls.BeginSession(kOne, 2, 0).size() == 1);
  CHECK(calls.Take(kOne, 2, 1) == Seen::kNew);
  CHECK(calls.Take(kOne, 1, 1) == Seen::kHeard);
  CHECK_FALSE(calls.Keep(kOne, 1, 1, Numbered(12)));
}

TEST_CASE("Unheard answers are listed by caller, in the order called, and all forgotten at the end",
          "[answered_calls]") {
  AnsweredCalls calls;
  for (const ProcessId caller : {kOther, kOne}) {
    calls.BeginSession(caller, 1, 0);
    for (uint64_t call = 1; call <= 3; ++call) CHECK(calls.Take(caller, 1, call) == Seen::kNew);
    CHECK(calls.Keep(caller, 1, 3, Numbered(10 * caller.value() + 3)));
    CHECK(calls.Keep(caller, 1, 1, Numbered(10 * caller.value() + 1)));
  }
  calls.Heard(kOther, 1, 1);
  std::vector<uint64_t> unheard;
  for (const auto& [caller, answer] : calls.Unheard()) unheard.push_back(answer->result.sequence);
  CHECK(unheard == std::vector<uint64_t>{11, 13, 23});
  CHECK(calls.Clear().size() == 3);
  CHECK(calls.Unheard().empty());
}

TEST_CASE("A caller that was forgotten among very many goes on where it was", "[answered_calls]") {
  AnsweredCalls calls;
  for (uint64_t caller = 1; caller <= kMaxRememberedCallers + 1; ++caller) {
    calls.BeginSession(ProcessId(caller), 1, 0);
    CHECK(calls.Take(ProcessId(caller), 1, 1) == Seen::kNew);
    if (caller > 2) continue;
    CHECK(calls.Keep(ProcessId(caller), 1, 1, Numbered(11)));
  }
  CHECK(calls.Heard(kOne, 1, 1).size() == 1);
  calls.Prune([](ProcessId) { return false; });

  calls.BeginSession(kOne, 1, 1);
  CHECK(calls.Take(kOne, 1, 1) == Seen::kHeard);
  CHECK(calls.Take(kOne, 1, 2) == Seen::kNew);
  CHECK(calls.Take(kOne, 1, 4) == Seen::kGap);
  // Of this one something is kept.
  calls.BeginSession(kOther, 1, 0);
  CHECK(calls.Take(kOther, 1, 1) == Seen::kAnswered);
}

}  // namespace
}  // namespace ioc
