# The manual as pages, man pages and HTML, from the comments of the headers. Included by the top
# Makefile.

DOCS := $(BUILD)/docs
MANUAL := $(wildcard include/*.h)

# make install takes the man pages along, if they were made.
.PHONY: docs check-docs
docs: $(DOCS)/made

# Doxygen's warnings are errors, and so is a public name without a page.
$(DOCS)/made: $(MANUAL) docs/Doxyfile docs/docs.mk scripts/man_pages.py
	rm -rf $(DOCS)
	mkdir -p $(DOCS)
	(cat docs/Doxyfile && echo 'OUTPUT_DIRECTORY = $(DOCS)' && echo 'MAN_OUTPUT = chapters' && \
	  echo 'PROJECT_NUMBER = $(VERSION)') | doxygen -
	scripts/man_pages.py $(DOCS)/chapters/man3 $(DOCS)/man/man3 $(VERSION)
	rm -r $(DOCS)/chapters
	touch $@

# The examples of the headers compile.
check-docs: docs
	for header in $(MANUAL); do \
	  sed -n '/@code/,/@endcode/{/@code/d;/@endcode/d;s/^ \* \{0,1\}//;p}' $$header | \
	    $(CC) -std=c99 -Wall -Wextra $(WERROR_FLAG) -Iinclude -fsyntax-only -x c - || exit 1; \
	done
