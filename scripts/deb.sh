#!/usr/bin/env bash
# Makes the Debian packages, source and binary, from a clean copy of the files of this folder: those
# that git knows, or all but the results of builds in an unpacked archive.
#   scripts/deb.sh FOLDER [OPTION OF dpkg-buildpackage]...
set -euo pipefail
cd "$(dirname "$0")/.."
# Variables of a make above would reach the one of the package.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
scripts/setup.sh deb

out=${1:?usage: scripts/deb.sh FOLDER [OPTION OF dpkg-buildpackage]...}
shift
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
of_header=$(awk '/define CUBN_VERSION_(MAJOR|MINOR|PATCH)/ {v = v s $3; s = "."} END {print v}' \
  include/cubn.h)
if [ "$version" != "$of_header" ]; then
  echo "deb.sh: debian/changelog says $version, include/cubn.h $of_header" >&2
  exit 1
fi
rm -rf "$out"
mkdir -p "$out/cubn-$version"
if [ -e .git ] && command -v git >/dev/null; then
  git ls-files -z -co --exclude-standard
else
  find . -path ./build -prune -o -path ./.deps -prune -o -path ./data -prune -o -type f -print0
fi | tar -c --null --ignore-failed-read -T - | tar -x -C "$out/cubn-$version"
cd "$out/cubn-$version"
dpkg-buildpackage -us -uc -j"$(nproc)" "$@"
cd ..
lintian --fail-on error --tag-display-limit 0 ./*.changes
ls -l ./*.deb
