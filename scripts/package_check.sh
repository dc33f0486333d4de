#!/usr/bin/env bash
# Checks what a user gets: that make honours flags and refuses settings that it does not know; that
# make install installs what was built, and nothing is compiled; that programs in C and C++ find the
# library through pkg-config and CMake, shared and static, in folders that were moved; the Debian
# packages (with one set of vector kernels); and an unpacked archive without git.
#   BUILD=build scripts/package_check.sh [CHECK]...
# Needs a finished "make BUILD=build". A CHECK is one of the functions check_*: settings, flags, ...
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# Variables of a make above would reach those that are started here.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL CUDA DESTDIR PREFIX LIBDIR INCLUDEDIR
unset CFLAGS CPPFLAGS LDFLAGS LDLIBS
build=$(realpath "${BUILD:-build}")
unset BUILD
small=$build/package
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
mkdir -p "$small"
failures=0

fail() {
  echo "package_check: $*"
  failures=$((failures + 1))
}

. scripts/package_ranks.sh

# expect_refusal TEXT ARGUMENT-OF-MAKE...
expect_refusal() {
  local text=$1
  shift
  if make --no-print-directory "$@" >"$folder/out" 2>&1; then fail "make $*: no error"; fi
  grep -qF -- "$text" "$folder/out" || fail "make $*: no '$text' in: $(tail -3 "$folder/out")"
}

fake_toolkit() { # FOLDER RELEASE
  mkdir -p "$1/bin"
  printf '#!/bin/sh\necho "Cuda compilation tools, release %s, V%s.0"\n' "$2" "$2" >"$1/bin/nvcc"
  chmod +x "$1/bin/nvcc"
}

check_settings() {
  local word
  fake_toolkit "$folder/old" 11.8
  fake_toolkit "$folder/new" 13.0
  expect_refusal "CUDA=banana (command line): expected 1 or 0" -n CUDA=banana
  expect_refusal "or the folder of a CUDA toolkit" -n CUDA="$folder"
  expect_refusal "is of CUDA 11.8. The kernels need CUDA 12.0 or later" -n CUDA="$folder/old"
  expect_refusal "OPENMP=maybe: expected 1 or 0" -n OPENMP=maybe
  expect_refusal "expected some of generic, avx2" -n CUDA=0 CPU_TARGETS=avx
  expect_refusal "expected a folder without blanks" -n CUDA=0 BUILD="a b"
  PATH=/usr/bin:/bin CUDA_HOME='' NVCC='' expect_refusal "CUDA=ON: there is no nvcc" -n CUDA=ON
  for word in 0 no off OFF False; do
    make -n BUILD="$folder/b" CUDA=$word lib >"$folder/out" || fail "CUDA=$word"
    grep -q 'DCUBN_WITH_CUDA=0' "$folder/out" || fail "CUDA=$word: not without CUDA"
  done
  make -n BUILD="$folder/b" CUDA="$folder/new" lib >"$folder/out"
  grep -q "^$folder/new/bin/nvcc .* -c " "$folder/out" || fail "CUDA=FOLDER: another nvcc"
  CUDA=$folder/new make -n BUILD="$folder/b" lib >"$folder/out"
  grep -q "^$folder/new/bin/nvcc .* -c " "$folder/out" || fail "CUDA=FOLDER is in the environment"
  BUILD=$folder/elsewhere make -n CUDA=0 lib >"$folder/out"
  grep -q "$folder/elsewhere" "$folder/out" && fail "BUILD was taken from the environment"
}

# A small build without OpenMP, with flags of the user in all places.
check_flags() {
  local name flags=$small/flags
  local settings=(BUILD="$small" CUDA=0 OPENMP=0 WERROR=1 CPU_TARGETS=generic CPU_TYPES=f32)
  mkdir -p "$flags"
  for name in cpp c; do
    printf 'static const char marker_of_%s[] __attribute__((used)) = "";\n' "$name" |
      cmp -s - "$flags/$name.h" ||
      printf 'static const char marker_of_%s[] __attribute__((used)) = "";\n' "$name" \
        >"$flags/$name.h"
  done
  printf '#!/bin/sh\ntouch "%s"\nexec ar "$@"\n' "$flags/ar-ran" >"$flags/ar"
  chmod +x "$flags/ar"
  rm -f "$flags/ar-ran" "$small/libcubn.a"
  CFLAGS="-O1 -include $flags/c.h" LDLIBS='-Wl,-rpath,/marker/of/ldlibs' AR=$flags/ar \
    make -s -j"$(nproc)" "${settings[@]}" CPPFLAGS="-include $flags/cpp.h" \
    LDFLAGS=-Wl,-z,nodelete lib "$small/tests/cubn-smoke" "$small/cubn-bench" ||
    fail "the small build"
  nm "$small/libcubn.a" >"$folder/out"
  grep -q marker_of_cpp "$folder/out" || fail "CPPFLAGS were not used"
  grep -q marker_of_c$ "$folder/out" || fail "CFLAGS were not used"
  readelf -d "$small/libcubn.so" | grep -q NODELETE || fail "LDFLAGS were not used"
  readelf -d "$small/libcubn.so" | grep -q /marker/of/ldlibs || fail "LDLIBS were not used"
  [ -e "$flags/ar-ran" ] || fail "AR was not used"
  ldd "$small/libcubn.so" "$small/cubn-bench" | grep gomp && fail "OPENMP=0: OpenMP is needed"
  CUBN_THREADS=3 "$small/tests/cubn-smoke" >"$folder/out" || fail "$(tail -3 "$folder/out")"
}

