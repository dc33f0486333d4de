#!/usr/bin/env bash
# Sets everything up and shows a network learning with and without batch normalization. Without a
# GPU it builds what this processor needs only, in build/demo.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "The demo: a network learns to read digits, with and without batch normalization"
scripts/setup.sh demo

# The vector kernels of this processor.
cpu_target() {
  local flags target=generic
  flags=" $(grep -m1 -E '^(flags|Features)' /proc/cpuinfo) "
  case $(uname -m)$flags in
    aarch64*) target=neon ;;
    *" avx512f "*) target=avx512 ;;
    *" avx2 "*) target=avx2 ;;
  esac
  echo "$target"
}

settings=(BUILD=build/demo CUDA=0 CPU_TYPES=f32 CPU_TARGETS="$(cpu_target)" CFLAGS=-O3)
if nvidia-smi -L 2>/dev/null | grep -q GPU; then
  if command -v nvcc >/dev/null || [ -x "${CUDA_HOME:-}/bin/nvcc" ]; then
    settings=(BUILD=build)
  else
    echo "There is a GPU, but no nvcc on PATH or in CUDA_HOME: the demo runs on the CPU"
  fi
fi
program=${settings[0]#BUILD=}/examples/train
echo "Building the library and the demo (${settings[*]})"
scripts/progress.sh -j"$(nproc)" "${settings[@]}" "$program"
exec "$program"
