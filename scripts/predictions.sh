#!/usr/bin/env bash
# Writes the table of predictions into the page of the emulator, between its markers.
#   scripts/predictions.sh PROGRAM
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")/.."
table=$("$program" scripts/sass_limits.txt)
document=bench/results/emulated-sm90/README.md
awk -v table="$table" '
  /<!-- gpu predictions: begin/ { print; print table; skips = 1; next }
  /<!-- gpu predictions: end/ { skips = 0 }
  !skips' "$document" >"$document.new"
mv "$document.new" "$document"
