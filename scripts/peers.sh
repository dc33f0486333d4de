#!/usr/bin/env bash
# Asks other libraries, and cubn, what they compute: installs each from the pins in
# bench/peers/facts/libraries.txt, runs it, and writes its answers to bench/peers/facts/measured.
# docs/PEERS.md is made of them (make peers).
#
#   scripts/peers.sh [--keep] [--newest] [NAME]...      default: all of libraries.txt, and cubn
#
#   --keep    keep the virtual environments in .deps/peers; they are up to 6 GB large
#   --newest  install the newest versions instead of the pinned ones (but of numpy), print how their
#             answers differ from the written ones (< written, > newest), and write none
#
# cubn's library is $CUBN_LIBRARY, or build/libcubn.so. Needs python3 (3.11 is what the pins were
# chosen for), and for some libraries gcc, g++ and apt-get.
set -euo pipefail
cd "$(dirname "$0")/.."

facts=bench/peers/facts measured=bench/peers/facts/measured
keep=0 newest=0 names=()
export PYTHONDONTWRITEBYTECODE=1 TF_CPP_MIN_LOG_LEVEL=3
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=1 ;;
    --newest) newest=1 ;;
    --help)
      sed -n '2,/^set -/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *) names+=("$1") ;;
  esac
  shift
done

# What is no Python package, into the folder $deps.
fetch_source() { # KIND:NAME
  case $1 in
    script:*) "scripts/${1#script:}" || return ;;
    deb:*)
      (mkdir -p "$deps" && cd "$deps" && apt-get download -q "${1#deb:}" >/dev/null &&
        dpkg-deb -f ./*.deb Version >version && dpkg-deb -x ./*.deb . && rm -- *.deb)
      ;;
    sdist:*) # its sources
      local package=${1#sdist:}
      mkdir -p "$deps"
      "$env/bin/pip" download --quiet --disable-pip-version-check --no-cache-dir --no-deps \
        --no-binary "${package%%==*}" --dest "$deps" "$package" || return
      tar -C "$deps" -xzf "$deps"/*.tar.gz && rm "$deps"/*.tar.gz
      ;;
    alone:*) # built, if it must be, with the packages of its environment
      "$env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
        --no-build-isolation "${1#alone:}"
      ;;
  esac
}

install_into() { # PACKAGE...: into the environment $env, once
  [ ! -e "$env/installed" ] || return 0
  local package wheels=() others=()
  for package in "$@"; do
    case $package in
      *:*) others+=("$package") ;;
      *) wheels+=("$package") ;;
    esac
  done
  rm -rf "$env" "$deps"
  python3 -m venv "$env" || return
  "$env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir "${wheels[@]}" ||
    return
  for package in ${others[@]+"${others[@]}"}; do fetch_source "$package" || return; done
  touch "$env/installed"
}

ask() { # NAME
  local answers=$measured/$1.part version='s/^\([^ ]*\) [^ ]*/\1/'
  echo "peers.sh: $1"
  PEER_SOURCES=$deps "$env/bin/python" $facts/ask.py "$1" >"$answers" || return
  if [ $newest = 0 ]; then
    mv "$answers" "$measured/$1.txt"
  else
    sed -n 's/ date .*//p' "$answers"
    diff <(sed "$version; / date /d" "$measured/$1.txt") <(sed "$version; / date /d" "$answers") ||
      true
  fi
}

# Those of one environment follow each other, so one is there at a time.
previous="" failed=0
clean_up() {
  [ "$keep" = 1 ] || [ -z "$previous" ] || rm -rf "$previous" "$previous.sources"
}
trap clean_up EXIT
mkdir -p .deps/peers $measured
found=0
while read -r name environment packages; do
  case $name in '#'* | '') continue ;; esac
  if [ ${#names[@]} -gt 0 ] && [[ " ${names[*]} " != *" $name "* ]]; then continue; fi
  found=$((found + 1))
  if [ $newest = 1 ]; then
    environment=newest-$environment
    packages=$(sed -E 's/(^| )numpy==/\1numpy=/; s/==[^ ]*//g; s/numpy=/numpy==/' <<<"$packages")
  fi
  env=.deps/peers/$environment deps=.deps/peers/$environment.sources
  [ -z "$previous" ] || [ "$previous" = "$env" ] || clean_up
  previous=$env
  # shellcheck disable=SC2086 # one argument per package
  if ! (install_into $packages && ask "$name") </dev/null; then
    echo "peers.sh: $name failed; its answers are left as they were" >&2
    failed=1
  fi
  rm -f "$measured/$name.part"
done <$facts/libraries.txt

if [ $found -lt ${#names[@]} ]; then
  echo "peers.sh: $facts/libraries.txt does not have all of: ${names[*]}" >&2
  exit 2
fi
exit $failed
