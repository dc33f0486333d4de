#!/usr/bin/env bash
# Runs make and prints a line for each file that it compiles or links, with how many there are:
#   [ 12/340] compiling src/host/fold.c
#   scripts/progress.sh ARGUMENT-OF-MAKE...
set -euo pipefail
cd "$(dirname "$0")/.."

# Reads commands that make prints; says what each makes, in one line.
describe() {
  local words i what object source
  # Without -r: a command that goes on after a backslash is one line.
  while read -a words; do
    what="" object="" source=""
    for i in "${!words[@]}"; do
      case ${words[i]} in
        -c) what=compiling source=${words[i + 1]} ;;
        -o) what=${what:-linking} object=${words[i + 1]} ;;
        rcs) what=archiving object=${words[i + 1]} ;;
      esac
    done
    object=${object##*/}
    if [ "$what" = compiling ]; then
      i=${source##*/}
      # One source makes many objects of the CPU kernels.
      [ "${i%.*}" = "${object%%.*}" ] || source+=" (${object%.o})"
      echo "compiling $source"
    elif [ -n "$what" ]; then
      echo "$what $object"
    fi
  done
}

total=$(make --dry-run --no-print-directory "$@" | describe | wc -l)
number=0
if [ "$total" = 0 ]; then exec make --no-print-directory "$@"; fi
make --no-print-directory "$@" | describe | while read -r line; do
  number=$((number + 1))
  printf '[%*d/%d] %s\n' "${#total}" "$number" "$total" "$line"
done
