# The binary drop-in for cuDNN: all of cubn in one library that exports cuDNN's names only. Included
# by the top Makefile.

CUDNN_C := $(wildcard src/cudnn/*.c)
CUDNN_OBJECTS := $(CUDNN_C:%.c=$(BUILD)/obj/%.o)
CUDNN_MAP := src/cudnn/libcubn_cudnn.map
CUDNN_SO := $(BUILD)/libcubn_cudnn.so
CUDNN_FLAGS = $(CPP_ALL) -D_GNU_SOURCE $(C_ALL) -fPIC

$(BUILD)/obj/src/cudnn/%.o: src/cudnn/%.c $(BUILD)/settings
	@mkdir -p $(@D)
	$(CC) $(CUDNN_FLAGS) -isystem $(CUDA_INCLUDE) -c $< -o $@

# -z nodelete: threads keep descriptors that the library frees at their end.
$(CUDNN_SO): $(CUDNN_OBJECTS) $(LIB_OBJECTS) $(CUDNN_MAP) $(BUILD)/link-settings
	$(LINK_LIB) -Wl,-soname,$(@F) -Wl,--version-script=$(CUDNN_MAP) \
	  -Wl,-z,defs,-z,nodelete $(CUDNN_OBJECTS) $(LIB_OBJECTS) $(LIB_LIBS) $(LDLIBS) -o $@

.PHONY: cudnn-facade
# make cudnn-facade CUDNN=/path/of/libcudnn.so.9 FACADE=folder
cudnn-facade: $(CUDNN_SO)
	scripts/cudnn_facade.sh "$(CUDNN)" "$(FACADE)" $(CUDNN_SO)

ifeq ($(CUDA),1)
$(BUILD)/built: $(CUDNN_SO)
endif

-include $(CUDNN_OBJECTS:.o=.d)
