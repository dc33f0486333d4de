/* Tensors with gaps, or in another order than x. The fast algorithms number all elements as packed
 * tensors in the order of x would hold them: these are the places of CUBN_ARRAY_PLACE. A view says
 * where in memory the element of a place is. Only kernels need to know; see window.h. */
#ifndef CUBN_CPU_FAST_PLACES_H
#define CUBN_CPU_FAST_PLACES_H

#include "core/backend.h"
#include "cpu/kernels/kernels.h"

/* The arrays that have views: those of elements, and the reserve space. */
enum { CUBN_VIEWS = CUBN_ARRAY_PLACE + 1 };

/* Some valid samples that follow one another in memory. */
typedef struct cubn_span {
  int64_t begin;  /* the number of valid samples before */
  int64_t sample; /* the number of all samples before */
  int64_t memory; /* offset of its first element of the first channel */
} cubn_span;

/* Which samples of [n][c][s] are valid, as bits; every run begins with a word. */
typedef struct cubn_bits {
  const uint64_t *words;       /* NULL: there is a list */
  const int64_t *before;       /* [count + 1]: valid samples before each word */
  int64_t count, run_words;    /* words, and those of a run */
  bool keeps;                  /* what is not valid is left as it is, and not set to 0 */
  const cubn_kernels *kernels; /* that copy */
} cubn_bits;

/* The valid samples of a problem with padding, packed but for that. A span ends with a run. Where
 * spans are short, there are bits instead of a list. */
typedef struct cubn_spans {
  int64_t count;
  cubn_span *list; /* [count + 1], the last of which begins where all end */
  cubn_bits bits;
  /* Of columns in short spans that kernels take where they are: which of all samples are valid, as
   * bits. Else NULL. Then nobody has cleared the padding. */
  const uint64_t *row_words;
  int64_t c, s;  /* of the problem with padding */
  int64_t step;  /* elements of a channel's neighbor samples: 1, or c in columns */
  int64_t valid; /* samples, and all of them */
  int64_t samples;
  bool are_columns; /* [n][c], not [n][c][s] */
} cubn_spans;

/* Whether spans are short ones of rows: less than so many on average. */
static inline bool cubn_are_short(const cubn_spans *spans) {
  enum { SHORT_SPAN = 16 };
  return spans->valid < spans->count * SHORT_SPAN;
}

/* More spans of valid samples are for the plain algorithm. */
#define CUBN_SPANS_MAX ((int64_t)1 << 16)
#define CUBN_SPANS_BYTES (((size_t)(CUBN_SPANS_MAX + 16) * sizeof(cubn_span) + 255) / 256 * 256)

/* Where the elements of an array are: axes, the slowest first, merged where memory allows it. */
typedef struct cubn_view {
  int rank;
  int64_t size[2 * CUBN_DIM_MAX];
  int64_t stride[2 * CUBN_DIM_MAX]; /* elements in memory from one index to the next */
  int64_t place[2 * CUBN_DIM_MAX];  /* places from one index to the next */
  const cubn_spans *spans;          /* instead of axes, or NULL */
} cubn_view;

/* A problem whose tensors are not packed, as the fast algorithms see it. */
typedef struct cubn_places {
  cubn_problem problem; /* what it would be if all tensors were packed in the order of x */
  cubn_view views[CUBN_VIEWS];
  cubn_spans spans; /* of a problem with padding */
} cubn_places;

/* Sets *packed to what a strided problem would be if its tensors were packed. Returns false if the
 * order of x is neither [n][c][s] nor [n][c]. */
bool cubn_order_problem(const cubn_problem *problem, cubn_problem *packed);

/* The problem itself if it is packed, else *packed; NULL if that cannot be. */
const cubn_problem *cubn_packed_problem(const cubn_problem *problem, cubn_problem *packed);

/* The problem itself if it is packed, else places->problem.
 * Sets the views if the problem is not packed. The order must be one of the two. */
const cubn_problem *cubn_set_places(const cubn_problem *problem, cubn_places *places);

/* The arrays whose values of one channel are not neighbors in memory, bits 1 << cubn_array, of a
 * problem with runs of x. Other tensors than x only. */
unsigned cubn_spread_arrays(const cubn_problem *problem);

/* The offset in memory of the element at `place`. `*count` becomes the number of elements from it
 * on that follow one another at the distance of the last axis. */
int64_t cubn_view_offset(const cubn_view *view, int64_t place, int64_t *count);

/* A place, and those that follow it in its span and in memory. */
typedef struct cubn_span_place {
  int64_t index, base; /* of the span; offset of the channel */
  int64_t offset, count;
} cubn_span_place;

cubn_span_place cubn_find_span(const cubn_spans *spans, int64_t place);
/* The place after the last one of this span. */
cubn_span_place cubn_next_span(const cubn_spans *spans, cubn_span_place at);

#endif /* CUBN_CPU_FAST_PLACES_H */
