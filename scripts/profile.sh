#!/usr/bin/env bash
# Profiles the library on the GPU that is there, with the Nsight tools that are there:
#
#   scripts/profile.sh OUT [problem line ...]
#
# Writes into OUT: loop.nsys-rep, a training loop by Nsight Systems, with a range for every call;
# layers.ncu-rep, each problem line (default: layers of ResNet-50) by Nsight Compute; and what both
# print. docs/PROFILING.md says how to read them.
#
# Environment: BUILD (default build), CUBN_ALGO (to profile one algorithm).
set -euo pipefail

if [ $# -lt 1 ] || [ "${1#-}" != "$1" ]; then
  echo "usage: scripts/profile.sh OUT [problem line ...]" >&2
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
build=${BUILD:-build}
export LINEINFO=1 # the profiler shows lines of the source
lines=("$@")
if [ ${#lines[@]} -eq 0 ]; then
  lines=('train nchw f16 n32c64h112w112' 'train nchw f16 n32c256h56w56'
    'train nhwc f16 n32c256h56w56' 'backward nchw f16 n32c256h56w56'
    'backward nhwc f16 n32c1024h14w14')
fi

if ! nvidia-smi -L 2>/dev/null | grep -q GPU; then
  echo "profile.sh: there is no GPU to profile" >&2
  exit 1
fi
done_any=0
if command -v nsys >/dev/null; then
  make BUILD="$build" "$build/examples/minimal" >/dev/null
  program=("$build/examples/minimal")
  [ -x "$build/examples/train" ] && program=("$build/examples/train" --device cuda)
  nsys profile --trace=cuda,nvtx --force-overwrite=true --output="$out/loop" "${program[@]}" \
    >"$out/loop.txt"
  nsys stats --report nvtx_sum,cuda_gpu_kern_sum "$out/loop.nsys-rep" | tee -a "$out/loop.txt"
  done_any=1
else
  echo "profile.sh: no nsys on PATH: the loop is left out" >&2
fi
if command -v ncu >/dev/null; then
  make BUILD="$build" "$build/cubn-bench" >/dev/null
  ncu --section SpeedOfLight --section MemoryWorkloadAnalysis \
    --section MemoryWorkloadAnalysis_Tables --section Occupancy --section LaunchStats \
    --cache-control all --clock-control base --nvtx \
    --kernel-name 'regex:kernel' --launch-count 40 --force-overwrite --export "$out/layers" \
    "$build/cubn-bench" --device cuda --seconds 0.01 "${lines[@]}" >"$out/layers.txt"
  metrics=gpu__time_duration.sum,dram__bytes_read.sum,dram__bytes_write.sum
  metrics+=,dram__throughput.avg.pct_of_peak_sustained_elapsed
  ncu --import "$out/layers.ncu-rep" --page raw --metrics "$metrics" |
    tee -a "$out/layers.txt"
  done_any=1
else
  echo "profile.sh: no ncu on PATH: the layers are left out" >&2
fi
[ "$done_any" = 1 ]
