#!/usr/bin/env bash
# Counts the instructions of small calls with valgrind, independently of the load of the machine.
# Fails if one takes more than tests/tools/instructions.txt allows.
#   tests/tools/instructions.sh PROGRAM      PROGRAM: build/tests/cubn-instructions
set -euo pipefail
program=$1
export CUBN_CPU_TARGET=avx2 CUBN_THREADS=1
failed=0
while read -r limit line; do
  case $limit in '#' | '') continue ;; esac
  counted=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    --toggle-collect=measured_calls "$program" "$line" 2>&1 |
    sed -n 's/^.*Collected : \([0-9]*\).*$/\1/p')
  per_call=$((counted / 10))
  verdict=
  if [ "$per_call" -gt "$limit" ] || [ "$per_call" -eq 0 ]; then
    verdict=' TOO MANY'
    failed=1
  fi
  echo "$line: $per_call instructions per call, at most $limit$verdict"
done <"$(dirname "$0")/instructions.txt"
exit $failed
