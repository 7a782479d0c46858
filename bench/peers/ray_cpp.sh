#!/usr/bin/env bash
# ray_cpp.sh DIRECTORY: ray_bench in DIRECTORY (see setup_ray.sh) on a cluster of its own, which ends with it. Left to
# itself, Ray's C++ library would start one and stop it with `ray stop`, which ends every Ray on the machine.
set -euo pipefail
directory=$1
# It is alone on this machine, and without a token Ray's C++ library does not get in otherwise.
export PATH=$directory/venv/bin:$PATH RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled
readonly READY_TIMEOUT=60  # seconds
cpus=$(($(nproc) / 2 > 2 ? $(nproc) / 2 : 2))
# Its C++ library looks for a node with the address that it finds itself.
ip=$(python3 -c 'import ray; print(ray.util.get_node_ip_address())')
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
log=$(mktemp)

ray start --head --block --disable-usage-stats --include-dashboard=false --node-ip-address="$ip" --port="$port" \
  --num-cpus="$cpus" >"$log" 2>&1 &
head=$!
clean_up() {
  kill "$head" 2>/dev/null || true  # it ends what it has started
  wait "$head" 2>/dev/null || true
  rm -f "$log"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

deadline=$((SECONDS + READY_TIMEOUT))
until grep -q "Ray runtime started" "$log"; do
  if ! kill -0 "$head" 2>/dev/null || ((SECONDS > deadline)); then
    cat "$log" >&2
    exit 1
  fi
  sleep 0.1
done
"$directory/ray_bench" --ray_address="$ip:$port" --ray_code_search_path="$directory/libray_tasks.so" 2>>"$log" ||
  { cat "$log" >&2; exit 1; }
