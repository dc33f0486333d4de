/* Rows shared among workers, in two passes: sums, then the output, from the last row to the first
 * so that the rows that were read last are still in the cache. The problem alone decides how rows
 * are divided into chunks, and the sums of chunks are added in their order. */
#include <string.h>

#include "core/check.h"
#include "cpu/common/arith.h"
#include "cpu/fast/passes.h"
#include "cpu/fast/pivots.h"
#include "cpu/grid/masked.h"
#include "cpu/grid/shape.h"

/* Columns whose sums a worker adds at a time. */
enum { ADDED_COLUMNS = 512 };
/* Bytes of rows that are processed in order while the rows as a whole go in reverse. */
enum { REVERSE_BYTES = 1 << 18 };

typedef struct shared_work {
  const cubn_call *call;
  cubn_grid_shape shape;
  cubn_channels channels;
  cubn_grid_coefficients coef;
  double *partials; /* [chunks][sums][padded] */
  bool nontemporal; /* the output is written with non-temporal stores */
  bool in_order;    /* see cubn_grid */
} shared_work;

/* Some rows of the slice. */
static cubn_grid make_rows(const shared_work *work, int64_t rows) {
  const int64_t fold = work->shape.pattern.times, s = work->call->problem->s;
  return (cubn_grid){rows, work->channels.count * s * fold, work->call->problem->c * s * fold,
                     work->in_order, work->in_order && work->call->prefetches};
}

static int64_t get_offset(const shared_work *work, int64_t row) {
  const cubn_problem *problem = work->call->problem;
  return (row * work->shape.pattern.times * problem->c + work->channels.first) * problem->s;
}

/* The rows of the problem that are left over, as one shorter row. They belong to the last chunk. */
static cubn_grid make_tail(const shared_work *work) {
  const int64_t width = work->shape.tail * work->channels.count * work->call->problem->s;
  return (cubn_grid){.rows = 1, .width = width, .stride = width};
}

static void sum_rows(const shared_work *work, int64_t row, cubn_grid grid, double *sums) {
  const cubn_grid_operand summed = {get_offset(work, row), &work->coef};
  (cubn_has_row_bits(work->call) ? cubn_grid_sum_masked : cubn_grid_sum)(work->call, grid, summed,
                                                                         sums, work->shape.padded);
}

static void write_rows(const shared_work *work, int64_t row, cubn_grid grid, bool nontemporal) {
  const cubn_grid_operand written = {get_offset(work, row), &work->coef};
  const bool masked = cubn_has_row_bits(work->call);
  if (work->channels.any_exceptional && masked)
    cubn_grid_write_mixed_masked(work->call, grid, written, &work->channels);
  else if (masked)
    cubn_grid_write_masked(work->call, grid, written);
  else if (work->channels.any_exceptional)
    cubn_grid_write_mixed(work->call, grid, written, &work->channels);
  else
    cubn_grid_write(work->call, grid, written, nontemporal);
}

/* The work of one worker, whose call has a stage if the tensors are not packed. */
static const shared_work *get_work(const shared_work *work, int64_t worker, cubn_call *call,
                                   shared_work *copy) {
  if (!work->call->places) return work;
  *copy = *work;
  copy->call = cubn_call_of_worker(work->call, worker, call);
  return copy;
}

static void sum_chunk(const shared_work *work, int64_t chunk) {
  const cubn_grid_shape *shape = &work->shape;
  double *const sums = work->partials + chunk * work->call->sums * shape->padded;
  const int64_t row = chunk * shape->chunk_rows;
  const cubn_grid grid = make_rows(work, cubn_min(shape->chunk_rows, shape->rows - row));
  memset(sums, 0, (size_t)(work->call->sums * shape->padded) * sizeof *sums);
  sum_rows(work, row, grid, sums);
  if (shape->tail && chunk + 1 == shape->chunks) sum_rows(work, shape->rows, make_tail(work), sums);
}

static void sums_task(void *context, int64_t worker, cubn_items *chunks) {
  cubn_call call;
  shared_work copy;
  const shared_work *work = get_work(context, worker, &call, &copy);
  for (int64_t chunk, end; cubn_claim(chunks, &chunk, &end);)
    for (; chunk < end; ++chunk) sum_chunk(work, chunk);
}

/* Adds the chunks' sums for columns first .. end - 1 into those of the first chunk. */
static void add_columns(const shared_work *work, int64_t first, int64_t end) {
  const int64_t padded = work->shape.padded, chunk_sums = work->call->sums * padded;
  for (int64_t chunk = 1; chunk < work->shape.chunks; ++chunk)
    for (int k = 0; k < work->call->sums; ++k) {
      double *const to = work->partials + k * padded;
      const double *const from = to + chunk * chunk_sums;
      for (int64_t j = first; j < end; ++j) to[j] += from[j];
    }
}

