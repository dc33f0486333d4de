#!/usr/bin/env bash
# Sets everything up and runs all tests that this machine can run.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
echo "Building the library and the tests (some minutes)"
exec make -s -j"$(nproc)" test
