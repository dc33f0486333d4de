# The CUDA toolkit: whether the library is built with it, which one it is, and for which GPUs.
# Included by the top Makefile.
#
# Takes CUDA, CUDA_HOME, NVCC, CUDA_ARCHS, CUDA_INCLUDE, CUDA_LIB; leaves CUDA=0 or 1, NVCC,
# CUDA_INCLUDE (headers, for the emulator too), CUDA_LIB, ARCHS, ALL_ARCHS, GENCODE.

# HPC modules set CUDA to the toolkit's folder, and so may a user.
CUDA_GIVEN := $(strip $(CUDA))
CUDA_FOLDER := $(filter-out $(NO) $(YES),$(CUDA_GIVEN))
ifneq ($(CUDA_FOLDER),)
ifneq ($(and $(BUILDS),$(if $(wildcard $(CUDA_GIVEN)/bin/nvcc),,missing)),)
$(error CUDA=$(CUDA_GIVEN) ($(origin CUDA)): expected 1 or 0 (also yes, no, on, off, true, false), \
  or the folder of a CUDA toolkit, which has bin/nvcc)
endif
override CUDA_HOME := $(CUDA_GIVEN)
override NVCC := $(CUDA_GIVEN)/bin/nvcc
export CUDA_HOME NVCC
endif

NVCC ?= $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard $(CUDA_HOME)/bin/nvcc))
override CUDA := $(if $(filter $(NO),$(CUDA_GIVEN)),0,$(if $(CUDA_GIVEN)$(NVCC),1,0))
ifeq ($(BUILDS) $(CUDA)$(NVCC),1 1)
$(error CUDA=$(CUDA_GIVEN): there is no nvcc on PATH or in CUDA_HOME/bin. CUDA=FOLDER names a \
  toolkit; CUDA=0 builds without)
endif

# The kernels for sm_90 need instructions of PTX ISA 8.0, which came with CUDA 12.0.
NVCC_RELEASE := $(if $(filter 1,$(CUDA)),$(shell $(NVCC) --version 2>/dev/null | \
  sed -n 's/.*release \([0-9.]*\).*/\1/p'))
ifneq ($(and $(BUILDS),$(filter 7 8 9 10 11,$(firstword $(subst ., ,$(NVCC_RELEASE))))),)
$(error $(NVCC) is of CUDA $(NVCC_RELEASE). The kernels need CUDA 12.0 or later (PTX ISA 8.0), and \
  13.0 is what is tested. CUDA=FOLDER names another toolkit; CUDA=0 builds without)
endif

# The toolkit's folder, links resolved: nvcc lies in its bin.
NVCC_HOME := $(if $(NVCC),$(patsubst %/bin/,%,$(dir $(realpath $(NVCC)))))
CUDA_INCLUDE ?= $(patsubst %/cuda_runtime.h,%,$(firstword $(wildcard \
  $(NVCC_HOME)/include/cuda_runtime.h $(CUDA_HOME)/include/cuda_runtime.h \
  .deps/cuda/include/cuda_runtime.h)))
CUDA_LIB ?= $(patsubst %/libcudart_static.a,%,$(firstword $(wildcard \
  $(NVCC_HOME)/lib64/libcudart_static.a $(NVCC_HOME)/targets/*/lib/libcudart_static.a \
  $(NVCC_HOME)/lib/libcudart_static.a)))

CUDA_ARCHS ?=
ifeq ($(strip $(CUDA_ARCHS)),)
GPU_ARCHS := $(if $(filter 1,$(CUDA)),$(shell nvidia-smi --query-gpu=compute_cap \
  --format=csv,noheader 2>/dev/null | tr -d . | sort -u | tr '\n' ' '))
endif
ALL_ARCHS = $(filter $(patsubst compute_%,%,$(shell $(NVCC) --list-gpu-arch)),75 80 86 89 90 100 \
  120)
ARCHS := $(if $(filter all,$(CUDA_ARCHS)),$(ALL_ARCHS),$(or $(strip $(CUDA_ARCHS) \
  $(GPU_ARCHS)),80 90))
GENCODE := $(foreach a,$(ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
  -gencode arch=compute_$(lastword $(ARCHS)),code=compute_$(lastword $(ARCHS))
