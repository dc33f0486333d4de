# Tests: one program, built for this machine and three times against the CUDA emulator.
# Included by the top Makefile.

KIT_C := $(wildcard tests/kit/*.c)
TEST_C := tests/main.c $(KIT_C) $(wildcard tests/suites/*.c tests/suites/support/*.c)
TEST_FLAGS = $(CPP_ALL) $(C_ALL) $(OPENMP_FLAGS) -Itests -Iexamples $(CUNIT_CFLAGS) $(CBLAS_CFLAGS)

# Functions that must not be called on the path of an operation are counted, and allocations fail on
# request; see suites/support/wrapped.h.
comma := ,
TEST_WRAP := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc aligned_alloc free getenv fopen \
  pthread_create _Znwm)

# ---- on this machine
TEST_OBJECTS := $(TEST_C:%.c=$(BUILD)/obj/%.o)
$(BUILD)/obj/tests/%.o: tests/%.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -DCUBN_WITH_CUDA=$(CUDA) $(NN_DEFINES) \
	  $(if $(filter 1,$(CUDA)),-DCUBN_TESTS_CUDA -isystem $(CUDA_INCLUDE)) -c $< -o $@

$(BUILD)/tests/cubn-tests: $(TEST_OBJECTS) $(NN_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(LINK_PROGRAM) $(TEST_WRAP) $^ $(CUNIT_LIBS) $(NN_LIBS) $(LIB_LIBS) $(LDLIBS) -o $@

TEST_PROGRAMS := $(BUILD)/tests/cubn-tests $(BUILD)/examples/minimal

# The ranges that tools see, by a tool of our own.
$(BUILD)/tests/nvtx_tool.so: tests/tools/nvtx_tool.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(CPP_ALL) $(C_ALL) -fPIC -shared -fvisibility=hidden -isystem $(CUDA_INCLUDE) $< -o $@

.PHONY: test-ranges
ifeq ($(NVTX),1)
TEST_PROGRAMS += $(BUILD)/tests/nvtx_tool.so
test-ranges: $(BUILD)/tests/nvtx_tool.so $(BUILD)/examples/minimal
	NVTX_INJECTION64_PATH=$(abspath $<) CUBN_DEVICE=cpu $(BUILD)/examples/minimal > \
	  $(BUILD)/tests/ranges.txt
	grep -q '^range: train nchw f32 n8c2h4w4 (' $(BUILD)/tests/ranges.txt
	grep -q '^range: backward nchw f32 n8c2h4w4 (' $(BUILD)/tests/ranges.txt
	grep -q '^range: infer nchw f32 n8c2h4w4 (' $(BUILD)/tests/ranges.txt
else
test-ranges:
	@echo 'NVTX ranges: not tested, nvtx3/nvToolsExt.h not found'
endif

# Unloads the shared library, as a host of plugins does.
$(BUILD)/tests/cubn-unload: $(BUILD)/obj/tests/tools/unload.o
	@mkdir -p $(@D)
	$(LINK_PROGRAM) $^ -ldl -o $@
TEST_PROGRAMS += $(BUILD)/tests/cubn-unload

.PHONY: test-native test-large
test-native: $(TEST_PROGRAMS) $(SO)
	$(BUILD)/tests/cubn-tests --cases all
	$(BUILD)/tests/cubn-unload $(SO)
	$(MAKE) --no-print-directory test-ranges

test-large: $(BUILD)/tests/cubn-tests
	$(BUILD)/tests/cubn-tests --large

# ---- kernels on the emulator, in three builds
ifneq ($(CUDA_INCLUDE),)
include tests/emu/emu.mk

# The GPU side of the examples' layers, with a stand-in for cuBLAS; needs its header.
EMU_CUBLAS := $(wildcard $(CUDA_INCLUDE)/cublas_v2.h)
EMU_NN_CU := $(if $(EMU_CUBLAS),$(wildcard examples/nn/*.cu))
EMU_C := $(LIB_C) $(TEST_C) $(NN_C) $(wildcard tests/kit/emulated/*.c)
EMU_CU := $(LIB_CU) $(EMU_NN_CU) $(if $(EMU_CUBLAS),tests/kit/emulated/cublas.cu)
EMU_NN_DEFINES := -DNN_WITH_CBLAS=$(if $(CBLAS),1,0) -DNN_WITH_CUDA=$(if $(EMU_CUBLAS),1,0)
# The CPU backend is checked by builds of its own (cpu.mk); here it is quickly compiled, and its
# threads must stay out of the trace build's single-threaded checks.
EMU_CPU_FLAGS_plain := -O1
EMU_CPU_FLAGS_asan := -fno-sanitize=all
EMU_CPU_FLAGS_trace := -fno-sanitize=thread
EMU_NN_FLAGS_trace := -fno-sanitize=thread
# No build instruments the CPU's vector kernels, so all share one set of objects.
EMU_CPU_KERNELS := $(call CPU_KERNEL_OBJECTS,$(BUILD)/emu-cpu,generic)
$(call CPU_KERNEL_RULES,$(BUILD)/emu-cpu,generic,-O1 -g1 -fPIC)
$(foreach v,$(EMU_VARIANTS),$(eval EMU_MORE_FLAGS_$(v) = $(TEST_FLAGS) $(EMU_CPU_FLAGS_$(v)) \
  $(EMU_NN_FLAGS_$(v)) $(EMU_NN_DEFINES)))
define EMU_TEST_RULES
EMU_TEST_OBJECTS_$(1) := $$(EMU_C:%.c=$(BUILD)/emu-$(1)/%.o) \
  $$(EMU_CU:%.cu=$(BUILD)/emu-$(1)/%.cu.o) \
  $(EMU_CPU_KERNELS)

$(BUILD)/emu-$(1)/src/cpu/%.o: src/cpu/%.c $(BUILD)/emu-$(1)/settings
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_FLAGS) $$(EMU_HOST_FLAGS_$(1)) $$(EMU_CPU_FLAGS_$(1)) \
	  $$(call CPU_TARGET_DEFINES,generic) -c $$< -o $$@

$(BUILD)/emu-$(1)/examples/nn/%.o: examples/nn/%.c $(BUILD)/emu-$(1)/settings
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_FLAGS) $$(EMU_HOST_FLAGS_$(1)) $$(EMU_NN_FLAGS_$(1)) $(EMU_NN_DEFINES) -c $$< -o $$@

$(BUILD)/emu-$(1)/%.o: %.c $(BUILD)/emu-$(1)/settings
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_FLAGS) $$(EMU_HOST_FLAGS_$(1)) -DCUBN_WITH_CUDA=1 -DCUBN_TESTS_CUDA \
	  -DCUBN_TESTS_EMULATED $(EMU_NN_DEFINES) -c $$< -o $$@

$(BUILD)/emu-$(1)/%.cu.o: %.cu $(BUILD)/emu-$(1)/settings
	@mkdir -p $$(@D)
	$$(CXX) $$(EMU_KERNEL_FLAGS_$(1)) -Wall -Wextra $(WERROR_FLAG) -Iinclude -Isrc \
	  -MMD -MP -c $$< -o $$@

$(BUILD)/emu-$(1)/cubn-tests: $$(EMU_TEST_OBJECTS_$(1)) $$(EMU_OBJECTS_$(1))
	$$(CXX) $(OPENMP_FLAGS) $(TEST_WRAP) $$^ $(CUNIT_LIBS) $(if $(CBLAS),$(CBLAS_LIBS)) \
	  $$(EMU_LINK_$(1)) -o $$@

-include $$(EMU_TEST_OBJECTS_$(1):.o=.d)
endef
$(foreach variant,$(EMU_VARIANTS),$(eval $(call EMU_TEST_RULES,$(variant))))

EMU_WITHOUT_SUITES = $(filter-out %/tests/main.o \
  $(BUILD)/emu-$(1)/tests/suites/%,$(EMU_TEST_OBJECTS_$(1))) \
  $(EMU_OBJECTS_$(1))
$(BUILD)/emu-trace/cubn-traffic: $(BUILD)/emu-trace/tests/tools/traffic.o $(call \
  EMU_WITHOUT_SUITES,trace)
	$(CXX) $(OPENMP_FLAGS) $^ $(CUNIT_LIBS) $(if $(CBLAS),$(CBLAS_LIBS)) $(EMU_LINK_trace) -o $@

# Checksums of outputs, to compare two builds (tests/tools/checksums.c).
$(BUILD)/emu-plain/cubn-checksums: $(BUILD)/emu-plain/tests/tools/checksums.o $(call \
  EMU_WITHOUT_SUITES,plain)
	$(CXX) $(OPENMP_FLAGS) $^ $(CUNIT_LIBS) $(if $(CBLAS),$(CBLAS_LIBS)) $(EMU_LINK_plain) -o $@

.PHONY: checksums
checksums: $(BUILD)/tests/cubn-checksums $(BUILD)/emu-plain/cubn-checksums
	CUBN_THREADS=1 $(BUILD)/tests/cubn-checksums > $(BUILD)/checksums-cpu.txt
	CUBN_THREADS=3 $(BUILD)/tests/cubn-checksums | cmp - $(BUILD)/checksums-cpu.txt
	$(BUILD)/emu-plain/cubn-checksums > $(BUILD)/checksums-cuda.txt

# What is expected of an H100, by the library's choice of algorithms and the code of its kernels.
$(BUILD)/emu-plain/predictions: $(BUILD)/emu-plain/tests/tools/predictions.o \
  $(BUILD)/emu-plain/tests/tools/performance_model.o \
  $(BUILD)/emu-plain/bench/rows/suite_tables.o \
    $(patsubst %.c,$(BUILD)/emu-plain/%.o,$(LIB_C)) $(LIB_CU:%.cu=$(BUILD)/emu-plain/%.cu.o) \
  $(EMU_OBJECTS_plain) \
    $(EMU_CPU_KERNELS)
	$(CXX) $(OPENMP_FLAGS) $^ $(EMU_LINK_plain) -o $@

.PHONY: predictions
predictions: $(BUILD)/emu-plain/predictions
	scripts/predictions.sh $<

.PHONY: traffic test-emulated
traffic: $(BUILD)/emu-trace/cubn-traffic
	$<

TEST_PROGRAMS += $(foreach v,$(EMU_VARIANTS),$(BUILD)/emu-$(v)/emu-selftest \
  $(BUILD)/emu-$(v)/cubn-tests) \
  $(BUILD)/emu-trace/cubn-traffic
test-emulated: $(TEST_PROGRAMS)
	$(foreach v,$(EMU_VARIANTS),$(BUILD)/emu-$(v)/emu-selftest && ) true
	$(MAKE) --no-print-directory --output-sync=target test-emulated-trace test-emulated-asan \
	  test-emulated-plain

# Every kernel runs in these suites; what the others vary is nothing to a trace of accesses, which
# takes six times as long. Beginnings of their names, with _ for blanks.
TRACED_SUITES := algorithms determinism_of streamed cooperative fused fold graphs cuda_soak random \
  streams communicator synchronized double int8 masked virtual renorm from_y finite nn_layers \
  nn_reference traffic

# Side by side with -j2, each on one thread.
.PHONY: $(EMU_VARIANTS:%=test-emulated-%)
test-emulated-trace: $(BUILD)/emu-trace/cubn-tests $(BUILD)/emu-trace/cubn-traffic
	$(foreach s,$(TRACED_SUITES),$(BUILD)/emu-trace/cubn-tests --device cuda --cases smoke \
	  --seeds 2 --suite '$(subst _, ,$(s))' && ) $(BUILD)/emu-trace/cubn-traffic

test-emulated-asan: $(BUILD)/emu-asan/cubn-tests
	$< --device cuda --cases smoke --seeds 1

test-emulated-plain: $(BUILD)/emu-plain/cubn-tests
	$< --device cuda --cases all --seeds 1
	$< --device cuda --cases smoke --seeds 2,3
	$< --device cuda --cases smoke --suite algorithms --gpu sm80

else
.PHONY: traffic test-emulated emu-selftest
traffic test-emulated emu-selftest:
	@echo 'CUDA kernels: not executed, cuda_runtime.h not found (scripts/setup.sh fetches it)'
endif

include tests/distributed/distributed.mk
include tests/dropin/dropin.mk
include tests/fuzz/fuzz.mk

# Everything is built first, in parallel; then the programs run one after the other.
.PHONY: test test-programs
test-programs: $(TEST_PROGRAMS)

test: test-programs
	$(MAKE) --no-print-directory test-native
	$(MAKE) --no-print-directory test-emulated
	$(MAKE) --no-print-directory test-dropin
	$(MAKE) --no-print-directory test-distributed
	@echo 'All tests passed.'

-include $(TEST_OBJECTS:.o=.d)
