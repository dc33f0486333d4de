# The benchmark. Included by the top Makefile.

# The core of the tests, which shares its problem lines, data and oracle; nothing of it needs CUnit.
BENCH_TEST_C := $(wildcard tests/problem_*.c tests/data*.c tests/oracle*.c tests/compare*.c \
  tests/tolerance*.c tests/run_*.c)
BENCH_C := $(filter-out $(if $(filter 0,$(CUDA)),bench/timer_cuda.c),$(wildcard bench/*.c)) $(BENCH_TEST_C)
BENCH_OBJECTS := $(BENCH_C:%.c=$(BUILD)/obj/bench-program/%.o)
BENCH_FLAGS = $(CPPFLAGS) $(C_ALL) -Itests -Ibench -DCUBN_COMMIT='"$(COMMIT)"'
BENCH_ARGS ?= --suite small

$(BUILD)/obj/bench-program/%.o: %.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(BENCH_FLAGS) -DCUBN_WITH_CUDA=$(CUDA) $(if $(filter 1,$(CUDA)),-isystem $(CUDA_INCLUDE)) \
	  -c $< -o $@

$(BUILD)/cubn-bench: $(BENCH_OBJECTS) $(STATIC)
	$(CC) -fopenmp $^ $(LIB_LIBS) $(if $(filter 1,$(CUDA)),-lstdc++) -o $@

.PHONY: bench
bench: $(BUILD)/cubn-bench
	$(BUILD)/cubn-bench $(BENCH_ARGS)

# The same program against the CUDA emulator: its times mean nothing, but it shows that the
# benchmark works on a GPU.
ifneq ($(CUDA_INCLUDE),)
BENCH_EMULATED := $(patsubst %.c,$(BUILD)/emu-plain/bench-program/%.o,$(wildcard bench/*.c) $(BENCH_TEST_C)) \
  $(patsubst %.c,$(BUILD)/emu-plain/%.o,$(LIB_C)) $(LIB_CU:%.cu=$(BUILD)/emu-plain/%.cu.o)

$(BUILD)/emu-plain/bench-program/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_FLAGS) $(EMU_HOST_FLAGS_plain) -DCUBN_WITH_CUDA=1 -c $< -o $@

$(BUILD)/emu-plain/cubn-bench: $(BENCH_EMULATED) $(EMU_OBJECTS_plain)
	$(CXX) -fopenmp $^ $(EMU_LINK_plain) -o $@

.PHONY: bench-emulated
bench-emulated: $(BUILD)/emu-plain/cubn-bench
	$< --device cuda --seconds 0.01 --verify 20000 'train nchw f16 n4c8h7w7' \
	  'infer nhwc f32 n4c8h7w7' 'backward nhwc f32 n3c5h7w7 inplace' 'train nc f64 n9c5 beta=0.5'
endif

-include $(BENCH_OBJECTS:.o=.d)
