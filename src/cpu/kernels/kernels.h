/* The inner loops of the fast algorithms, for one target (instruction set) and one element type.
 *
 * A *run* is consecutive values of one channel. A *grid* is `rows` rows of `width` values whose
 * first values are `stride` elements apart; its statistics and coefficients are per column. They
 * are reals: double for f64, else float. Arrays of them are padded to CUBN_GRID_PADDING values.
 *
 *   sums of forward    x - pivot, (x - pivot)^2
 *   y                  (x - center) * gain + shift
 *   sums of backward   dy, dy * (x - center), x - center
 *   dx                 dy * gain + ((x - center) * slope + shift)
 *
 * Centers of 0 cost nothing, and without centers backward leaves out the last sum; fused kernels
 * make no such difference. A sum goes into a double after at most 32 additions of reals.
 *
 * Where values are so large or so small that squares or products would leave the range of reals,
 * sums and dx take (x - center) * prescale for x - center, and sums take dy * dy_prescale for dy.
 * Both factors are powers of two, so that nothing is rounded more often. They cost nothing where
 * all of them are 1. */
#ifndef CUBN_CPU_KERNELS_H
#define CUBN_CPU_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/kernels/coefficients.h"

/* What is summed: one run of `count` values, or CUBN_INTERLEAVE runs whose first values are
 * `stride` elements apart. The sums are those of backward if there is a dy; in forward the pivot is
 * the center. */
typedef struct cubn_run_input {
  const void *x, *dy;
  int64_t runs, stride, count;
  int64_t dy_stride; /* of dy, if it is another one: without output only. Else 0. */
  const cubn_coefficients *coef;
  /* Elements from a value to the one that is prefetched meanwhile; 0 prefetches nothing. */
  int64_t prefetch_distance;
  int64_t dy_distance; /* the same in dy, if there is a dy_stride */
} cubn_run_input;

/* The output of one run or of CUBN_INTERLEAVE runs: dx if there is a dy, else y. With non-temporal
 * stores, cache lines begin at the same values of all runs. */
typedef struct cubn_run_output {
  const void *x, *dy;
  void *output;
  int64_t runs, stride, count;
  const cubn_coefficients *coef;
  bool nontemporal;
} cubn_run_output;

/* The same of runs in parts of `count` values, with ordinary stores. */
typedef struct cubn_part_output {
  int64_t runs, parts, count;
  const void *x[CUBN_INTERLEAVE], *dy[CUBN_INTERLEAVE]; /* of each run */
  void *output[CUBN_INTERLEAVE];
  int64_t x_stride, dy_stride, output_stride; /* from part to part */
  int64_t x_ahead, dy_ahead, output_ahead;    /* elements from a value to the one prefetched */
  const cubn_coefficients *coef;
} cubn_part_output;

/* What is summed of one run or of CUBN_INTERLEAVE runs in parts of at least CUBN_GRID_PADDING
 * values. The first values are the last `left` of a part. The coefficients are not prescaled. */
typedef struct cubn_part_input {
  int64_t runs, count, part, left; /* count: values of a run */
  const void *x[CUBN_INTERLEAVE], *dy[CUBN_INTERLEAVE];
  int64_t x_gap, dy_gap, x_ahead, dy_ahead; /* gaps: elements between two parts */
  const cubn_coefficients *coef;
} cubn_part_input;

/* cubn_coefficients, each as an array of reals per column. */
typedef struct cubn_grid_coefficients {
  /* Some center is not 0. Otherwise only fused kernels read the centers. */
  bool is_centered;
  bool is_prescaled; /* Some prescale or dy_prescale is not 1. Otherwise nobody reads them. */
  void *center, *prescale, *dy_prescale, *gain, *slope, *shift, *preact_gain, *preact_shift;
} cubn_grid_coefficients;

