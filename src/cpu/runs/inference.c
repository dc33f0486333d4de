/* inference: packed [n][c][s] with long runs, y from given statistics. It computes the coefficients
 * of all channels, or of as many as fit, and then y in one pass, some images at a time. */
#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/long_runs.h"
#include "cpu/fast/parts.h"
#include "cpu/fast/passes.h"
#include "cpu/fast/settle.h"
#include "cpu/fast/squeeze.h"
#include "cpu/runs/segment.h"

/* Values of a run that one worker processes at a time, and of an epilogue in one kernel call. */
enum { SEGMENT_VALUES = 1 << 16, EPILOGUE_VALUES = CUBN_EPILOGUE_WIDTH_MAX };

/* With an epilogue: how far ahead x and z are prefetched. What follows a run in memory is the next
 * one that is read. */
enum { PREFETCH_BYTES = 2048 };

/* Values that a worker claims at a time. */
enum { CLAIM_VALUES = 1 << 15 };

typedef struct inference {
  cubn_call call;
  cubn_channels channels; /* the channels of the slice, in the workspace */
  int64_t segments;       /* segments of a run */
} inference;

/* Channels whose coefficients fit in the workspace. */
static int64_t slice_channels(const cubn_problem *problem) {
  const int64_t room = (int64_t)(CUBN_CPU_WORKSPACE_BYTES / sizeof(double) / CUBN_CHANNEL_ARRAYS);
  return cubn_min(problem->c, room);
}

static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) {
  cubn_problem packed;
  problem = cubn_packed_problem(problem, &packed);
  const size_t own = (size_t)slice_channels(problem) * CUBN_CHANNEL_ARRAYS * sizeof(double);
  if (!cubn_spread_arrays(problem)) return own;
  const size_t mixed = cubn_cpu_pipelined.workspace_bytes(device, problem);
  return own > mixed ? own : mixed;
}

/* With an epilogue: writes `count` values at `offset`, which begin at position `begin` of a run. */
static void write_epilogue(const cubn_call *call, int64_t offset, int64_t begin, int64_t count,
                           const cubn_coefficients *coef, bool is_nan) {
  const cubn_output_range range = cubn_get_output_range(call, offset, begin, count);
  for (int64_t first = range.first; first < range.end; first += EPILOGUE_VALUES) {
    const int64_t width = cubn_min(EPILOGUE_VALUES, range.end - first);
    const cubn_fused shape = {
        .rows = 1, .width = width, .coef = coef, .nontemporal = call->nontemporal && !is_nan};
    cubn_epilogue_output(call, &shape, offset + first);
    if (is_nan) cubn_settle_output(call, (cubn_patch){offset + first, 1, 0, width, 1});
  }
}

/* With an epilogue: writes the runs of a segment, CUBN_INTERLEAVE, at the same time. */
static void write_epilogue_of_runs(const cubn_call *call, const cubn_patch *segment,
                                   const cubn_coefficients *coef) {
  const cubn_args *const args = call->args;
  const int64_t ahead = segment->offset + PREFETCH_BYTES / call->element_bytes;
  cubn_fused shape = {.rows = segment->rows,
                      .width = segment->count,
                      .stride = segment->row_stride,
                      .coef = coef,
                      .nontemporal = call->nontemporal};
  if (call->prefetches) shape.prefetch_x = cubn_element_at(call, args->x, ahead);
  if (call->prefetches && call->problem->adds)
    shape.prefetch_z = cubn_element_at(call, args->z, ahead);
  cubn_epilogue_output(call, &shape, segment->offset);
}

/* Writes a segment of one channel: the values at `offset`, which begin at position `begin` of a
 * run, in as many images as the patch has rows. */
