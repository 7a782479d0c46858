#!/usr/bin/env python3
"""Rejects what CONTRIBUTING.md rules out and a compiler does not: see RULES."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_LINES = 600

# (what a line must not contain, where it applies, why)
RULES = [
    (r"\bsleep_for\b|\bsleep_until\b|\busleep\(|\bnanosleep\(|\bsleep\(|absl::SleepFor", r"^(tests|lib|runtime|include)/",
     "nothing sleeps: wait for the event itself, with a deadline"),
    (r"ForTest(ing)?\b", r"", "code has no entrance that only tests use"),
    (r"\basio::detached\b", r"", "a detached coroutine's errors and lifetime are lost"),
    (r"\babsl::Mutex(Lock)?\b", r"", "use lib/base/mutex.h: ThreadSanitizer can't see into the distribution's absl::Mutex"),
    (r"//\s*([-=*#/~])\1{4,}", r"", "no banner comments"),
    (r"\b(TODO|FIXME|XXX|HACK)\b", r"", "finish it, or write it down in an issue"),
    (r"catch\s*\(\.\.\.\)\s*\{\s*\}", r"", "an exception is not swallowed in silence"),
    (r"\b(SUCCEED\(\)|REQUIRE\(true\)|CHECK\(true\))", r"^tests/", "a test can fail"),
    (r"using namespace\b", r"\.h$", "a header opens no namespace for others"),
]

# Files that speak about such lines, and files that may be long, with the reason.
EXEMPT_FROM_RULES = {
    "lib/base/mutex.h": "it says why not absl::Mutex",
    "tests/consumer/neighbours.cc": "it uses Abseil as a user may",
}
LONG_FILES = {}

# g++ 12 destroys some temporaries of a co_await expression twice: braced aggregates and capturing lambdas inside it.
CO_AWAIT = re.compile(r"\bco_await\b")
CAPTURE = re.compile(r"\[[^\]\[]*[&=\w][^\]\[]*\]\s*(\(|\{|mutable)")


def expression_at(text, start):
    """The operand of co_await that begins at `start`: up to the end of its statement or of the brackets around it."""
    depth = 0
    for end in range(start, len(text)):
        char = text[end]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth < 0:
                return text[start:end]
        elif char == ";" and depth == 0:
            return text[start:end]
    return text[start:]


def co_await_problems(path, text):
    code = re.sub(r"//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", lambda match: " " * len(match.group()), text)
    for match in CO_AWAIT.finditer(code):
        expression = expression_at(code, match.end())
        if "{" in expression or CAPTURE.search(expression):
            line = code.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: g++ 12 miscompiles a braced value or a capturing lambda inside co_await: name it first"


def problems_of(path, text):
    lines = text.splitlines()
    if len(lines) > MAX_LINES and path not in LONG_FILES:
        yield f"{path}: {len(lines)} lines are more than one can hold in the head ({MAX_LINES}); find the seam"
    if path not in EXEMPT_FROM_RULES:
        for pattern, where, why in RULES:
            if not re.search(where, path):
                continue
            for number, line in enumerate(lines, 1):
                if re.search(pattern, line):
                    yield f"{path}:{number}: {why}"
    yield from co_await_problems(path, text)


# Every variable of the environment that the code reads is in the table that the doctor prints, and in the guide (but for
# those that nodes set for their workers).
SETTING = re.compile(r"\"(IOCLUSTER_[A-Z_]*[A-Z])\"")
SETTING_TABLE = "runtime/api/configuration.cc"
SETTING_GUIDE = "docs/guide.md"


def setting_problems(path, text, table, guide):
    for name in sorted(set(SETTING.findall(text))):
        if f'"{name}"' not in table:
            yield f"{path}: the doctor does not know {name}: add it to {SETTING_TABLE}"
        elif not name.startswith("IOCLUSTER_WORKER") and f"`{name}`" not in guide:
            yield f"{path}: users are not told of {name}: add it to {SETTING_GUIDE}"


def main():
    problems = []
    table = (ROOT / SETTING_TABLE).read_text()
    guide = (ROOT / SETTING_GUIDE).read_text()
    for top in ("include", "lib", "runtime", "tests", "bench", "examples"):
        for file in sorted((ROOT / top).rglob("*")):
            if file.suffix in (".h", ".cc", ".capnp"):
                path = file.relative_to(ROOT).as_posix()
                problems += problems_of(path, file.read_text())
                if top in ("lib", "runtime"):
                    problems += setting_problems(path, file.read_text(), table, guide)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
