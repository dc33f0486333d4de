#!/usr/bin/env bash
# Checks the readers of other programs' files against these programs: each of them writes or reads
# a file and normalizes, then `infer --import` reads the file and must normalize to the same values.
#
#   scripts/import_check.sh [--keep] [--networks] [ncnn] [onnx] [darknet]    default: all three
#
#   --keep      keep what was fetched, in .deps/import
#   --networks  also the networks of darknet's package (half an hour, some gigabytes of memory)
#
# It builds nothing: $INFER is the program, or build/examples/infer. The versions are those of
# bench/peers/facts/libraries.txt. Needs python3, and for darknet gcc and apt-get.
set -euo pipefail
cd "$(dirname "$0")/.."

infer=$(realpath "${INFER:-build/examples/infer}") pins=bench/peers/facts/libraries.txt
keep=0 networks=0 names=() failed=0
export PYTHONDONTWRITEBYTECODE=1
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=1 ;;
    --networks) networks=1 ;;
    --help)
      sed -n '2,/^set -/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    ncnn | onnx | darknet) names+=("$1") ;;
    *)
      echo "import_check.sh: expected ncnn, onnx or darknet, found '$1'" >&2
      exit 2
      ;;
  esac
  shift
done
[ ${#names[@]} -gt 0 ] || names=(ncnn onnx darknet)

folder=$(mktemp -d)
clean_up() {
  rm -rf "$folder"
  [ "$keep" = 1 ] || rm -rf .deps/import
}
trap clean_up EXIT

fetch() { # NAME: Python packages into .deps/import/NAME, a package of Debian's into NAME.sources
  local env=.deps/import/$1 sources=.deps/import/$1.sources package wheels=()
  [ ! -e "$env/installed" ] || return 0
  rm -rf "$env" "$sources"
  mkdir -p "$sources"
  for package in $(awk -v name="$1" '$2 == name {$1 = $2 = ""; print; exit}' $pins); do
    case $package in
      deb:*)
        (cd "$sources" && apt-get download -q "${package#deb:}" >/dev/null &&
          dpkg-deb -f ./*.deb Version >version && dpkg-deb -x ./*.deb . && rm -- *.deb) || return
        ;;
      *) wheels+=("$package") ;;
    esac
  done
  python3 -m venv "$env" &&
    "$env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir "${wheels[@]}" &&
    touch "$env/installed"
}

real() { # NAME [ARGUMENT]: what real.py says
  PEER_SOURCES=.deps/import/$1.sources ".deps/import/$1/bin/python" examples/import/check/real.py \
    "${3:-$1}" "$infer" "$folder/$1" ${2:+"$2"}
}

# The networks that come with darknet; darknet itself ends at some, for want of other files.
check_networks() {
  local cfg
  for cfg in .deps/import/darknet.sources/usr/share/darknet/cfg/*.cfg; do
    real darknet "$cfg" cfg >"$folder/log" 2>&1 || true
    echo "$(basename "$cfg"): $(grep -a '^infer: ' "$folder/log" || tail -n 1 "$folder/log")"
  done
}

for name in "${names[@]}"; do
  mkdir "$folder/$name"
  # Programs are talkative: what they say counts only when something fails.
  if (fetch "$name" && real "$name") >"$folder/$name.log" 2>&1; then
    tail -n 1 "$folder/$name.log"
    [ "$name $networks" != "darknet 1" ] || check_networks
  else
    echo "import_check.sh: $name failed:" >&2
    tail -n 20 "$folder/$name.log" >&2
    failed=1
  fi
done
exit $failed
