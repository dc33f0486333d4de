# Ranks as processes: under mpirun, where there is an MPI. Included by tests.mk.

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

.PHONY: test-distributed bench-distributed simulate-ranks test-simulation
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
test-distributed: $(DISTRIBUTED_TESTS) $(DISTRIBUTED_COST) $(MPI_EXAMPLE) $(if \
  $(OTHER_MPICC),$(OTHER_TESTS)) test-simulation
	for n in 1 2 3 4; do $(RUN_RANKS) $$n $(DISTRIBUTED_TESTS) || exit 1; done
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
test-distributed: test-simulation
test-distributed bench-distributed:
	@echo 'Ranks as processes: not run, there is no MPI compiler (mpicc)'
endif

-include $(DISTRIBUTED_OBJECTS:.o=.d) $(OTHER_OBJECTS:.o=.d)
