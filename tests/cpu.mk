# Checks of the CPU backend that need another build or a tool. Included by the top Makefile.
#   test-aarch64       cross-compiled, NEON kernels, on an emulated processor
#   test-cpu-asan      with AddressSanitizer and UBSan
#   test-cpu-races     with ThreadSanitizer
#   test-cpu-valgrind  under valgrind
#   test-instructions  how many instructions small calls take
# Each is left out, with a line that says so, where its tools are missing.

# The programs of tests/tools that need the kit alone, and no CUnit.
KIT_OBJECTS := $(KIT_C:%.c=$(BUILD)/obj/%.o)
$(addprefix $(BUILD)/tests/cubn-,smoke instructions checksums): $(BUILD)/tests/cubn-%: \
    $(BUILD)/obj/tests/tools/%.o $(KIT_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(LINK_PROGRAM) $^ $(LIB_LIBS) $(LDLIBS) -o $@

AARCH64_CC ?= $(shell command -v aarch64-linux-gnu-gcc 2>/dev/null)
QEMU_AARCH64 ?= $(shell command -v qemu-aarch64 2>/dev/null)
# The emulator does not have the caches' sizes and its threads are slow: two are enough.
.PHONY: test-aarch64
test-aarch64:
ifneq ($(and $(AARCH64_CC),$(QEMU_AARCH64)),)
	$(MAKE) --no-print-directory BUILD=$(BUILD)/aarch64 CC=$(AARCH64_CC) CUDA=0 \
	  $(BUILD)/aarch64/tests/cubn-smoke
	CUBN_THREADS=2 $(QEMU_AARCH64) -L /usr/aarch64-linux-gnu $(BUILD)/aarch64/tests/cubn-smoke
else
	@echo 'AArch64: not run, there is no aarch64-linux-gnu-gcc or no qemu-aarch64'
endif

# Checks of pointers that AddressSanitizer makes as well are left out: they nearly double the
# compiler's time.
ASAN_FLAGS := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -fno-sanitize=null,object-size,pointer-overflow
# The bounds of loops are the same for all instruction sets, and an object takes a minute: by
# default the one that every x86-64 of today has. ASAN_TARGETS='generic avx2 avx512' takes all.
# Likewise two types, one of 32 and one of 16 bits; the others take the plain algorithms.
ASAN_TARGETS ?= $(if $(filter x86_64,$(CPU_ARCH)),avx2,$(CPU_TARGETS))
ASAN_TYPES ?= f32 bf16
.PHONY: test-cpu-asan
test-cpu-asan:
	$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CUDA=0 CPU_TARGETS='$(ASAN_TARGETS)' \
	  CPU_TYPES='$(ASAN_TYPES)' \
	  CFLAGS='$(ASAN_FLAGS)' $(BUILD)/asan/tests/cubn-smoke
	CUBN_THREADS=3 $(BUILD)/asan/tests/cubn-smoke
ifeq ($(MPI),1)
	$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CUDA=0 CPU_TARGETS='$(ASAN_TARGETS)' \
	  CPU_TYPES='$(ASAN_TYPES)' CFLAGS='$(ASAN_FLAGS)' $(BUILD)/asan/tests/cubn-distributed
	ASAN_OPTIONS=detect_leaks=0 $(RUN_RANKS) 3 $(BUILD)/asan/tests/cubn-distributed # MPI's leaks
endif

# The division of work among threads is the same for all instruction sets: one is enough.
TSAN_CC ?= $(shell command -v clang 2>/dev/null)
.PHONY: test-cpu-races
test-cpu-races:
ifneq ($(TSAN_CC),)
	$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CUDA=0 CC='$(TSAN_CC)' CPU_TARGETS=generic \
	  CFLAGS='-O1 -g1 -fsanitize=thread' $(BUILD)/tsan/tests/cubn-smoke
	TSAN_OPTIONS='ignore_noninstrumented_modules=1 halt_on_error=1' CUBN_THREADS=4 \
	  $(BUILD)/tsan/tests/cubn-smoke
else
	@echo 'Races of CPU threads: not looked for, there is no clang'
endif

VALGRIND ?= $(shell command -v valgrind 2>/dev/null)
.PHONY: test-cpu-valgrind
test-cpu-valgrind: $(BUILD)/tests/cubn-smoke
ifneq ($(VALGRIND),)
	CUBN_THREADS=1 $(VALGRIND) --quiet --error-exitcode=1 $(BUILD)/tests/cubn-smoke avx2
else
	@echo 'valgrind: not run, it is not there'
endif

# Whether time depends on values; how long the creation of a handle takes.
$(BUILD)/tests/cubn-values $(BUILD)/tests/cubn-open: $(BUILD)/tests/cubn-%: \
    $(BUILD)/obj/tests/tools/%.o $(STATIC)
	@mkdir -p $(@D)
	$(LINK_PROGRAM) $^ $(LIB_LIBS) $(LDLIBS) -o $@

.PHONY: values
values: $(BUILD)/tests/cubn-values
	$<

.PHONY: test-instructions
test-instructions:
ifneq ($(and $(VALGRIND),$(filter x86_64,$(CPU_ARCH))),)
	$(MAKE) --no-print-directory $(BUILD)/tests/cubn-instructions
	tests/tools/instructions.sh $(BUILD)/tests/cubn-instructions
else
	@echo 'Instructions: not counted, this is no x86-64 or there is no valgrind'
endif

-include $(wildcard $(BUILD)/obj/tests/tools/*.d)