# The benchmark finds the oneDNN that scripts/onednn.sh fetches: here one whose library needs
# another one beside it, as that one does.
check_bench() {
  local deps=$folder/tree/.deps/onednn
  mkdir -p "$deps" "$folder/tree/build"
  cp "$small/cubn-bench" "$folder/tree/build"
  echo 'int beside(void) { return 1; }' | gcc -shared -x c - -o "$deps/libbeside.so"
  echo 'int beside(void); int dnnl_first(void) { return beside(); }' |
    gcc -shared -x c - -o "$deps/libdnnl.so.3" -L"$deps" -lbeside
  env -u LD_LIBRARY_PATH -u ONEDNN_LIB "$folder/tree/build/cubn-bench" --list-peers >"$folder/out"
  grep -q '^onednn: libdnnl.so.3 lacks' "$folder/out" ||
    fail "cubn-bench does not find .deps/onednn: $(<"$folder/out")"
  "$small/cubn-bench" --peers onednn >"$folder/out" 2>&1 && fail "cubn-bench --peers onednn"
  grep -q '^cubn-bench: onednn: --peers takes no value.* --onednn PATH' "$folder/out" ||
    fail "cubn-bench --peers onednn: $(<"$folder/out")"
}

write_project() {
  mkdir -p "$folder/project"
  cp examples/minimal.c "$folder/project/consumer.c"
  cp examples/minimal.c "$folder/project/consumer.cpp"
  cat >"$folder/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.13)
project(consumer C CXX)
find_package(cubn 9.0 CONFIG QUIET)
if(cubn_FOUND)
  message(FATAL_ERROR "version 9.0 was found")
endif()
find_package(cubn 0.1 CONFIG REQUIRED)
foreach(language c cpp)
  foreach(kind cubn cubn_static)
    add_executable(${language}-${kind} consumer.${language})
    target_link_libraries(${language}-${kind} cubn::${kind} m)
  endforeach()
endforeach()
END
}

run_consumer() { # NAME PROGRAM LIBRARY-FOLDER
  CUBN_DEVICE=cpu LD_LIBRARY_PATH=$3 "$2" >"$folder/out" 2>&1 || fail "$1: $(tail -3 "$folder/out")"
}

# use NAME PREFIX LIBDIR: programs against the library in PREFIX, wherever that was moved.
use() {
  local name=$1 prefix=$2 lib=$3 language compiler kind flags out=$folder/consumers
  rm -rf "$out"
  mkdir -p "$out"
  for language in c cpp; do
    compiler=gcc
    [ $language = c ] || compiler=g++
    for kind in shared static; do
      flags=$(PKG_CONFIG_LIBDIR=$lib/pkgconfig pkg-config --define-variable=prefix="$prefix" \
        --cflags --libs "--$kind" cubn) || fail "$name: pkg-config"
      [ $kind = shared ] || flags=${flags/-lcubn/-l:libcubn.a}
      # shellcheck disable=SC2086
      $compiler "$folder/project/consumer.$language" $flags -lm -o "$out/$language-$kind" ||
        fail "$name: pkg-config, $language, $kind"
      run_consumer "$name: pkg-config, $language, $kind" "$out/$language-$kind" "$lib"
      ldd "$out/$language-$kind" >"$folder/out"
      grep -q libcubn "$folder/out" && flags=shared || flags=static
      [ $flags = $kind ] || fail "$name: pkg-config, $language: $kind is $flags"
    done
  done
  cmake -S "$folder/project" -B "$out/cmake" -DCMAKE_PREFIX_PATH="$prefix" >"$folder/out" 2>&1 &&
    cmake --build "$out/cmake" >"$folder/out" 2>&1 || fail "$name: CMake: $(tail -5 "$folder/out")"
  for kind in {c,cpp}-{cubn,cubn_static}; do
    run_consumer "$name: CMake, $kind" "$out/cmake/$kind" ""
  done
}

