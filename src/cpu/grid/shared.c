/* Rows shared among threads, in two passes: sums, then the output, from the last row to the first
 * so that what was read last is still in the cache. Rows are cut into chunks by the problem alone,
 * and the sums of chunks are added in their order. */
#include <string.h>

#include "cpu/grid/grid.h"

/* Values of a chunk, unless there would be too many; and the least that is worth a thread. */
enum { CHUNK_VALUES = 16384, CHUNKS_MAX = 64 };
/* The sums of all chunks and this many arrays of a slice have room in so many bytes: a limit of the
 * number of chunks, which shows in the bits of results. */
enum { CHUNKS_BYTES = 4 << 20, CHUNKS_ARRAYS = 14 };
/* Folded rows have at least so many columns; wider matrices are not folded. */
enum { FOLDED_COLUMNS = 64, FOLD_COLUMNS_BELOW = 512 };
/* Bytes of rows that are visited in order when rows are visited in reverse. */
enum { REVERSE_BYTES = 1 << 18 };

enum { KEPT_ARRAYS = CUBN_GRID_ARRAYS + CUBN_CHANNEL_ARRAYS };
_Static_assert(CHUNKS_BYTES + (KEPT_ARRAYS - CHUNKS_ARRAYS) * sizeof(double) *
                                  (CUBN_SLICE_COLUMNS_MAX + 2 * CUBN_GRID_PADDING) <=
                   CUBN_CPU_WORKSPACE_BYTES,
               "a slice fits in the workspace");

/* The matrix, a slice of channels wide. */
typedef struct shape {
  cubn_pattern pattern;
  int64_t rows, left;     /* whole rows, and rows of the problem that are left over */
  int64_t slice_channels; /* of all slices but the last */
  int64_t padded;         /* columns of a slice, with padding */
  int64_t chunks, chunk_rows;
} shape;

typedef struct shared_work {
  const cubn_call *call;
  shape shape;
  cubn_channels channels;
  cubn_grid_coefficients coefficients;
  double *partials; /* [chunks][sums][padded] */
  bool nontemporal, in_order;
} shared_work;

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b) {
  return a / b + (a % b != 0);
}

/* Rows that become one. */
static int64_t choose_fold(const cubn_problem *problem) {
  const int64_t columns = problem->c * problem->s;
  int64_t fold = 1;
  if (columns >= FOLD_COLUMNS_BELOW) return 1;
  while ((fold * columns < FOLDED_COLUMNS || fold * columns % CUBN_GRID_PADDING) &&
         2 * fold <= problem->n && fold < FOLDED_COLUMNS)
    fold *= 2;
  return fold;
}

static shape choose_shape(const cubn_problem *problem) {
  shape it = {.pattern = {problem->s, choose_fold(problem)}};
  it.rows = problem->n / it.pattern.times;
  it.left = problem->n % it.pattern.times;
  it.slice_channels = smaller(problem->c, CUBN_SLICE_COLUMNS_MAX / problem->s);
  const int64_t columns = it.slice_channels * problem->s * it.pattern.times;
  it.padded = divide_up(columns, CUBN_GRID_PADDING) * CUBN_GRID_PADDING + CUBN_GRID_PADDING;
  const int64_t kept = CHUNKS_ARRAYS * it.padded * (int64_t)sizeof(double);
  const int64_t chunk_bytes = CUBN_RUN_SUMS_MAX * it.padded * (int64_t)sizeof(double);
  const int64_t room = (CHUNKS_BYTES - kept) / chunk_bytes;
  int64_t chunks = smaller(room, smaller(CHUNKS_MAX, it.rows * columns / CHUNK_VALUES));
  if (chunks < 1) chunks = 1;
  /* Chunks of whole groups of rows: see GROUP_ROWS of the kernels. */
  it.chunk_rows = divide_up(divide_up(it.rows, chunks), 32) * 32;
  it.chunks = it.rows > 0 ? divide_up(it.rows, it.chunk_rows) : 1;
  return it;
}

size_t cubn_grid_shared_workspace_bytes(const cubn_problem *problem) {
  const shape it = choose_shape(problem);
  const int64_t arrays = KEPT_ARRAYS + CUBN_RUN_SUMS_MAX * it.chunks;
  return (size_t)(arrays * it.padded) * sizeof(double);
}

/* Some rows of the slice; what is left over, if it lies in the last chunk, is a row of its own. */
static cubn_grid rows_of(const shared_work *work, int64_t rows) {
  const int64_t fold = work->shape.pattern.times, s = work->call->problem->s;
  return (cubn_grid){rows, work->channels.count * s * fold, work->call->problem->c * s * fold,
                     work->in_order};
}

static int64_t offset_of(const shared_work *work, int64_t row) {
  const cubn_problem *problem = work->call->problem;
  return (row * work->shape.pattern.times * problem->c + work->channels.first) * problem->s;
}

static cubn_grid rows_left_over(const shared_work *work) {
  const int64_t width = work->shape.left * work->channels.count * work->call->problem->s;
  return (cubn_grid){1, width, width, false};
}

static void sum_rows(const shared_work *work, int64_t row, cubn_grid grid, double *sums) {
  const cubn_grid_part part = {offset_of(work, row), &work->coefficients};
  cubn_grid_sum(work->call, grid, part, sums, work->shape.padded);
}

