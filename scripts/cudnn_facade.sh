#!/usr/bin/env bash
# Makes a folder with a libcudnn.so.9 that is empty itself and needs, in this order, the binary
# drop-in and the real cuDNN: a program that looks functions up in its handle finds the drop-in's
# batch norm, and everything else in the real library.
#
#   scripts/cudnn_facade.sh REAL FOLDER [DROPIN]
#
# REAL is the real libcudnn.so.9, DROPIN libcubn_cudnn.so (default: build/libcubn_cudnn.so). Use it
# with LD_PRELOAD=FOLDER/libcudnn.so.9, or add FOLDER to LD_LIBRARY_PATH (which comes after the
# RPATH of a program, if it has one).
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ] || [ -z "$1" ] || [ -z "$2" ]; then
  echo "usage: scripts/cudnn_facade.sh REAL FOLDER [DROPIN]" >&2
  exit 2
fi
real=$(readlink -f "$1")
dropin=$(readlink -f "${3:-$(dirname "$0")/../build/libcubn_cudnn.so}")
for library in "$real" "$dropin"; do
  if [ ! -f "$library" ]; then
    echo "cudnn_facade.sh: there is no $library" >&2
    exit 1
  fi
done
mkdir -p "$2"
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
read -ra cc <<<"${CC:-gcc}"

# A library is needed by the name that it calls itself, and the real one calls itself libcudnn.so.9,
# like the facade. Placeholders that call themselves by path are linked in its stead.
echo 'extern int cubn_cudnn_facade;' >"$parts/empty.c"
"${cc[@]}" -shared -x c "$parts/empty.c" -Wl,-soname,"$dropin" -o "$parts/libdropin.so"
"${cc[@]}" -shared -x c "$parts/empty.c" -Wl,-soname,"$real" -o "$parts/libreal.so"
# The version of the symbols, which programs that are linked to cuDNN ask for.
echo 'libcudnn.so.9 { };' >"$parts/facade.map"
"${cc[@]}" -shared -x c "$parts/empty.c" -x none -Wl,-soname,libcudnn.so.9 \
  -Wl,--version-script="$parts/facade.map" -Wl,--no-as-needed \
  "$parts/libdropin.so" "$parts/libreal.so" \
  -o "$2/libcudnn.so.9"
ln -sf libcudnn.so.9 "$2/libcudnn.so"
echo "$2/libcudnn.so.9: batch norm from $dropin, the rest from $real"
