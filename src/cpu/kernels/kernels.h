/* The inner loops of the fast algorithms, for one target (instruction set) and one element type.
 *
 * A *run* is neighbouring values of one channel. A *grid* is `rows` rows of `width` values at a
 * distance of `stride`, with statistics and coefficients per column, as reals: double for f64, else
 * float; such arrays are padded to CUBN_GRID_PADDING values.
 *
 *   sums of forward    x - pivot, (x - pivot)^2
 *   y                  (x - center) * gain + shift
 *   sums of backward   dy, dy * (x - center), x - center
 *   dx                 dy * gain + ((x - center) * slope + shift)
 *
 * Where centers are 0 they cost nothing, and the last sum of backward is left out; not in fused
 * kernels. No more than 32 additions of reals follow one another: then a sum goes into a double. */
#ifndef CUBN_CPU_KERNELS_H
#define CUBN_CPU_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* Sums of a run are kept per lane until they are folded. */
#define CUBN_RUN_LANES_MAX 16
#define CUBN_RUN_SUMS_MAX 3
/* Runs that are worked on at the same time, or just one. */
#define CUBN_INTERLEAVE 4
#define CUBN_LINE_BYTES 64 /* of memory: streamed whole, if possible */
#define CUBN_GRID_PADDING 16
/* Rows of a grid that are summed before sums go into doubles. */
#define CUBN_GRID_GROUP_ROWS 32
/* Rows that are one behind the other in memory, not longer than this, are taken one by one: their sums
 * stay in the first cache, and memory is read fastest in its order. */
#define CUBN_GRID_ORDERED_COLUMNS 512
/* Columns of a grid that kernels sum at a time. */
#define CUBN_GRID_STRIPE 2048

/* inv_std is of no use to kernels: they have it in the slope (fast_center.c). */
typedef struct cubn_coefficients {
  double center, inv_std, gain, slope, shift;
  double preact_gain, preact_shift; /* of the input of an activation, in backward */
} cubn_coefficients;

/* What is summed: one run of `count` values, or CUBN_INTERLEAVE of them, `stride` values apart. The
 * sums are those of backward if there is a dy; in forward the pivot is the center. */
typedef struct cubn_run_input {
  const void *x, *dy;
  int64_t runs, stride, count;
  const cubn_coefficients *coef;
  int64_t
      prefetch_distance; /* elements from here to those that will be summed next, which are fetched; or 0 */
} cubn_run_input;

/* The output of one run or of several, as above: dx if there is a dy, else y. Streamed, lines of
 * memory begin at the same values of all of them. */
typedef struct cubn_run_output {
  const void *x, *dy;
  void *output;
  int64_t runs, stride, count;
  const cubn_coefficients *coef;
  bool nontemporal;
} cubn_run_output;

/* The same per column of a grid. */
typedef struct cubn_grid_coefficients {
  bool is_centered; /* otherwise all centers are 0, and only fused kernels read them */
  void *center, *gain, *slope, *shift, *preact_gain, *preact_shift;
} cubn_grid_coefficients;

typedef struct cubn_grid {
  int64_t rows, width, stride;
  /* Rows lie one behind the other in memory and not in the caches: narrow ones are taken one by one,
   * in the order of memory, in which it is read fastest. Sums are the same. */
  bool in_order;
} cubn_grid;

/* What a grid is summed from; sum i of column j is added to sums[i * sum_stride + j]. The sums are
 * those of backward if there is a dy; in forward the pivots are the centers. */
typedef struct cubn_grid_input {
  const void *x, *dy;
  const cubn_grid_coefficients *coef;
  double *sums;
  int64_t sum_stride;
} cubn_grid_input;

/* The output of a grid: dx if there is a dy, else y. Streamed, all rows begin where store_bytes
 * divides the address. */
typedef struct cubn_grid_output {
  const void *x, *dy;
  void *output;
  const cubn_grid_coefficients *coef;
  bool nontemporal;
} cubn_grid_output;

/* Smooth activations, which no decision makes. */
typedef enum cubn_smooth {
  CUBN_SMOOTH_NONE,
  CUBN_SMOOTH_ELU,
  CUBN_SMOOTH_SIGMOID,
  CUBN_SMOOTH_TANH,
  CUBN_SMOOTH_SWISH,
  CUBN_SMOOTH_GELU
} cubn_smooth;

