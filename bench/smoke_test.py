#!/usr/bin/env python3
"""smoke_test.py IOCLUSTER: runs `iocluster bench --suite smoke` and checks what work was done: which metrics there are,
how many answers came and were right. How long it took is not looked at."""

import json
import pathlib
import subprocess
import sys
import tempfile

CLIENTS_CALLS = 500  # of each client

# What a metric's right answers are in number; where the machine decides, None.
RESULTS = {
    "floor_echo_sync_per_s": 0,
    "task_sync_per_s": 16,
    "actor_sync_per_s": 16,
    "floor_echo_async_per_s": 0,
    "task_async_per_s": 500,
    "actor_async_per_s": 500,
    "clients_task_async_per_s": None,
    "clients_actor_async_per_s": None,
    "wait_1k_refs_per_s": 1,
    "get_object_with_10k_refs_per_s": 1,
    "task_10k_arguments_s": 200,
    "task_3k_returns_s": 100,
    "get_10k_objects_s": 200,
    "get_10k_borrowed_s": 200,
    "put_small_per_s": 2 * 256,  # in two suites
    "get_small_per_s": 2 * 256,
    "floor_copy_gb_per_s": 0,
    "put_large_gb_per_s": 2,
    "put_array_1mib_per_s": 2,
    "put_array_large_per_s": 2,
    "get_array_1mib_per_s": 2 * 16,
    "get_large_zero_copy_per_s": 2 * 16,
    "floor_first_copy_gb_per_s": 0,
    "put_large_first_gb_per_s": 4,
    "floor_spawn_per_s": 0,
    "actor_create_per_s": 3,
    "actor_memory_mb": 0,
    "actor_create_shared_per_s": 50,
    "cluster_start_s": 1,
    "retry_after_worker_death_s": 1,
    "idle_memory_mb": 2,
    "idle_memory_resident_mb": 0,
    "floor_socket_gb_per_s": 0,
    "broadcast_gb_per_s": 2,
    "queue_million_s": 2000,
    "queue_million_resident_mb": 0,
    "task_beside_flood_p50_ms": 0,
    "task_beside_flood_p99_ms": 0,
    "flood_outlasted_percent": 0,
    "row_task_per_s": 2000,
    "row_growth_mb": 0,
    "actors_alive_create_per_s": 100,
    "actors_alive_resident_mb": 0,
    "nodes_task_per_s": 500,
    "nodes_head_cpu_percent": 0,
    "nodes_workers": 0,
}
POINTS = {
    "task_by_message_bytes": 2,
    "task_by_in_flight": 2,
    "actor_by_in_flight": 2,
    "actor_by_workers": 2,
    "put_copied_by_bytes": 2,
    "put_array_by_bytes": 2,
    "get_array_by_bytes": 2,
    "task_by_nodes": 2,
}
MAY_BE_ZERO = {"nodes_head_cpu_percent", "flood_outlasted_percent", "row_growth_mb"}


def problems_of(report):
    if report["system"] != "iocluster":
        yield f"the system is {report['system']}"
    for difference in sorted(set(report["metrics"]) ^ set(RESULTS)):
        yield f"{difference} is not in both the report and the test"
    for metric, value in report["metrics"].items():
        if value is None or (value <= 0 and metric not in MAY_BE_ZERO):
            yield f"{metric} is {value}"
        got, wanted = report["details"][metric]["results"], RESULTS.get(metric)
        if wanted is None:
            if got < 2 * CLIENTS_CALLS or got % CLIENTS_CALLS != 0:
                yield f"{metric}: {got} right answers, where each client gets {CLIENTS_CALLS}"
        elif got != wanted:
            yield f"{metric}: {got} right answers instead of {wanted}"
        share = report["details"][metric].get("share", 1)
        if share is None or share <= 0:
            yield f"{metric}: its share is {share}"
    points = {name: len(curve) for name, curve in report["curves"].items()}
    if points != POINTS:
        yield f"the curves are {points} instead of {POINTS}"


def main():
    with tempfile.TemporaryDirectory() as directory:
        json_file, html_file = pathlib.Path(directory, "report.json"), pathlib.Path(directory, "report.html")
        command = [sys.argv[1], "bench", "--suite", "smoke", "--json", json_file, "--html", html_file]
        subprocess.run(command, check=True, timeout=100)
        problems = list(problems_of(json.loads(json_file.read_text())))
        page = html_file.read_text()
        plots = 2 * len(POINTS)
        if page.count("<svg") != plots:
            problems.append(f"the page has {page.count('<svg')} plots instead of {plots}")
        problems += [f"the page has '{foreign}'" for foreign in ("<script", "http:", "https:") if foreign in page]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
