# cubn. The targets: make help
#
#   CUDA=0|1|FOLDER without or with the CUDA backend, or with the toolkit in FOLDER (default: 1 if
#                   nvcc is on PATH or in CUDA_HOME)
#   CUDA_ARCHS=     "80 90" and the like, or all (default: the GPU present, else 80 90 and PTX)
#   CUDA_INCLUDE=   folder of cuda_runtime.h, for the emulator (default: found)
#   LINEINFO=1      lines of the kernels' source, for profilers and checkers
#   OPENMP=0        examples, benchmark and tests without OpenMP; the library needs none
#   MPICC= MPIRUN=  MPI's compiler and launcher (default: mpicc, mpirun, if there; empty: without)
#   NCCL=0|FOLDER   without NCCL, or with that in FOLDER (default: in NCCL_HOME, or beside CUDA)
#   CUNIT_PREFIX=   where CUnit is, if not in the system
#   DEBUG=1         for a debugger, in build/debug
#   CPU_TARGETS= CPU_TYPES=   some of the CPU's vector kernels only, say avx2 and f32
#   WERROR=1        warnings are errors, as in make check
#   CC= CXX= AR= CPPFLAGS= CFLAGS= LDFLAGS= LDLIBS= BUILD=   as usual; flags are added to our own
# and for make install, which installs what is built and compiles nothing:
#   PREFIX= LIBDIR= INCLUDEDIR= MANDIR= DESTDIR=             as usual
#   STRIP=:         keeps debug sections

# Only make's command line chooses the folder of the build: others set such variables, too.
$(foreach v,BUILD DEBUG,$(if $(filter environment,$(origin $(v))),$(eval $(v) :=)))
ifeq ($(BUILD),)
BUILD := $(if $(filter 1,$(DEBUG)),build/debug,build)
endif
ifneq ($(words $(BUILD)),1)
$(error BUILD=$(BUILD): expected a folder without blanks)
endif
$(foreach v,CC=gcc CXX=g++ AR=ar,$(if $(filter default,$(origin $(firstword $(subst =, ,$(v))))), \
  $(eval $(subst =, := ,$(v)))))

# Whether this run of make compiles anything.
BUILDS := $(if $(filter-out install uninstall clean help check-structure check-format \
  check-cppcheck check-scripts check-performance check-peers peers,$(or $(MAKECMDGOALS),all)),1)
YES := 1 yes on true Yes On True YES ON TRUE
NO := 0 no off false No Off False NO OFF FALSE
include scripts/cuda.mk

OPENMP ?= 1
ifneq ($(words $(filter $(YES) $(NO),$(OPENMP))) $(words $(OPENMP)),1 1)
$(error OPENMP=$(OPENMP): expected 1 or 0)
endif
# What only a pragma reads is unused without OpenMP.
OPENMP_FLAGS := $(if $(filter $(YES),$(OPENMP)),-fopenmp,-Wno-unknown-pragmas -Wno-unused)

# NVTX is a header of the toolkit; what it calls is there while a tool is attached.
NVTX := $(if $(wildcard $(CUDA_INCLUDE)/nvtx3/nvToolsExt.h),1,0)
NVTX_FLAGS = $(if $(filter 1,$(NVTX)),-DCUBN_WITH_NVTX=1 -isystem $(CUDA_INCLUDE))

# ---- flags
VERSION := $(shell awk '/define CUBN_VERSION_(MAJOR|MINOR|PATCH)/ {v = v s $$3; s = "."} \
  END {print v}' include/cubn.h)
MAJOR := $(firstword $(subst ., ,$(VERSION)))
# Another compiler may warn of more: that must not keep a user from building.
WERROR ?= $(if $(filter check check-%,$(MAKECMDGOALS)),1)
export WERROR
WERROR_FLAG := $(if $(filter $(YES),$(WERROR)),-Werror)
WARNINGS := -Wall -Wextra -Wconversion $(WERROR_FLAG)
CFLAGS ?= $(if $(filter 1,$(DEBUG)),-Og -g3 -fno-omit-frame-pointer,-O3 -g1)
# The user's CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS, and our own.
CPP_ALL := -D_POSIX_C_SOURCE=200809L -Iinclude -Isrc $(CPPFLAGS)
# Nobody reads errno or the exception flags of arithmetic, and without them more loops vectorize.
C_ALL := -std=c11 $(CFLAGS) $(WARNINGS) -ffp-contract=off -fno-math-errno -fno-trapping-math \
  -MMD -MP
