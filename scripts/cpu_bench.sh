#!/usr/bin/env bash
# Times the CPU backend beside oneDNN, PyTorch and copies of the same bytes, and leaves the results
# in OUT, as bench/results keeps them. ResNet-50 in float is timed quiet and beside one and two
# processes that compute without pause, with cubn on one thread as well; everything else quiet. A
# quarter of an hour on two processors of a machine that does nothing else.
#   scripts/cpu_bench.sh OUT             OUT: a folder, say bench/results/NAME-OF-THE-CPU
#   scripts/cpu_bench.sh --quick OUT     16 problems of ResNet-50 only; four minutes
# BENCH_SECONDS is the time per problem of the quiet runs (0.2), BENCH_BUSY_SECONDS the time per
# problem, library and number of busy processes (0.5; with --quick 1). It times the peers that
# `scripts/setup.sh bench` has fetched, or those that the benchmark finds.
set -euo pipefail
cd "$(dirname "$0")/.."

usage='usage: scripts/cpu_bench.sh [--quick] OUT'
quick=0
if [ "${1:-}" = --quick ]; then
  quick=1
  shift
fi
case ${1:-} in
  '' | -*)
    echo "cpu_bench.sh: '${1:-}' is not a folder for the results; $usage" >&2
    exit 2
    ;;
esac
out=$1
busy_seconds=${BENCH_BUSY_SECONDS:-$([ "$quick" = 1 ] && echo 1 || echo 0.5)}
mkdir -p "$out"
build=${BUILD:-build}
make --no-print-directory CUDA=0 BUILD="$build" "$build/cubn-bench" >/dev/null

run() { # name, options of cubn-bench
  "$build/cubn-bench" --device cpu --peers --seconds "${BENCH_SECONDS:-0.2}" \
    --busy-seconds "$busy_seconds" \
    --verify 200000 --csv "$out/$1.csv" --json "$out/$1.json" "${@:2}"
}

if [ "$quick" = 1 ]; then
  for layout in nchw nhwc; do
    lines=()
    for pass in train backward; do
      for sizes in n32c64h56w56 n32c128h28w28 n32c256h14w14 n32c512h7w7; do
        lines+=("$pass $layout f32 $sizes")
      done
    done
    run "cpu-quick-$layout-f32" --busy 0,1,2 "${lines[@]}"
  done
  exit
fi
run cpu-resnet50-nchw-f32 --suite resnet50 --busy 0,1,2
run cpu-resnet50-nhwc-f32 --suite resnet50 --layout nhwc --busy 0,1,2
run infer-cpu-resnet50-nchw-f32 --suite resnet50 --pass infer
run infer-cpu-resnet50-nhwc-f32 --suite resnet50 --pass infer --layout nhwc
run cpu-resnet50-nchw-bf16 --suite resnet50 --pass all --type bf16
run cpu-resnet50-nchw-f16 --suite resnet50 --pass all --type f16
run cpu-fused-nchw-f32 --suite resnet50-fused --pass all
run cpu-fused-nhwc-f32 --suite resnet50-fused --pass all --layout nhwc
run cpu-layers-nchw-f32 {train,backward,infer}' nchw f32 n64c64h112w112'
run cpu-few-channels {train,backward,infer}' nhwc f32 '{n1c3h1024w1024,n32c6h64w64,n1c3h224w224}
run cpu-few-samples --busy 0,1 {train,backward,infer}' nc f32 '{n4c65536,n8c262144}{,' relu'} \
  {train,backward,infer}' nchw f32 n8c64h64w64 peract'
run cpu-fc --suite fc
run cpu-odd-nchw --suite odd --pass all
run cpu-odd-nhwc --suite odd --pass all --layout nhwc
# Every second image or a slice of channels, crops, y or dx in another order than x.
for size in 56 14; do
  run "cpu-gaps-$size" {train,backward}' nchw'{,+c64,+1,:nhwc}" f32 n32c64h${size}w$size" \
    {train,backward}' nhwc'{,+c64,+1,:nchw}" f32 n32c64h${size}w$size"
done
run cpu-tiny-warm --suite tiny --pass all --warm
run cpu-fc-warm --suite fc --warm
run cpu-smallest-warm {train,infer,backward}' nchw f32 n2c3h4w4' --warm
# What other libraries have no call for, beside PyTorch by hand.
if [ -x .deps/torch/bin/python ]; then
  make --no-print-directory CUDA=0 BUILD="$build" lib >/dev/null
  for busy in 0 1; do
    .deps/torch/bin/python bench/features/features.py --library "$build/libcubn.so" --busy $busy \
      --seconds "${BENCH_SECONDS:-0.5}" --csv "$out/features-$busy.csv"
  done
fi
