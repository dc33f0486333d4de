#!/usr/bin/env bash
# Runs the experiments of docs/LECTURE.md and prints a verdict on each statement. Installs and
# builds what it needs. `make claims` is the same.
#
#   scripts/claims.sh [OPTION]... [a] [b] ... [i]      default: all of them
#
#   --data DIR       MNIST, Fashion-MNIST or the like as IDX files (default: examples/data)
#   --full           published settings, for such data; without --data on 5,000 digits of MNIST,
#                    which scripts/get_mnist.py fetches
#   --seeds N        trainings per setting (default 5)
#   --seed N         the first seed (default 1)
#   --device NAME    as for the programs (default auto)
#   --out DIR        CSV files and verdicts.txt (default build/claims, with --full
#                    build/claims-full)
#   --pictures DIR   pictures (default: the same; drawn only if Python has matplotlib)
#   --jobs N         experiments at once, each on one thread (default: all cores)
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build} data="" out="" pictures="" jobs=$(nproc) full=0 seeds=5 seed=1
options=() claims=()
while [ $# -gt 0 ]; do
  case $1 in
    --data) data=$2 && shift ;;
    --out) out=$2 && shift ;;
    --pictures) pictures=$2 && shift ;;
    --jobs) jobs=$2 && shift ;;
    --seeds) seeds=$2 && options+=("$1" "$2") && shift ;;
    --seed) seed=$2 && options+=("$1" "$2") && shift ;;
    --device) options+=("$1" "$2") && shift ;;
    --full) full=1 && options+=(--full) ;;
    [a-i]) claims+=("$1") ;;
    --help)
      sed -n '2,/^set -/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      echo "claims.sh: expected an option or a claim, a to i, found '$1'; --help lists them" >&2
      exit 2
      ;;
  esac
  shift
done

# Without the tools for pictures there are still verdicts.
scripts/setup.sh claims || echo "scripts/setup.sh claims failed; going on with what is there" >&2
make -s -j"$(nproc)" BUILD="$build" "$build/examples/claims" "$build/examples/resnet"
python=python3
[ ! -x .deps/plots/bin/python ] || python=.deps/plots/bin/python

[ ${#claims[@]} -gt 0 ] || claims=(a b c d e f g h i)
if [ -z "$data" ]; then
  data=examples/data
  if [ "$full" = 1 ]; then
    data=data/mnist5k
    [ -e "$data/train-images-idx3-ubyte" ] || "$python" scripts/get_mnist.py "$data"
  fi
fi
if [ -z "$out" ]; then
  if [ "$full" = 1 ]; then out=$build/claims-full; else out=$build/claims; fi
fi
mkdir -p "$out"

draw=()
if "$python" -c 'import matplotlib as m; assert m.__version_info__ >= (3, 7)' 2>/dev/null; then
  draw=(--pictures "${pictures:-$out}")
else
  echo "Pictures: not drawn, Python has no matplotlib 3.7 or later"
fi

# Ranks are processes of MPI.
has_i=$(printf '%s\n' "${claims[@]}" | grep -cx i || true)
if [ "$has_i" != 0 ] && ! "$build/examples/resnet" --help | grep -q -- --sync; then
  echo "Claim i: not run, cubn was built without MPI"
  has_i=0
  mapfile -t claims < <(printf '%s\n' "${claims[@]}" | grep -vx i || true)
  [ ${#claims[@]} -gt 0 ] || exit 0
fi

echo "Claims ${claims[*]} on $data, results in $out"
run_one() { # CLAIM PROGRAM OPTION...: says how long it took
  local begin=$SECONDS
  OMP_NUM_THREADS=1 "$2" --claim "$1" "${@:3}" || return 1
  echo "claim $1: ran for $((SECONDS - begin)) s"
}
export -f run_one
if [ "$has_i" != 0 ]; then
  begin=$SECONDS
  scripts/claims_ranks.sh "$build/examples" "$data" "$out" "$seeds" "$seed"
  echo "claim i: ran for $((SECONDS - begin)) s"
fi
# The longest ones begin first.
{ printf '%s\n' e b a h c d f g | grep -xF "$(printf '%s\n' "${claims[@]}")" || true; } |
  xargs -r -P "$jobs" -I{} bash -c 'run_one "$@"' run_one {} "$build/examples/claims" \
    --data "$data" --out "$out" ${options[@]+"${options[@]}"}
"$python" examples/claims/report.py "$out" "${claims[@]}" ${draw[@]+"${draw[@]}"} |
  tee "$out/verdicts.txt"
