# The benchmark. Included by the top Makefile.

# The benchmark shares problem lines, data and oracle with the tests; tests/kit needs no CUnit.
BENCH_ALL_C := $(wildcard bench/*.c bench/*/*.c) $(wildcard tests/kit/*.c)
BENCH_C := $(filter-out $(if $(filter 0,$(CUDA)),bench/timers/timer_cuda%),$(BENCH_ALL_C))
BENCH_OBJECTS := $(BENCH_C:%.c=$(BUILD)/obj/bench-program/%.o)
BENCH_FLAGS = $(CPP_ALL) $(C_ALL) $(OPENMP_FLAGS) -Itests -Ibench
ifndef BENCH_COMMIT
BENCH_COMMIT := $(shell git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
endif
# Without arguments: the tiny suite on a GPU, or all of scripts/cpu_bench.sh on a CPU.
BENCH_ARGS ?=
BENCH_OUT ?= $(BUILD)/results/cpu

$(BUILD)/obj/bench-program/%.o: %.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(BENCH_FLAGS) -DCUBN_WITH_CUDA=$(CUDA) $(if $(filter 1,$(CUDA)),-isystem $(CUDA_INCLUDE)) \
	  -c $< -o $@

# Results state the commit. One file depends on it.
RECORDS += $(BUILD)/commit=BENCH_COMMIT

%/bench-program/bench/report/commit.o: BENCH_FLAGS += -DCUBN_COMMIT='"$(BENCH_COMMIT)"'
$(BUILD)/obj/bench-program/bench/report/commit.o \
  $(BUILD)/emu-plain/bench-program/bench/report/commit.o: $(BUILD)/commit

$(BUILD)/cubn-bench: $(BENCH_OBJECTS) $(STATIC)
	$(LINK_PROGRAM) $^ $(LIB_LIBS) $(LDLIBS) -o $@

# Messages of wrong arguments, percentiles, and the processes that it starts.
.PHONY: check-bench
check-bench: $(BUILD)/cubn-bench
	bench/check.py $<

.PHONY: bench
bench: $(BUILD)/cubn-bench
ifneq ($(BENCH_ARGS),)
	$(BUILD)/cubn-bench $(BENCH_ARGS)
else
	if nvidia-smi -L >/dev/null 2>&1; then $(BUILD)/cubn-bench --suite tiny; else \
	  BUILD=$(BUILD) scripts/cpu_bench.sh $(BENCH_OUT); fi
endif

# Errors of values far from zero, beside those of the other libraries that are installed.
.PHONY: accuracy
accuracy: $(SO)
	CUBN_LIBRARY=$(abspath $<) bench/accuracy.py

# The same program on the CUDA emulator. Its times mean nothing, but it shows that the benchmark
# works on a GPU.
ifneq ($(CUDA_INCLUDE),)
BENCH_EMULATED := $(patsubst %.c,$(BUILD)/emu-plain/bench-program/%.o,$(BENCH_ALL_C)) \
  $(patsubst %.c,$(BUILD)/emu-plain/%.o,$(LIB_C)) $(LIB_CU:%.cu=$(BUILD)/emu-plain/%.cu.o) \
  $(EMU_CPU_KERNELS)

$(BUILD)/emu-plain/bench-program/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_FLAGS) $(EMU_HOST_FLAGS_plain) -DCUBN_WITH_CUDA=1 -DCUBN_BENCH_EMULATED -c $< -o $@

$(BUILD)/emu-plain/cubn-bench: $(BENCH_EMULATED) $(EMU_OBJECTS_plain)
	$(CXX) $(OPENMP_FLAGS) $^ $(EMU_LINK_plain) -o $@

# Timing, graphs, host time, and a report made of them.
EMU_RESULTS := $(BUILD)/emu-plain/results/emulated
.PHONY: bench-emulated
bench-emulated: $(BUILD)/emu-plain/cubn-bench
	rm -rf $(EMU_RESULTS)
	mkdir -p $(EMU_RESULTS)
	$< --device cuda --seconds 0.01 --verify 20000 \
	  --csv $(EMU_RESULTS)/calls.csv --json $(EMU_RESULTS)/calls.json \
	  'train nchw f16 n4c8h7w7' 'infer nhwc f32 n4c8h7w7' 'backward nhwc f32 n3c5h7w7 inplace' \
	  'train nc f64 n9c5 beta=0.5' '3x train nhwc bf16 n4c8h7w7 add_relu' \
	  'backward nchw f32 n3c5h7w7 relu'
	$< --device cuda --seconds 0.01 --graph \
	  --csv $(EMU_RESULTS)/graph.csv --json $(EMU_RESULTS)/graph.json \
	  'train nchw f16 n4c8h7w7' 'infer nhwc f32 n4c8h7w7' 'backward nc bf16 n9c16'
	$< --device cuda --seconds 0.01 --host \
	  --csv $(EMU_RESULTS)/host.csv --json $(EMU_RESULTS)/host.json
	cp docs/PERFORMANCE.md $(EMU_RESULTS)/PERFORMANCE.md
	bench/report/performance.py --emulated --results $(EMU_RESULTS)/.. \
	  --document $(EMU_RESULTS)/PERFORMANCE.md
	cat $(EMU_RESULTS)/PERFORMANCE.md $(EMU_RESULTS)/README.md
endif

# Pictures of the results; the pages beside them, and the summaries in docs/PERFORMANCE.md.
.PHONY: pictures performance check-performance
pictures performance check-performance bench-emulated: export PYTHONDONTWRITEBYTECODE = 1
pictures:
	bench/report/pictures.py

performance:
	bench/report/performance.py

check-performance:
	bench/report/performance.py --check

# What other libraries compute, as a page, from the answers that scripts/peers.sh wrote.
.PHONY: peers check-peers
peers check-peers: export PYTHONDONTWRITEBYTECODE = 1
peers:
	bench/peers/facts/document.py
	bench/peers/facts/picture.py

check-peers:
	bench/peers/facts/document.py --check

-include $(BENCH_OBJECTS:.o=.d) $(BENCH_EMULATED:.o=.d)
