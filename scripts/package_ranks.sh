# shellcheck shell=bash
# Programs of several ranks that use an installed cubn. package_check.sh sources this file, whose
# folder and fail it uses.

# use_mpi PREFIX: a program with a communicator of MPI, on one rank, through pkg-config and CMake,
# if there is an MPI. Without, CMake says that the component is not there.
use_mpi() {
  local flags program out=$folder/mpi
  mkdir -p "$out"
  cp examples/minimal_mpi.c "$out"
  cat >"$out/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.13)
project(consumer C)
find_package(cubn 0.1 CONFIG QUIET COMPONENTS nothing)
if(cubn_FOUND)
  message(FATAL_ERROR "a component that is none was found")
endif()
find_package(cubn 0.1 CONFIG REQUIRED COMPONENTS mpi)
add_executable(minimal_mpi minimal_mpi.c)
target_link_libraries(minimal_mpi cubn::cubn_mpi m)
END
  if [ ! -e "$1/lib/libcubn_mpi.a" ]; then
    cmake -S "$out" -B "$out/cmake" -DCMAKE_PREFIX_PATH="$1" >"$folder/out" 2>&1 &&
      fail "CMake finds a component mpi that is not installed"
    grep -q 'component mpi: there was no mpicc' "$folder/out" || fail "CMake: $(<"$folder/out")"
    return
  fi
  flags=$(PKG_CONFIG_LIBDIR=$1/lib/pkgconfig pkg-config --define-variable=prefix="$1" \
    --cflags --libs cubn_mpi) || fail "pkg-config cubn_mpi"
  # shellcheck disable=SC2086
  mpicc examples/minimal_mpi.c $flags -lm -o "$out/minimal_mpi" || fail "cubn_mpi.pc"
  cmake -S "$out" -B "$out/cmake" -DCMAKE_PREFIX_PATH="$1" >"$folder/out" 2>&1 &&
    cmake --build "$out/cmake" >"$folder/out" 2>&1 ||
    fail "cubn::cubn_mpi: $(tail -5 "$folder/out")"
  for program in "$out/minimal_mpi" "$out/cmake/minimal_mpi"; do
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LD_LIBRARY_PATH=$1/lib \
      mpirun -n 1 "$program" >"$folder/out" 2>&1 || fail "$program: $(tail -3 "$folder/out")"
  done
}

# use_nccl PREFIX: a program with a communicator of NCCL compiles and links through CMake, if cubn
# was built with NCCL. It would need a GPU to run.
use_nccl() {
  local out=$folder/nccl
  [ -e "$1/lib/libcubn_nccl.a" ] || return 0
  mkdir -p "$out"
  cp examples/minimal_nccl.c "$out"
  cat >"$out/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.17)
project(consumer C)
find_package(cubn 0.1 CONFIG REQUIRED COMPONENTS nccl)
add_executable(minimal_nccl minimal_nccl.c)
target_link_libraries(minimal_nccl cubn::cubn_nccl m)
END
  cmake -S "$out" -B "$out/cmake" -DCMAKE_PREFIX_PATH="$1" \
    ${CUDA_HOME:+"-DCUDAToolkit_ROOT=$CUDA_HOME"} >"$folder/out" 2>&1 &&
    cmake --build "$out/cmake" >"$folder/out" 2>&1 ||
    fail "cubn::cubn_nccl: $(tail -5 "$folder/out")"
}
