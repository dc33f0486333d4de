#!/usr/bin/env bash
# Everything that only a machine with a GPU can show, in one run that needs no network:
#
#   scripts/gpu_check.sh OUT
#
# builds for the GPU that is there, runs each algorithm by itself, 20,000 launches in a row of those
# whose blocks wait for each other, and all suites; compares the algorithms on four layers; runs
# CUDA's checkers over the smoke list, ncu on four kernels, the emulator's own kernels on the real
# device, the demo, the benchmark with its peers, and the drop-in for cuDNN (a program for cuDNN,
# and ResNet-18 in PyTorch, with and without it). Never stops at a failure; steps (gpu_steps.sh)
# come in the order of their value, and what does not fit into CHECK_SECONDS (default 530) is
# skipped. Writes into OUT:
#   summary.txt      one line per step: ok, failed or skipped, with its seconds
#   log.txt          what the steps printed
#   environment.txt  GPU, driver, CUDA, compilers, commit, clocks before and after
#   bench.txt        the benchmark's tables
#   results/GPU/     every run of the benchmark and of PyTorch: records as CSV, head as JSON;
#                    bench/results/README.md says how to publish them
# The exit status is 0 if no step failed.
#
# Environment: CUDA_HOME, CUNIT_PREFIX (folder of CUnit, see the Makefile), CUDNN_LIB (libcudnn.so
# or its folder), BUILD (default build), CHECK_SECONDS, CHECK_JOBS (compilers at once, default: all
# cores), CHECK_PART (tests or bench: without the other one; default: both), BENCH_COMMIT (for the
# results, where git does not tell).
set -uo pipefail

