#!/usr/bin/env bash
# Rejects a source that clang-format would lay out otherwise; ./dev format mends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
find include lib runtime tests bench examples -name '*.h' -o -name '*.cc' | sort |
  xargs -P "$(nproc)" -n 32 clang-format --dry-run -Werror || { echo "run ./dev format" >&2; exit 1; }