LINK_LIB := $(CC) $(CFLAGS) $(LDFLAGS) -shared
LINK_PROGRAM := $(CC) $(CFLAGS) $(OPENMP_FLAGS) $(LDFLAGS)
include src/cpu/kernels/kernels.mk
# -G (device code for cuda-gdb) keeps all kernels out of registers: with DEBUG=1 only.
# LINEINFO=1 doubles the size of the kernels: for profilers and checkers only.
NVCC_DEBUG := $(if $(filter 1,$(DEBUG)),-g -G,$(if $(filter 1,$(LINEINFO)),-lineinfo))
NVCC_COMPRESS := $(if $(filter 12.%,$(NVCC_RELEASE)),-Xfatbin -compress-all,--compress-mode=size)
# -O2 is for the code on the host, which only plans and launches; kernels have -O3 anyway.
NVCC_FLAGS := -std=c++17 -O2 $(NVCC_DEBUG) --threads 0 $(NVCC_COMPRESS) \
  $(if $(WERROR_FLAG),-Werror all-warnings) -Iinclude -Isrc \
  -Xcompiler -fPIC,-fvisibility=hidden,-fno-exceptions,-Wall,-Wextra $(GENCODE) -MMD -MP
# Ours, which programs that are linked to libcubn.a need; the user's come last.
LIB_LIBS := $(if $(filter 1,$(CUDA)),-L$(CUDA_LIB) -lcudart_static -lrt -lstdc++) -ldl -lpthread -lm
CUNIT_CFLAGS := $(if $(CUNIT_PREFIX),-I$(CUNIT_PREFIX)/include)
CUNIT_LIBS := $(if $(CUNIT_PREFIX),$(wildcard $(CUNIT_PREFIX)/lib/libcunit.a \
  $(CUNIT_PREFIX)/lib/*/libcunit.a),-lcunit)

.PHONY: all
all: lib

# ---- the library
LIB_C := $(wildcard src/core/*.c src/host/*.c) \
  $(filter-out src/cpu/kernels/%,$(wildcard src/cpu/*.c src/cpu/*/*.c))
LIB_CU := $(wildcard src/cuda/*.cu src/cuda/*/*.cu)
LIB_OBJECTS := $(LIB_C:%.c=$(BUILD)/obj/%.o) \
  $(call CPU_KERNEL_OBJECTS,$(BUILD)/obj/src/cpu,$(CPU_TARGETS)) \
  $(if $(filter 1,$(CUDA)),$(LIB_CU:%.cu=$(BUILD)/obj/%.cu.o))
SO := $(BUILD)/libcubn.so.$(VERSION)
STATIC := $(BUILD)/libcubn.a

.PHONY: lib
lib: $(BUILD)/built

# Objects depend on what they were compiled with: another CUDA= or CUDA_ARCHS= builds anew. WERROR
# is no part of it, since it changes no object.
SETTINGS = $(CC) $(filter-out -Werror all-warnings,$(CPP_ALL) $(C_ALL) $(NVTX_FLAGS) \
  $(OPENMP_FLAGS) CUDA=$(CUDA) \
  $(CPU_TARGETS) $(CPU_TYPES) \
  $(if $(filter 1,$(CUDA)),$(NVCC) $(NVCC_RELEASE) $(NVCC_FLAGS)))
LINK_SETTINGS = $(LINK_PROGRAM) $(AR) $(LIB_LIBS) $(LDLIBS)
RECORDS := $(BUILD)/settings=SETTINGS $(BUILD)/link-settings=LINK_SETTINGS

$(BUILD)/obj/src/%.o: src/%.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(CPP_ALL) $(C_ALL) -fPIC -fvisibility=hidden -DCUBN_WITH_CUDA=$(CUDA) $(NVTX_FLAGS) \
	  $(call CPU_TARGET_DEFINES,$(CPU_TARGETS)) -c $< -o $@

$(call CPU_KERNEL_RULES,$(BUILD)/obj/src/cpu,$(CPU_TARGETS),-fPIC -fvisibility=hidden)

# nvcc gives the variables by which the host launches a kernel names of 300 characters and more, to
# which nothing refers, and local functions names as long.
STRIP_LOCAL_NAMES = $(if $(filter 1,$(DEBUG)),,$(BUILT_STRIP) --strip-unneeded $@)
$(BUILD)/obj/%.cu.o: %.cu $(BUILD)/settings
	@mkdir -p $(@D)
	$(NVCC) $(NVCC_FLAGS) -MF $(@:.o=.d) -c $< -o $@
	$(STRIP_LOCAL_NAMES)

$(STATIC): $(LIB_OBJECTS) $(BUILD)/link-settings
	rm -f $@
	$(AR) rcs $@ $(LIB_OBJECTS)

