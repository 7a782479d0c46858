#!/usr/bin/env bash
# package_test.sh BUILD_DIRECTORY PROJECT CMAKE_OPTION...: installs the package into a fresh prefix, then builds PROJECT
# against it, as a user would, and runs its tests.
set -euo pipefail
build=$(realpath "$1")
project=$(realpath "$2")
shift 2

work=$(mktemp -d "$build/package_test.XXXXXX")
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
cmake -S "$project" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" "$@"
cmake --build "$work/build"
ctest --test-dir "$work/build" --output-on-failure
