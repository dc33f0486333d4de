# Installing what make built, and the Debian package. Included by the top Makefile.
# Installing compiles nothing: all that it needs to know about the build is in $(BUILD)/built.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=

BUILT_VERSION := $(VERSION)
BUILT_CUDA := $(CUDA)
BUILT_MPI := $(MPI)
BUILT_NCCL := $(NCCL)
BUILT_LIBS := $(strip $(LIB_LIBS))
# That of the compiler, which may be one for another machine.
BUILT_STRIP = $(or $(shell $(CC) -print-prog-name=strip 2>/dev/null),strip)
# Written last: what is here is whole.
$(BUILD)/built: $(SO) $(STATIC) $(BUILD)/settings
	@printf '%s\n' $(foreach v,VERSION CUDA MPI NCCL LIBS STRIP,"BUILT_$(v)='$(BUILT_$(v))'") > $@

.PHONY: install uninstall
install uninstall: export BUILD := $(BUILD)
install uninstall: export DESTDIR := $(DESTDIR)
install uninstall: export PREFIX := $(PREFIX)
install uninstall: export LIBDIR := $(LIBDIR)
install uninstall: export INCLUDEDIR := $(INCLUDEDIR)
install uninstall: export MANDIR := $(MANDIR)
install: export STRIP := $(STRIP)
install uninstall:
	@scripts/install.sh $@

.PHONY: deb check-package
# The Debian packages, in $(BUILD)/deb.
deb:
	scripts/deb.sh $(BUILD)/deb

check-package: lib
	BUILD=$(BUILD) scripts/package_check.sh
