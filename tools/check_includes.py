#!/usr/bin/env python3
"""Rejects includes that go up or sideways (ARCHITECTURE.md, "Directories"), and system headers where roles need Env.

    base <- env <- protocol <- rpc <- {objects, scheduling, serde} <- the roles <- {api, cli}
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What each directory may include of the project, beside itself. "include" is the public API.
ALLOWED = {
    "include": [],
    "lib/base": ["include"],
    "lib/env": ["include", "lib/base"],
    "lib/env_asio": ["include", "lib/base", "lib/env"],
    "lib/protocol": ["include", "lib/base", "lib/env"],
    "lib/rpc": ["include", "lib/base", "lib/env", "lib/protocol"],
    "lib/scheduling": ["include", "lib/base", "lib/protocol"],
    "lib/objects": ["include", "lib/base", "lib/env", "lib/protocol", "lib/rpc"],
    "lib/serde": ["include", "lib/base"],
    "examples": ["include"],
    "tests/consumer": ["include"],
}
BELOW_ROLES = ["include", "lib/base", "lib/env", "lib/protocol", "lib/rpc", "lib/objects", "lib/scheduling", "lib/serde"]
for role in ("head", "node", "client"):
    ALLOWED["runtime/" + role] = BELOW_ROLES
# A worker is a client that also serves: it is the one role that holds another.
ALLOWED["runtime/worker"] = BELOW_ROLES + ["runtime/client"]
# Local mode checks options as the client's dispatcher does.
ALLOWED["runtime/local"] = BELOW_ROLES + ["runtime/client"]
# These wire concrete things together.
ANYTHING = ("runtime/api", "runtime/cli", "tests", "bench")

# Sockets, threads, clocks, processes and shared memory are Env's to give.
WORLD = re.compile(
    r"boost/asio|asio\.hpp|sys/(socket|un|mman|epoll|wait|timerfd|eventfd)\.h|netinet/|arpa/|netdb\.h|poll\.h|spawn\.h"
    r"|thread$|condition_variable$|random$|chrono$|fstream$|filesystem$"
)
# A file of the lower directories that may include one of them, and why.
WORLD_EXCEPTIONS = {
    "lib/base/mutex.h": "it is what the others use",
    "include/iocluster/asio.h": "it is for programs that use Asio themselves",
    "include/iocluster/internal/asio_coroutine.h": "it is part of asio.h",
    "include/iocluster/internal/asio_wait.h": "it is part of asio.h",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def directory_of(path):
    """The directory whose rules a repository path follows: "lib/base", "runtime/node", "include", "tests", ..."""
    parts = path.split("/")
    if parts[0] in ("lib", "runtime") or parts[:2] == ["tests", "consumer"]:
        return "/".join(parts[:2])
    return parts[0]


def target_of(name):
    """The directory that an include names, or None if it is not the project's."""
    if name.startswith("iocluster/"):
        return "include"
    if name.startswith(("lib/", "runtime/", "tests/", "bench/", "examples/")):
        return directory_of(name)
    return None


def problems_of(path, text):
    home = directory_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match.group(2)
        target = target_of(name)
        where = f"{path}:{number}: "
        if target and target != home and home not in ANYTHING:
            if target not in ALLOWED.get(home, []):
                yield where + f"{home} may not include {name}"
        if WORLD.match(name) and home not in ANYTHING + ("lib/env_asio", "examples", "tests/consumer"):
            if path not in WORLD_EXCEPTIONS:
                yield where + f"<{name}> is for lib/env_asio alone; take what it gives from Env"


def main():
    problems = []
    for top in ("include", "lib", "runtime", "tests", "bench", "examples"):
        for file in sorted((ROOT / top).rglob("*")):
            if file.suffix in (".h", ".cc"):
                problems += problems_of(file.relative_to(ROOT).as_posix(), file.read_text())
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
