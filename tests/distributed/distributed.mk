# Ranks as processes, under mpirun, where there is an MPI; and as threads that gather by NCCL, on
# the emulator, where there are the headers of CUDA and NCCL. Included by tests.mk.

DISTRIBUTED_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/distributed/*.c))
DISTRIBUTED_TESTS := $(BUILD)/tests/cubn-distributed
MPI_EXAMPLE := $(BUILD)/examples/minimal_mpi
# More ranks than processors, and as root in a container. MPICH asks for neither; the names are
# those of Open MPI 4 and 5.
MPIRUN_ENVIRONMENT := CUBN_THREADS=1 CUBN_DEVICE=cpu OMPI_ALLOW_RUN_AS_ROOT=1 \
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
  OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

$(BUILD)/obj/tests/distributed/%.o: tests/distributed/%.c $(BUILD)/settings $(BUILD)/mpi-settings
	@mkdir -p $(@D)
	$(MPICC) $(TEST_FLAGS) -c $< -o $@

$(BUILD)/obj/examples/minimal_mpi.o: examples/minimal_mpi.c $(BUILD)/settings $(BUILD)/mpi-settings
	@mkdir -p $(@D)
	$(MPICC) $(CPP_ALL) $(C_ALL) -c $< -o $@

$(DISTRIBUTED_TESTS): $(DISTRIBUTED_OBJECTS) $(KIT_C:%.c=$(BUILD)/obj/%.o) \
  $(patsubst %,$(BUILD)/obj/tests/suites/support/%.o,suite expect_error joint_batch joint_cases \
  engine) $(MPI_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(MPICC) $(CFLAGS) $(OPENMP_FLAGS) $(LDFLAGS) $^ $(CUNIT_LIBS) $(LIB_LIBS) $(LDLIBS) -o $@

$(MPI_EXAMPLE): $(BUILD)/obj/examples/minimal_mpi.o $(MPI_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(MPICC) $(CFLAGS) $(LDFLAGS) $^ $(LIB_LIBS) $(LDLIBS) -o $@

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

.PHONY: test-distributed test-mpi test-nccl
test-distributed: test-mpi test-nccl

ifeq ($(MPI),1)
TEST_PROGRAMS += $(DISTRIBUTED_TESTS) $(MPI_EXAMPLE)
test-mpi: $(DISTRIBUTED_TESTS) $(MPI_EXAMPLE)
	for n in 1 2 3 4; do \
	  $(MPIRUN_ENVIRONMENT) $(MPIRUN) -n $$n $(DISTRIBUTED_TESTS) || exit 1; done
	$(MPIRUN_ENVIRONMENT) $(MPIRUN) -n 3 $(MPI_EXAMPLE)
else
test-mpi:
	@echo 'Ranks as processes: not run, there is no MPI compiler (mpicc)'
endif

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

-include $(DISTRIBUTED_OBJECTS:.o=.d)