static void put_rows(const shared_work *work, int64_t row, cubn_grid grid, bool nontemporal) {
  const cubn_grid_part part = {offset_of(work, row), &work->coefficients};
  if (work->channels.any_needs_double)
    cubn_grid_output_mixed(work->call, grid, part, &work->channels);
  else
    cubn_grid_output_part(work->call, grid, part, nontemporal);
}

static void sums_task(void *context, int64_t worker, int64_t first, int64_t end) {
  const shared_work *work = context;
  const shape *shape = &work->shape;
  (void)worker;
  for (int64_t chunk = first; chunk < end; ++chunk) {
    double *const sums = work->partials + chunk * work->call->sums * shape->padded;
    const int64_t row = chunk * shape->chunk_rows;
    const cubn_grid grid = rows_of(work, smaller(shape->chunk_rows, shape->rows - row));
    memset(sums, 0, (size_t)(work->call->sums * shape->padded) * sizeof *sums);
    sum_rows(work, row, grid, sums);
    if (shape->left && chunk + 1 == shape->chunks)
      sum_rows(work, shape->rows, rows_left_over(work), sums);
  }
}

/* Adds the chunks' sums for columns first .. end - 1 into those of the first chunk. */
static void add_chunks_task(void *context, int64_t worker, int64_t first, int64_t end) {
  const shared_work *work = context;
  const int64_t padded = work->shape.padded, chunk_sums = work->call->sums * padded;
  (void)worker;
  for (int64_t chunk = 1; chunk < work->shape.chunks; ++chunk)
    for (int k = 0; k < work->call->sums; ++k) {
      double *const to = work->partials + k * padded;
      const double *const from = to + chunk * chunk_sums;
      for (int64_t j = first; j < end; ++j) to[j] += from[j];
    }
}

/* Forms the sums of the slice's channels. */
static void form_sums(shared_work *work) {
  const cubn_call *call = work->call;
  cubn_grid_spread_begin(call, &work->channels, work->shape.pattern, &work->coefficients);
  cubn_for_ranges(call->threads, work->shape.chunks, sums_task, work);
  const int64_t columns = rows_of(work, 1).width;
  const int64_t additions = columns * work->shape.chunks * call->sums;
  cubn_for_ranges(additions < 2 * CHUNK_VALUES ? 1 : call->threads, columns, add_chunks_task, work);
  for (int k = 0; k < call->sums; ++k)
    cubn_grid_fold(work->partials + k * work->shape.padded, work->channels.count,
                   work->shape.pattern, 0, work->channels.count, work->channels.sums[k]);
}

/* Rows of chunks first .. end - 1, stretches of them in reverse. */
static void output_task(void *context, int64_t worker, int64_t first, int64_t end) {
  const shared_work *work = context;
  const shape *shape = &work->shape;
  const cubn_grid row = rows_of(work, 1);
  int64_t stretch = REVERSE_BYTES / (row.width * work->call->element_bytes);
  if (stretch < 1) stretch = 1;
  (void)worker;
  if (shape->left && end == shape->chunks) put_rows(work, shape->rows, rows_left_over(work), false);
  const int64_t begin = first * shape->chunk_rows;
  for (int64_t until = smaller(end * shape->chunk_rows, shape->rows); until > begin;) {
    const int64_t rows = smaller(stretch, until - begin);
    until -= rows;
    put_rows(work, until, rows_of(work, rows), work->nontemporal);
  }
  if (work->nontemporal) work->call->kernels->fence();
}

static bool can_store_nontemporal(const shared_work *work) {
  const cubn_call *call = work->call;
  const uintptr_t bytes = (uintptr_t)call->kernels->store_bytes;
  const int64_t row_bytes = rows_of(work, 1).stride * call->element_bytes;
  return call->nontemporal && (uintptr_t)cubn_output_at(call, offset_of(work, 0)) % bytes == 0 &&
         (uintptr_t)row_bytes % bytes == 0;
}

/* Statistics in backward: a pass of their own. */
static void find_moments(shared_work *work) {
  const cubn_call *const call = work->call, moments = cubn_call_of_moments(call);
  work->call = &moments;
  form_sums(work);
  work->call = call;
  cubn_fast_finish_moments(call, &work->channels);
}

static void run_slice(shared_work *work, int64_t first) {
  const cubn_call *call = work->call;
  const int64_t chunks = work->shape.chunks;
  cubn_fast_begin(call, first, smaller(work->shape.slice_channels, call->problem->c - first),
                  &work->channels);
  if (call->needs.moments && call->problem->pass == CUBN_PASS_BACKWARD) find_moments(work);
  if (call->sums) {
    form_sums(work);
    cubn_fast_finish(call, &work->channels);
  }
  if (!call->writes) return;
  cubn_grid_spread_output(call, &work->channels, work->shape.pattern, &work->coefficients);
  work->nontemporal = can_store_nontemporal(work);
  cubn_for_ranges(call->threads, chunks, output_task, work);
}

void cubn_grid_run_shared(const cubn_call *call) {
  shared_work work = {.call = call, .shape = choose_shape(call->problem)};
  double *const memory = call->args->workspace;
  const int64_t padded = work.shape.padded;
  cubn_grid_place(&work.coefficients, memory, padded);
  cubn_channels_place(&work.channels, memory + CUBN_GRID_ARRAYS * padded, padded);
  work.partials = memory + KEPT_ARRAYS * padded;
  work.in_order = !call->fits_l2 && work.shape.slice_channels == call->problem->c;
  for (int64_t first = 0; first < call->problem->c; first += work.shape.slice_channels)
    run_slice(&work, first);
}