if [ $# -ne 1 ] || [ "${1#-}" != "$1" ]; then
  echo "usage: scripts/gpu_check.sh OUT" >&2
  exit 2
fi
mkdir -p "$1" || exit 2
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.." || exit 2

build=${BUILD:-build}
export LINEINFO=1 # the checkers name lines of the source
seconds_total=${CHECK_SECONDS:-530}
jobs=${CHECK_JOBS:-$(nproc)}
summary=$out/summary.txt log=$out/log.txt environment=$out/environment.txt
parts=$build/gpu-check results=$out/results
failures=0
rm -rf "$parts"
mkdir -p "$parts"
: >"$summary"
: >"$log"
: >"$out/bench.txt"
if [ -n "${CUDA_HOME:-}" ]; then PATH=$PATH:$CUDA_HOME/bin; fi

. scripts/gpu_steps.sh

find_tools
describe_machine >"$environment" 2>&1

make_target "build library" 240 lib
make_target "build benchmark" 60 "$build/cubn-bench"
tests "build tests" 150 "" make -j"$jobs" BUILD="$build" "$build/tests/cubn-tests" \
  "$build/tests/cubn-open"
tests "build with NCCL" 30 "nccl" make BUILD="$build" "$build/examples/minimal_nccl"
probe_device

# Does it work: each algorithm by itself, so that one that hangs is named; launches by thousands.
tests "open handles" 60 "gpu nvcc $build/tests/cubn-open" \
  env CUBN_LOG=1 "$build/tests/cubn-open" cuda
tests "open handles, eager loading" 60 "gpu nvcc $build/tests/cubn-open" \
  env CUDA_MODULE_LOADING=EAGER "$build/tests/cubn-open" cuda
for algo in two_pass resident cluster streamed cooperative inference strided; do
  tests "algorithm $algo" 30 "gpu nvcc $build/tests/cubn-tests" \
    "$build/tests/cubn-tests" --device cuda --suite "algorithms" --cases smoke --algo $algo
done
tests "cuda soak" 60 "gpu nvcc $build/tests/cubn-tests" \
  "$build/tests/cubn-tests" --device cuda --suite "cuda soak" --verbose
tests "tests cuda smoke" 90 "gpu nvcc $build/tests/cubn-tests" \
  "$build/tests/cubn-tests" --device cuda --cases smoke
tests "NCCL, one rank" 60 "gpu nvcc nccl $build/examples/minimal_nccl" \
  "$build/examples/minimal_nccl"
verify 60

# What it costs: the algorithms side by side, then ResNet-50 beside its peers.
for algo in cluster cooperative streamed two_pass resident; do forced $algo 25; done
suite resnet50 32 f16 nhwc 30
suite resnet50 32 f16 nchw 30
suite resnet50 256 f16 nhwc 40
suite resnet50 256 f16 nchw 40
check memcheck 60 --report-api-errors no
check synccheck 40
profile 60
suite resnet50-fused 256 f16 nhwc 40
torch resnet50-fused 256 f16 nhwc 40
suite tiny 4 f16 nhwc 15 --graph
bench "host" 15 --host --seconds 0.1
suite resnet50-fused 32 f16 nchw 30
suite video 16 f16 nchw 30
suite video 16 f16 nhwc 30
torch resnet50 32 f16 nchw 40
suite resnet50 64 bf16 nhwc 30
suite resnet50 32 f32 nchw 30
suite tiny 4 f32 nchw 15
suite fc 256 f16 nchw 15
suite odd 16 f16 nchw 20
suite resnet50 32 f16 nhwc 30 --warm
suite resnet50 32 f16 nhwc 30 --graph
torch resnet50-fused 256 f16 nhwc 90 --variants compile
check racecheck 60
tests "tests cuda all" 120 "gpu nvcc $build/tests/cubn-tests" \
  "$build/tests/cubn-tests" --device cuda --cases all
suite huge 4 f16 nchw 40
suite huge 4 f16 nhwc 40
suite odd 16 f16 nhwc 20
suite odd 16 f32 nhwc 20
suite resnet50 64 f16 nchw 30
suite resnet50 256 bf16 nchw 40
suite resnet50-fused 256 f16 nchw 40
torch resnet50-fused 256 f16 nchw 40
torch tiny 4 f16 nhwc 40 --graph
torch video 16 f16 nchw 40
make_target "build demo" 90 "$build/examples/train"
tests "demo cuda" 60 "gpu nvcc $build/examples/train" "$build/examples/train" --device cuda
make_target "build examples" 90 examples
tests "resnet cuda" 40 "gpu nvcc $build/examples/resnet" "$build/examples/resnet" --device cuda \
  --checkpoint "$parts/resnet.net"
tests "infer cuda" 20 "gpu nvcc $build/examples/infer $parts/resnet.net" "$build/examples/infer" \
  --device cuda --checkpoint "$parts/resnet.net" --fold
tests "claim c cuda" 40 "gpu nvcc $build/examples/claims" "$build/examples/claims" --device cuda \
  --claim c --seeds 2 --out "$parts/claims"
check initcheck 40 --report-api-errors no
tests "emulator's kernels" 60 "gpu nvcc emu-selftest-gpu" make BUILD="$build" emu-selftest-gpu
tests "tests cpu" 90 "$build/tests/cubn-tests" "$build/tests/cubn-tests" --device cpu --cases all
find_cudnn_client
tests "build drop-in's client" 60 "nvcc client-cudnn" \
  make -j"$jobs" BUILD="$build" "$build/dropin/client-cudnn"
tests "client with cuDNN" 30 "gpu nvcc client-cudnn" "$build/dropin/client-cudnn" may-refuse
tests "client with the drop-in" 30 "gpu nvcc client-cudnn $build/libcubn_cudnn.so" env CUBN_LOG=1 \
  LD_PRELOAD="$build/libcubn_cudnn.so" "$build/dropin/client-cudnn"
tests "torch ResNet-18, drop-in" 200 "gpu torch $build/libcubn_cudnn.so" scripts/torch_resnet.py \
  --dropin "$build/libcubn_cudnn.so" --type amp
suite resnet50 256 f32 nchw 50
suite resnet50 256 f32 nhwc 50
suite huge 4 f32 nchw 60

describe_clocks "after" >>"$environment" 2>&1
if [ -d "$results" ]; then cp "$environment" "$results/environment.txt"; fi
if [ "$failures" -eq 0 ]; then
  echo "no step failed ($SECONDS s)" | tee -a "$summary"
else
  echo "$failures steps failed ($SECONDS s), see $log" | tee -a "$summary"
  exit 1
fi
