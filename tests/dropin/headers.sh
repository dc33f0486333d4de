#!/usr/bin/env bash
# The headers for programs of cuDNN's, beside cuDNN's own and beside cubn.h:
#   tests/dropin/headers.sh BUILD CUDA_INCLUDE [CUDNN_INCLUDE...]
# For each folder of cuDNN's headers: all functions are declared again after cuDNN's (a compiler
# refuses other types), all constants have the same values, and the example of both libraries
# compiles. Likewise for cubn.h, whose names are the same but for the prefix. Then what programs do:
# declare the types themselves, include headers by other names, both headers, use what cubn has not.
set -euo pipefail

out=$1/dropin/headers
cuda=$2
shift 2
cc=${CC:-gcc}
cxx=${CXX:-g++}
mkdir -p "$out"
strict=(-std=c11 -Wall -Wextra -Werror)
functions=include/cubn_cudnn_functions.h
names=include/cubn_cudnn_names.h

fail() {
  echo "headers: $1" >&2
  exit 1
}

# values FILE NAME... -- FLAG...: the value of each constant, by a program that includes FILE.
values() {
  local file=$1 list=()
  shift
  while [ "$1" != -- ]; do list+=("$1") && shift; done
  shift
  {
    echo "#include <$file>"
    echo '#include <stdio.h>'
    echo 'int main(void) {'
    for name in "${list[@]}"; do echo "printf(\"$name %.17g\\n\", (double)$name);"; done
    echo '}'
  } >"$out/values.c"
  $cc -w -Iinclude "$@" "$out/values.c" -o "$out/values"
  "$out/values"
}

# Constants, and the size and the members of the one struct.
mapfile -t constants < <(grep -oE '\bCUDNN_\w+' $names | sort -u |
  grep -vE '^CUDNN_(MAJOR|MINOR|PATCHLEVEL|VERSION)$')
constants+=('sizeof(cudnnDebug_t)')
for member in cudnnStatus time_sec time_usec time_delta handle stream pid tid cudaDeviceId; do
  constants+=("offsetof(cudnnDebug_t,$member)")
done
values cubn_cudnn.h "${constants[@]}" -- -DCUBN_CUDNN_WITHOUT_CUDA >"$out/ours"

for include in "$@"; do
  echo "headers: beside $(grep -hE 'define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ' \
    "$include/cudnn_version.h" | awk '{print $3}' | paste -sd.) in $include"
  printf '#include <cudnn.h>\n#include "cubn_cudnn_functions.h"\n' >"$out/again.c"
  $cc "${strict[@]}" -isystem "$include" -isystem "$cuda" -Iinclude -fsyntax-only "$out/again.c"
  values cudnn.h "${constants[@]}" -- -isystem "$include" -isystem "$cuda" >"$out/theirs"
  diff "$out/ours" "$out/theirs" || fail "other values than in $include"
  for flag in -DWITHOUT_CUBN -DWITH_CUBN; do
    for compiler in "$cc -std=c11" "$cxx -std=c++11 -x c++"; do
      $compiler -Wall -Wextra -Werror $flag -isystem "$include" -isystem "$cuda" -Iinclude \
        -fsyntax-only tests/dropin/recipes/layer.c
    done
  done
  printf '#include <cudnn.h>\n#include <cubn_cudnn.h>\ncudnnHandle_t handle;\n' >"$out/before.c"
  if $cc -Iinclude -isystem "$include" -isystem "$cuda" -fsyntax-only "$out/before.c" \
    2>"$out/log"; then fail "accepted after cudnn.h"; fi
  [ "$(grep -c 'error:' "$out/log")" = 1 ] || fail "not one error after cudnn.h: $(cat "$out/log")"
  printf '#include <cubn_cudnn.h>\n#include <cudnn.h>\ncudnnHandle_t handle;\n' >"$out/after.c"
  $cc "${strict[@]}" -Iinclude -isystem "$include" -isystem "$cuda" -fsyntax-only "$out/after.c"
done
[ $# -gt 0 ] || echo "headers: not compared with cuDNN's: no cudnn.h"

# ---- beside cubn.h
{
  echo '#include <cubn.h>'
  echo 'typedef cubnStream_t cudaStream_t;'
  sed 's/cudnn\([A-Z]\)/cubn\1/g' $functions
} >"$out/cubn.c"
$cc "${strict[@]}" -Iinclude -fsyntax-only "$out/cubn.c"
tr -d '\n' <$functions | grep -oE 'cudnn\w+\([^;]*;' |
  sed -E '/^cudnn(\w+)\(.*IS\(cubn(Cudnn)?\1\);/d' >"$out/log"
[ ! -s "$out/log" ] || fail "not called by its name in cubn: $(cat "$out/log")"
mapfile -t common < <(grep -ohE '\bCUBN_\w+ =' include/cubn*.h | sed 's/CUBN_//; s/ =//' | sort -u |
  grep -xFf <(printf '%s\n' "${constants[@]#CUDNN_}"))
values cubn_cudnn.h "${common[@]/#/CUBN_}" -- | sed 's/^CUBN_//' >"$out/cubn"
values cubn_cudnn.h "${common[@]/#/CUDNN_}" -- | sed 's/^CUDNN_//' | diff "$out/cubn" - ||
  fail "other values than in cubn.h"
for compiler in "$cc -std=c11" "$cxx -std=c++11 -x c++"; do
  $compiler -Wall -Wextra -Werror -Iinclude/cubn-cudnn -fsyntax-only tests/dropin/recipes/styles.c
done
absent=$(sed -nE 's/^CUBN_CUDNN_LACKS\((\w+)\)/\1/p' include/cubn_cudnn_absent.h | sed -n '1~20p')
for name in $absent; do
  printf '#include <cudnn.h>\nint main(void) { return %s(0, 1); }\n' "$name" >"$out/absent.c"
  if $cc -Iinclude/cubn-cudnn -fsyntax-only "$out/absent.c" 2>"$out/log"; then fail "$name"; fi
  grep -q "error: .*$name.* is unavailable: cubn has batch normalization only" "$out/log" ||
    fail "$name: $(cat "$out/log")"
done
