# The CPU's vector kernels: one source, compiled for each target (instruction set) and element type.
# Included by the top Makefile.
#
# Gives, for a build in some folder with these targets (CPU_TARGETS: all of this architecture):
#   $(call CPU_TARGET_DEFINES,targets)               for src/cpu/common/machine.c: which there are
#   $(call CPU_KERNEL_OBJECTS,folder,targets)        the objects
#   $(call CPU_KERNEL_RULES,folder,targets,flags)    how they are made

CPU_ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
# For a fast edit cycle, any of them: make CPU_TARGETS=avx2 CPU_TYPES=f32. Problems of other types
# are then computed by the plain algorithms.
CPU_TARGETS := generic $(if $(filter x86_64,$(CPU_ARCH)),avx2 avx512) \
  $(if $(filter aarch64,$(CPU_ARCH)),neon)
CPU_TYPES := f32 f64 f16 bf16
ifneq ($(and $(BUILDS),$(strip $(filter-out generic avx2 avx512 neon,$(CPU_TARGETS)) \
  $(filter-out f32 f64 f16 bf16,$(CPU_TYPES)))),)
$(error CPU_TARGETS=$(CPU_TARGETS) CPU_TYPES=$(CPU_TYPES): expected some of generic, avx2, avx512 \
  (x86-64) or generic, neon (AArch64), and some of f32, f64, f16, bf16)
endif
CPU_TARGET_DEFINES = \
  '-DCUBN_CPU_KERNELS(X)=$(foreach t,$(1),$(foreach e,$(CPU_TYPES),X($(t),$(e))))'

# Which instructions a compiler may use. "generic" is what every processor of the architecture has;
# on AArch64 that includes NEON, so there it is compiled for the same registers. Only x86-64 without
# AVX2 chooses it, so it is compiled for less code; halves, which it converts without instructions
# for that, are most of it.
CPU_FLAGS_generic := $(if $(filter -O3,$(CFLAGS)),-O2)
CPU_FLAGS_generic_f16 := $(if $(filter -O3,$(CFLAGS)),-Os)
CPU_FLAGS_generic_bf16 := $(CPU_FLAGS_generic_f16)
CPU_FLAGS_neon :=
CPU_FLAGS_avx2 := -mavx2 -mfma -mf16c
CPU_FLAGS_avx512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c \
  -mprefer-vector-width=512
CPU_SOURCES := kernels fused masked
CPU_TYPE_f32 := F32
CPU_TYPE_f64 := F64
CPU_TYPE_f16 := F16
CPU_TYPE_bf16 := BF16

CPU_KERNEL_OBJECTS = $(foreach t,$(2),$(foreach e,$(CPU_TYPES),$(foreach s,$(CPU_SOURCES), \
  $(1)/$(s)-$(t)-$(e).o)))

define CPU_KERNEL_RULE
$(1)/$(5)-$(2)-$(3).o: src/cpu/kernels/$(5).c $(BUILD)/settings
	@mkdir -p $$(@D)
	$$(CC) $$(CPP_ALL) $$(C_ALL) $(4) $$(CPU_FLAGS_$(2)) $$(CPU_FLAGS_$(2)_$(3)) \
	  -DCUBN_ELEMENT_$(CPU_TYPE_$(3)) \
	  -DCUBN_KERNELS=cubn_kernels_$(2)_$(3) -DCUBN_FUSED_KERNELS=cubn_fused_kernels_$(2)_$(3) \
	  -DCUBN_TARGET='"$(2)"' -c $$< -o $$@
-include $(1)/$(5)-$(2)-$(3).d
endef
CPU_KERNEL_RULES = $(foreach t,$(2),$(foreach e,$(CPU_TYPES),$(foreach s,$(CPU_SOURCES), \
  $(eval $(call CPU_KERNEL_RULE,$(1),$(t),$(e),$(3),$(s))))))
