# cubn. The targets: make help
#
#   CUDA=0|1        with the CUDA backend (default: 1 if nvcc is on PATH or in CUDA_HOME)
#   CUDA_ARCHS=     "80 90" and the like, or all (default: the GPU present, else 80 90 and PTX)
#   CUDA_INCLUDE=   folder of cuda_runtime.h, for the emulator (default: found)
#   CUNIT_PREFIX=   where CUnit is, if not in the system
#   DEBUG=1         for a debugger, in build/debug
#   CPU_TARGETS= CPU_TYPES=   some of the CPU's vector kernels only, say avx2 and f32
#   BUILD= CC= CXX= PREFIX= DESTDIR=   as usual

BUILD ?= $(if $(filter 1,$(DEBUG)),build/debug,build)
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif

# ---- CUDA: the toolkit, and the headers that the emulator needs
NVCC ?= $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard $(CUDA_HOME)/bin/nvcc))
CUDA ?= $(if $(NVCC),1,0)
# The toolkit's folder, links resolved: nvcc lies in its bin.
NVCC_HOME := $(if $(NVCC),$(patsubst %/bin/,%,$(dir $(realpath $(NVCC)))))
CUDA_INCLUDE ?= $(patsubst %/cuda_runtime.h,%,$(firstword $(wildcard \
  $(NVCC_HOME)/include/cuda_runtime.h $(CUDA_HOME)/include/cuda_runtime.h \
  .deps/cuda/include/cuda_runtime.h)))
