#!/usr/bin/env bash
# Times the CPU backend beside oneDNN and copies of the same bytes, and leaves the results in OUT,
# as bench/results keeps them. Ten minutes on a small machine.
#   scripts/cpu_bench.sh OUT      OUT: a folder, say bench/results/NAME-OF-THE-CPU
# BENCH_PREFIX goes before every run: on a machine that others use, BENCH_PREFIX='chrt -f 20'.
# BENCH_SECONDS is the time per problem (0.3).
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:?usage: scripts/cpu_bench.sh OUT}
mkdir -p "$out"
make --no-print-directory CUDA=0 build/cubn-bench >/dev/null
read -ra prefix <<<"${BENCH_PREFIX:-}"

run() { # name, options of cubn-bench
  "${prefix[@]}" build/cubn-bench --device cpu --peers --seconds "${BENCH_SECONDS:-0.3}" \
    --verify 200000 --csv "$out/$1.csv" --json "$out/$1.json" "${@:2}"
}

run cpu-resnet50-nchw-f32 --suite resnet50 --pass all
run cpu-resnet50-nhwc-f32 --suite resnet50 --pass all --layout nhwc
run cpu-resnet50-nchw-bf16 --suite resnet50 --pass all --type bf16
run cpu-resnet50-nchw-f16 --suite resnet50 --pass all --type f16
run cpu-fused-nchw-f32 --suite resnet50-fused --pass all
run cpu-fused-nhwc-f32 --suite resnet50-fused --pass all --layout nhwc
run cpu-layers-nchw-f32 {train,backward,infer}' nchw f32 n64c64h112w112'
run cpu-few-channels {train,backward,infer}' nhwc f32 '{n1c3h1024w1024,n32c6h64w64,n1c3h224w224}
run cpu-fc --suite fc
run cpu-odd-nchw --suite odd --pass all
run cpu-odd-nhwc --suite odd --pass all --layout nhwc
run cpu-tiny-warm --suite tiny --pass all --warm
run cpu-fc-warm --suite fc --warm
run cpu-smallest-warm {train,infer,backward}' nchw f32 n2c3h4w4' --warm
