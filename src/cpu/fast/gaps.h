/* Kernels on tensors that are not packed: they run on windows, see window.h. Their results have the
 * bits of packed tensors. */
#ifndef CUBN_CPU_FAST_GAPS_H
#define CUBN_CPU_FAST_GAPS_H

#include "cpu/fast/call.h"
#include "cpu/fast/transfer.h"

/* Values of a run after which kernels have added all to doubles, on every target: a run of sums may
 * be divided there; and where long spans of valid elements end, as those depend on the problem
 * alone. */
enum { CUBN_RUN_UNIT = 28 * 64 };

static inline int64_t cubn_run_unit(const cubn_call *call) {
  return cubn_has_long_spans(call) ? 1 : CUBN_RUN_UNIT;
}

/* The same of rows of a grid. */
static inline int64_t cubn_row_unit(const cubn_call *call) {
  return cubn_has_spans(call) && !cubn_has_short_spans(call) ? 1 : CUBN_GRID_GROUP_ROWS;
}

/* Adds the sums of one run, or of CUBN_INTERLEAVE runs. The values so many places further on are
 * prefetched meanwhile; 0 prefetches nothing. */
void cubn_gaps_run_sums(const cubn_call *call, const cubn_window *runs,
                        const cubn_coefficients *coef, int64_t prefetch_distance, double *sums);

/* Sets the pointers and distances of one run or of CUBN_INTERLEAVE runs that lie in memory as the
 * kernel wants them; false if they do not. The prefetch distance is given in places. */
bool cubn_gaps_map_input(const cubn_call *call, const cubn_window *runs, cubn_run_input *in);
bool cubn_gaps_map_output(const cubn_call *call, const cubn_window *runs, cubn_run_output *out);

/* Writes the output of `count` values of one run. */
void cubn_gaps_run_output(const cubn_call *call, int64_t offset, int64_t count,
                          const cubn_coefficients *coef);

void cubn_gaps_grid_sums(const cubn_call *call, const cubn_window *grid,
                         const cubn_grid_coefficients *coef, double *sums, int64_t sum_stride);
void cubn_gaps_grid_output(const cubn_call *call, const cubn_window *grid,
                           const cubn_grid_coefficients *coef);

/* Runs a fused kernel, for sums unless these are NULL. `fused` is as it would be if all arrays were
 * packed: those that it names are mapped. */
void cubn_gaps_fused(const cubn_call *call, const cubn_fused *fused, int64_t offset, double *sums,
                     int64_t sum_stride);

/* Where the output of this place is, if the values of a run are neighbors in memory; else NULL. */
const void *cubn_gaps_output_at(const cubn_call *call, int64_t place);

/* Converts the elements of a patch of places, as cubn_conversion does. */
void cubn_gaps_load(const cubn_call *call, cubn_array array, cubn_patch patch, double *to);
void cubn_gaps_store(const cubn_call *call, cubn_array array, cubn_patch patch, const double *from);

/* Converts the elements of a patch of places; packed ones are at `tensor`. */
static inline void cubn_load_elements(const cubn_call *call, cubn_array array, const void *tensor,
                                      cubn_patch patch, double *to) {
  if (call->places)
    cubn_gaps_load(call, array, patch, to);
  else
    call->type->load(tensor, patch, to);
}

static inline void cubn_store_elements(const cubn_call *call, cubn_array array, const double *from,
                                       cubn_patch patch, void *tensor) {
  if (call->places)
    cubn_gaps_store(call, array, patch, from);
  else
    call->type->store(from, patch, tensor);
}

#endif /* CUBN_CPU_FAST_GAPS_H */
