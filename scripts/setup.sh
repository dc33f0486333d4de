#!/usr/bin/env bash
# Installs what building, testing and the demo need on Debian and Ubuntu: compilers, make, OpenBLAS,
# CUnit and MPI from the distribution, and the CUDA headers, which let the kernels run on the
# emulator, from PyPI where no CUDA toolkit is found; and for the pictures of the claims matplotlib,
# in a virtual environment. Does nothing that is done already.
#   scripts/setup.sh demo|claims|test|check|bench|sass|deb|package
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-test}
commands=(gcc make pkg-config)
packages=(gcc make pkg-config libc6-dev libopenblas-dev)
case $purpose in
  demo) ;;
  claims)
    commands+=(python3)
    packages+=(python3 python3-venv)
    ;;
  test)
    commands+=(g++ git python3)
    packages+=(g++ git libcunit1-dev python3 python3-pip)
    # Ranks as processes, by whatever MPI there is; where there is none, by both of Debian.
    commands+=(mpicc mpirun)
    command -v mpicc >/dev/null || packages+=(libopenmpi-dev openmpi-bin libmpich-dev mpich)
    ;;
  check)
    commands+=(clang clang-format cppcheck doxygen git python3 valgrind)
    packages+=(clang libomp-dev clang-format cppcheck doxygen git python3 valgrind)
    # NEON kernels, cross-compiled and emulated.
    if [ "$(uname -m)" = x86_64 ]; then
      commands+=(aarch64-linux-gnu-gcc qemu-aarch64)
      packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
    fi
    ;;
  bench) # the pictures of results; below, the peers on a CPU
    commands+=(python3)
    packages+=(python3 python3-pip python3-venv python3-matplotlib)
    ;;
  sass) # the disassembler, where the toolkit has none
    commands+=(python3)
    packages+=(python3 python3-pip)
    ;;
  deb)
    commands=(gcc make dh dpkg-buildpackage lintian doxygen python3)
    packages=(build-essential debhelper lintian doxygen python3)
    ;;
  package) # the packages, and programs that use them
    commands=(gcc g++ make dh dpkg-buildpackage lintian doxygen python3 cmake pkg-config
      clang-format)
    packages=(build-essential debhelper lintian doxygen python3 cmake pkg-config clang-format)
    ;;
  *)
    echo "usage: scripts/setup.sh demo|claims|test|check|bench|sass|deb|package" >&2
    exit 2
    ;;
esac

# What is missing, by trying to use it.
compiles() { # header, compiler flags
  printf '#include <%s>\nint main(void) { return 0; }\n' "$1" |
    gcc "${@:2}" -x c - -o /dev/null >/dev/null 2>&1
}
missing=0
for command in "${commands[@]}"; do
  command -v "$command" >/dev/null || missing=1
done
if [ "$purpose" = deb ] || [ "$purpose" = package ]; then
  # dpkg-buildpackage asks for this one by name.
  dpkg-query -W -f '${Status}\n' build-essential 2>/dev/null | grep -q ' installed' || missing=1
elif [ "$missing" = 0 ]; then
  read -ra flags < <(pkg-config --cflags openblas 2>/dev/null || true) || true
  compiles cblas.h "${flags[@]}" || missing=1
  if [ "$purpose" = claims ]; then python3 -c 'import ensurepip' 2>/dev/null || missing=1; fi
  if [ "$purpose" = test ] && [ -z "${CUNIT_PREFIX:-}" ]; then
    compiles CUnit/CUnit.h || missing=1
  fi
  if [ "$purpose" = bench ]; then
    python3 -c 'import ensurepip, matplotlib' 2>/dev/null || missing=1
  fi
  if [ "$purpose" = check ]; then
    printf 'int main(void) { return 0; }\n' |
      clang -fopenmp -x c - -o /dev/null >/dev/null 2>&1 || missing=1
  fi
fi
if [ "$missing" = 1 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "Please install by your system's means: ${packages[*]}" >&2
    exit 1
  fi
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    "${packages[@]}"
fi

# matplotlib for the pictures of the claims, if Python does not have it.
if [ "$purpose" = claims ] && [ ! -x .deps/plots/bin/python ] &&
  ! python3 -c 'import matplotlib as m; assert m.__version_info__ >= (3, 7)' 2>/dev/null; then
  mkdir -p .deps
  python3 -m venv .deps/plots
  if ! .deps/plots/bin/python -m pip install --quiet --disable-pip-version-check \
    'matplotlib>=3.7'; then
    rm -rf .deps/plots
    echo "matplotlib: not fetched, so the claims will have verdicts but no pictures" >&2
  fi
fi

if [ "$purpose" = sass ] && ! command -v cuobjdump >/dev/null &&
  [ ! -x "${CUDA_HOME:-/none}/bin/cuobjdump" ] &&
  ! compgen -G '.deps/sass/nvidia/cu*/bin/cuobjdump' >/dev/null; then
  python3 -m pip install --quiet --disable-pip-version-check --target .deps/sass \
    'nvidia-cuda-cuobjdump==13.*' 'nvidia-cuda-nvdisasm==13.*'
fi
if [ "$purpose" = bench ]; then
  scripts/onednn.sh
  exec scripts/torch.sh
fi

# CUDA headers for the emulator: the toolkit's, else those of the wheels, unpacked into .deps.
[ "$purpose" = test ] || exit 0
nvcc=$(readlink -f "$(command -v nvcc || echo /none/none/none)")
for home in "${CUDA_HOME:-}" "$(dirname "$(dirname "$nvcc")")"; do
  [ -n "$home" ] && [ -f "$home/include/cuda_runtime.h" ] && exit 0
done
[ -f .deps/cuda/include/cuda_runtime.h ] && exit 0
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
if python3 -m pip download --quiet --no-deps --disable-pip-version-check --dest "$wheels" \
  'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-crt==13.0.*' 'nvidia-cuda-cccl==13.0.*'; then
  for wheel in "$wheels"/*.whl; do python3 -m zipfile -e "$wheel" "$wheels/unpacked"; done
  mkdir -p .deps/cuda
  cp -r "$wheels"/unpacked/nvidia/cu13/include .deps/cuda/
else
  echo "CUDA headers: not fetched, so the kernels will not be executed on the emulator" >&2
fi
