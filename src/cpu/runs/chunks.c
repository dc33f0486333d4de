/* Cuts runs, and steps over chunks of them. */
#include "cpu/runs/chunks.h"

#include <string.h>

#include "cpu/runs/segment.h"

/* Values of a chunk, unless there would be too many chunks. */
enum { CHUNK_VALUES = 16384, CHUNKS_MAX = 2048, PIECE_UNIT = 1024 };
/* Values to be summed are fetched so far ahead, in whole segments. */
enum { PREFETCH_BYTES = 8000 };
enum { SUMS_LANES = CUBN_RUN_SUMS_MAX * CUBN_RUN_LANES_MAX, INTERLEAVE = CUBN_INTERLEAVE };
/* A single run is worked on in several places at once if it has so many values; the places are a
 * multiple of the unit apart. */
enum { QUARTERED_MIN = 2048, QUARTER_UNIT = 64 };

static int64_t divide_up(int64_t a, int64_t b) {
  return a / b + (a % b != 0);
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

cubn_run_partition cubn_partition_runs(const cubn_problem *problem) {
  const int64_t s = problem->s, count = cubn_count(problem);
  int64_t values = divide_up(count, CHUNKS_MAX);
  if (values < CHUNK_VALUES) values = CHUNK_VALUES;
  cubn_run_partition partition = {.runs = INTERLEAVE, .pieces = 1, .piece_values = s};
  if (s < 2 * values) {
    if (values / s > INTERLEAVE) partition.runs = values / s / INTERLEAVE * INTERLEAVE;
  } else {
    partition.runs = 1;
    partition.piece_values = (divide_up(values, PIECE_UNIT) | 1) * PIECE_UNIT;
    partition.pieces = divide_up(s, partition.piece_values);
  }
  partition.chunks = divide_up(problem->n, partition.runs) * partition.pieces;
  return partition;
}

/* Adds up the lanes in a fixed tree. */
static double fold_lanes(const double *values, int lanes) {
  double sums[CUBN_RUN_LANES_MAX];
  memcpy(sums, values, (size_t)lanes * sizeof *sums);
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) sums[l] += sums[l + half];
  return sums[0];
}

/* From a segment to the one that is summed some segments after it. */
typedef struct lookahead {
  int64_t images, channels; /* as many, but for the end of a row of channels */
} lookahead;

static lookahead choose_prefetch_step(const cubn_call *call, const cubn_block *next, int64_t runs,
                                      int64_t values) {
  const int64_t segments = divide_up(PREFETCH_BYTES, runs * values * call->element_bytes);
  const int64_t channels = next->channels.count;
  return (lookahead){segments / channels * runs, segments % channels};
}

/* After the block's last image comes the next block, which is as wide. */
static int64_t prefetch_distance_of(const cubn_call *call, lookahead by, int64_t run,
                                    const cubn_block *next, const cubn_segment *at) {
  const int64_t s = call->problem->s, channels = next->channels.count;
  int64_t image = run + by.images, channel = at->channel + by.channels;
  if (channel >= channels) {
    channel -= channels;
    image += at->runs;
  }
  if (image >= call->problem->n) {
    image -= call->problem->n;
    channel += channels;
  }
  return ((image - run) * call->problem->c + channel - at->channel) * s - at->begin;
}

/* One run, in several pieces at a time if it is long; and what is left over. */
static void step_run(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                     const cubn_segment *at, double *lanes) {
  const int64_t quarter = at->count / INTERLEAVE / QUARTER_UNIT * QUARTER_UNIT;
  if (call->has_epilogue || at->count < QUARTERED_MIN) {
    cubn_segment_step(call, current, next, at, lanes);
    return;
  }
  cubn_segment part = *at;
  part.runs = INTERLEAVE;
  part.stride = part.count = quarter;
  cubn_segment_step(call, current, next, &part, lanes);
  part = *at;
  part.begin += INTERLEAVE * quarter;
  part.current += INTERLEAVE * quarter;
  part.next += INTERLEAVE * quarter;
  part.count -= INTERLEAVE * quarter;
  if (part.count > 0) cubn_segment_step(call, current, next, &part, lanes);
}

/* What a chunk has of some images. */
typedef struct stretch {
  int64_t run, runs, begin, count;
  bool ends; /* with the run */
} stretch;

static void step_images(const cubn_call *call, const stretch *of, const cubn_block *current,
                        const cubn_block *next, double lanes[][SUMS_LANES]) {
  const cubn_problem *problem = call->problem;
  const int64_t summed = next ? next->channels.count : 0;
  const int64_t written = current ? current->channels.count : 0;
  lookahead by = {0};
  if (next && of->ends && call->prefetches)
    by = choose_prefetch_step(call, next, of->runs, of->count);
  for (int64_t j = 0; j < (summed > written ? summed : written); ++j) {
    const int64_t base = of->run * problem->c + j;
    cubn_segment at = {.count = of->count,
                       .runs = of->runs,
                       .stride = problem->c * problem->s,
                       .channel = j,
                       .begin = of->begin};
    if (j < written) at.current = (base + current->channels.first) * problem->s + of->begin;
    if (j < summed) at.next = (base + next->channels.first) * problem->s + of->begin;
    if (j < summed && call->prefetches)
      at.prefetch_distance =
          of->ends ? prefetch_distance_of(call, by, of->run, next, &at) : of->count;
    (of->runs == 1 ? step_run : cubn_segment_step)(call, j < written ? current : NULL,
                                                   j < summed ? next : NULL, &at, lanes[j]);
  }
}

void cubn_block_step(const cubn_call *call, const cubn_run_partition *partition, int64_t chunk,
                     const cubn_block *current, const cubn_block *next, cubn_chunk_sums *sums) {
  double lanes[CUBN_BLOCK_CHANNELS_MAX][SUMS_LANES];
  const cubn_problem *problem = call->problem;
  const int64_t summed = next ? next->channels.count : 0;
  const int64_t first_run = chunk / partition->pieces * partition->runs;
  const int64_t runs = smaller(partition->runs, problem->n - first_run);
  stretch of = {.run = first_run, .begin = chunk % partition->pieces * partition->piece_values};
  of.count = smaller(partition->piece_values, problem->s - of.begin);
  of.ends = of.begin + of.count == problem->s;
  memset(lanes, 0, (size_t)summed * sizeof *lanes);
  for (; of.run < first_run + runs; of.run += of.runs) {
    of.runs = first_run + runs - of.run >= INTERLEAVE ? INTERLEAVE : 1;
    step_images(call, &of, current, next, lanes);
  }
  for (int k = 0; k < call->sums; ++k)
    for (int64_t j = 0; j < summed; ++j)
      sums->of[k][j] = fold_lanes(lanes[j] + k * call->kernels->lanes, call->kernels->lanes);
}