# install_into DESTDIR ARGUMENT-OF-MAKE...: as root with another environment would.
install_into() {
  PATH=/usr/bin:/bin CUDA_HOME='' NVCC='' CC=false CXX=false \
    make -s --no-print-directory install BUILD="$build" DESTDIR="$1" "${@:2}" >"$folder/out" ||
    fail "make install ${*:2}: $(<"$folder/out")"
}

# Kernels of GPUs are as large as CUDA_ARCHS asks for; the rest has a limit.
check_size() {
  local all gpu
  all=$(stat -c %s "$1")
  gpu=$(size -A "$1" | awk '$1 == ".nv_fatbin" {sum += $2} END {print sum + 0}')
  echo "package_check: libcubn.a has $all bytes, $gpu of them kernels of GPUs"
  [ $((all - gpu)) -le 15000000 ] || fail "libcubn.a has $((all - gpu)) bytes for the host"
}

check_install() {
  local plain="$folder/plain root" multi=$folder/multi lib
  find "$build" -printf '%p %T@ %s\n' | sort >"$folder/before"
  install_into "$plain" PREFIX=/opt/cubn
  lib=/usr/lib/$(gcc -print-multiarch)
  install_into "$multi" PREFIX=/usr LIBDIR="$lib"
  find "$build" -printf '%p %T@ %s\n' | sort | cmp -s - "$folder/before" ||
    fail "make install changed the build"
  grep -qx 'prefix=/opt/cubn' "$plain/opt/cubn/lib/pkgconfig/cubn.pc" || fail "prefix of cubn.pc"
  check_size "$plain/opt/cubn/lib/libcubn.a"
  cp -r "$plain/opt/cubn" "$folder/moved"
  use "make install, moved" "$folder/moved" "$folder/moved/lib"
  use_mpi "$folder/moved"
  use_nccl "$folder/moved"
  use "make install, multiarch" "$multi/usr" "$multi$lib"
  make -s uninstall DESTDIR="$plain" PREFIX=/opt/cubn >/dev/null || fail "make uninstall"
  make -s uninstall DESTDIR="$multi" PREFIX=/usr LIBDIR="$lib" >/dev/null || fail "make uninstall"
  [ -z "$(find "$plain" "$multi" ! -type d)" ] ||
    fail "make uninstall leaves $(find "$plain" "$multi" ! -type d)"
  expect_refusal "run make first" install BUILD="$folder/nothing" DESTDIR="$folder/d"
  expect_refusal "expected a path without blanks" install BUILD="$build" PREFIX="$folder/a b"
  expect_refusal "expected an absolute path" install BUILD="$build" PREFIX=inst
  [ -e "$small/built" ] || check_flags
  touch "$small/libcubn.a"
  expect_refusal "run make again" install BUILD="$small" DESTDIR="$folder/d"
  [ ! -e "$folder/d" ] && [ ! -e "$folder/a b" ] && [ ! -e inst ] || fail "refused, and written"
}

check_debs() {
  local root=$folder/debs package
  CUBN_MAKE='CPU_TARGETS=generic CPU_TYPES=f32' DEB_BUILD_OPTIONS=nocheck \
    scripts/deb.sh "$small/deb" >"$small/deb.log" 2>&1 || fail "the packages: see $small/deb.log"
  for package in "$small"/deb/*.deb; do dpkg -x "$package" "$root"; done
  use "Debian packages" "$root/usr" "$root/usr/lib/$(gcc -print-multiarch)"
  "$root/usr/bin/cubn-bench" --device cpu --seconds 0.01 'train nchw f32 n2c3h4w5' \
    >"$folder/out" || fail "cubn-bench of the package: $(tail -3 "$folder/out")"
}

# An archive, unpacked into a folder with a blank. The checks see its files: a fault is found.
check_archive() {
  local tree="$folder/a source"
  mkdir "$tree"
  tar -xf "$small"/deb/cubn_*.tar.xz -C "$tree" --strip-components=1
  make -s -C "$tree" check-structure check-format >"$folder/out" 2>&1 ||
    fail "make check in an archive: $(tail -3 "$folder/out")"
  grep -q "^structure: $(find include src tests bench examples \
    -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' -o -name '*.cpp' | wc -l) sources" \
    "$folder/out" || fail "make check-structure in an archive: $(tail -1 "$folder/out")"
  make -s -C "$tree" CUDA=0 build/obj/src/core/status.o build/obj/examples/minimal.o ||
    fail "make in a folder with a blank"
  printf 'int   a;\n' >>"$tree/src/core/status.c"
  make -s -C "$tree" check-format >/dev/null 2>&1 && fail "check-format sees no file of an archive"
}

write_project
[ $# -gt 0 ] || set -- settings flags bench install debs archive
for check; do
  echo "package_check: $check ($SECONDS s)"
  "check_$check"
done
if [ "$failures" -eq 0 ]; then echo "package_check: passed ($SECONDS s)"; fi
exit $((failures > 0))