typedef struct cubn_grid {
  int64_t rows, width, stride;
  /* Rows are consecutive in memory and not in the caches. Kernels then take short rows one by one,
   * in memory order, which is fastest. The sums are the same. */
  bool in_order;
  /* In order, and so many that hardly any is in the caches: rows of a step are prefetched. */
  bool prefetches;
} cubn_grid;

/* What a grid is summed from: sum i of column j is added to sums[i * sum_stride + j]. The sums are
 * those of backward if there is a dy; in forward the pivots are the centers. */
typedef struct cubn_grid_input {
  const void *x, *dy;
  const cubn_grid_coefficients *coef;
  double *sums;
  int64_t sum_stride;
  int64_t dy_stride; /* of dy, if it is another one: without output only. Else 0. */
} cubn_grid_input;

/* The output of a grid: dx if there is a dy, else y. With non-temporal stores, the address of each
 * row is a multiple of store_bytes. */
typedef struct cubn_grid_output {
  const void *x, *dy;
  void *output;
  const cubn_grid_coefficients *coef;
  bool nontemporal;
  bool is_apart; /* The arrays have strides of their own. In grid_output only. */
  int64_t x_stride, dy_stride, output_stride;
} cubn_grid_output;

/* Smooth activations. Their derivative depends on p, not on a decision. */
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
 *   p   (x - center) * gain + shift, in backward with preact_gain and preact_shift; plus z
 *   y   alpha * activation(p) + beta * prior, where the activation is
 *         p > 0   p, but at most `ceiling`; NaN counts as positive if nan_passes
 *         else    coef * p if is_leaky, else 0
 *         or the smooth activation
 *   dp  dy where p passes, else coef * dy if is_leaky, else 0; or dy * smooth activation'(p)
 *   dx  dp * gain + ((x - center) * slope + shift) + beta * prior
 *
 * Every product and every sum on the way to p is rounded for itself, so that all targets compute
 * the same bits of p. */
typedef struct cubn_fusion {
  bool decides; /* There is an activation. */
  bool is_leaky, nan_passes;
  bool blends;        /* The output gets beta times its prior values. */
  double least, most; /* p passes if least <= p <= most. */
  double ceiling, coef, alpha, beta;
  cubn_smooth smooth;
  double swish_beta;
} cubn_fusion;

/* Elements from row to row of each array. */
typedef struct cubn_fused_strides {
  int64_t x, dy, z, output, dz, preact;
} cubn_fused_strides;

/* What a fused kernel works on: rows of values. A row belongs to one channel, or each of its
 * columns to a channel of its own. Arrays that are NULL are neither read nor written. */
typedef struct cubn_fused {
  int64_t rows, width, stride;
  const cubn_fused_strides *strides;     /* NULL if all are `stride`, as in sums of columns. */
  const cubn_coefficients *coef;         /* The channel's, or NULL if `columns` is given. */
  const cubn_grid_coefficients *columns; /* The columns', or NULL if `coef` is given. */
  const cubn_fusion *fusion;
  const void *x;   /* In backward NULL if neither p, dx nor a sum needs it. */
  bool dx_needs_x; /* Backward: dx depends on x. With frozen statistics it does not. */
  const void *dy;  /* NULL in forward. */
  const void *z;
  void *output; /* y, or dx. */
  void *dz;
  /* One bit per value, set where p passes: forward writes them, backward reads them. Without bits
   * and `preact`, backward computes p again. */
  uint8_t *bits;
  int64_t bits_stride; /* Bytes from the bits of a row to those of the next. */
  void *preact;        /* p, rounded to an element: forward writes it, backward reads it. */
  bool nontemporal;    /* Stores to `output` are non-temporal. */
  bool nontemporal_dz, nontemporal_preact; /* So are those to `dz` and `preact`. */
  /* Values that will be read next. Kernels prefetch as many of them as they work on. */
  const void *prefetch_x, *prefetch_dy, *prefetch_z;
} cubn_fused;

