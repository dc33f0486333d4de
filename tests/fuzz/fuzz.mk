# Fuzzing of the public API on the CPU, of the examples' readers of files, and of the log.
# Included by tests.mk. It needs clang with its runtimes, and a CBLAS.
#   make fuzz SECONDS=60      builds the harnesses; each runs over its corpus, then new inputs
#   HARNESSES='idx log'       some of them
# What is found lies in build/fuzz/found; see README.md.

HARNESSES ?= operation calls idx checkpoint log
SECONDS ?= 60
FUZZ := $(BUILD)/fuzz
FUZZ_CC ?= $(shell command -v clang 2>/dev/null)
FUZZ_FLAGS := -O1 -g1 -fsanitize=fuzzer-no-link,address,undefined \
  -fno-sanitize-recover=undefined -fno-sanitize=null,object-size,pointer-overflow \
  -DVALUES_FOR_THREADS=100
# As in test-cpu-asan: the bounds of loops are the same for all instruction sets.
FUZZ_TARGETS ?= generic
FUZZ_TYPES ?= f32 bf16
FUZZ_PROGRAMS := $(HARNESSES:%=$(FUZZ)/fuzz-%)
FUZZ_RUNS := $(HARNESSES:%=fuzz-run-%)

# These are made in the build of the harnesses, whose BUILD is that folder.
FUZZ_SHARED := $(filter-out tests/fuzz/fuzz_%.c,$(wildcard tests/fuzz/*.c))
FUZZ_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(FUZZ_SHARED) $(KIT_C)) $(NN_OBJECTS)
$(BUILD)/fuzz-%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_OBJECTS) $(STATIC)
	$(CC) $(OPENMP_FLAGS) -fsanitize=fuzzer,address,undefined $(LDFLAGS) $^ \
	  $(NN_LIBS) $(LIB_LIBS) -o $@

# Longest inputs; what a harness does not read of them is of no use.
FUZZ_BYTES_operation := 96
FUZZ_BYTES_calls := 400

.PHONY: fuzz $(FUZZ_RUNS)
fuzz:
ifneq ($(and $(FUZZ_CC),$(CBLAS)),)
	+$(MAKE) --no-print-directory BUILD=$(FUZZ) CUDA=0 CC='$(FUZZ_CC)' CFLAGS='$(FUZZ_FLAGS)' \
	  CPU_TARGETS='$(FUZZ_TARGETS)' CPU_TYPES='$(FUZZ_TYPES)' $(FUZZ_PROGRAMS)
	+$(MAKE) --no-print-directory --output-sync=target $(FUZZ_RUNS)
else
	@echo 'Fuzzing: not done, there is no clang or no CBLAS'
endif

# The log of a run is shown if it fails. Side by side with -j2: each has its own temporary folder.
$(FUZZ_RUNS): fuzz-run-%:
	@mkdir -p $(FUZZ)/new/$* $(FUZZ)/found
	OPENBLAS_NUM_THREADS=1 $(FUZZ)/fuzz-$* -max_total_time=$(SECONDS) \
	  -timeout=60 -rss_limit_mb=4096 -len_control=0 -max_len=$(or $(FUZZ_BYTES_$*),4096) \
	  -print_final_stats=1 -artifact_prefix=$(FUZZ)/found/$*- $(FUZZ)/new/$* \
	  tests/fuzz/corpus/$* > $(FUZZ)/$*.log 2>&1 || { cat $(FUZZ)/$*.log; exit 1; }
	@grep -h '^Done\|average_exec' $(FUZZ)/$*.log

-include $(wildcard $(BUILD)/obj/tests/fuzz/*.d)
