# libcubn_mpi: communicators of MPI, where there is an MPI compiler for the machine that CC compiles
# for. MPICC= leaves it out. Included by the top Makefile.

ifeq ($(origin MPICC),undefined)
MPICC := $(if $(BUILDS),$(shell command -v mpicc 2>/dev/null))
ifneq ($(MPICC),)
MACHINE_OF = $(firstword $(subst -, ,$(shell $(1) -dumpmachine 2>/dev/null)))
ifneq ($(call MACHINE_OF,$(CC)),$(call MACHINE_OF,$(MPICC)))
MPICC :=
endif
endif
endif
MPIRUN ?= $(subst mpicc,mpirun,$(MPICC))
MPI := $(if $(MPICC),1,0)
# More ranks than processors, and as root in a container. MPICH asks for neither; the names are
# those of Open MPI 4 and 5.
MPIRUN_ENVIRONMENT := CUBN_THREADS=1 CUBN_DEVICE=cpu OMPI_ALLOW_RUN_AS_ROOT=1 \
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
  OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

MPI_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard src/mpi/*.c))
MPI_SO := $(BUILD)/libcubn_mpi.so.$(VERSION)
MPI_STATIC := $(BUILD)/libcubn_mpi.a
MPI_SETTINGS = $(MPICC)
RECORDS += $(BUILD)/mpi-settings=MPI_SETTINGS

$(BUILD)/obj/src/mpi/%.o: src/mpi/%.c $(BUILD)/settings $(BUILD)/mpi-settings
	@mkdir -p $(@D)
	$(MPICC) $(CPP_ALL) $(C_ALL) -fPIC -fvisibility=hidden -c $< -o $@

$(MPI_STATIC): $(MPI_OBJECTS) $(BUILD)/link-settings
	rm -f $@
	$(AR) rcs $@ $(MPI_OBJECTS)

$(MPI_SO): $(MPI_OBJECTS) $(SO) scripts/cubn.map $(BUILD)/link-settings
	$(MPICC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libcubn_mpi.so.$(MAJOR) \
	  -Wl,--version-script=scripts/cubn.map -Wl,-z,defs $(MPI_OBJECTS) $(SO) $(LDLIBS) -o $@
	ln -sf $(@F) $(BUILD)/libcubn_mpi.so.$(MAJOR)
	ln -sf $(@F) $(BUILD)/libcubn_mpi.so

.PHONY: mpi
ifeq ($(MPI),1)
mpi: $(MPI_SO) $(MPI_STATIC)
$(BUILD)/built: $(MPI_SO) $(MPI_STATIC)
else
mpi:
	@echo 'libcubn_mpi: not built, there is no MPI compiler mpicc; name one by MPICC=' >&2; exit 2
endif

-include $(MPI_OBJECTS:.o=.d)
