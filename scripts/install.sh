#!/usr/bin/env bash
# Installs what make built, or removes it: "make install" and "make uninstall" call it. Compiles
# nothing, and looks at no compiler: what it has to know about the build is in $BUILD/built.
#   scripts/install.sh install|uninstall
# Environment: BUILD, DESTDIR, PREFIX, LIBDIR, INCLUDEDIR, MANDIR, STRIP, as the Makefile sets them.
set -euo pipefail
cd "$(dirname "$0")/.."

stop() {
  echo "make $action: $*" >&2
  exit 2
}

# The folders stand in cubn.pc, which has no way to quote; relative ones would be in this folder.
check_folders() {
  local name value
  for name in PREFIX LIBDIR INCLUDEDIR MANDIR; do
    value=${!name}
    [[ $value == /* ]] || stop "$name='$value': expected an absolute path"
    [[ $value != *[[:space:]\'\"\\\$\#\;\&\|\`\<\>\(\)\*\?\[\]]* ]] ||
      stop "$name='$value': expected a path without blanks, quotes and the like"
  done
  case $DESTDIR in
    /* | '') ;;
    *) DESTDIR=$PWD/$DESTDIR ;;
  esac
}

# BUILT_*: what the build says about itself.
read_build() {
  [ -f "$BUILD/built" ] || stop "there is no library in '$BUILD'; run make first" \
    "(with the same BUILD= or DEBUG=)"
  # shellcheck source=/dev/null
  . "$BUILD/built"
  major=${BUILT_VERSION%%.*}
  local extra file files=("libcubn.so.$BUILT_VERSION" libcubn.a)
  [ "$BUILT_CUDA" = 0 ] || files+=(libcubn_cudnn.so)
  extras=()
  [ "$BUILT_MPI" = 0 ] || extras+=(mpi)
  [ "$BUILT_NCCL" = 0 ] || extras+=(nccl)
  for extra in "${extras[@]}"; do
    files+=("libcubn_$extra.so.$BUILT_VERSION" "libcubn_$extra.a")
  done
  for file in "${files[@]}"; do
    if [ ! -f "$BUILD/$file" ] || [ "$BUILD/$file" -nt "$BUILD/built" ]; then
      stop "$BUILD/$file is not that of the last finished build; run make again"
    fi
  done
}

# A path of PREFIX is written relative to it, so that pkg-config --define-prefix can move it.
of_prefix() {
  if [[ $1 == "$PREFIX"/* ]]; then echo "\${prefix}${1#"$PREFIX"}"; else echo "$1"; fi
}

# fill TEMPLATE FILE: replaces the template's @NAMES@.
fill() {
  local text cmake=$LIBDIR/cmake/cubn libs
  text=$(<"scripts/package/$1")
  read -ra libs <<<"$BUILT_LIBS"
  text=${text//@PREFIX@/"$PREFIX"}
  text=${text//@INCLUDEDIR@/"$(of_prefix "$INCLUDEDIR")"}
  text=${text//@LIBDIR@/"$(of_prefix "$LIBDIR")"}
  text=${text//@INCLUDE_FROM_CMAKE@/"$(realpath -ms --relative-to="$cmake" "$INCLUDEDIR")"}
  text=${text//@LIB_FROM_CMAKE@/"$(realpath -ms --relative-to="$cmake" "$LIBDIR")"}
  text=${text//@LIBS_LIST@/"$(IFS=';' && echo "${libs[*]}")"}
  text=${text//@LIBS@/"$BUILT_LIBS"}
  text=${text//@VERSION@/"$BUILT_VERSION"}
  text=${text//@MAJOR@/"$major"}
  install -d "$(dirname "$2")"
  printf '%s\n' "$text" >"$2"
  chmod 644 "$2"
}

# put MODE FOLDER FILE...
put() {
  install -d "$2"
  install -m "$1" -t "$2" "${@:3}"
}

# install_extra NAME FOLDER: libcubn_NAME, a library of its own.
install_extra() {
  put 644 "$2" "$BUILD/libcubn_$1.a"
  put 755 "$2" "$BUILD/libcubn_$1.so.$BUILT_VERSION"
  ln -sf "libcubn_$1.so.$BUILT_VERSION" "$2/libcubn_$1.so.$major"
  ln -sf "libcubn_$1.so.$major" "$2/libcubn_$1.so"
  fill "cubn_$1.pc.in" "$2/pkgconfig/cubn_$1.pc"
}

install_all() {
  local lib=$DESTDIR$LIBDIR strip=${STRIP:-$BUILT_STRIP} pages=("$BUILD"/docs/man/man3/*.3)
  put 644 "$DESTDIR$INCLUDEDIR" include/*.h
  [ "$BUILT_MPI" = 1 ] || rm -f "$DESTDIR$INCLUDEDIR/cubn_mpi.h"
  [ "$BUILT_NCCL" = 1 ] || rm -f "$DESTDIR$INCLUDEDIR/cubn_nccl.h"
  put 644 "$DESTDIR$INCLUDEDIR/cubn-cudnn" include/cubn-cudnn/*.h
  put 644 "$lib" "$BUILD/libcubn.a"
  put 755 "$lib" "$BUILD/libcubn.so.$BUILT_VERSION"
  [ "$BUILT_CUDA" = 0 ] || put 755 "$lib" "$BUILD/libcubn_cudnn.so"
  # Debug sections are three quarters of the archive.
  "$strip" --strip-debug "$lib"/libcubn.a "$lib/libcubn.so.$BUILT_VERSION" ||
    echo "make install: '$strip' failed, so debug sections stay" >&2
  ln -sf "libcubn.so.$BUILT_VERSION" "$lib/libcubn.so.$major"
  ln -sf "libcubn.so.$major" "$lib/libcubn.so"
  fill cubn.pc.in "$lib/pkgconfig/cubn.pc"
  local extra
  for extra in "${extras[@]}"; do install_extra "$extra" "$lib"; done
  fill cubnConfig.cmake.in "$lib/cmake/cubn/cubnConfig.cmake"
  fill cubnConfigVersion.cmake.in "$lib/cmake/cubn/cubnConfigVersion.cmake"
  [ ! -e "${pages[0]}" ] || put 644 "$DESTDIR$MANDIR/man3" "${pages[@]}"
  echo "cubn $BUILT_VERSION: installed into $lib and $DESTDIR$INCLUDEDIR"
}

# Needs no build. Folders that are empty then were ours, or nobody's.
uninstall_all() {
  local lib=$DESTDIR$LIBDIR header
  local major
  major=$(awk '/define CUBN_VERSION_MAJOR/ {print $3}' include/cubn.h)
  for header in include/*.h include/*/*.h; do
    rm -f "$DESTDIR$INCLUDEDIR/${header#include/}"
  done
  rm -f "$lib"/libcubn{,_mpi,_nccl}{.a,.so} "$lib"/libcubn_cudnn.so \
    "$lib"/libcubn{,_mpi,_nccl}.so."$major"{,.*} \
    "$lib"/pkgconfig/cubn{,_mpi,_nccl}.pc \
    "$lib"/cmake/cubn/cubnConfig{,Version}.cmake "$DESTDIR$MANDIR"/man3/{cubn,CUBN}*.3
  for folder in "$lib"/{cmake/cubn,cmake,pkgconfig} "$DESTDIR$INCLUDEDIR/cubn-cudnn" \
    "$DESTDIR$MANDIR/man3"; do
    rmdir --ignore-fail-on-non-empty "$folder" 2>/dev/null || true
  done
  echo "cubn: removed from $lib and $DESTDIR$INCLUDEDIR"
}

action=${1:-}
case $action in
  install)
    check_folders
    read_build
    install_all
    ;;
  uninstall)
    check_folders
    uninstall_all
    ;;
  *)
    echo "usage: make install, or make uninstall" >&2
    exit 2
    ;;
esac
