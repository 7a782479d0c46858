#!/usr/bin/env bash
# Compiles each header of include/ alone, with warnings as errors: whoever includes one needs nothing before it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

check() {
  # Twice, so that a missing include guard shows as well.
  printf '#include "%s"\n#include "%s"\n' "${1#include/}" "${1#include/}" |
    "${CXX:-g++}" -std=c++20 -Wall -Wextra -Werror -fmax-errors=3 -fsyntax-only -I include -x c++ - ||
    { echo "$1 does not compile alone" >&2; exit 1; }
}
export -f check
find include -name '*.h' | sort | xargs -P "$(nproc)" -I{} bash -c 'check {}'
