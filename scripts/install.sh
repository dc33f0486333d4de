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
  local file files=("libcubn.so.$BUILT_VERSION" libcubn.a)
  [ "$BUILT_CUDA" = 0 ] || files+=(libcubn_cudnn.so)
  [ "$BUILT_MPI" = 0 ] || files+=("libcubn_mpi.so.$BUILT_VERSION" libcubn_mpi.a)
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

install_mpi() {
  put 644 "$1" "$BUILD/libcubn_mpi.a"
  put 755 "$1" "$BUILD/libcubn_mpi.so.$BUILT_VERSION"
  ln -sf "libcubn_mpi.so.$BUILT_VERSION" "$1/libcubn_mpi.so.$major"
  ln -sf "libcubn_mpi.so.$major" "$1/libcubn_mpi.so"
  fill cubn_mpi.pc.in "$1/pkgconfig/cubn_mpi.pc"
}

install_all() {
  local lib=$DESTDIR$LIBDIR strip=${STRIP:-$BUILT_STRIP} pages=("$BUILD"/docs/man/man3/*.3)
  put 644 "$DESTDIR$INCLUDEDIR" include/*.h
  [ "$BUILT_MPI" = 1 ] || rm -f "$DESTDIR$INCLUDEDIR/cubn_mpi.h"
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
  [ "$BUILT_MPI" = 0 ] || install_mpi "$lib"
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
  rm -f "$lib"/libcubn{.a,.so,_cudnn.so,_mpi.a,_mpi.so} "$lib"/libcubn{,_mpi}.so."$major"{,.*} \
    "$lib"/pkgconfig/cubn{,_mpi}.pc \
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
