# Examples: a minimal program, the demo, training programs, and the experiments of the lecture.
# Included by the top Makefile.

EXAMPLES := $(BUILD)/examples/minimal
NN_EXAMPLES := $(patsubst %,$(BUILD)/examples/%,train lenet mlp resnet infer)
# The layer kit needs a CBLAS for the CPU, and cuBLAS for the GPU; a side that lacks it is left out.
CBLAS_CFLAGS ?= $(shell pkg-config --cflags openblas 2>/dev/null)
CBLAS_LIBS ?= $(or $(shell pkg-config --libs openblas 2>/dev/null),-lopenblas)
CBLAS := $(shell printf \
  '\043include <cblas.h>\nint main(void) { return cblas_isamax(0, 0, 1) != 0; }\n' | \
  $(CC) $(CBLAS_CFLAGS) -x c - $(CBLAS_LIBS) -o /dev/null 2>/dev/null && echo 1)
CUBLAS := $(if $(filter 1,$(CUDA)),$(wildcard $(CUDA_LIB)/libcublas.so))
NN_WITHOUT_CBLAS := $(if $(CBLAS),,examples/nn/device_cpu.c)
NN_C := $(filter-out $(NN_WITHOUT_CBLAS),$(wildcard examples/nn/*.c examples/import/*.c))
NN_CU := $(if $(CUBLAS),$(wildcard examples/nn/*.cu))
NN_OBJECTS := $(NN_C:%.c=$(BUILD)/obj/%.o) $(NN_CU:%.cu=$(BUILD)/obj/%.cu.o)
CLAIMS_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard examples/claims/*.c))
CUBLAS_LIBS = -L$(CUDA_LIB) -Wl,-rpath,$(CUDA_LIB) -lcublas
NN_LIBS = $(if $(CBLAS),$(CBLAS_LIBS)) $(if $(CUBLAS),$(CUBLAS_LIBS))
# With an MPI, resnet trains on several ranks.
RESNET_GROUP := $(if $(filter 1,$(MPI)),$(BUILD)/obj/examples/group_mpi.o $(MPI_STATIC))
NN_DEFINES := -DNN_WITH_CBLAS=$(if $(CBLAS),1,0) -DNN_WITH_CUDA=$(if $(CUBLAS),1,0)
EXAMPLES_FLAGS = $(CPP_ALL) $(C_ALL) $(OPENMP_FLAGS) -Iexamples $(CBLAS_CFLAGS) $(NN_DEFINES)
EXAMPLES_LIBS = $(NN_LIBS) $(LIB_LIBS)

$(BUILD)/obj/examples/%.o: examples/%.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(EXAMPLES_FLAGS) -c $< -o $@

$(BUILD)/examples/minimal: $(BUILD)/obj/examples/minimal.o $(STATIC)
	@mkdir -p $(@D)
	$(LINK_PROGRAM) $^ $(LIB_LIBS) $(LDLIBS) -o $@

$(BUILD)/obj/examples/resnet.o: EXAMPLES_FLAGS += -DNN_WITH_MPI=$(MPI)
$(BUILD)/obj/examples/resnet.o: $(BUILD)/mpi-settings
$(BUILD)/obj/examples/group_mpi.o: examples/group_mpi.c $(BUILD)/settings $(BUILD)/mpi-settings
	@mkdir -p $(@D)
	$(MPICC) $(EXAMPLES_FLAGS) -c $< -o $@

$(BUILD)/examples/resnet: $(RESNET_GROUP)
$(BUILD)/examples/resnet: LINK_PROGRAM = $(if $(RESNET_GROUP),$(MPICC),$(CC)) $(CFLAGS) \
  $(OPENMP_FLAGS) $(LDFLAGS)
$(NN_EXAMPLES): $(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(NN_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(LINK_PROGRAM) $(filter %.o,$^) $(filter %_mpi.a,$^) $(STATIC) $(EXAMPLES_LIBS) $(LDLIBS) -o $@

$(BUILD)/examples/claims: $(CLAIMS_OBJECTS) $(NN_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(LINK_PROGRAM) $^ $(EXAMPLES_LIBS) $(LDLIBS) -o $@

.PHONY: examples demo claims test-examples
examples: $(EXAMPLES) $(NN_EXAMPLES) $(BUILD)/examples/claims

# The programs as their users meet them.
test-examples: examples
	scripts/demo_check.sh $(BUILD)/examples/train
	MPIRUN=$(MPIRUN) scripts/examples_check.sh $(BUILD)/examples

demo: $(BUILD)/examples/train
	$(BUILD)/examples/train

# CLAIMS="a c" for some of them; CLAIMS_OPTIONS="--full --data DIR", see scripts/claims.sh --help.
claims: $(BUILD)/examples/claims
	BUILD=$(BUILD) MPIRUN=$(MPIRUN) scripts/claims.sh $(CLAIMS_OPTIONS) $(CLAIMS)

-include $(NN_OBJECTS:.o=.d) $(CLAIMS_OBJECTS:.o=.d) $(wildcard $(BUILD)/obj/examples/*.d)
