#!/usr/bin/env bash
# setup_ray.sh DIRECTORY: makes a Python environment with Ray and its C++ library in DIRECTORY/venv, and builds
# ray_bench.cc into DIRECTORY. What is there already stays.
set -euo pipefail
readonly RAY=2.60.0
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
mkdir -p "$1"
directory=$(realpath "$1")
venv=$directory/venv

fail() {
  echo "setup_ray: $*" >&2
  exit 1
}

if ! "$venv/bin/python" -c "import ray, numpy, sys; sys.exit(ray.__version__ != '$RAY')" 2>/dev/null; then
  python3 -m venv "$venv" || fail "can't make a Python environment; on Debian: apt-get install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "ray[cpp]==$RAY" numpy >"$directory/pip.log" 2>&1 ||
    fail "pip can't install ray[cpp] $RAY; is the network there? See $directory/pip.log, which ends: $(tail -n 1 "$directory/pip.log")"
fi

ray=$(echo "$venv"/lib/python3*/site-packages/ray/cpp)
# Ray's C++ library is built with the old strings of libstdc++.
flags=(-std=c++17 -O2 -w -D_GLIBCXX_USE_CXX11_ABI=0 "-DIOC_BENCH_RAY_VERSION=\"$RAY\"" "-I$ray/include" "-L$ray/lib"
  "-Wl,-rpath,$ray/lib")
for output in ray_bench libray_tasks.so; do
  [[ $directory/$output -nt $here/ray_bench.cc ]] && continue
  extra=()
  [[ $output == *.so ]] && extra=(-fPIC -shared -Dmain=UnusedMain)
  g++ "${flags[@]}" "${extra[@]}" "$here/ray_bench.cc" -o "$directory/$output" -lray_api -lpthread ||
    fail "can't build $here/ray_bench.cc against $ray"
done

cat >"$directory/ray_cpp" <<SCRIPT
#!/bin/sh
exec "$here/ray_cpp.sh" "$directory"
SCRIPT
cat >"$directory/ray_python" <<SCRIPT
#!/bin/sh
exec "$venv/bin/python" "$here/ray_bench.py"
SCRIPT
chmod +x "$directory/ray_cpp" "$directory/ray_python"
