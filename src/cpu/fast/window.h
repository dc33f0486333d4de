/* Windows on tensors that are not packed, for the kernels: pointers to the elements themselves
 * where these lie as a kernel wants them, else to copies on the worker's stage. */
#ifndef CUBN_CPU_FAST_WINDOW_H
#define CUBN_CPU_FAST_WINDOW_H

#include "cpu/fast/call.h"
#include "cpu/fast/transfer.h"

/* The arrays that are mapped, as bits. */
enum {
  CUBN_MAP_X = 1U << CUBN_ARRAY_X,
  CUBN_MAP_OUTPUT = 1U << CUBN_ARRAY_OUTPUT,
  CUBN_MAP_DY = 1U << CUBN_ARRAY_DY,
  CUBN_MAP_Z = 1U << CUBN_ARRAY_Z,
  CUBN_MAP_PREACT = 1U << CUBN_ARRAY_PLACE
};

/* What is to be mapped, and how far. Arrays are bits of the above. */
typedef struct cubn_mapper {
  cubn_window window;
  unsigned reads, writes;
  int64_t row_unit;    /* a mapping has all rows that are left, or a multiple of this */
  int64_t unit;        /* and all columns that are left, or a multiple of this */
  bool one_stride;     /* rows of all arrays must be at one distance */
  bool may_divide;     /* a row may be mapped as some shorter ones */
  int64_t ahead;       /* what is so many places further on is prefetched by copies; or 0 */
  int64_t row, column; /* where the next mapping begins */
  int64_t rows;        /* of the mapping to the left of it, if there is one */
} cubn_mapper;

/* Some rows and columns of a window, or some parts of one row as rows. */
typedef struct cubn_mapping {
  cubn_window window;
  int64_t row, column; /* of the whole window, where it begins */
  unsigned staged;     /* arrays that are on the stage */
  bool is_even;        /* the rows of all arrays are at one distance */
  char *at[CUBN_VIEWS];
  int64_t stride[CUBN_VIEWS]; /* elements from row to row of each array */
} cubn_mapping;

static inline bool cubn_is_mapped(const cubn_mapper *mapper, int array) {
  return (mapper->reads | mapper->writes) >> array & 1;
}

/* Whether the array is on the stage as a panel. */
static inline bool cubn_has_panel(const cubn_call *call, int array) {
  return call->panel && (call->panel->arrays >> array & 1);
}

/* The tensor or reserve space that is an array. */
char *cubn_base_of(const cubn_call *call, int array);

/* ---- spans.c */
/* Maps what a row has of a span; false if that is not worth it. Arrays have the same offsets. */
bool cubn_map_span(const cubn_call *call, const cubn_mapper *mapper, cubn_mapping *mapping);
/* Where a row ends one span and begins another: limits the window to it, if the next row is
 * followed by more of its span. */
void cubn_leave_span(const cubn_call *call, cubn_window *window);

/* ---- divide.c */
/* Makes rows of one row whose parts are apart in some array. The window becomes what follows up to
 * the end of a part, or whole parts. False if parts are too short, or values are apart. */
bool cubn_divide_window(const cubn_call *call, const cubn_mapper *mapper, cubn_window *window);
/* From a place to the one so many places further on, in elements of the array. */
int64_t cubn_get_distance(const cubn_call *call, int array, int64_t place, int64_t places);

/* ---- window.c */
/* The next mapping: some rows from left to right, then the next rows; false if there is none. Each
 * must be finished before the next. */
bool cubn_next_mapping(const cubn_call *call, cubn_mapper *mapper, cubn_mapping *mapping);

/* Maps the whole window without the stage; false if that cannot be. */
bool cubn_map_memory(const cubn_call *call, const cubn_mapper *mapper, cubn_mapping *mapping);

/* Writes what was put on the stage to memory. */
void cubn_finish_mapping(const cubn_call *call, const cubn_mapper *mapper,
                         const cubn_mapping *mapping);

/* Copies a window of an array to a stage, or back. The elements so far ahead in memory are
 * prefetched; 0: those that follow. */
void cubn_copy_window(const cubn_call *call, const cubn_window *window, int array, char *stage,
                      int64_t stride, bool stores, int64_t ahead);

/* The element at a place. `*count` elements from it on are `*stride` apart. */
char *cubn_place_at(const cubn_call *call, int array, int64_t place, int64_t *count,
                    int64_t *stride);

/* Whether non-temporal stores can write rows: all begin where a vector can be stored. */
bool cubn_rows_are_aligned(const cubn_call *call, const cubn_mapping *mapping, int array);

/* Copies the panels of some arrays from memory, or to it: see call.h. */
void cubn_copy_panels(const cubn_call *call, unsigned arrays, bool stores);

#endif /* CUBN_CPU_FAST_WINDOW_H */
