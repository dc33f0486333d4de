#!/usr/bin/env bash
# Sets everything up and runs all tests that this machine can run.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "The tests: what they need, then the library and the test programs, then the tests themselves"
scripts/setup.sh test
scripts/progress.sh -j"$(nproc)" lib test-programs
exec make -s -j"$(nproc)" test
