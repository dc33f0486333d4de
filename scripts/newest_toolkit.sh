#!/usr/bin/env bash
# Compiles kernels of sm_90 and the host side of the CUDA backend with the newest CUDA toolkit that
# PyPI has, in .deps/cuda-newest: warnings are errors. Says which one it is.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=.deps/cuda-newest
if [ ! -x $folder/nvidia/cu13/bin/nvcc ]; then
  python3 -m pip install --quiet --disable-pip-version-check --target $folder \
    'nvidia-cuda-nvcc==13.*' 'nvidia-cuda-crt==13.*' 'nvidia-cuda-runtime==13.*' \
    'nvidia-nvvm==13.*' 'nvidia-cuda-cccl==13.*'
fi
toolkit=$folder/nvidia/cu13
"$toolkit/bin/nvcc" --version | sed -n 's/.*release.*, V/CUDA /p'
compile() { # MODE FILE
  echo "  src/cuda/$2.cu"
  "$toolkit/bin/nvcc" -std=c++17 -O1 "$1" -arch=sm_90 -Werror all-warnings -Iinclude -Isrc \
    -I"$toolkit/cccl" "src/cuda/$2.cu" -o /dev/null
}
compile -ptx cluster
compile -c context
compile -c device
