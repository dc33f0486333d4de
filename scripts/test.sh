#!/usr/bin/env bash
# Sets everything up and runs all tests that this machine can run.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
make -s -j"$(nproc)" lib
exec make -j"$(nproc)" test