static void write_segment(const cubn_call *call, const cubn_channels *channels, int64_t channel,
                          cubn_patch segment, int64_t begin) {
  if (cubn_has_long_spans(call)) {
    const cubn_call packed = cubn_call_of_spans(call);
    cubn_span_place at = cubn_find_span(&call->places->spans, segment.offset);
    for (int64_t left = segment.count; left > 0; left -= segment.count) {
      segment.offset = at.offset;
      segment.count = cubn_min(at.count, left);
      write_segment(&packed, channels, channel, segment, begin);
      at = cubn_next_span(&call->places->spans, at);
    }
    return;
  }
  const cubn_coefficients coef = cubn_fast_coefficients(channels, channel);
  const int64_t offset = segment.offset, runs = segment.rows, stride = segment.row_stride;
  if (channels->needs_double[channel] != 0) {
    cubn_exact_output(call, segment, &coef);
    return;
  }
  const bool is_nan = channels->is_nan[channel] != 0;
  const bool can_interleave =
      runs == CUBN_INTERLEAVE && cubn_runs_share_alignment(call, runs, stride);
  if (is_nan && !call->has_epilogue) {
    cubn_settle_output(call, segment);
    return;
  }
  if (call->has_epilogue && !is_nan && can_interleave) {
    write_epilogue_of_runs(call, &segment, &coef);
    return;
  }
  if (call->has_epilogue) {
    for (int64_t r = 0; r < runs; ++r)
      write_epilogue(call, offset + r * stride, begin, segment.count, &coef, is_nan);
    return;
  }
  if (can_interleave) {
    cubn_run_output out = cubn_make_run_output(call, offset, segment.count, &coef);
    out.runs = runs;
    out.stride = stride;
    call->kernels->run_output(&out);
    return;
  }
  const cubn_window parts = {offset, runs, stride, segment.count};
  if (call->places && cubn_write_parts(call, &parts, &coef, 0)) return;
  for (int64_t r = 0; r < runs; ++r)
    cubn_write_run(call, offset + r * stride, segment.count, &coef);
}

/* Processes segments of the slice's runs, each in CUBN_INTERLEAVE images, or in the last few. */
static void write_segments(const inference *work, const cubn_call *call, int64_t first,
                           int64_t end) {
  const cubn_problem *problem = call->problem;
  const int64_t s = problem->s, channels = work->channels.count;
  for (int64_t index = first; index < end; ++index) {
    const int64_t run = index / work->segments, begin = index % work->segments * SEGMENT_VALUES;
    const int64_t image = run / channels * CUBN_INTERLEAVE, channel = run % channels;
    const int64_t first_run = image * problem->c + work->channels.first + channel;
    const cubn_patch segment = {.offset = first_run * s + begin,
                                .rows = cubn_min(CUBN_INTERLEAVE, problem->n - image),
                                .row_stride = problem->c * s,
                                .count = cubn_min(SEGMENT_VALUES, s - begin),
                                .stride = 1};
    write_segment(call, &work->channels, channel, segment, begin);
  }
}

static void segments_task(void *context, int64_t worker, cubn_items *segments) {
  const inference *work = context;
  cubn_call own;
  const cubn_call *call = cubn_call_of_worker(&work->call, worker, &own);
  for (int64_t first, end; cubn_claim(segments, &first, &end);)
    write_segments(work, call, first, end);
  if (work->call.nontemporal) work->call.kernels->fence();
}

static cubnStatus_t run_packed(cubn_device *device, const cubn_problem *problem,
                               const cubn_args *args, const cubn_places *places) {
  inference work = {.call = cubn_call_begin(device, problem, args),
                    .segments = cubn_divide_up(problem->s, SEGMENT_VALUES)};
  cubn_call_set_places(&work.call, places);
  const int64_t slice = slice_channels(problem);
  const int64_t claimed = cubn_divide_up(CLAIM_VALUES, CUBN_INTERLEAVE * problem->s);
  cubn_channels_place(&work.channels, args->workspace, slice);
  for (int64_t first = 0; first < problem->c; first += slice) {
    const int64_t count = cubn_min(slice, problem->c - first);
    cubn_fast_begin(&work.call, first, count, &work.channels);
    const int64_t groups = cubn_divide_up(problem->n, CUBN_INTERLEAVE);
    cubn_share(device, work.call.threads, groups * count * work.segments, claimed, segments_task,
               &work);
  }
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  cubn_problem packed;
  if (cubn_packed_problem(problem, &packed) == &packed && cubn_spread_arrays(&packed))
    return cubn_cpu_pipelined.run(device, problem, args);
  return cubn_fast_run(device, problem, args, run_packed);
}

const cubn_algo cubn_cpu_inference = {"inference", cubn_long_runs_reject, workspace_bytes, run};
