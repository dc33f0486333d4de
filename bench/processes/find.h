/* Files that scripts have fetched. */
#ifndef CUBN_BENCH_FIND_H
#define CUBN_BENCH_FIND_H

#include <limits.h>
#include <stdbool.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* The file of this program. */
bool bench_find_program(char path[PATH_MAX]);

/* Looks for a file, say ".deps/onednn/libdnnl.so.3", in the folders above the program, then in the
 * current folder and those above it. */
bool bench_find_above(const char *file, char path[PATH_MAX]);

#endif /* CUBN_BENCH_FIND_H */
