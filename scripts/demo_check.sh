#!/usr/bin/env bash
# Checks the demo as its user sees it: what it says about wrong options and damaged data, that its
# numbers do not depend on the number of threads, and that batch norm helps.
#
#   scripts/demo_check.sh [build/examples/train]
set -u
cd "$(dirname "$0")/.." || exit 1
train=${1:-build/examples/train}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failures=0

fail() {
  echo "demo_check: $*"
  failures=$((failures + 1))
}

# Exit code 2, nothing on the output, and a message that contains the first argument.
expect_usage_error() {
  local text=$1 code=0
  shift
  "$train" "$@" >"$folder/out" 2>"$folder/err" || code=$?
  [ "$code" -eq 2 ] || fail "'$*': exit code $code"
  [ ! -s "$folder/out" ] || fail "'$*': wrote to the output"
  grep -qF -- "$text" "$folder/err" || fail "'$*': no '$text' in: $(cat "$folder/err")"
}

check_options() {
  expect_usage_error "unknown option '--bogus'" --bogus
  expect_usage_error "--epochs: expected a value" --epochs
  expect_usage_error "found '0'" --epochs 0
  expect_usage_error "found '1'" --batch 1
  expect_usage_error "found 'nan'" --lr nan
  expect_usage_error "found '-1'" --seed -1
  expect_usage_error "found '1'" --momentum 1
  expect_usage_error "tpu" --device tpu
  expect_usage_error "cannot write" --csv "$folder/missing/file"
  "$train" --help | grep -q '^usage: train' || fail "--help"
}

check_data() {
  expect_usage_error "$folder/missing/train-images-idx3-ubyte: cannot open" --data "$folder/missing"
  mkdir "$folder/data" && cp examples/data/*-ubyte "$folder/data"
  head -c 5000 examples/data/train-images-idx3-ubyte >"$folder/data/train-images-idx3-ubyte"
  expect_usage_error "expected 91984 bytes for 1437 images, found 5000" --data "$folder/data"
  cp examples/data/t10k-images-idx3-ubyte "$folder/data/train-images-idx3-ubyte"
  expect_usage_error "expected 360 labels, as many as images, found 1437" --data "$folder/data"
  cp examples/data/train-labels-idx1-ubyte "$folder/data/train-images-idx3-ubyte"
  expect_usage_error "expected magic number 0x00000803" --data "$folder/data"
}

# All columns but the speed.
results() {
  cut -d, -f1-6 "$1"
}

check_training() {
  local threads
  for threads in 1 2 3; do
    OMP_NUM_THREADS=$threads "$train" --device cpu --csv "$folder/$threads.csv" >"$folder/table" ||
      fail "training with $threads threads"
    [ "$(results "$folder/$threads.csv")" = "$(results "$folder/1.csv")" ] ||
      fail "$threads threads give other numbers than one"
  done
  [ "$(wc -l <"$folder/1.csv")" -eq 121 ] || fail "not 4 * 30 epochs in the CSV file"
  [ "$(grep -c 'better with batch norm' "$folder/table")" -eq 2 ] ||
    fail "the verdict: $(sed -n '/^Verdict/,$p' "$folder/table")"
}

check_options
check_data
check_training
[ "$failures" -eq 0 ] && echo "demo_check: passed"
exit $((failures > 0))
