# Ranks as processes: under mpirun, where there is an MPI. Included by tests.mk.

DISTRIBUTED_TESTS := $(BUILD)/tests/cubn-distributed
DISTRIBUTED_COST := $(BUILD)/tests/cubn-distributed-cost
DISTRIBUTED_SIMULATION := $(BUILD)/tests/cubn-distributed-simulation
DISTRIBUTED_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/distributed/*.c))
MPI_EXAMPLE := $(BUILD)/examples/minimal_mpi
# More ranks than processors, and as root in a container. MPICH asks for neither; the names are
# those of Open MPI 4 and 5.
MPIRUN_ENVIRONMENT := CUBN_THREADS=1 CUBN_DEVICE=cpu OMPI_ALLOW_RUN_AS_ROOT=1 \
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
  OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

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

$(DISTRIBUTED_TESTS): $(BUILD)/obj/tests/distributed/main.o $(KIT_C:%.c=$(BUILD)/obj/%.o) \
  $(patsubst %,$(BUILD)/obj/tests/suites/support/%.o,suite expect_error joint_batch joint_cases \
  engine) $(MPI_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(MPICC) $(CFLAGS) $(OPENMP_FLAGS) $(LDFLAGS) $^ $(CUNIT_LIBS) $(LIB_LIBS) $(LDLIBS) -o $@

$(DISTRIBUTED_COST): $(BUILD)/obj/tests/distributed/cost.o $(MPI_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(MPICC) $(CFLAGS) $(LDFLAGS) $^ $(LIB_LIBS) $(LDLIBS) -o $@

$(MPI_EXAMPLE): $(BUILD)/obj/examples/minimal_mpi.o $(MPI_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(MPICC) $(CFLAGS) $(LDFLAGS) $^ $(LIB_LIBS) $(LDLIBS) -o $@

.PHONY: test-distributed bench-distributed simulate-ranks
simulate-ranks: $(DISTRIBUTED_SIMULATION)
	$<

ifeq ($(MPI),1)
TEST_PROGRAMS += $(DISTRIBUTED_TESTS) $(MPI_EXAMPLE)
test-distributed: $(DISTRIBUTED_TESTS) $(MPI_EXAMPLE)
	for n in 1 2 3 4; do \
	  $(MPIRUN_ENVIRONMENT) $(MPIRUN) -n $$n $(DISTRIBUTED_TESTS) || exit 1; done
	$(MPIRUN_ENVIRONMENT) $(MPIRUN) -n 3 $(MPI_EXAMPLE)
# What a synchronized call costs beside its parts.
bench-distributed: $(DISTRIBUTED_COST)
	for n in 1 2 4; do $(MPIRUN_ENVIRONMENT) $(MPIRUN) -n $$n $< || exit 1; done
else
test-distributed bench-distributed:
	@echo 'Ranks as processes: not run, there is no MPI compiler (mpicc)'
endif

-include $(DISTRIBUTED_OBJECTS:.o=.d)