/* What is fused with the normalization, the same for all values of a call.
 *
 *   p   (x - center) * gain + shift, in backward with the gain and shift of the input; + z
 *   y   alpha * activation(p) + beta * prior, the activation of what is
 *         positive      p, but at most `ceiling`; NaN too, if nan_passes
 *         not positive  coef * p if is_leaky, else 0
 *         or, if there is a curve, its value at p
 *   dp  dy where p passes, else coef * dy if is_leaky, else 0; or dy times the slope of the curve
 *   dx  dp * gain + ((x - center) * slope + shift) + beta * prior
 *
 * Every product and every sum on the way to p is rounded for itself: it has the same bits for all
 * targets. */
typedef struct cubn_fusion {
  bool decides; /* there is an activation */
  bool is_leaky, nan_passes;
  bool blends;
  double least, most; /* p passes from the one to the other */
  double ceiling, coef, alpha, beta;
  cubn_smooth smooth;
  double swish_beta;
} cubn_fusion;

/* Rows of values. Those of a row belong to one channel, or each to a channel of its own. */
typedef struct cubn_fused {
  int64_t rows, width, stride;
  const cubn_coefficients *coef; /* of the channel; NULL: ... */
  const cubn_grid_coefficients *columns;
  const cubn_fusion *fusion;
  const void *x;   /* backward: NULL if nothing needs it, ... */
  bool dx_needs_x; /* ... dx included */
  const void *dy;  /* NULL: forward */
  const void *z;
  void *output, *dz; /* those that are wanted */
  uint8_t *bits;     /* whether p passes: forward writes it, backward reads it; NULL: nobody, ... */
  bool recomputes;   /* ... or backward computes p again */
  int64_t bits_stride; /* bytes from row to row */
  void *input;         /* p, rounded to an element: forward writes it, backward reads it; or NULL */
  bool nontemporal, nontemporal_dz, nontemporal_preact;
  const void *prefetch_x, *prefetch_dy; /* as much of them will be read next */
  const void *prefetch_z;
} cubn_fused;

/* Bytes of bits that are written or read for so many values. */
#define CUBN_BITS_BYTES(values) (((values) + 7) / 8)

typedef struct cubn_fused_kernels {
  void (*output)(const cubn_fused *fused);
  /* Sums of backward, with dp for dy: of one row or of CUBN_INTERLEAVE, as the other run_sums, ... */
  void (*run_sums)(const cubn_fused *fused, double *sums);
  /* ... or those of forward too, while the output of other rows is computed, of the same shape, if
   * `joins` finds it frequent enough to have a loop for it. Its bits begin at the first bit of a byte
   * also after the values that lie before a line of memory. */
  bool (*joins)(const cubn_fused *out);
  void (*run_both)(const cubn_fused *in, double *sums, const cubn_fused *out);
  /* Sums of columns, as the other grid_sums. */
  void (*grid_sums)(const cubn_fused *fused, double *sums, int64_t sum_stride);
} cubn_fused_kernels;

typedef struct cubn_kernels {
  const char *target;
  int64_t store_bytes; /* outputs may be streamed if this divides their addresses */
  int64_t real_bytes;
  int lanes; /* of a run's sums: sum i of lane l is sums[i * lanes + l] */

  /* `out`, if not NULL, is an output of the same shape that is computed at the same time. */
  void (*run_sums)(const cubn_run_input *in, double *sums, const cubn_run_output *out);
  void (*run_output)(const cubn_run_output *out);

  /* `out`, if not NULL, is an output of the same shape that is computed at the same time. */
  void (*grid_sums)(cubn_grid grid, const cubn_grid_input *in, const cubn_grid_output *out);
  void (*grid_output)(cubn_grid grid, const cubn_grid_output *out);

  const cubn_fused_kernels *fused;

  /* to[t][c][i] = values[c], i < each, t < times */
  void (*spread)(const double *values, int64_t channels, int64_t each, int64_t times, void *to);
  /* Makes streamed stores visible to other threads. */
  void (*fence)(void);
} cubn_kernels;

#endif /* CUBN_CPU_KERNELS_H */