static void add_chunks_task(void *context, int64_t worker, cubn_items *columns) {
  (void)worker;
  for (int64_t first, end; cubn_claim(columns, &first, &end);) add_columns(context, first, end);
}

/* Forms the sums of the slice's channels. */
static void form_sums(shared_work *work) {
  const cubn_call *call = work->call;
  cubn_grid_set_sum_coef(call, &work->channels, work->shape.pattern, &work->coef);
  cubn_share(call->device, call->threads, work->shape.chunks, 1, sums_task, work);
  const int64_t columns = make_rows(work, 1).width;
  const int64_t additions = columns * work->shape.chunks * call->sums;
  const int64_t adders = additions < 2 * CUBN_CHUNK_VALUES ? 1 : call->threads;
  cubn_share(call->device, adders, columns, adders == 1 ? columns : ADDED_COLUMNS, add_chunks_task,
             work);
  for (int k = 0; k < call->sums; ++k)
    cubn_grid_fold(work->partials + k * work->shape.padded, work->channels.count,
                   work->shape.pattern, work->channels.sums[k]);
}

/* Forms the sums, and those of some channels again if they need it. Folded rows have all channels,
 * other rows are narrowed to the ones that matter. */
static void form_final_sums(shared_work *work) {
  cubn_channels part;
  form_sums(work);
  while (cubn_fast_sum_again(work->call, &work->channels, &part)) {
    shared_work again = *work;
    const bool is_narrow = work->shape.pattern.times == 1 && part.count < work->channels.count;
    if (is_narrow) {
      again.channels = part;
      again.in_order = false;
    }
    form_sums(&again);
  }
}

/* Writes the rows of a chunk: batches of rows, from the last one to the first. */
static void write_chunk(const shared_work *work, int64_t chunk) {
  const cubn_grid_shape *shape = &work->shape;
  const cubn_grid row = make_rows(work, 1);
  const int64_t batch = cubn_at_least_1(REVERSE_BYTES / (row.width * work->call->element_bytes));
  if (shape->tail && chunk + 1 == shape->chunks)
    write_rows(work, shape->rows, make_tail(work), false);
  const int64_t begin = chunk * shape->chunk_rows;
  for (int64_t until = cubn_min(begin + shape->chunk_rows, shape->rows); until > begin;) {
    const int64_t rows = cubn_min(batch, until - begin);
    until -= rows;
    write_rows(work, until, make_rows(work, rows), work->nontemporal);
  }
}

/* Chunks go in reverse, too. */
static void output_task(void *context, int64_t worker, cubn_items *chunks) {
  cubn_call call;
  shared_work copy;
  const shared_work *work = get_work(context, worker, &call, &copy);
  for (int64_t index, end; cubn_claim(chunks, &index, &end);)
    for (; index < end; ++index) write_chunk(work, chunks->count - 1 - index);
  if (work->nontemporal) work->call->kernels->fence();
}

/* Backward: computes statistics in a pass of their own. */
static void find_moments(shared_work *work) {
  const cubn_call *const call = work->call, moments = cubn_call_of_moments(call);
  work->call = &moments;
  form_final_sums(work);
  work->call = call;
  cubn_fast_finish_moments(call, &work->channels);
}

static void run_slice(shared_work *work, int64_t first) {
  const cubn_call *call = work->call;
  const int64_t chunks = work->shape.chunks;
  cubn_fast_begin(call, first, cubn_min(work->shape.slice_channels, call->problem->c - first),
                  &work->channels);
  if (cubn_begins_with_moments(call)) find_moments(work);
  if (call->sums) {
    form_final_sums(work);
    cubn_fast_finish(call, &work->channels);
  }
  if (!call->writes) return;
  cubn_grid_set_output_coef(call, &work->channels, work->shape.pattern, &work->coef);
  work->nontemporal =
      cubn_grid_can_store_nontemporal(call, get_offset(work, 0), make_rows(work, 1).stride);
  cubn_share(call->device, call->threads, chunks, 1, output_task, work);
}

cubnStatus_t cubn_grid_run_shared(const cubn_call *call) {
  shared_work work = {.call = call};
  const cubn_problem problem =
      cubn_has_row_bits(call) ? cubn_grid_with_padding(call) : *call->problem;
  work.shape = cubn_choose_grid_shape(&problem);
  CUBN_TRY(cubn_check_workspace(call->args, cubn_grid_shape_bytes(&work.shape), __func__));
  double *const memory = call->args->workspace;
  const int64_t padded = work.shape.padded;
  cubn_grid_place(&work.coef, memory, padded);
  cubn_channels_place(&work.channels, memory + CUBN_GRID_ARRAYS * padded, padded);
  work.partials = memory + CUBN_SLICE_ARRAYS * padded;
  work.in_order = !call->fits_l2 && work.shape.slice_channels == call->problem->c;
  for (int64_t first = 0; first < call->problem->c; first += work.shape.slice_channels)
    run_slice(&work, first);
  return CUBN_STATUS_SUCCESS;
}
