#!/usr/bin/env bash
# Runs the programs of this folder (dropin.mk builds them) and checks which calls the binary drop-in
# reports that it took over:  tests/dropin/run.sh BUILD
set -euo pipefail

build=$(cd "$1" && pwd)
dropin=$build/dropin
preload=$build/emu-shared/libcubn_cudnn.so
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fail() {
  echo "drop-in: $1" >&2
  tail -20 "$log" >&2
  exit 1
}

# passes TEXT COMMAND...: the command succeeds. What it writes to stderr is kept in the log.
passes() {
  local text=$1
  shift
  echo "drop-in: $text"
  "$@" 2>"$log" || fail "$text: exit status $?"
}

# fails TEXT COMMAND...: the test fails where it must.
fails() {
  local text=$1
  shift
  echo "drop-in: $text"
  if "$@" >/dev/null 2>"$log"; then fail "$text: succeeded"; fi
}

# took_over COUNT PASSED: the last line of the drop-in's log; and it does not complain of its place.
took_over() {
  if grep -q "comes after" "$log"; then fail "a warning of the order"; fi
  grep -q "^cubn: cudnn drop-in: $1 calls taken over, $2 passed on\$" "$log" ||
    fail "not $1 calls taken over, $2 passed on"
}

passes "cubn_cudnn.h on the CPU" "$dropin/client-cpu"

passes "descriptors of cubn_cudnn.h" "$dropin/descriptors-cpu"

if [ -x "$dropin/client-cudnn" ]; then
  passes "descriptors of cuDNN itself" "$dropin/descriptors-cudnn"
  if nvidia-smi -L 2>/dev/null | grep -q GPU; then
    passes "cuDNN itself" "$dropin/client-cudnn" may-refuse
  else
    echo "drop-in: linked to cuDNN itself, but not run: no GPU"
  fi
else
  echo "drop-in: not compiled against cuDNN itself: no cudnn.h, library or CUDA runtime"
fi

if [ ! -f "$preload" ]; then
  echo "drop-in: nothing on emulated CUDA: cuda_runtime.h not found"
  exit 0
fi

passes "cubn_cudnn.h on emulated CUDA" "$dropin/client-emu"

# Exported: the functions that are taken over, and nothing else.
exported=$(nm -D --defined-only "$preload" | awk '{print $3}' | sort | tr '\n' ' ')
wanted=$(nm -D --defined-only "$dropin/real/libcudnn.so.9" | awk '{sub("@.*", "", $3); print $3}' |
  grep -E '^cudnn(Destroy$|(Get)?BatchNormalization|(Get)?Normalization)' | sort | tr '\n' ' ')
[ "$exported" = "$wanted" ] || fail "exports $exported, not $wanted"

fails "stand-in alone: computes nothing" "$dropin/client-linked"
fails "stand-in alone: with a plugin" "$dropin/host" "$dropin/plugin.so"
fails "stand-in alone: looked up" env LD_LIBRARY_PATH="$dropin/real" "$dropin/client-loaded"

export CUBN_LOG=1
passes "linked, preloaded" env LD_PRELOAD="$preload" "$dropin/client-linked"
# For each of 5 problems: 4 classic calls; 3 sizes, forward and backward for 3 operations of 2
# families; inference of the second. Passed on: the call without a descriptor.
calls=$((5 * (4 + 2 * 3 * 5 + 1)))
took_over "$calls" 1
passes "plugin, loaded locally, preloaded" env LD_PRELOAD="$preload" "$dropin/host" \
  "$dropin/plugin.so"
took_over "$calls" 1
passes "looked up in the facade" env LD_LIBRARY_PATH="$dropin/facade" "$dropin/client-loaded"
took_over "$calls" 1
passes "facade, preloaded" env LD_PRELOAD="$dropin/facade/libcudnn.so.9" "$dropin/client-linked"
took_over "$calls" 1
passes "plugin, facade preloaded" env LD_PRELOAD="$dropin/facade/libcudnn.so.9" "$dropin/host" \
  "$dropin/plugin.so"
took_over "$calls" 1
passes "passed on" env LD_PRELOAD="$preload" "$dropin/passing"
passes "programs without cuDNN" env LD_PRELOAD="$preload" true
[ ! -s "$log" ] || fail "the drop-in speaks in a program without cuDNN"
