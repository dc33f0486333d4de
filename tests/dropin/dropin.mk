# Both drop-ins for cuDNN: one program, compiled against cuDNN's header, against cubn_cudnn.h (CPU
# and emulated CUDA), and against a stand-in for cuDNN in three ways of loading. Included by
# tests.mk.

DROPIN := $(BUILD)/dropin
DROPIN_C := $(addprefix tests/dropin/,arrays.c client.c passes.c reference.c session.c)
DROPIN_FLAGS = -std=c11 -O1 -g1 -D_POSIX_C_SOURCE=200809L $(WARNINGS) -MMD -MP -Itests/dropin
DROPIN_SCRIPT := tests/dropin/run.sh

# ---- cubn_cudnn.h on the CPU
DROPIN_CPU := $(DROPIN_C:tests/dropin/%.c=$(DROPIN)/cpu/%.o) $(DROPIN)/cpu/main.o
$(DROPIN)/cpu/%.o: tests/dropin/%.c
	@mkdir -p $(@D)
	$(CC) $(DROPIN_FLAGS) -DDROPIN_USES_CUBN -DDROPIN_ON_CPU -Iinclude -c $< -o $@

$(DROPIN)/client-cpu: $(DROPIN_CPU) $(STATIC)
	$(LINK_PROGRAM) $^ $(LIB_LIBS) $(LDLIBS) -o $@

$(DROPIN)/descriptors-cpu: $(DROPIN)/cpu/descriptors.o $(STATIC)
	$(LINK_PROGRAM) $^ $(LIB_LIBS) $(LDLIBS) -o $@

DROPIN_PROGRAMS := $(DROPIN)/client-cpu $(DROPIN)/descriptors-cpu

