#!/usr/bin/env bash
# Fetches the headers of a cuDNN from PyPI into .deps/cudnn-VERSION, for `make test-dropin`, which
# compares cubn_cudnn.h with them: scripts/cudnn_headers.sh [VERSION]. About 520 MB are fetched and
# 0.5 MB kept. Does nothing if they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-9.28.1.4}
[ -f ".deps/cudnn-$version/cudnn.h" ] && exit 0
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
python3 -m pip download --quiet --no-deps --disable-pip-version-check --dest "$wheels" \
  "nvidia-cudnn-cu13==$version"
mkdir -p .deps
python3 - "$wheels" ".deps/cudnn-$version" <<'PY'
import pathlib, sys, zipfile
out = pathlib.Path(sys.argv[2])
out.mkdir(exist_ok=True)
for wheel in pathlib.Path(sys.argv[1]).glob("*.whl"):
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            if name.startswith("nvidia/cudnn/include/") and name.endswith(".h"):
                (out / pathlib.Path(name).name).write_bytes(files.read(name))
PY
