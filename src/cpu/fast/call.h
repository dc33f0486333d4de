/* A call of a fast algorithm. In contrast to the plain algorithms (plain/job.h), elements are
 * computed in their own precision, by the kernels of kernels/kernels.h. */
#ifndef CUBN_CPU_FAST_CALL_H
#define CUBN_CPU_FAST_CALL_H

#include "core/backend.h"
#include "cpu/common/activation.h"
#include "cpu/common/convert.h"
#include "cpu/common/device.h"
#include "cpu/common/needs.h"
#include "cpu/fast/places.h"
#include "cpu/kernels/kernels.h"

/* With these prescales, no sum of squares of single or of double numbers overflows. */
#define CUBN_PRESCALE_MIN 0x1p-70
#define CUBN_PRESCALE_MIN_DOUBLE 0x1p-540
/* Copies of arrays in which neighboring channels, not values of one channel, are neighbors in
 * memory: `count` values of each of some channels, in some rows. Row r has the places offset + r *
 * stride + i of the first channel. */
typedef struct cubn_panel {
  unsigned arrays; /* those that have a panel: bits 1 << cubn_array */
  int64_t offset, rows, stride, count;
  int64_t channel, channels; /* the first channel, and how many there are */
  int64_t padded;            /* elements from channel to channel of a row */
} cubn_panel;

/* Values of each channel in a panel, at most: of all rows, with padding. */
#define CUBN_PANEL_VALUES (4 * (28 * 64 + 64))

/* Values of one array on the stage, at most, so that those of a few arrays stay in L1 and L2. */
#define CUBN_STAGE_VALUES 8192
/* Bytes of one array where a transposition needs more: short runs of a cache line of channels. */
#define CUBN_STAGE_BYTES_MAX (1 << 19)

/* The stage of a worker: copies of arrays that are not packed, see window.h, and panels, two cache
 * lines of channels wide, of all tensors but x. Copies do not begin at the same position in their
 * pages. */
#define CUBN_STAGE_ARRAY_BYTES (CUBN_STAGE_BYTES_MAX + 21 * CUBN_LINE_BYTES)
#define CUBN_PANEL_BYTES (2 * CUBN_LINE_BYTES * (CUBN_PANEL_VALUES + 21))
#define CUBN_STAGE_BYTES                                                                           \
  (((size_t)CUBN_VIEWS * CUBN_STAGE_ARRAY_BYTES + CUBN_ARRAY_Z * (size_t)CUBN_PANEL_BYTES + 255) / \
   256 * 256)

struct cubn_masking; /* runs/masked.h */

/* What is decided once per call. */
typedef struct cubn_call {
  const cubn_device *device;
  const cubn_problem *problem;
  const cubn_args *args;
  const cubn_kernels *kernels;              /* for the device's instruction set and the type */
  const cubn_conversion *type, *param_type; /* types of elements and of parameters */
  int64_t element_bytes;                    /* bytes of an element */
  cubn_needs needs;                         /* what has to be computed */
  int sums;         /* sums per channel: 2 for statistics, 3 for backward, or 0 */
  bool writes;      /* some output per element is wanted: y, or dx or dz */
  int64_t threads;  /* so many threads may work on the call */
  bool nontemporal; /* the output is written with non-temporal stores, where possible */
  bool fits_l2;     /* all tensors fit in one core's L2 */
  bool prefetches;  /* tensors are so large that hardly any of them is in the caches */
  /* There is more than plain y or dx: addition, activation, blending, frozen statistics. */
  bool has_epilogue;
  cubn_fusion fusion;        /* the epilogue, as the kernels compute it */
  cubn_activator activator;  /* its activation, as it is computed in double */
  bool factor_needs_double;  /* float cannot represent a factor of the epilogue: see exact.h */
  const cubn_places *places; /* NULL if all tensors are packed, as `problem` always is */
  unsigned spread;           /* see cubn_spread_arrays */
  char *stage;               /* of the worker whose copy of the call this is, if there are places */
  const cubn_panel *panel;   /* the panels on the stage, or NULL */
  /* Of scattered elements that kernels take where they are; else NULL. */
  const struct cubn_masking *masking;
} cubn_call;

cubn_call cubn_call_begin(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args);

/* Whether something comes before or after the plain y or dx. */
bool cubn_needs_epilogue(const cubn_problem *problem);

/* Makes a call one of a problem that is not packed, unless `places` is NULL. */
void cubn_call_set_places(cubn_call *call, const cubn_places *places);

/* The call for one worker: the call itself if it is packed, else *own, with the worker's stage. */
const cubn_call *cubn_call_of_worker(const cubn_call *call, int64_t worker, cubn_call *own);

/* The call for runs of valid elements, which are given by their offset in memory. */
cubn_call cubn_call_of_spans(const cubn_call *call);

/* The call as it is while backward forms the sums of the statistics. */
cubn_call cubn_call_of_moments(const cubn_call *call);

/* Whether the call is of valid elements in spans. */
static inline bool cubn_has_spans(const cubn_call *call) {
  return call->places && call->places->views[CUBN_ARRAY_X].spans;
}

/* Whether these are so short that bits tell which elements are valid. */
static inline bool cubn_is_scattered(const cubn_call *call) {
  return cubn_has_spans(call) && call->places->spans.bits.words;
}

/* Whether spans are so long that kernels are called for each. Shorter ones are copied together. */
static inline bool cubn_has_long_spans(const cubn_call *call) {
  enum { LONG_SPAN = 64 };
  return cubn_has_spans(call) && !cubn_is_scattered(call) &&
         call->places->spans.valid >= call->places->spans.count * LONG_SPAN;
}

/* Whether rows of columns are in such short spans that they are copied together. */
static inline bool cubn_has_short_spans(const cubn_call *call) {
  return cubn_has_spans(call) && call->places->spans.are_columns &&
         cubn_are_short(&call->places->spans);
}

/* Whether kernels take rows of columns with their padding. */
static inline bool cubn_has_row_bits(const cubn_call *call) {
  return cubn_has_spans(call) && call->places->spans.row_words;
}

/* Whether backward computes the statistics in a pass of their own, because they are not given. */
static inline bool cubn_begins_with_moments(const cubn_call *call) {
  return call->needs.moments && call->problem->pass == CUBN_PASS_BACKWARD;
}

/* Why no fast algorithm can do this problem, if so. */
cubn_refusal cubn_fast_reject(const cubn_device *device, const cubn_problem *problem);

/* The element at this offset of a tensor. */
static inline const void *cubn_element_at(const cubn_call *call, const void *tensor,
                                          int64_t offset) {
  return (const char *)tensor + offset * call->element_bytes;
}

static inline void *cubn_output_at(const cubn_call *call, int64_t offset) {
  return (char *)call->args->output + offset * call->element_bytes;
}

/* The value as the kernels represent it. */
static inline double cubn_to_real(const cubn_call *call, double value) {
  return call->kernels->real_bytes == sizeof(double) ? value : (double)(float)value;
}

#endif /* CUBN_CPU_FAST_CALL_H */
