#!/usr/bin/env bash
# demo.sh BUILD_DIRECTORY STEP STEPS: a cluster of processes on loopback, one head and three nodes that declare unlike
# hardware, trains and serves examples/digits. Leaves no process behind, however it ends.
set -euo pipefail
build=$(realpath "$1")
step=$2
steps=$3
iocluster=$build/runtime/cli/iocluster
readonly READY_TIMEOUT=20  # seconds
readonly READY='^(head|node [^ ]+) ready'

work=$(mktemp -d)
processes=()

clean_up() {
  local process
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${processes[@]}"; do wait "$process" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

begin_step() {
  step=$((step + 1))
  echo "[$step/$steps] $*"
}

# start NAME ARGUMENT...: runs iocluster with these arguments and waits for the line in which it says that it is ready.
start() {
  local name=$1 process
  shift
  : >"$work/$name.log"
  "$iocluster" "$@" >"$work/$name.log" 2>&1 &
  process=$!
  processes+=("$process")
  local deadline=$((SECONDS + READY_TIMEOUT))
  until grep -qE "$READY" "$work/$name.log"; do
    if ! kill -0 "$process" 2>/dev/null || ((SECONDS > deadline)); then
      echo "demo: iocluster $* did not become ready; it said:" >&2
      cat "$work/$name.log" >&2
      exit 1
    fi
    sleep 0.05
  done
  grep -m 1 -E "$READY" "$work/$name.log" | sed 's/^/      /'
}

begin_step "starting a head and three nodes"
start head head --listen 127.0.0.1:0
address=$(grep -m 1 -E "$READY" "$work/head.log" | grep -oE '127\.0\.0\.1:[0-9]+' | head -n 1)
[[ -n $address ]] || { echo "demo: the head's ready line names no address" >&2; exit 1; }
start workstation node --head "$address" --name workstation --cpus 2 --region eu --label disk=nvme
start gaming-pc node --head "$address" --name gaming-pc --cpus 2 --gpus 1 --gpu-model "RTX 4090" --gpu-memory 24GiB \
  --region us --label disk=ssd
start macbook node --head "$address" --name macbook --cpus 2 --region asia --label battery=yes
"$iocluster" nodes --address "$address"

begin_step "training and serving on them: iocluster run --address $address examples/digits"
"$iocluster" run --address "$address" "$build/examples/digits/digits"

"$iocluster" stop --address "$address"
deadline=$((SECONDS + READY_TIMEOUT))
for process in "${processes[@]}"; do
  while kill -0 "$process" 2>/dev/null && ((SECONDS <= deadline)); do sleep 0.05; done
done
