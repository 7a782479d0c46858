#!/usr/bin/env python3
"""What Ray's Python API does on this machine, in the metric names of this benchmark: the median of
a few repeats of each, a line each.

Prints "system NAME", then "METRIC VALUE". Started anew for each round, so that no daemon of Ray's runs beside others'
measurements; each figure is warmed up before it is taken. Needs ray and numpy (setup_ray.sh).
"""

import os
import statistics
import tempfile
import time

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import numpy as np
import ray

CPUS = max(2, os.cpu_count() // 2)
LARGE_BYTES = 100 << 20
REPEATS = 3
SETTLING_S = 4  # Ray starts workers for a while, and is slow meanwhile


def say(metric, value):
    print(metric, value, flush=True)


def seconds_of(run):
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def rate(metric, count, run):
    """`run(count)` does the thing so often."""
    run(max(1, count // 10))
    say(metric, statistics.median(count / seconds_of(lambda: run(count)) for _ in range(REPEATS)))


def family_of(pid):
    """The processes that descend from `pid`."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                parents[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family[1:]


def memory_mb(pids, key):
    """The sum of a figure of /proc/PID/smaps; proportional sizes without the pages of the object store."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps") as smaps:
                in_store = False
                for line in smaps:
                    first = line.split(None, 1)[0]
                    if "-" in first and not first.endswith(":"):
                        in_store = "/dev/shm/" in line
                    elif first == key and not (in_store and key == "Pss:"):
                        total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total / 1e6


@ray.remote
def same(x):
    return x


@ray.remote
def total_of(*numbers):
    return sum(numbers)


@ray.remote
def numbers_below(count):
    return list(range(count))


@ray.remote(max_retries=2)
def die_once(path):
    if not os.path.exists(path):
        open(path, "w").close()
        os._exit(1)
    return 1


@ray.remote(num_cpus=0)
class Counter:
    def same(self, x):
        return x


@ray.remote(num_cpus=0)
class Client:
    def run_tasks(self, count):
        return sum(ray.get([same.remote(i) for i in range(count)]))

    def call_actor(self, actor, count):
        return sum(ray.get([actor.same.remote(i) for i in range(count)]))

    def keep(self, count):
        self.kept = [ray.put(i) for i in range(count)]
        return self.kept


def settle():
    end = time.perf_counter() + SETTLING_S
    while time.perf_counter() < end:
        ray.get([same.remote(i) for i in range(100)])


def measure_calls(counter):
    rate("task_sync_per_s", 500, lambda n: [ray.get(same.remote(i)) for i in range(n)])
    rate("task_async_per_s", 5000, lambda n: ray.get([same.remote(i) for i in range(n)]))
    rate("actor_sync_per_s", 1000, lambda n: [ray.get(counter.same.remote(i)) for i in range(n)])
    rate("actor_async_per_s", 5000, lambda n: ray.get([counter.same.remote(i) for i in range(n)]))


def measure_clients():
    pairs = [(Client.remote(), Counter.remote()) for _ in range(CPUS)]
    rate("clients_task_async_per_s", CPUS * 2000,
         lambda n: ray.get([client.run_tasks.remote(n // CPUS) for client, _ in pairs]))
    rate("clients_actor_async_per_s", CPUS * 2000,
         lambda n: ray.get([client.call_actor.remote(actor, n // CPUS) for client, actor in pairs]))
    refs = ray.get(pairs[0][0].keep.remote(10000))
    say("get_10k_borrowed_s", seconds_of(lambda: ray.get(refs)))
    for pair in pairs:
        for actor in pair:
            ray.kill(actor)


def wait_for_each():
    pending = [same.remote(i) for i in range(1000)]
    while pending:
        _, pending = ray.wait(pending)


def measure_references():
    wait_for_each()
    say("wait_1k_refs_per_s", 1 / seconds_of(wait_for_each))
    holder = ray.put([ray.put(i) for i in range(10000)])
    rate("get_object_with_10k_refs_per_s", 5, lambda n: [ray.get(holder) for _ in range(n)])
    refs = [ray.put(i) for i in range(10000)]
    say("get_10k_objects_s", seconds_of(lambda: ray.get(refs)))
    say("task_10k_arguments_s", seconds_of(lambda: ray.get(total_of.remote(*refs))))
    say("task_3k_returns_s", seconds_of(lambda: ray.get(numbers_below.options(num_returns=3000).remote(3000))))


def measure_objects():
    rate("put_small_per_s", 2000, lambda n: [ray.put(i) for i in range(n)])
    seven = ray.put(7)
    rate("get_small_per_s", 2000, lambda n: [ray.get(seven) for _ in range(n)])
    large = np.ones(LARGE_BYTES, dtype=np.uint8)
    for _ in range(3):
        ray.put(large)
    say("put_large_gb_per_s", 10 * LARGE_BYTES / 1e9 / seconds_of(lambda: [ray.put(large) for _ in range(10)]))
    ref = ray.put(large)
    rate("get_large_zero_copy_per_s", 2000, lambda n: [ray.get(ref) for _ in range(n)])


def measure_lives():
    begin = time.perf_counter()
    actors = [Counter.remote() for _ in range(10)]
    ray.get([actor.same.remote(1) for actor in actors])
    say("actor_create_per_s", 10 / (time.perf_counter() - begin))
    for actor in actors:
        ray.kill(actor)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "died")
        say("retry_after_worker_death_s", seconds_of(lambda: ray.get(die_once.remote(path))))


def main():
    print("system ray", ray.__version__, "python", flush=True)

    def start():
        ray.init(address="local", num_cpus=CPUS, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
        ray.get(same.remote(1))

    say("cluster_start_s", seconds_of(start))
    ray.get([same.remote(i) for i in range(100)])
    daemons = family_of(os.getpid())
    say("idle_memory_mb", memory_mb(daemons, "Pss:"))
    say("idle_memory_resident_mb", memory_mb(daemons, "Rss:"))
    counter = Counter.remote()
    ray.get(counter.same.remote(1))
    settle()
    measure_calls(counter)
    measure_clients()
    measure_references()
    measure_objects()
    measure_lives()
    ray.shutdown()


if __name__ == "__main__":
    main()