# The CUDA runtime is linked in and not exported: the library loads where there is no driver.
$(SO): $(LIB_OBJECTS) scripts/cubn.map $(BUILD)/link-settings
	$(LINK_LIB) -Wl,-soname,libcubn.so.$(MAJOR) -Wl,--version-script=scripts/cubn.map \
	  -Wl,-z,defs $(LIB_OBJECTS) $(LIB_LIBS) $(LDLIBS) -o $@
	ln -sf $(@F) $(BUILD)/libcubn.so.$(MAJOR)
	ln -sf $(@F) $(BUILD)/libcubn.so

include src/mpi/mpi.mk
include src/nccl/nccl.mk
include scripts/install.mk
include src/cudnn/cudnn.mk
include examples/examples.mk
include tests/tests.mk
include tests/cpu.mk
include bench/bench.mk
include docs/docs.mk
include scripts/check.mk

# ---- the rest
# For clangd and clang-tidy: what every source of library, tests and benchmark is compiled with.
.PHONY: compile_commands.json
compile_commands.json:
	$(MAKE) --dry-run --always-make lib $(BUILD)/tests/cubn-tests $(BUILD)/cubn-bench | \
	  scripts/compile_commands.py > $@

.PHONY: clean help
clean:
	rm -rf $(BUILD)

help:
	@echo 'make              the library: $(BUILD)/libcubn.so, $(BUILD)/libcubn.a'
	@echo '                  CUDA=0, 1 or the folder of a toolkit; CC CFLAGS LDFLAGS ... as usual'
	@echo '                  with CUDA=1 also $(BUILD)/libcubn_cudnn.so, for programs that use cuDNN'
	@echo '                  where there is an MPI compiler (MPICC=) also libcubn_mpi.so'
	@echo '                  where there is NCCL beside CUDA (NCCL=) also libcubn_nccl.so'
	@echo 'make cudnn-facade CUDNN=/path/of/libcudnn.so.9 FACADE=folder: see docs/COMPATIBILITY.md'
	@echo 'make test         all tests that this machine can run, kernels on the emulator included'
	@echo 'make test-distributed   synchronized batch normalization: under mpirun, and by NCCL'
	@echo 'make bench-distributed  its cost; make simulate-ranks: up to 512 ranks, without an MPI'
	@echo 'make demo         a network learns to read digits, with and without batch norm'
	@echo 'make claims       the statements of docs/LECTURE.md as experiments: verdicts and pictures'
	@echo 'make examples     training programs: lenet, mlp, resnet, infer'
	@echo 'make bench        times the library; see bench/README.md'
	@echo 'make accuracy     errors far from zero, beside those of other libraries'
	@echo 'make predictions  writes what is expected of an H100 into bench/results/emulated-sm90'
	@echo 'make performance  writes docs/PERFORMANCE.md and bench/results/*/README.md; make pictures'
	@echo 'make peers        writes docs/PEERS.md from the answers of scripts/peers.sh'
	@echo 'make sass         registers, spills, widths of access of every kernel, instructions of its'
	@echo '                  loops; needs cuobjdump'
	@echo 'make profile      a layer and a loop under Nsight; see docs/PROFILING.md'
	@echo 'make fuzz         looks for inputs that break the library, SECONDS=60 per harness'
	@echo 'make traffic      bytes that every CUDA algorithm moves, over the floor'
	@echo 'make check        formatting, structure, two compilers, static analysis, GPU architectures'
	@echo 'make check-structure  circles, include rules and lengths of the sources'
	@echo 'make checksums    a checksum per problem and algorithm, to compare two builds to the bit'
	@echo 'make DEBUG=1      for a debugger, in build/debug'
	@echo 'make CPU_TARGETS=avx2 CPU_TYPES=f32   a fast build, of these CPU kernels only'
	@echo 'make compile_commands.json            for clangd'
	@echo 'make test-large   tensors of more than 2^31 elements (needs 10 GB of memory)'
	@echo 'make docs         the manual as man pages and HTML, in $(BUILD)/docs'
	@echo 'make install      what was built: PREFIX=/usr/local LIBDIR= INCLUDEDIR= MANDIR= DESTDIR='
	@echo 'make uninstall    with the same folders'
	@echo 'make deb          Debian packages, in $(BUILD)/deb'
	@echo 'make check-package  install, pkg-config, CMake and packages, as a user meets them'
	@echo 'make clean'

# $(call RECORD,file,variable): the file keeps the variable's value, and is written when it changes.
define RECORD
ifneq ($$(strip $$(file <$(1))),$$(strip $$($(2))))
$(1): FORCE
endif
$(1):
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$$(strip $$($(2))))' > $$@
endef
.PHONY: FORCE
FORCE:
$(foreach r,$(RECORDS),$(eval $(call RECORD,$(firstword $(subst =, ,$(r))),$(lastword \
  $(subst =, ,$(r))))))

-include $(LIB_OBJECTS:.o=.d)
