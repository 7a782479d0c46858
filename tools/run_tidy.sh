#!/usr/bin/env bash
# run_tidy.sh BUILD_DIRECTORY FILE...: clang-tidy over these files, with the checks of .clang-tidy; findings are errors.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
directory=$1
shift
(($#)) || { echo "      no file has changed"; exit 0; }
echo "      clang-tidy over $# files"
printf '%s\n' "$@" | xargs -P 2 -n 1 clang-tidy -p "$directory" --quiet --warnings-as-errors='*' 2>/dev/null
