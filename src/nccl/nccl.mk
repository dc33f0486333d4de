# libcubn_nccl: communicators of NCCL, where there are CUDA, nccl.h and libnccl.so. NCCL=0 leaves it
# out; NCCL=FOLDER takes NCCL from there. Included by the top Makefile.

NCCL_GIVEN := $(strip $(NCCL))
NCCL_FOLDERS := $(if $(filter $(NO),$(NCCL_GIVEN)),,$(or $(filter-out $(YES),$(NCCL_GIVEN)), \
  $(NCCL_HOME) $(NVCC_HOME) $(CUDA_HOME) /usr/local /usr))
NCCL_INCLUDE := $(patsubst %/nccl.h,%,$(firstword $(wildcard \
  $(addsuffix /include/nccl.h,$(NCCL_FOLDERS)))))
NCCL_LIB := $(patsubst %/libnccl.so,%,$(firstword $(wildcard $(addsuffix /libnccl.so, \
  $(foreach f,$(patsubst %/include,%,$(NCCL_INCLUDE)),$(f)/lib $(f)/lib64 $(f)/lib/*)))))
ifneq ($(and $(BUILDS),$(filter 1,$(CUDA)),$(filter-out $(NO),$(NCCL_GIVEN)),$(if $(and \
  $(NCCL_INCLUDE),$(NCCL_LIB)),,missing)),)
$(error NCCL=$(NCCL_GIVEN): expected 0, or a folder with include/nccl.h and lib/libnccl.so)
endif
override NCCL := $(if $(and $(filter 1,$(CUDA)),$(NCCL_INCLUDE),$(NCCL_LIB)),1,0)
NCCL_FLAGS = $(addprefix -isystem ,$(filter-out /usr/include,$(NCCL_INCLUDE) $(CUDA_INCLUDE)))

NCCL_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard src/nccl/*.c))
NCCL_SO := $(BUILD)/libcubn_nccl.so.$(VERSION)
NCCL_STATIC := $(BUILD)/libcubn_nccl.a
NCCL_SETTINGS = $(NCCL_FLAGS) $(NCCL_LIB)
RECORDS += $(BUILD)/nccl-settings=NCCL_SETTINGS

$(BUILD)/obj/src/nccl/%.o: src/nccl/%.c $(BUILD)/settings $(BUILD)/nccl-settings
	@mkdir -p $(@D)
	$(CC) $(CPP_ALL) $(C_ALL) $(NCCL_FLAGS) -fPIC -fvisibility=hidden -c $< -o $@

$(NCCL_STATIC): $(NCCL_OBJECTS) $(BUILD)/link-settings
	rm -f $@
	$(AR) rcs $@ $(NCCL_OBJECTS)

# Programs bring their libnccl along.
$(NCCL_SO): $(NCCL_OBJECTS) $(SO) scripts/cubn.map $(BUILD)/link-settings
	$(LINK_LIB) -Wl,-soname,libcubn_nccl.so.$(MAJOR) -Wl,--version-script=scripts/cubn.map \
	  -Wl,-z,defs $(NCCL_OBJECTS) $(SO) -L$(NCCL_LIB) -lnccl $(LDLIBS) -o $@
	ln -sf $(@F) $(BUILD)/libcubn_nccl.so.$(MAJOR)
	ln -sf $(@F) $(BUILD)/libcubn_nccl.so

.PHONY: nccl
ifeq ($(NCCL),1)
nccl: $(NCCL_SO) $(NCCL_STATIC)
$(BUILD)/built: $(NCCL_SO) $(NCCL_STATIC)
else
nccl:
	@echo 'libcubn_nccl: not built; it needs CUDA, nccl.h and libnccl.so (NCCL=FOLDER)' >&2; exit 2
endif

-include $(NCCL_OBJECTS:.o=.d)