CUDA_LIB ?= $(patsubst %/libcudart_static.a,%,$(firstword $(wildcard \
  $(NVCC_HOME)/lib64/libcudart_static.a $(NVCC_HOME)/targets/*/lib/libcudart_static.a \
  $(NVCC_HOME)/lib/libcudart_static.a)))
CUDA_ARCHS ?= $(shell nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null \
  | tr -d . | sort -u | tr '\n' ' ')
ALL_ARCHS = $(filter $(patsubst compute_%,%,$(shell $(NVCC) --list-gpu-arch)),75 80 86 89 90 100 \
  120)
ifeq ($(strip $(CUDA_ARCHS)),all)
ARCHS = $(ALL_ARCHS)
else
ARCHS = $(or $(strip $(CUDA_ARCHS)),80 90)
endif
GENCODE = $(foreach a,$(ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
  -gencode arch=compute_$(lastword $(ARCHS)),code=compute_$(lastword $(ARCHS))

# NVTX is a header of the toolkit; what it calls is there while a tool is attached.
NVTX := $(if $(wildcard $(CUDA_INCLUDE)/nvtx3/nvToolsExt.h),1,0)
NVTX_FLAGS = $(if $(filter 1,$(NVTX)),-DCUBN_WITH_NVTX=1 -isystem $(CUDA_INCLUDE))

# ---- flags
VERSION := $(shell awk '/define CUBN_VERSION_(MAJOR|MINOR|PATCH)/ {v = v s $$3; s = "."} \
  END {print v}' include/cubn.h)
MAJOR := $(firstword $(subst ., ,$(VERSION)))
WARNINGS := -Wall -Wextra -Wconversion -Werror
CPPFLAGS += -D_POSIX_C_SOURCE=200809L -Iinclude -Isrc
include src/cpu/kernels/kernels.mk
CFLAGS ?= $(if $(filter 1,$(DEBUG)),-Og -g3 -fno-omit-frame-pointer,-O3 -g)
C_ALL := -std=c11 $(CFLAGS) $(WARNINGS) -fopenmp -ffp-contract=off -MMD -MP
# -G (device code for cuda-gdb) keeps all kernels out of registers: with DEBUG=1 only.
NVCC_FLAGS = -std=c++17 -O3 $(if $(filter 1,$(DEBUG)),-g -G,-lineinfo) --threads 0 \
  -Xfatbin -compress-all -Werror all-warnings -Iinclude -Isrc \
  -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra $(GENCODE) -MMD -MP
LIB_LIBS = $(if $(filter 1,$(CUDA)),-L$(CUDA_LIB) -lcudart_static -lrt -lstdc++) -ldl -lpthread -lm
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
lib: $(SO) $(STATIC) $(BUILD)/cubn.pc

# Objects depend on what they were compiled with: another CUDA= or CUDA_ARCHS= builds anew.
SETTINGS = $(CC) $(CFLAGS) CUDA=$(CUDA) $(CPU_TARGETS) $(CPU_TYPES) $(NVCC_FLAGS)
$(BUILD)/settings: FORCE
	@mkdir -p $(@D)
	@echo '$(SETTINGS)' | cmp -s - $@ || echo '$(SETTINGS)' > $@
.PHONY: FORCE
FORCE:

$(BUILD)/obj/src/%.o: src/%.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(C_ALL) -fPIC -fvisibility=hidden -DCUBN_WITH_CUDA=$(CUDA) $(NVTX_FLAGS) \
	  $(call CPU_TARGET_DEFINES,$(CPU_TARGETS)) -c $< -o $@

$(call CPU_KERNEL_RULES,$(BUILD)/obj/src/cpu,$(CPU_TARGETS),-fPIC -fvisibility=hidden)

$(BUILD)/obj/%.cu.o: %.cu $(BUILD)/settings
	@mkdir -p $(@D)
	$(NVCC) $(NVCC_FLAGS) -MF $(@:.o=.d) -c $< -o $@

$(STATIC): $(LIB_OBJECTS)
	rm -f $@
	ar rcs $@ $^

# The CUDA runtime is linked in and not exported: the library loads where there is no driver.
$(SO): $(LIB_OBJECTS) scripts/cubn.map
	$(CC) -shared -fopenmp -Wl,-soname,libcubn.so.$(MAJOR) -Wl,--version-script=scripts/cubn.map \
	  -Wl,-z,defs $(LIB_OBJECTS) $(LIB_LIBS) -o $@
	ln -sf $(@F) $(BUILD)/libcubn.so.$(MAJOR)
	ln -sf $(@F) $(BUILD)/libcubn.so

$(BUILD)/prefix: FORCE
	@mkdir -p $(@D)
	@echo '$(PREFIX)' | cmp -s - $@ || echo '$(PREFIX)' > $@

$(BUILD)/cubn.pc: scripts/cubn.pc.in Makefile $(BUILD)/settings $(BUILD)/prefix
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	  -e 's|@LIBS_PRIVATE@|$(LIB_LIBS) -fopenmp|' $< > $@

.PHONY: install
install: lib
	install -d $(DESTDIR)$(PREFIX)/include/cubn-cudnn $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 include/*.h $(DESTDIR)$(PREFIX)/include
	install -m 644 include/cubn-cudnn/*.h $(DESTDIR)$(PREFIX)/include/cubn-cudnn
	install -m 755 $(SO) $(DESTDIR)$(PREFIX)/lib
	ln -sf $(notdir $(SO)) $(DESTDIR)$(PREFIX)/lib/libcubn.so.$(MAJOR)
	ln -sf libcubn.so.$(MAJOR) $(DESTDIR)$(PREFIX)/lib/libcubn.so
	install -m 644 $(STATIC) $(DESTDIR)$(PREFIX)/lib
ifeq ($(CUDA),1)
	install -m 755 $(CUDNN_SO) $(DESTDIR)$(PREFIX)/lib
endif
	install -m 644 $(BUILD)/cubn.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig

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
	@echo '                  with CUDA=1 also $(BUILD)/libcubn_cudnn.so, for programs that use cuDNN'
	@echo 'make cudnn-facade CUDNN=/path/of/libcudnn.so.9 FACADE=folder: see docs/COMPATIBILITY.md'
	@echo 'make test         all tests that this machine can run, kernels on the emulator included'
	@echo 'make demo         a network learns to read digits, with and without batch norm'
	@echo 'make claims       the statements of docs/LECTURE.md as experiments: verdicts and pictures'
	@echo 'make examples     training programs: lenet, mlp, resnet, infer'
	@echo 'make bench        times the library; see bench/README.md'
	@echo 'make accuracy     errors far from zero, beside those of other libraries'
	@echo 'make predictions  writes what is expected of an H100 into bench/results/emulated-sm90'
	@echo 'make performance  writes docs/PERFORMANCE.md and bench/results/*/README.md; make pictures'
	@echo 'make sass         registers, spills, widths of access of every kernel; needs cuobjdump'
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
	@echo 'make docs         the manual as man pages and HTML, in $(BUILD)/docs; make install-docs'
	@echo 'make install      PREFIX=/usr/local DESTDIR='
	@echo 'make clean'

-include $(LIB_OBJECTS:.o=.d)