/* Bytes of bits that are written or read for so many values. */
#define CUBN_BITS_BYTES(values) (((values) + 7) / 8)

typedef struct cubn_fused_kernels {
  /* Computes the output of all rows. */
  void (*output)(const cubn_fused *fused);
  /* Adds the sums of backward, with dp in place of dy, of one row or of CUBN_INTERLEAVE rows. The
   * layout is that of run_sums in cubn_kernels. */
  void (*run_sums)(const cubn_fused *fused, double *sums);
  /* Whether run_joined has a loop for this output. The frequent combinations have one. */
  bool (*can_join)(const cubn_fused *written);
  /* Adds sums of CUBN_INTERLEAVE rows, of forward too, while it computes the output of as many
   * other rows of the same shape. The bits of `written` begin at the first bit of a byte, also
   * those of the first value in a cache line. */
  void (*run_joined)(const cubn_fused *summed, double *sums, const cubn_fused *written);
  /* Adds the sums of backward of columns. The layout is that of cubn_grid_input. */
  void (*grid_sums)(const cubn_fused *fused, double *sums, int64_t sum_stride);
} cubn_fused_kernels;

/* What `expand` writes where bits are not set: 0, 0 with non-temporal stores where vectors are
 * aligned, or nothing. */
typedef enum cubn_expand_mode {
  CUBN_EXPAND_ZERO,
  CUBN_EXPAND_NONTEMPORAL,
  CUBN_EXPAND_KEEP
} cubn_expand_mode;

/* See `compress` and `clear` below. */
#define CUBN_SCATTER_SLACK 16
#define CUBN_CLEAR_BYTES 128

typedef struct cubn_kernels {
  const char *target;
  int64_t store_bytes; /* Non-temporal stores need addresses that are multiples of this. */
  int64_t real_bytes;
  int lanes; /* Of the sums of a run: sum i of lane l is sums[i * lanes + l]. */

  /* Adds the sums of a run. `out`, if not NULL, is an output of the same shape, which is computed
   * at the same time; neither then is prescaled. */
  void (*run_sums)(const cubn_run_input *in, double *sums, const cubn_run_output *out);
  void (*run_output)(const cubn_run_output *out);
  /* The same of runs in parts: see cubn_part_input. Both are NULL in some tables. */
  void (*part_sums)(const cubn_part_input *in, double *sums);
  void (*part_output)(const cubn_part_output *out);

  /* Adds the sums of a grid. `out`, if not NULL, is an output of the same shape, which is computed
   * at the same time; neither then is prescaled. */
  void (*grid_sums)(cubn_grid grid, const cubn_grid_input *in, const cubn_grid_output *out);
  void (*grid_output)(cubn_grid grid, const cubn_grid_output *out);

  const cubn_fused_kernels *fused;

  /* to[t][c][i] = values[c], where i < each and t < times. */
  void (*spread)(const double *values, int64_t channels, int64_t each, int64_t times, void *to);
  /* Sets so many bytes, a multiple of CUBN_CLEAR_BYTES from a cache line on, to 0, without reading
   * them into the caches. */
  void (*clear)(void *to, int64_t bytes);
  /* After this, other threads see the non-temporal stores. */
  void (*fence)(void);
  /* Copies those of `count` elements whose bit is set, one after the other; bit i is bit i % 64 of
   * word i / 64. `expand` puts them back. Both return how many bits are set. The array of copies
   * has room for CUBN_SCATTER_SLACK elements more, which may be read and written. As many elements
   * from `ahead` on are prefetched meanwhile, unless it is NULL. */
  int64_t (*compress)(const void *from, const uint64_t *bits, int64_t count, void *to,
                      const void *ahead);
  int64_t (*expand)(const void *from, const uint64_t *bits, int64_t count, void *to,
                    cubn_expand_mode mode);
} cubn_kernels;

#endif /* CUBN_CPU_KERNELS_H */
