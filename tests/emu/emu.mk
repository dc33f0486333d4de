# The CUDA emulator: compiles .cu files with a host compiler and replaces the CUDA runtime.
# Include from a Makefile at the root of the repository, below its default target. Needs the CUDA
# headers only.
#
# Uses   CUDA_INCLUDE (folder of cuda_runtime.h), BUILD, CC, CXX; RECORDS (files, and the
#        variables whose values they keep)
# Gives, for each variant V in plain, asan and trace:
#   EMU_KERNEL_FLAGS_V  to compile a .cu file: $(CXX) $(EMU_KERNEL_FLAGS_V) -c kernel.cu
#   EMU_HOST_FLAGS_V    to compile C and C++ host and test code (sanitizers, host-dereference check)
#   EMU_LINK_V          to link, with $(CXX), at the end of the command line
#   EMU_OBJECTS_V       the emulator itself, to be linked
# and the target emu-selftest.

EMU_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
EMU_VARIANTS := plain asan trace
BUILD ?= build
CUDA_INCLUDE ?= $(CUDA_HOME)/include

EMU_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# The trace build takes the instrumentation of ThreadSanitizer and brings its own callbacks.
# Vectorized or unrolled accesses would be counted at another width than the source asks for.
EMU_IS_CLANG := $(shell $(CXX) --version 2>/dev/null | grep -c clang)
EMU_TRACE_INSTRUMENT := -fsanitize=thread \
  $(if $(filter-out 0,$(EMU_IS_CLANG)),-fno-vectorize -fno-slp-vectorize -fno-unroll-loops)

EMU_CUDA_INCLUDE_FLAGS := -isystem $(CUDA_INCLUDE)
EMU_KERNEL_COMMON := -std=c++17 -g1 -fno-strict-aliasing -Wno-unknown-pragmas \
  $(EMU_CUDA_INCLUDE_FLAGS) -x c++ -include $(EMU_DIR)/emu.h
# Also part of shared libraries (tests/dropin).
EMU_KERNEL_FLAGS_plain := $(EMU_KERNEL_COMMON) -O2 -fPIC
EMU_KERNEL_FLAGS_asan := $(EMU_KERNEL_COMMON) -O1 $(EMU_SANITIZE) -DEMU_ASAN
EMU_KERNEL_FLAGS_trace := $(EMU_KERNEL_COMMON) -O1 -fno-pie $(EMU_TRACE_INSTRUMENT) -DEMU_TRACE

EMU_HOST_FLAGS_plain := -g1 -fno-pie $(EMU_CUDA_INCLUDE_FLAGS)
EMU_HOST_FLAGS_asan := -O1 -g1 $(EMU_SANITIZE) $(EMU_CUDA_INCLUDE_FLAGS)
EMU_HOST_FLAGS_trace := -O1 -g1 -fno-pie -fsanitize=thread $(EMU_CUDA_INCLUDE_FLAGS)

EMU_LINK_plain := -no-pie -ldl -lm -lpthread
EMU_LINK_asan := $(EMU_SANITIZE) -ldl -lm -lpthread
EMU_LINK_trace := $(EMU_LINK_plain)

EMU_WARNINGS := -Wall -Wextra -Wconversion $(WERROR_FLAG)
EMU_ENGINE_FLAGS := -std=c++17 -O2 -g1 $(EMU_WARNINGS) -fno-strict-aliasing \
  $(EMU_CUDA_INCLUDE_FLAGS)
EMU_ENGINE_FLAGS_plain := $(EMU_ENGINE_FLAGS) -fno-pie
EMU_ENGINE_FLAGS_asan := $(EMU_ENGINE_FLAGS) -DEMU_ASAN
EMU_ENGINE_FLAGS_trace := $(EMU_ENGINE_FLAGS) -fno-pie -DEMU_TRACE

