# What must be clean before a change lands: formatting, warnings of both compilers, static analysis,
# and the kernels for every architecture that the CUDA compiler knows. Included by the top Makefile.

# Also from an unpacked archive, without git.
FOLDERS := include src tests bench examples
SOURCES = $(shell find $(FOLDERS) -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' -o -name '*.cpp')
SCRIPTS = $(shell find $(FOLDERS) scripts .ci -name '*.sh') .ci/run

CHECKS := format structure performance peers docs scripts cppcheck bench clang archs cpu sass \
  size
.PHONY: check $(CHECKS:%=check-%)
check: $(CHECKS:%=check-%)
	@echo 'All checks passed.'

check-format:
	clang-format --dry-run -Werror $(SOURCES)

# Circles of files, include rules, lengths; says which rule is broken, and where.
check-structure:
	scripts/structure.py

check-cppcheck:
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -Iinclude -Isrc \
	  --enable=warning,performance,portability --suppress=missingIncludeSystem \
	  '-DCUBN_CPU_KERNELS(X)=X(avx2,f32)' src/core src/host src/cpu src/cudnn src/mpi src/nccl

# What a compiler warns of in the vector kernels hardly depends on instruction set and type: one and
# two, by default.
CLANG_TARGETS ?= $(if $(filter x86_64,$(CPU_ARCH)),avx512,$(CPU_TARGETS))
CLANG_TYPES ?= f32 bf16
check-clang:
	$(MAKE) BUILD=$(BUILD)/clang CC=clang CXX=clang++ CFLAGS=-O1 CUDA=0 \
	  CPU_TARGETS='$(CLANG_TARGETS)' CPU_TYPES='$(CLANG_TYPES)' lib

# Those that the library was not built for, or CHECK_ARCHS; of all files, or CHECK_CU.
CHECK_CU ?= $(LIB_CU)
OTHER_ARCHS = $(or $(CHECK_ARCHS),$(filter-out $(ARCHS),$(ALL_ARCHS)),$(ARCHS))
check-archs: lib
ifeq ($(CUDA),1)
	$(MAKE) BUILD=$(BUILD)/other-archs CUDA_ARCHS='$(OTHER_ARCHS)' \
	  $(CHECK_CU:%.cu=$(BUILD)/other-archs/obj/%.cu.o)
else
	@echo 'CUDA kernels for all architectures: not compiled, there is no nvcc (or CUDA=0)'
endif

check-scripts:
	for script in $(SCRIPTS); do bash -n $$script || exit 1; done

# The CPU backend under tools and on another architecture; see tests/cpu.mk.
check-cpu: test-instructions test-aarch64 test-cpu-asan test-cpu-races

# Registers, spills and widths of access of every kernel, and what its loops cost; fails at what
# must not be.
.PHONY: sass profile
sass: lib
	scripts/setup.sh sass
	scripts/sass.py $(STATIC)
	scripts/sass_loops.py $(STATIC)

# No kernel without an epilogue uses local memory, all that move vectors do it by 128 bits; and the
# kernels that matter cost what scripts/sass_limits.txt says, in their loops and outside of them.
LIMITED := $(patsubst %,$(BUILD)/obj/src/cuda/%.cu.o,cluster cooperative inference resident \
  streamed two_pass)
check-sass: lib
ifeq ($(CUDA) $(filter 80 90,$(ARCHS)),1 80 90)
	@if scripts/setup.sh sass; then scripts/sass.py $(STATIC) >$(BUILD)/sass.txt && \
	  scripts/sass_loops.py --limits scripts/sass_limits.txt $(LIMITED); else \
	  echo 'CUDA kernels: not disassembled, there is no cuobjdump'; fi
else
	@echo 'CUDA kernels: not disassembled, the library has no code for sm_80 and sm_90'
endif

# The static library as it is installed, without debug sections, in bytes; with the CUDA kernels of
# the default architectures, CPU kernels of all targets and types.
SIZE_MAX := 15000000
check-size: lib
	@cp $(STATIC) $(BUILD)/stripped.a
	@$(BUILT_STRIP) --strip-debug $(BUILD)/stripped.a
	@bytes=$$(wc -c < $(BUILD)/stripped.a); rm $(BUILD)/stripped.a; \
	  echo "Static library: $$bytes bytes, at most $(SIZE_MAX)"; [ $$bytes -le $(SIZE_MAX) ]

# It builds what it needs, with the lines of the kernels' source.
profile:
	BUILD=$(BUILD) scripts/profile.sh $(BUILD)/profile