# ---- cuDNN's own header and library: compiles and links; the client runs where there is a GPU
CUDNN_INCLUDE ?= $(patsubst %/cudnn.h,%,$(firstword $(wildcard $(NVCC_HOME)/include/cudnn.h \
  $(CUDA_HOME)/include/cudnn.h .deps/cudnn/include/cudnn.h /usr/include/cudnn.h \
  /usr/include/*/cudnn.h)))
CUDNN_LIBRARY ?= $(firstword $(wildcard $(NVCC_HOME)/lib64/libcudnn.so.9 \
  $(NVCC_HOME)/lib/libcudnn.so.9 \
  $(CUDA_HOME)/lib64/libcudnn.so.9 $(CUDA_HOME)/lib/libcudnn.so.9 /usr/lib/*/libcudnn.so.9))
CUDNN_CUDART = $(firstword $(wildcard $(CUDA_LIB)/libcudart_static.a))
ifneq ($(and $(CUDNN_INCLUDE),$(CUDNN_LIBRARY),$(CUDNN_CUDART)),)
$(DROPIN)/cudnn/%.o: tests/dropin/%.c
	@mkdir -p $(@D)
	$(CC) $(DROPIN_FLAGS) -isystem $(CUDNN_INCLUDE) -isystem $(CUDA_INCLUDE) -c $< -o $@

$(DROPIN)/client-cudnn: $(DROPIN_CPU:$(DROPIN)/cpu/%=$(DROPIN)/cudnn/%)
	$(CC) $^ $(CUDNN_LIBRARY) -Wl,-rpath,$(dir $(CUDNN_LIBRARY)) $(CUDNN_CUDART) -lm -ldl -lrt \
	  -lpthread \
	  -o $@

$(DROPIN)/descriptors-cudnn: $(DROPIN)/cudnn/descriptors.o
	$(CC) $^ $(CUDNN_LIBRARY) -Wl,-rpath,$(dir $(CUDNN_LIBRARY)) -o $@

DROPIN_PROGRAMS += $(DROPIN)/client-cudnn $(DROPIN)/descriptors-cudnn
endif

# ---- the rest on the emulator, as a shared library, since several libraries of a process use it
ifneq ($(CUDA_INCLUDE),)
EMU_SOURCES_shared := $(EMU_SOURCES_plain)
EMU_KERNEL_FLAGS_shared := $(EMU_KERNEL_FLAGS_plain)
EMU_ENGINE_FLAGS_shared := $(EMU_ENGINE_FLAGS) -fPIC
$(eval $(call EMU_RULES,shared))
EMU_SHARED := $(BUILD)/emu-shared

$(EMU_SHARED)/libcudart_emulated.so: $(EMU_OBJECTS_shared)
	$(CXX) -shared $^ -Wl,-soname,$(@F) -ldl -lm -lpthread -o $@

DROPIN_LIB := $(LIB_C:%.c=$(EMU_SHARED)/%.o) $(LIB_CU:%.cu=$(BUILD)/emu-plain/%.cu.o) \
  $(EMU_CPU_KERNELS)
DROPIN_PRELOAD := $(CUDNN_C:%.c=$(EMU_SHARED)/%.o)

$(EMU_SHARED)/src/%.o: src/%.c $(EMU_SHARED)/settings
	@mkdir -p $(@D)
	$(CC) $(CPP_ALL) $(DROPIN_DEFINES) $(C_ALL) -O1 -fPIC $(EMU_CUDA_INCLUDE_FLAGS) \
	  -DCUBN_WITH_CUDA=1 $(call CPU_TARGET_DEFINES,generic) -c $< -o $@
$(EMU_SHARED)/src/cudnn/%.o: DROPIN_DEFINES = -D_GNU_SOURCE

$(EMU_SHARED)/libcubn_cudnn.so: $(DROPIN_LIB) $(DROPIN_PRELOAD) \
  $(EMU_SHARED)/libcudart_emulated.so $(CUDNN_MAP)
	$(CXX) -shared -Wl,-soname,$(@F) -Wl,--version-script=$(CUDNN_MAP) \
	  -Wl,-z,defs,-z,nodelete \
	  $(DROPIN_LIB) $(DROPIN_PRELOAD) -L$(@D) -l:libcudart_emulated.so -Wl,-rpath,'$$ORIGIN' -lm \
	  -ldl -lpthread -o $@

$(EMU_SHARED)/libcubn.so: $(DROPIN_LIB) $(EMU_SHARED)/libcudart_emulated.so scripts/cubn.map
	$(CXX) -shared -Wl,-soname,$(@F) -Wl,--version-script=scripts/cubn.map -Wl,-z,defs \
	  $(DROPIN_LIB) -L$(@D) -l:libcudart_emulated.so -Wl,-rpath,'$$ORIGIN' -lm -ldl -lpthread -o $@

# cubn_cudnn.h on emulated CUDA
$(DROPIN)/emu/%.o: tests/dropin/%.c
	@mkdir -p $(@D)
	$(CC) $(DROPIN_FLAGS) -DDROPIN_USES_CUBN -Iinclude $(EMU_CUDA_INCLUDE_FLAGS) -c $< -o $@

DROPIN_EMU_LINK = -L$(EMU_SHARED) -l:libcudart_emulated.so -Wl,-rpath,'$$ORIGIN/../emu-shared' \
  -lm -ldl -lpthread
$(addprefix $(DROPIN)/,client-emu client-linked passing plugin.so client-loaded): \
  $(EMU_SHARED)/libcudart_emulated.so
$(DROPIN)/client-emu: $(DROPIN_CPU:$(DROPIN)/cpu/%=$(DROPIN)/emu/%) $(DROPIN_LIB)
	$(CXX) $(filter %.o,$^) $(DROPIN_EMU_LINK) -o $@

# The stand-in for libcudnn.so.9, and the program: linked to it; in a plugin that is; and looking
# its functions up.
DROPIN_STANDIN_FLAGS = $(DROPIN_FLAGS) -Wno-unused-parameter -fPIC -Iinclude -Isrc -Itests \
  -Itests/dropin/standin \
  $(EMU_CUDA_INCLUDE_FLAGS)
$(DROPIN)/standin/%.o: tests/dropin/%.c
	@mkdir -p $(@D)
	$(CC) $(DROPIN_STANDIN_FLAGS) -c $< -o $@

$(DROPIN)/loaded/%.o: tests/dropin/%.c
	@mkdir -p $(@D)
	$(CC) $(filter-out -Itests/dropin/standin,$(DROPIN_STANDIN_FLAGS)) -Itests/dropin/loaded -c $< \
	  -o $@

$(DROPIN)/real/libcudnn.so.9: $(patsubst %,$(DROPIN)/standin/standin/%.o,convolution objects \
  operations)
	@mkdir -p $(@D)
	echo 'libcudnn.so.9 { global: cudnn*; local: *; };' > $(@D)/standin.map
	$(CC) -shared $^ -Wl,-soname,$(@F) -Wl,--version-script=$(@D)/standin.map -o $@

DROPIN_STANDIN := $(DROPIN_CPU:$(DROPIN)/cpu/%=$(DROPIN)/standin/%)
DROPIN_STANDIN_LINK = $(DROPIN)/real/libcudnn.so.9 -Wl,-rpath,'$$ORIGIN/real' $(DROPIN_EMU_LINK)
$(DROPIN)/client-linked: $(DROPIN_STANDIN) $(DROPIN)/real/libcudnn.so.9
	$(CC) $(filter %.o,$^) $(DROPIN_STANDIN_LINK) -o $@

$(DROPIN)/passing: $(filter-out %/client.o %/passes.o %/main.o,$(DROPIN_STANDIN)) \
  $(DROPIN)/standin/passing.o \
    $(DROPIN)/real/libcudnn.so.9
	$(CC) $(filter %.o,$^) $(DROPIN_STANDIN_LINK) -o $@

$(DROPIN)/plugin.so: $(filter-out %/main.o,$(DROPIN_STANDIN)) $(DROPIN)/real/libcudnn.so.9
	$(CC) -shared $(filter %.o,$^) $(DROPIN_STANDIN_LINK) -o $@

$(DROPIN)/host: tests/dropin/host.c
	@mkdir -p $(@D)
	$(CC) $(DROPIN_FLAGS) $< -ldl -o $@

$(DROPIN)/client-loaded: $(DROPIN_CPU:$(DROPIN)/cpu/%=$(DROPIN)/loaded/%) \
  $(DROPIN)/loaded/loaded/load.o
	$(CC) $(filter %.o,$^) $(DROPIN_EMU_LINK) -o $@

$(DROPIN)/facade/libcudnn.so.9: $(DROPIN)/real/libcudnn.so.9 $(EMU_SHARED)/libcubn_cudnn.so \
  scripts/cudnn_facade.sh
	CC='$(CC)' scripts/cudnn_facade.sh $< $(@D) $(EMU_SHARED)/libcubn_cudnn.so

DROPIN_PROGRAMS += $(addprefix $(DROPIN)/,client-emu client-linked passing plugin.so host \
  client-loaded \
  facade/libcudnn.so.9) $(EMU_SHARED)/libcubn_cudnn.so $(EMU_SHARED)/libcubn.so
endif

TEST_PROGRAMS += $(DROPIN_PROGRAMS)

# The header is C++ too. It is compared with the headers of cuDNN that are here, and with those that
# scripts/cudnn_headers.sh has fetched.
.PHONY: test-dropin
test-dropin: $(DROPIN_PROGRAMS) $(SO)
	$(CXX) -std=c++11 -Wall -Wextra $(WERROR_FLAG) -fsyntax-only -x c++ \
	  -DDROPIN_USES_CUBN -DDROPIN_ON_CPU -Iinclude \
	  tests/dropin/client.c
	CC='$(CC)' CXX='$(CXX)' tests/dropin/headers.sh $(BUILD) '$(CUDA_INCLUDE)' \
	  $(if $(CUDA_INCLUDE),$(CUDNN_INCLUDE) $(patsubst %/,%,$(dir $(wildcard .deps/cudnn-*/cudnn.h))))
	$(DROPIN_SCRIPT) $(BUILD)
	tests/dropin/recipes.sh $(BUILD) '$(CUDA_INCLUDE)'

-include $(wildcard $(DROPIN)/*/*.d $(DROPIN)/*/*/*.d)
ifneq ($(CUDA_INCLUDE),)
-include $(DROPIN_LIB:.o=.d) $(DROPIN_PRELOAD:.o=.d)
endif
