# What must be clean before a change lands: formatting, warnings of both compilers, static analysis,
# and the kernels for every architecture that the CUDA compiler knows. Included by the top Makefile.

SOURCES := $(shell git ls-files '*.c' '*.h' '*.cu' '*.cuh' '*.cpp' 2>/dev/null)

.PHONY: check check-format check-readme check-scripts check-cppcheck check-clang check-archs check-cpu
check: check-format check-readme check-performance check-scripts check-cppcheck check-clang check-archs check-cpu
	@echo 'All checks passed.'

check-format:
	clang-format --dry-run -Werror $(SOURCES)

# The README's example is examples/minimal.c, which the tests run.
check-readme:
	awk '/^```c$$/ {on = 1; next} /^```$$/ {on = 0} on' README.md | diff - examples/minimal.c

check-cppcheck:
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -Iinclude -Isrc \
	  --enable=warning,performance,portability --suppress=missingIncludeSystem src/core src/host src/cpu src/cudnn

check-clang:
	$(MAKE) BUILD=$(BUILD)/clang CC=clang CXX=clang++ CUDA=0 lib

# Those that the library was not built for, or CHECK_ARCHS.
check-archs: lib
ifeq ($(CUDA),1)
	$(MAKE) BUILD=$(BUILD)/other-archs CUDA_ARCHS='$(or $(CHECK_ARCHS),$(filter-out $(ARCHS),$(ALL_ARCHS)),$(ARCHS))' objects
else
	@echo 'CUDA kernels for all architectures: not compiled, there is no nvcc (or CUDA=0)'
endif

check-scripts:
	for script in $$(git ls-files '*.sh' .ci/run); do bash -n $$script || exit 1; done

# The CPU backend under tools and on another architecture; see tests/cpu.mk.
check-cpu: test-instructions test-aarch64 test-cpu-asan test-cpu-races

# Registers, spills and widths of access of every kernel; fails at what must not be.
.PHONY: sass profile
sass: lib
	scripts/setup.sh sass
	scripts/sass.py $(STATIC)

profile: $(BUILD)/cubn-bench
	scripts/profile.sh $(BUILD)/profile
