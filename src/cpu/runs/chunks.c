/* Divides runs into chunks, and steps over the segments of a chunk. */
#include "cpu/runs/chunks.h"

#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/runs/mixed.h"
#include "cpu/runs/segment.h"

/* Values of a chunk, unless there would be too many chunks. Where a run is divided, the values of a
 * chunk are an odd multiple of the unit. */
enum { CHUNK_VALUES = 16384, CHUNKS_MAX = 2048, CHUNK_UNIT = 1024 };
/* Values to be summed are prefetched at this distance, rounded up to whole segments. */
enum { PREFETCH_BYTES = 8000 };
enum { SUMS_LANES = CUBN_RUN_SUMS_MAX * CUBN_RUN_LANES_MAX, INTERLEAVE = CUBN_INTERLEAVE };
/* A single run of so many values is interleaved with itself: its parts are a multiple of the
 * unit. */
enum { INTERLEAVED_MIN = 2048, INTERLEAVED_UNIT = 64 };

cubn_run_partition cubn_partition_runs(const cubn_problem *problem) {
  const int64_t s = problem->s, count = cubn_count(problem);
  const int64_t values = cubn_max(cubn_divide_up(count, CHUNKS_MAX), CHUNK_VALUES);
  cubn_run_partition partition = {.runs = INTERLEAVE, .run_chunks = 1, .chunk_values = s};
  if (s < 2 * values) {
    if (values / s > INTERLEAVE) partition.runs = values / s / INTERLEAVE * INTERLEAVE;
  } else {
    partition.runs = 1;
    partition.chunk_values = (cubn_divide_up(values, CHUNK_UNIT) | 1) * CHUNK_UNIT;
    partition.run_chunks = cubn_divide_up(s, partition.chunk_values);
  }
  partition.chunks = cubn_divide_up(problem->n, partition.runs) * partition.run_chunks;
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

/* What the segments of all channels have in common, in some images. */
typedef struct segment_shape {
  int64_t image, runs;  /* the first image, and the number of images: one run of each */
  int64_t begin, count; /* position in the run, and values of a run */
  bool ends_run;        /* the segment reaches the end of the run */
} segment_shape;

/* From a segment to the one that is summed some segments later. */
typedef struct prefetch_step {
  int64_t images, channels;
} prefetch_step;

static prefetch_step choose_prefetch_step(const cubn_call *call, const cubn_block *next,
                                          const segment_shape *shape) {
  const int64_t segment_bytes = shape->runs * shape->count * call->element_bytes;
  const int64_t segments = cubn_divide_up(PREFETCH_BYTES, segment_bytes);
  const int64_t channels = next->channels.count;
  return (prefetch_step){segments / channels * shape->runs, segments % channels};
}

/* The distance in elements. After the block's last image comes the next block, which is as wide. */
static int64_t get_prefetch_distance(const cubn_call *call, prefetch_step step,
                                     const segment_shape *shape, const cubn_block *next,
                                     int64_t channel) {
  const int64_t s = call->problem->s, channels = next->channels.count;
  int64_t next_image = shape->image + step.images, next_channel = channel + step.channels;
  if (next_channel >= channels) {
    next_channel -= channels;
    next_image += shape->runs;
  }
  if (next_image >= call->problem->n) {
    next_image -= call->problem->n;
    next_channel += channels;
  }
  return ((next_image - shape->image) * call->problem->c + next_channel - channel) * s -
         shape->begin;
}

/* Processes a segment of valid elements, span by span, each as if it were packed. The channels of
 * both blocks have the same spans. */
static void step_spans(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                       const cubn_segment *run, double *lanes) {
  const cubn_spans *spans = &call->places->spans;
  const cubn_call packed = cubn_call_of_spans(call);
  cubn_span_place written = {0}, summed = {0};
  cubn_segment part = *run;
  if (current) written = cubn_find_span(spans, run->current);
  if (next) summed = cubn_find_span(spans, run->next);
  for (int64_t done = 0; done < run->count; done += part.count) {
    part.current = written.offset;
    part.next = summed.offset;
    part.count = cubn_min(next ? summed.count : written.count, run->count - done);
    if (current) written = cubn_next_span(spans, written);
    if (next) summed = cubn_next_span(spans, summed);
    part.prefetch_distance = next && call->prefetches ? summed.offset - part.next : 0;
    cubn_segment_step(&packed, current, next, &part, lanes);
  }
}

/* Processes a segment of a single run. A long run is divided into parts that are processed
 * interleaved, and a tail. */
static void step_run(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                     const cubn_segment *run, double *lanes) {
  const int64_t count = run->count / INTERLEAVE / INTERLEAVED_UNIT * INTERLEAVED_UNIT;
  if (cubn_has_long_spans(call)) {
    step_spans(call, current, next, run, lanes);
    return;
  }
  const bool is_listed = cubn_has_spans(call) && !cubn_is_scattered(call);
  if (call->has_epilogue || is_listed || run->count < INTERLEAVED_MIN) {
    cubn_segment_step(call, current, next, run, lanes);
    return;
  }
  cubn_segment parts = *run;
  parts.runs = INTERLEAVE;
  parts.stride = parts.count = count;
  cubn_segment_step(call, current, next, &parts, lanes);
  cubn_segment tail = *run;
  tail.begin += INTERLEAVE * count;
  tail.current += INTERLEAVE * count;
  tail.next += INTERLEAVE * count;
  tail.count -= INTERLEAVE * count;
  if (tail.count > 0) cubn_segment_step(call, current, next, &tail, lanes);
}

/* The same for the segments of all channels, where some tensor is in another order than x. */
static void step_mixed(const cubn_call *call, const segment_shape *shape, const cubn_block *current,
                       const cubn_block *next, double lanes[][SUMS_LANES]) {
  const cubn_problem *problem = call->problem;
  const int64_t first = shape->image * problem->c * problem->s + shape->begin;
  const bool is_divided =
      shape->runs == 1 && !call->has_epilogue && shape->count >= INTERLEAVED_MIN;
  const int64_t part = shape->count / INTERLEAVE / INTERLEAVED_UNIT * INTERLEAVED_UNIT;
  cubn_mixed_step step = {current,
                          next,
                          {.count = shape->count,
                           .runs = shape->runs,
                           .stride = problem->c * problem->s,
                           .begin = shape->begin},
                          lanes[0],
                          SUMS_LANES};
  cubn_segment *const segment = &step.segment;
  if (current) segment->current = first + current->channels.first * problem->s;
  if (next) segment->next = first + next->channels.first * problem->s;
  if (is_divided) {
    segment->runs = INTERLEAVE;
    segment->stride = segment->count = part;
    cubn_step_mixed(call, &step);
    segment->runs = 1;
    segment->count = shape->count - INTERLEAVE * part;
    segment->begin += INTERLEAVE * part;
    segment->current += INTERLEAVE * part;
    segment->next += INTERLEAVE * part;
  }
  if (segment->count > 0) cubn_step_mixed(call, &step);
}

/* Processes the segments of all channels. A block has no segment for channels beyond its count. */
static void step_segments(const cubn_call *call, const segment_shape *shape,
                          const cubn_block *current, const cubn_block *next,
                          double lanes[][SUMS_LANES]) {
  const cubn_problem *problem = call->problem;
  const int64_t summed = next ? next->channels.count : 0;
  const int64_t written = current ? current->channels.count : 0;
  prefetch_step step = {0};
  if (next && shape->ends_run && call->prefetches) step = choose_prefetch_step(call, next, shape);
  for (int64_t j = 0; j < cubn_max(summed, written); ++j) {
    const cubn_block *const output_block = j < written ? current : NULL;
    const cubn_block *const sum_block = j < summed ? next : NULL;
    const int64_t run = shape->image * problem->c + j;
    cubn_segment segment = {.count = shape->count,
                            .runs = shape->runs,
                            .stride = problem->c * problem->s,
                            .channel = j,
                            .begin = shape->begin};
    if (output_block) segment.current = (run + current->channels.first) * problem->s + shape->begin;
    if (sum_block) segment.next = (run + next->channels.first) * problem->s + shape->begin;
    if (sum_block && call->prefetches)
      segment.prefetch_distance =
          shape->ends_run ? get_prefetch_distance(call, step, shape, next, j) : shape->count;
    if (shape->runs == 1)
      step_run(call, output_block, sum_block, &segment, lanes[j]);
    else
      cubn_segment_step(call, output_block, sum_block, &segment, lanes[j]);
  }
}

void cubn_chunk_step(const cubn_call *call, const cubn_run_partition *partition, int64_t chunk,
                     const cubn_block *current, const cubn_block *next, cubn_chunk_sums *sums) {
  double lanes[CUBN_BLOCK_CHANNELS_MAX][SUMS_LANES];
  const cubn_problem *problem = call->problem;
  const int64_t summed = next ? next->channels.count : 0;
  const int64_t first = chunk / partition->run_chunks * partition->runs;
  const int64_t end = cubn_min(first + partition->runs, problem->n);
  segment_shape shape = {.begin = chunk % partition->run_chunks * partition->chunk_values};
  shape.count = cubn_min(partition->chunk_values, problem->s - shape.begin);
  shape.ends_run = shape.begin + shape.count == problem->s;
  memset(lanes, 0, (size_t)summed * sizeof *lanes);
  for (shape.image = first; shape.image < end; shape.image += shape.runs) {
    shape.runs = end - shape.image >= INTERLEAVE ? INTERLEAVE : 1;
    if (call->spread)
      step_mixed(call, &shape, current, next, lanes);
    else
      step_segments(call, &shape, current, next, lanes);
  }
  for (int k = 0; k < call->sums; ++k)
    for (int64_t j = 0; j < summed; ++j)
      sums->values[k][j] = fold_lanes(lanes[j] + k * call->kernels->lanes, call->kernels->lanes);
}
