#!/usr/bin/env bash
# Runs the commands of docs/COMPATIBILITY.md as they stand there, each recipe in a folder of its own
# with a program.c, against an installation of cubn: tests/dropin/recipes.sh BUILD CUDA_INCLUDE
# CUDA_INCLUDE may be empty: then only what runs on a CPU. Else the libraries are those on the
# emulator, and the stand-in is cuDNN.
set -euo pipefail

root=$PWD
build=$(cd "$1" && pwd)
cuda=$2
work=$build/dropin/recipes
rm -rf "$work"
mkdir -p "$work"
export CUBN=$work/cubn FLAGS='' CUDNN='' HOME=$work/home

# install_into FOLDER LIBRARY...: headers and libraries as `make install` lays them out.
install_into() {
  mkdir -p "$1/include" "$1/lib"
  cp -r include/. "$1/include/"
  cp -P "${@:2}" "$1/lib/"
}

fail() {
  echo "recipe: $1" >&2
  tail -20 "$work/log" >&2
  exit 1
}

# begin NAME PROGRAM: a folder with the program, in which the commands will run.
begin() {
  mkdir -p "$work/$1"
  cp "$2" "$work/$1/program.c"
  ln -s "$root/scripts" "$work/$1/scripts"
}

# commands NAME: the block of the page that is called so.
commands() {
  awk -v name="$1" '/^```/ {found = !found && $2 == name; next} found' "$root/docs/COMPATIBILITY.md"
}

# recipe NAME TEXT...: its commands succeed and print each text.
recipe() {
  local name=$1
  shift
  echo "recipe: $name"
  commands "$name" >"$work/$name/commands"
  [ -s "$work/$name/commands" ] || fail "no block called $name in docs/COMPATIBILITY.md"
  (cd "$work/$name" && bash -euo pipefail commands) >"$work/log" 2>&1 || fail "$name failed"
  for text in "$@"; do grep -qF "$text" "$work/log" || fail "$name does not print: $text"; done
}

install_into "$CUBN" "$build"/libcubn.so*
for name in headers renamed; do
  begin "$name" tests/dropin/recipes/norm.c
  recipe "$name" 'norm: right'
done
[ -n "$cuda" ] || exit 0

install_into "$CUBN" "$build"/emu-shared/*.so
mkdir -p "$work/lib"
ln -s "$build/dropin/real/libcudnn.so.9" "$work/lib/libcudnn.so"
ln -s "$build/dropin/real/libcudnn.so.9" "$work/lib/libcudnn.so.9"
ln -s "$build/emu-shared/libcudart_emulated.so" "$work/lib/libcudart.so"
CUDNN=$work/lib/libcudnn.so.9
FLAGS="-isystem $cuda -I$root/tests/dropin/standin -I$root/include -L$work/lib"
FLAGS+=" -Wl,-rpath,$work/lib -Wl,-rpath,$build/emu-shared"
taken='cudnn drop-in: 2 calls taken over, 0 passed on'

begin beside tests/dropin/recipes/layer.c
recipe beside 'layer: right'
begin linked tests/dropin/recipes/layer.c
recipe linked 'layer: right' "$taken"
begin build-system tests/dropin/recipes/layer.c
recipe build-system "$taken"
begin preloaded tests/dropin/recipes/layer.c
cd "$work/preloaded"
# shellcheck disable=SC2086
cc $FLAGS program.c -lcudnn -lcudart -lm -o program
cd "$root"
recipe preloaded 'layer: right' "$taken"
begin facade tests/dropin/recipes/layer.c
cp "$work/preloaded/program" "$work/facade/"
recipe facade 'layer: right' "$taken"
LD_LIBRARY_PATH=$HOME/facade "$build/dropin/client-loaded" >"$work/log" 2>&1 ||
  fail "facade: the program that looks its functions up"

# The wrong order: the program works with cuDNN, and the drop-in says so.
echo "recipe: in the wrong order"
cd "$work/linked"
# shellcheck disable=SC2086
cc $FLAGS program.c -Wl,--no-as-needed -lcudnn -L"$CUBN/lib" -Wl,-rpath,"$CUBN/lib" -lcubn_cudnn \
  -lcudart -lm -o program
if ./program >"$work/log" 2>&1; then fail "the stand-in cannot compute"; fi
grep -q "cubn: libcubn_cudnn.so comes after .*libcudnn.so.9 and so takes over no call" \
  "$work/log" || fail "no warning of the wrong order"
