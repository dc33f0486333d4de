#!/usr/bin/env bash
# Compiles kernels of sm_90 and the host side of the CUDA backend with the newest CUDA toolkit and
# NCCL that PyPI has, in .deps: warnings are errors. Says which ones these are.
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
nccl=.deps/nccl-newest
if [ ! -d $nccl/nvidia/nccl ]; then
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --target $nccl \
    nvidia-nccl-cu13
fi
version=$(sed -n 's/^#define NCCL_\(MAJOR\|MINOR\|PATCH\) *\([0-9]*\)$/\2/p' \
  $nccl/nvidia/nccl/include/nccl.h)
echo "NCCL ${version//[[:space:]]/.}"
echo '  src/nccl/communicator_nccl.c'
gcc -std=c11 -Wall -Wextra -Werror -Iinclude -isystem $nccl/nvidia/nccl/include \
  -isystem "$toolkit/include" -c src/nccl/communicator_nccl.c -o $nccl/communicator.o
nm -D --defined-only $nccl/nvidia/nccl/lib/libnccl.so.2 >$nccl/symbols
for name in $(nm -u $nccl/communicator.o | sed -n 's/^ *U \(nccl.*\)/\1/p'); do
  grep -q " [TW] $name\(@.*\)\?$" $nccl/symbols || {
    echo "the newest libnccl has no $name" >&2
    exit 1
  }
done
compile -ptx cluster
compile -c context
compile -c device
