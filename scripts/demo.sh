#!/usr/bin/env bash
# Sets everything up and shows a network learning with and without batch normalization.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh demo
make -s -j"$(nproc)" build/examples/train
if ! command -v nvcc >/dev/null && [ ! -x "${CUDA_HOME:-}/bin/nvcc" ]; then
  echo "CUDA: built without, nvcc not found; the demo runs on the CPU"
fi
exec make -s demo
