# shellcheck shell=bash
# The steps of gpu_check.sh, which sources this file: what is there, how a step runs, and what is
# reported. It uses build, jobs, seconds_total, summary, log, out, parts and results, and counts
# failures.

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
  command -v ncu >/dev/null || missing[ncu]="no ncu on PATH or in CUDA_HOME"
  [ -x "$sanitizer" ] || missing[sanitizer]="no compute-sanitizer on PATH or in CUDA_HOME"
  python3 -c 'import torch' 2>/dev/null || missing[torch]="no PyTorch"
  case ${CHECK_PART:-all} in
    tests) missing[bench]="CHECK_PART is tests" ;;
    bench) missing[tests]="CHECK_PART is bench" ;;
  esac
  make -n emu-selftest-gpu >/dev/null 2>&1 || missing[emu-selftest-gpu]="no such target"
  make -n BUILD="$build" "$build/examples/minimal_nccl" >/dev/null 2>&1 ||
    missing[nccl]="no nccl.h with its library"
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

# The layers on which algorithms are compared: from many small groups of channels to few large ones.
LAYERS=(n32c64h112w112 n32c256h56w56 n32c512h28w28 n32c2048h7w7)

layers() { # SIZES...: problem lines of both layouts
  local layout pass sizes
  for sizes in "$@"; do
    for layout in nchw nhwc; do
      for pass in train backward; do echo "$pass $layout f16 $sizes"; done
    done
  done
}

# verify LIMIT: all channels of tensors whose images all differ.
verify() {
  local lines
  mapfile -t lines < <(layers "${LAYERS[@]:0:2}")
  bench "all channels" "$1" --verify 30000000 --seconds 0.02 "${lines[@]}"
}

forced() { # ALGORITHM LIMIT: the layers by one algorithm; it skips what the algorithm refuses
  local lines
  mapfile -t lines < <(layers "${LAYERS[@]}")
  bench "algo $1" "$2" --algo "$1" --seconds 0.05 "${lines[@]}"
}

# profile LIMIT: four kernels by Nsight Compute: a cluster, a cooperative launch, tickets, columns.
profile() {
  local metrics=gpu__time_duration.sum,dram__throughput.avg.pct_of_peak_sustained_elapsed
  metrics+=,sm__inst_issued.avg.pct_of_peak_sustained_active
  metrics+=,sm__warps_active.avg.pct_of_peak_sustained_active
  metrics+=,smsp__average_warps_issue_stalled_barrier_per_issue_active.ratio
  metrics+=,smsp__average_warps_issue_stalled_membar_per_issue_active.ratio
  metrics+=,smsp__average_warps_issue_stalled_long_scoreboard_per_issue_active.ratio
  local algo line
  for algo in cluster cooperative streamed two_pass; do
    case $algo in
      cluster) line='train nchw f16 n32c256h56w56' ;;
      cooperative) line='backward nhwc f16 n32c256h56w56' ;;
      *) line='train nhwc f16 n32c256h56w56' ;;
    esac
    step "ncu $algo" $(($1 / 4)) "gpu nvcc ncu bench $build/cubn-bench" ncu \
      --metrics "$metrics" --kernel-name 'regex:_kernel' --launch-count 4 --clock-control base \
      "$build/cubn-bench" --device cuda --algo $algo --seconds 0.01 --verify 1000 "$line"
  done
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
