#include "runtime/worker/job_list.h"

#include <catch2/catch.hpp>
#include <vector>

namespace ioc {
namespace {

std::unique_ptr<WorkerJob> Numbered(uint64_t number) {
  auto job = std::make_unique<WorkerJob>();
  job->number = number;
  return job;
}

std::vector<uint64_t> Numbers(JobList& list) {
  std::vector<uint64_t> numbers;
  list.ForEach([&](const WorkerJob& job) { numbers.push_back(job.number); });
  return numbers;
}

TEST_CASE("Jobs come out in the order they went in", "[job_list]") {
  JobList list;
  CHECK(list.empty());
  for (uint64_t i = 1; i <= 3; ++i) list.Push(Numbered(i));
  CHECK(list.Pop()->number == 1);
  list.Push(Numbered(4));
  CHECK(list.Pop()->number == 2);
  CHECK(list.Pop()->number == 3);
  CHECK(list.Pop()->number == 4);
  CHECK(list.empty());
  list.Push(Numbered(5));
  CHECK(Numbers(list) == std::vector<uint64_t>{5});
}

TEST_CASE("A job is taken from anywhere, and what comes later follows the rest", "[job_list]") {
  for (uint64_t taken = 1; taken <= 3; ++taken) {
    JobList list;
    for (uint64_t i = 1; i <= 3; ++i) list.Push(Numbered(i));
    CHECK(list.Take([&](const WorkerJob& job) { return job.number == taken; })->number == taken);
    CHECK(list.Take([&](const WorkerJob& job) { return job.number == taken; }) == nullptr);
    list.Push(Numbered(4));
    std::vector<uint64_t> rest = {1, 2, 3, 4};
    std::erase(rest, taken);
    CHECK(Numbers(list) == rest);
  }
}

TEST_CASE("A million jobs that wait are dropped without a million frames of stack", "[job_list]") {
  JobList list;
  for (uint64_t i = 0; i < 1'000'000; ++i) list.Push(Numbered(i));
  CHECK_FALSE(list.empty());
}

}  // namespace
}  // namespace ioc
