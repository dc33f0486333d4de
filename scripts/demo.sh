#!/usr/bin/env bash
# Sets everything up and shows a network learning with and without batch normalization.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh demo
make -s -j"$(nproc)" build/examples/train
exec make -s demo
