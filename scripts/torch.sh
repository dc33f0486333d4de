#!/usr/bin/env bash
# Fetches PyTorch, a peer of the benchmark, from PyPI into a virtual environment, .deps/torch. Does
# nothing if it is there. PyPI's wheel for x86-64 is the one for CUDA, whose libraries it needs on a
# machine without a GPU, too: about 3 GB are fetched, 6 GB kept. TORCH_INDEX names an index with
# smaller wheels: TORCH_INDEX=https://download.pytorch.org/whl/cpu scripts/torch.sh
set -euo pipefail
cd "$(dirname "$0")/.."

[ -x .deps/torch/bin/python ] && .deps/torch/bin/python -c 'import torch' 2>/dev/null && exit 0
rm -rf .deps/torch
mkdir -p .deps
index=()
[ -z "${TORCH_INDEX:-}" ] || index=(--index-url "$TORCH_INDEX")
if ! python3 -m venv .deps/torch ||
  ! .deps/torch/bin/python -m pip install --quiet --disable-pip-version-check \
    "${index[@]}" torch numpy ||
  ! .deps/torch/bin/python -c 'import torch'; then
  rm -rf .deps/torch
  echo "PyTorch: not fetched, so CPU results will not be beside it" >&2
fi
