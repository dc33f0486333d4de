# Ranks as processes, under mpirun, where there is an MPI; and as threads that gather by NCCL, on
# the emulator, where there are the headers of CUDA and NCCL. Included by tests.mk.

DISTRIBUTED_TESTS := $(BUILD)/tests/cubn-distributed
DISTRIBUTED_COST := $(BUILD)/tests/cubn-distributed-cost
DISTRIBUTED_SIMULATION := $(BUILD)/tests/cubn-distributed-simulation
DISTRIBUTED_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/distributed/*.c))
MPI_EXAMPLE := $(BUILD)/examples/minimal_mpi

$(BUILD)/obj/tests/distributed/%.o: tests/distributed/%.c $(BUILD)/settings $(BUILD)/mpi-settings
	@mkdir -p $(@D)
	$(MPICC) $(TEST_FLAGS) -c $< -o $@

# Ranks as threads: without MPI.
SIMULATION_OBJECTS := $(patsubst %,$(BUILD)/obj/tests/distributed/%.o,simulation merging)
$(SIMULATION_OBJECTS): $(BUILD)/obj/%.o: %.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -c $< -o $@

$(DISTRIBUTED_SIMULATION): $(SIMULATION_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(LINK_PROGRAM) $^ $(LIB_LIBS) $(LDLIBS) -o $@

$(BUILD)/obj/examples/minimal_mpi.o: examples/minimal_mpi.c $(BUILD)/settings $(BUILD)/mpi-settings
	@mkdir -p $(@D)
	$(MPICC) $(CPP_ALL) $(C_ALL) -c $< -o $@

DISTRIBUTED_SUPPORT := $(KIT_C:%.c=$(BUILD)/obj/%.o) $(patsubst \
  %,$(BUILD)/obj/tests/suites/support/%.o,suite expect_error joint_batch joint_cases engine)
$(DISTRIBUTED_TESTS): $(BUILD)/obj/tests/distributed/main.o $(DISTRIBUTED_SUPPORT) $(MPI_STATIC) \
  $(STATIC)
	@mkdir -p $(@D)
	$(MPICC) $(CFLAGS) $(OPENMP_FLAGS) $(LDFLAGS) $^ $(CUNIT_LIBS) $(LIB_LIBS) $(LDLIBS) -o $@

$(DISTRIBUTED_COST): $(BUILD)/obj/tests/distributed/cost.o $(MPI_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(MPICC) $(CFLAGS) $(LDFLAGS) $^ $(LIB_LIBS) $(LDLIBS) -o $@

# The same program with the other MPI of Debian, where both are. Few ranks: not every MPI gives its
# processor away while it waits.
PATH_OF = $(shell command -v $(1) 2>/dev/null)
OTHER_MPICC := $(if $(MPICC),$(firstword $(foreach m,mpicc.openmpi mpicc.mpich,$(if \
  $(filter-out $(realpath $(call PATH_OF,$(MPICC))),$(realpath $(call PATH_OF,$(m)))),$(m)))))
OTHER_OBJECTS := $(patsubst %,$(BUILD)/obj/other-mpi/%.o,tests/distributed/main \
  src/mpi/communicator_mpi)
OTHER_TESTS := $(BUILD)/tests/cubn-distributed-other
$(OTHER_OBJECTS): $(BUILD)/obj/other-mpi/%.o: %.c $(BUILD)/settings $(BUILD)/mpi-settings
	@mkdir -p $(@D)
	$(OTHER_MPICC) $(TEST_FLAGS) -c $< -o $@

$(OTHER_TESTS): $(OTHER_OBJECTS) $(DISTRIBUTED_SUPPORT) $(STATIC)
	$(OTHER_MPICC) $(CFLAGS) $(OPENMP_FLAGS) $(LDFLAGS) $^ $(CUNIT_LIBS) $(LIB_LIBS) $(LDLIBS) -o $@

$(MPI_EXAMPLE): $(BUILD)/obj/examples/minimal_mpi.o $(MPI_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(MPICC) $(CFLAGS) $(LDFLAGS) $^ $(LIB_LIBS) $(LDLIBS) -o $@

.PHONY: test-mpi bench-distributed simulate-ranks test-simulation
simulate-ranks: $(DISTRIBUTED_SIMULATION)
	$<

TEST_PROGRAMS += $(DISTRIBUTED_SIMULATION)
test-simulation: $(DISTRIBUTED_SIMULATION)
	$< 16 5

ifeq ($(MPI),1)
TEST_PROGRAMS += $(DISTRIBUTED_TESTS) $(DISTRIBUTED_COST) $(MPI_EXAMPLE) \
  $(if $(OTHER_MPICC),$(OTHER_TESTS))
RUN_RANKS := $(MPIRUN_ENVIRONMENT) timeout 60 $(MPIRUN) -n
RUN_OTHER_RANKS := $(MPIRUN_ENVIRONMENT) timeout 60 $(subst mpicc,mpirun,$(OTHER_MPICC)) -n
# A rank dies between two calls: the others end with an error, and soon (timeout returns 124).
KILL = code=0; $(1) 3 $(2) --kill >$(2)-killed.txt 2>&1 || code=$$?; \
  if [ $$code = 0 ] || [ $$code = 124 ] || grep SUCCEEDED $(2)-killed.txt; then \
  echo "a rank was killed, and mpirun returned $$code, see $(2)-killed.txt"; exit 1; fi
test-mpi: $(DISTRIBUTED_TESTS) $(DISTRIBUTED_COST) $(MPI_EXAMPLE) $(if \
  $(OTHER_MPICC),$(OTHER_TESTS)) test-simulation
	for n in 1 2 3 4 7; do $(RUN_RANKS) $$n $(DISTRIBUTED_TESTS) || exit 1; done
	$(RUN_RANKS) 7 $(DISTRIBUTED_TESTS) --split
	$(RUN_RANKS) 3 $(MPI_EXAMPLE)
	$(RUN_RANKS) 2 $(DISTRIBUTED_COST) 2 5 3 3 3
	$(call KILL,$(RUN_RANKS),$(DISTRIBUTED_TESTS))
ifneq ($(OTHER_MPICC),)
	for n in 1 2; do $(RUN_OTHER_RANKS) $$n $(OTHER_TESTS) || exit 1; done
	$(call KILL,$(RUN_OTHER_RANKS),$(OTHER_TESTS))
endif
# What a synchronized call costs beside its parts.
bench-distributed: $(DISTRIBUTED_COST)
	for n in 1 2 4; do $(RUN_RANKS) $$n $< || exit 1; done
else
test-mpi: test-simulation
test-mpi bench-distributed:
	@echo 'Ranks as processes: not run, there is no MPI compiler (mpicc)'
endif

-include $(DISTRIBUTED_OBJECTS:.o=.d) $(OTHER_OBJECTS:.o=.d)

ifneq ($(and $(CUDA_INCLUDE),$(NCCL_INCLUDE)),)
NCCL_TESTS := $(BUILD)/emu-plain/cubn-nccl-tests
NCCL_EMU_C := $(wildcard src/nccl/*.c tests/distributed/nccl/*.c)
NCCL_EMU_OBJECTS := $(NCCL_EMU_C:%.c=$(BUILD)/emu-plain/%.o)

$(NCCL_EMU_OBJECTS): $(BUILD)/emu-plain/%.o: %.c $(BUILD)/emu-plain/settings $(BUILD)/nccl-settings
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) $(EMU_HOST_FLAGS_plain) $(NCCL_FLAGS) -DCUBN_WITH_CUDA=1 \
	  -DCUBN_TESTS_CUDA -DCUBN_TESTS_EMULATED -c $< -o $@

$(NCCL_TESTS): $(NCCL_EMU_OBJECTS) $(patsubst %,$(BUILD)/emu-plain/tests/suites/support/%.o,suite \
  expect_error joint_batch joint_cases engine engine_device cuda_call) $(call \
  EMU_WITHOUT_SUITES,plain)
	$(CXX) $(OPENMP_FLAGS) $^ $(CUNIT_LIBS) $(if $(CBLAS),$(CBLAS_LIBS)) $(EMU_LINK_plain) -o $@
TEST_PROGRAMS += $(NCCL_TESTS)

-include $(NCCL_EMU_OBJECTS:.o=.d)
endif

# Runs on GPUs alone; here it has to compile and link with the real NCCL.
NCCL_EXAMPLE := $(BUILD)/examples/minimal_nccl
ifeq ($(NCCL),1)
TEST_PROGRAMS += $(NCCL_EXAMPLE)
$(BUILD)/obj/examples/minimal_nccl.o: examples/minimal_nccl.c $(BUILD)/settings \
  $(BUILD)/nccl-settings
	@mkdir -p $(@D)
	$(CC) $(CPP_ALL) $(C_ALL) $(NCCL_FLAGS) -c $< -o $@

$(NCCL_EXAMPLE): $(BUILD)/obj/examples/minimal_nccl.o $(NCCL_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -L$(NCCL_LIB) -Wl,-rpath,$(NCCL_LIB) -lnccl $(LIB_LIBS) \
	  $(LDLIBS) -o $@
endif

.PHONY: test-distributed test-nccl
test-distributed: test-mpi test-nccl

# The stand-in has what the library calls; so must the real one.
ifneq ($(NCCL_TESTS),)
test-nccl: $(NCCL_TESTS)
	$(NCCL_TESTS)
ifneq ($(NCCL_LIB),)
	nm -D --defined-only $(NCCL_LIB)/libnccl.so > $(BUILD)/emu-plain/libnccl.txt
	for name in $$(nm -u $(BUILD)/emu-plain/src/nccl/*.o | sed -n 's/^ *U \(nccl.*\)/\1/p'); do \
	  grep -q " [TW] $$name$$" $(BUILD)/emu-plain/libnccl.txt || \
	    { echo "libnccl has no $$name" >&2; exit 1; }; done
endif
else
test-nccl:
	@echo 'NCCL: not tested, cuda_runtime.h or nccl.h not found'
endif
