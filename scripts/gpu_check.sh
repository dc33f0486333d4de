#!/usr/bin/env bash
# Everything that only a machine with a GPU can show, in one run that needs no network:
#
#   scripts/gpu_check.sh OUT
#
# builds for the GPU that is there, runs all suites on it, CUDA's checkers over the smoke list, the
# emulator's own kernels on the real device, the demo, the benchmark with its peers, and the drop-in
# for cuDNN (a program for cuDNN, and ResNet-18 in PyTorch, with and without it). Never stops
# at a failure; steps come in the order of their value, and what does not fit into CHECK_SECONDS
# (default 530) is skipped. Writes into OUT:
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

# ---- what is there: missing[NAME] says why steps that need NAME are skipped
declare -A missing

find_tools() {
  smi=$(command -v nvidia-smi)
  if ! "${smi:-false}" -L 2>/dev/null | grep -q GPU &&
    ! compgen -G '/dev/nvidia[0-9]*' >/dev/null; then
    missing[gpu]="no GPU"
  fi
  command -v nvcc >/dev/null || missing[nvcc]="no nvcc on PATH or in CUDA_HOME"
  sanitizer=$(command -v compute-sanitizer)
  sanitizer=${sanitizer:-${CUDA_HOME:-/usr/local/cuda}/compute-sanitizer/compute-sanitizer}
  [ -x "$sanitizer" ] || missing[sanitizer]="no compute-sanitizer on PATH or in CUDA_HOME"
  python3 -c 'import torch' 2>/dev/null || missing[torch]="no PyTorch"
  case ${CHECK_PART:-all} in
    tests) missing[bench]="CHECK_PART is tests" ;;
    bench) missing[tests]="CHECK_PART is bench" ;;
  esac
  make -n emu-selftest-gpu >/dev/null 2>&1 || missing[emu-selftest-gpu]="no such target"
  # cuDNN often comes as a Python package, which the dynamic linker does not search.
  if [ -z "${CUDNN_LIB:-}" ]; then
    CUDNN_LIB=$(python3 -c 'import nvidia.cudnn as p; print(list(p.__path__)[0] + "/lib")' \
      2>/dev/null)
    if [ -n "$CUDNN_LIB" ]; then export CUDNN_LIB; else unset CUDNN_LIB; fi
  fi
}

# The drop-in's test program needs cuDNN's header, which is beside the library of the package.
find_cudnn_client() {
  local folder=${CUDNN_LIB:-}
  if [ -f "$folder" ]; then folder=$(dirname "$folder"); fi
  if [ -f "$folder/../include/cudnn.h" ] && [ -f "$folder/libcudnn.so.9" ]; then
    export CUDNN_INCLUDE=$folder/../include CUDNN_LIBRARY=$folder/libcudnn.so.9
  fi
  make -n BUILD="$build" "$build/examples/minimal_nccl" >/dev/null 2>&1 ||
    missing[nccl]="no nccl.h with its library"
  make -n BUILD="$build" "$build/dropin/client-cudnn" >/dev/null 2>&1 ||
    missing[client-cudnn]="no cudnn.h with its library"
}

describe_clocks() {
  echo "== clocks and temperature, $1"
  local what=clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.draw,temperature.gpu
  if [ -n "$smi" ]; then
    "$smi" --query-gpu=$what --format=csv
  else
    echo "nvidia-smi: not found"
  fi
}

describe_machine() {
  echo "== commit"
  git log -1 --format='%h %cs %s' 2>/dev/null || echo "not a git checkout"
  git status --short 2>/dev/null | head -20
  echo "== date"
  date -u +%Y-%m-%dT%H:%M:%SZ
  echo "== GPU and driver"
  if [ -n "$smi" ]; then "$smi"; else echo "nvidia-smi: not found"; fi
  echo "== tools"
  nvcc --version 2>/dev/null | tail -2 || echo "nvcc: not found"
  "${CC:-gcc}" --version 2>/dev/null | head -1
  echo "compute-sanitizer: ${missing[sanitizer]:-$sanitizer}"
  echo "cuDNN: ${CUDNN_LIB:-as the dynamic linker finds it}"
  echo "== CPU"
  grep -m1 'model name' /proc/cpuinfo
  echo "$(nproc) processors"
  grep MemTotal /proc/meminfo
  describe_clocks "before"
}

# ---- steps
report() { # RESULT NAME SECONDS [REASON]
  printf '%-8s %-38s %4s s  %s\n' "$1" "$2" "$3" "${4:-}" | sed 's/ *$//' | tee -a "$summary"
}

