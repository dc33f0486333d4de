#!/usr/bin/env bash
# Fetches oneDNN, the benchmark's peer on a CPU, from PyPI into .deps/onednn: its library and the
# runtimes that it is linked to. About 1 GB is fetched, 0.7 GB kept. Does nothing if it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -e .deps/onednn/libdnnl.so.3 ] && exit 0
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
if ! python3 -m pip download --quiet --disable-pip-version-check --dest "$wheels" \
  'onednn==2026.1.*'; then
  echo "oneDNN: not fetched, so CPU results will have no peer" >&2
  exit 0
fi
for wheel in "$wheels"/*.whl; do python3 -m zipfile -e "$wheel" "$wheels/unpacked"; done
mkdir -p .deps/onednn.part
# Its CPU engine is one of OpenCL, whose compiler needs its files beside it.
for name in libdnnl.so.3 libsycl.so.9 libsvml.so libimf.so libirng.so 'libintlc.so.*' \
  libtbb.so.12 libumf.so.1 libhwloc.so.15 'libur_*.so.0' libOpenCL.so.1 'libcommon_clang.so.*' \
  libintelocl.so 'libocl_svml_*.so' 'cllibrary*' 'clbltfn*.rtl' cl.cfg; do
  find "$wheels/unpacked" -name "$name" -exec cp {} .deps/onednn.part/ \;
done
rm -rf .deps/onednn
mv .deps/onednn.part .deps/onednn