EMU_SOURCES_trace := $(wildcard $(EMU_DIR)/*.cpp)
EMU_SOURCES_plain := $(filter-out $(EMU_DIR)/trace_%,$(EMU_SOURCES_trace))
EMU_SOURCES_asan := $(EMU_SOURCES_plain)
EMU_SELFTEST_SOURCES := $(wildcard $(EMU_DIR)/selftest*.c $(EMU_DIR)/selftest*.cu)
EMU_SELFTEST_DEFINE_asan := -DEMU_SELFTEST_ASAN
EMU_SELFTEST_DEFINE_trace := -DEMU_SELFTEST_TRACE

# Objects depend on what they were compiled with; EMU_MORE_FLAGS_V is what else the includer has.
define EMU_RULES
EMU_SETTINGS_$(1) = $$(filter-out -Werror,$$(CC) $$(CFLAGS) $$(CXX) $$(EMU_KERNEL_FLAGS_$(1)) \
  $$(EMU_HOST_FLAGS_$(1)) $$(EMU_ENGINE_FLAGS_$(1)) $$(EMU_MORE_FLAGS_$(1)))
RECORDS += $(BUILD)/emu-$(1)/settings=EMU_SETTINGS_$(1)

EMU_OBJECTS_$(1) := $$(patsubst $(EMU_DIR)/%.cpp,$(BUILD)/emu-$(1)/emu/%.o,$$(EMU_SOURCES_$(1)))

$(BUILD)/emu-$(1)/emu/%.o: $(EMU_DIR)/%.cpp $(BUILD)/emu-$(1)/settings
	@mkdir -p $$(@D)
	$$(CXX) $$(EMU_ENGINE_FLAGS_$(1)) -MMD -MP -c $$< -o $$@

$(BUILD)/emu-$(1)/emu/%.cu.o: $(EMU_DIR)/%.cu $(BUILD)/emu-$(1)/settings
	@mkdir -p $$(@D)
	$$(CXX) $$(EMU_KERNEL_FLAGS_$(1)) $(EMU_WARNINGS) -MMD -MP -c $$< -o $$@

$(BUILD)/emu-$(1)/emu/%.c.o: $(EMU_DIR)/%.c $(BUILD)/emu-$(1)/settings
	@mkdir -p $$(@D)
	$$(CC) -std=c11 -O1 $(EMU_WARNINGS) $$(EMU_HOST_FLAGS_$(1)) $$(EMU_SELFTEST_DEFINE_$(1)) \
	  -MMD -MP -c $$< -o $$@

EMU_SELFTEST_OBJECTS_$(1) := $$(EMU_SELFTEST_SOURCES:$(EMU_DIR)/%=$(BUILD)/emu-$(1)/emu/%.o)

$(BUILD)/emu-$(1)/emu-selftest: $$(EMU_SELFTEST_OBJECTS_$(1)) $$(EMU_OBJECTS_$(1))
	$$(CXX) $$^ $$(EMU_LINK_$(1)) -lcunit -o $$@

.PHONY: emu-selftest-$(1)
emu-selftest-$(1): $(BUILD)/emu-$(1)/emu-selftest
	$(BUILD)/emu-$(1)/emu-selftest

-include $$(EMU_OBJECTS_$(1):.o=.d)
-include $$(EMU_SELFTEST_OBJECTS_$(1):.o=.d)
endef
$(foreach variant,$(EMU_VARIANTS),$(eval $(call EMU_RULES,$(variant))))

.PHONY: emu-selftest
emu-selftest: $(foreach variant,$(EMU_VARIANTS),emu-selftest-$(variant))

# The self-test's correct kernels on real hardware: checks the emulator's expectations themselves.
NVCC ?= $(CUDA_HOME)/bin/nvcc
EMU_GPU_ARCHITECTURES ?= -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90
EMU_GPU_DIR := $(BUILD)/emu-gpu
EMU_GPU_SOURCES := $(addprefix $(EMU_DIR)/,selftest_kernels.cu selftest_batchnorm.cu \
  selftest_async.cu selftest_stores.cu selftest_functions.cu selftest.c selftest_support.c \
  selftest_kernel_cases.c \
  selftest_function_cases.c selftest_batchnorm_cases.c selftest_async_cases.c)
EMU_GPU_OBJECTS := $(EMU_GPU_SOURCES:$(EMU_DIR)/%=$(EMU_GPU_DIR)/%.o)

$(EMU_GPU_DIR)/%.cu.o: $(EMU_DIR)/%.cu
	@mkdir -p $(@D)
	$(NVCC) -std=c++17 -O2 $(if $(WERROR_FLAG),-Werror all-warnings) $(EMU_GPU_ARCHITECTURES) \
	  -MMD -MP -c $< -o $@

$(EMU_GPU_DIR)/%.c.o: $(EMU_DIR)/%.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 $(EMU_WARNINGS) -DEMU_SELFTEST_ON_GPU $(EMU_CUDA_INCLUDE_FLAGS) \
	  -MMD -MP -c $< -o $@

$(EMU_GPU_DIR)/emu-selftest: $(EMU_GPU_OBJECTS)
	$(NVCC) $^ -lcunit -lm -o $@

.PHONY: emu-selftest-gpu
emu-selftest-gpu: $(EMU_GPU_DIR)/emu-selftest
	$(EMU_GPU_DIR)/emu-selftest

-include $(EMU_GPU_OBJECTS:.o=.d)