# step NAME LIMIT NEEDS COMMAND...: runs the command for at most LIMIT seconds, unless one of the
# NEEDS is missing: a name of find_tools, or a file. The command's output goes to the log.
step() {
  local name=$1 limit=$2 needs=$3 need left begin status reason=""
  shift 3
  for need in $needs; do
    case $need in
      */*) [ -e "$need" ] || reason=${reason:-"$need was not built"} ;;
      *) reason=${reason:-${missing[$need]:-}} ;;
    esac
  done
  left=$((seconds_total - SECONDS))
  if [ -z "$reason" ] && [ "$left" -lt 5 ]; then reason="no time left"; fi
  if [ -n "$reason" ]; then
    report skipped "$name" 0 "$reason"
    return
  fi
  if [ "$limit" -gt "$left" ]; then limit=$left; fi
  begin=$SECONDS
  printf '\n==== %s: %s\n' "$name" "$*" >>"$log"
  timeout --kill-after=5 "$limit" "$@" >>"$log" 2>&1 </dev/null
  status=$?
  case $status in
    0) report ok "$name" $((SECONDS - begin)) ;;
    124 | 137) report failed "$name" $((SECONDS - begin)) "not finished after $limit s" ;;
    *) report failed "$name" $((SECONDS - begin)) "exit status $status" ;;
  esac
  if [ "$status" -ne 0 ]; then failures=$((failures + 1)); fi
}

# bench NAME LIMIT ARGUMENT...: a run of the benchmark on the GPU with its peers.
bench() {
  local name=$1 limit=$2 begin
  shift 2
  begin=$(stat -c %s "$log")
  step "bench $name" "$limit" "gpu nvcc bench $build/cubn-bench" "$build/cubn-bench" \
    --device cuda --peers --verify 1000000 --csv "$results/${name// /-}.csv" \
    --json "$results/${name// /-}.json" "$@"
  tail -c "+$((begin + 1))" "$log" >>"$out/bench.txt"
}

# run_name SUITE BATCH TYPE LAYOUT LIMIT [--warm|--graph]...
run_name() {
  local name="$1 b$2 $3 $4"
  case ${6:-} in --warm | --graph) name="$name ${6#--}" ;; esac
  echo "$name"
}

# suite SUITE BATCH TYPE LAYOUT LIMIT OPTION...: a suite as a run named after its arguments.
suite() {
  local name limit=$5
  local arguments=(--suite "$1" --batch "$2" --type "$3" --layout "$4")
  name=$(run_name "$@")
  shift 5
  bench "$name" "$limit" "${arguments[@]}" --seconds 0.15 "$@"
}

# torch SUITE BATCH TYPE LAYOUT LIMIT OPTION...: eager PyTorch on the problems of that run; with
# "--variants compile" in the end torch.compile, which spends most of its time compiling.
torch() {
  local name lines records=$results/torch- limit=$5
  name=$(run_name "$@")
  name=${name// /-}
  lines=$parts/$name.txt
  "$build/cubn-bench" --suite "$1" --batch "$2" --type "$3" --layout "$4" --list \
    >"$lines" 2>/dev/null
  shift 5
  case "$*" in *compile) records=${records}compile- ;; esac
  step "$(basename "$records")$name" "$limit" "gpu torch bench $build/cubn-bench" \
    bench/peers/torch_bn.py --device cuda --seconds 0.1 --variants cudnn,native \
    --csv "$records$name.csv" --json "$records$name.json" "$@" "$lines"
}

# check TOOL LIMIT OPTION...: a checker of CUDA over the smoke list. Tests provoke errors of the
# runtime; these are not what is looked for.
check() {
  local tool=$1 limit=$2
  shift 2
  step "$tool" "$limit" "gpu nvcc tests sanitizer $build/tests/cubn-tests" \
    "$sanitizer" --tool "$tool" --error-exitcode 9 "$@" \
    "$build/tests/cubn-tests" --device cuda --suite algorithms --cases smoke
}

tests() { # NAME LIMIT NEEDS COMMAND...
  local name=$1 limit=$2 needs=$3
  shift 3
  step "$name" "$limit" "tests $needs" "$@"
}

make_target() { # NAME LIMIT TARGET...
  local name=$1 limit=$2
  shift 2
  step "$name" "$limit" "" make -j"$jobs" BUILD="$build" "$@"
}

# A GPU that the library cannot open (an old driver, say) is one failure, not a pass of all steps.
probe_device() {
  local answer name
  if [ -n "${missing[gpu]:-}${missing[nvcc]:-}" ] || [ ! -x "$build/cubn-bench" ]; then return; fi
  answer=$(timeout 60 "$build/cubn-bench" --device cuda --seconds 0.01 \
    'train nchw f32 n2c3h4w5' 2>&1)
  case $answer in
    *"nothing to time"*)
      missing[gpu]="the library cannot open the GPU"
      report failed "open the GPU" 0 "$(grep "nothing to time" <<<"$answer")"
      failures=$((failures + 1))
      return
      ;;
  esac
  # The folder of the results is named after the GPU: "cubn 0.1.0 on NVIDIA H100, sm_90, ...".
  name=$(sed -n 's/^cubn [^ ]* on \([^,]*\),.*/\1/p' <<<"$answer" |
    tr 'A-Z' 'a-z' | tr -cs 'a-z0-9\n' '-')
  results=$out/results/${name:-gpu}
  mkdir -p "$results"
}

find_tools
describe_machine >"$environment" 2>&1

make_target "build library" 240 lib
make_target "build benchmark" 60 "$build/cubn-bench"
tests "build with NCCL" 30 "nccl" make BUILD="$build" "$build/examples/minimal_nccl"
tests "build tests" 150 "" make -j"$jobs" BUILD="$build" "$build/tests/cubn-tests"
probe_device
tests "tests cuda smoke" 90 "gpu nvcc $build/tests/cubn-tests" \
  "$build/tests/cubn-tests" --device cuda --cases smoke
tests "NCCL, one rank" 60 "gpu nvcc nccl $build/examples/minimal_nccl" \
  "$build/examples/minimal_nccl"
suite resnet50 32 f16 nhwc 30
suite resnet50 32 f16 nchw 30
suite resnet50 256 f16 nhwc 40
suite resnet50 256 f16 nchw 40
suite resnet50-fused 256 f16 nhwc 40
torch resnet50-fused 256 f16 nhwc 40
suite tiny 4 f16 nhwc 15 --graph
bench "host" 15 --host --seconds 0.1
check memcheck 60 --report-api-errors no
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
check synccheck 40
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
