# The benchmark. Included by the top Makefile.

BENCH_C := $(wildcard bench/*.c) tests/problem_line.c tests/data.c tests/oracle.c tests/compare.c tests/run_line.c
BENCH_OBJECTS := $(BENCH_C:%.c=$(BUILD)/obj/bench-program/%.o)
BENCH_ARGS ?= --suite small

$(BUILD)/obj/bench-program/%.o: %.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(C_ALL) -Itests -Ibench -DCUBN_WITH_CUDA=$(CUDA) -DCUBN_COMMIT='"$(COMMIT)"' \
	  $(if $(filter 1,$(CUDA)),-isystem $(CUDA_INCLUDE)) -c $< -o $@

$(BUILD)/cubn-bench: $(BENCH_OBJECTS) $(STATIC)
	$(CC) -fopenmp $^ $(LIB_LIBS) $(if $(filter 1,$(CUDA)),-lstdc++) -o $@

.PHONY: bench
bench: $(BUILD)/cubn-bench
	$(BUILD)/cubn-bench $(BENCH_ARGS)

-include $(BENCH_OBJECTS:.o=.d)
