/* inference: packed [n][c][s] with long runs, y from given statistics. One pass, some images at
 * a time; the coefficients of all channels, or of as many as fit, come first. */
#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/fast/epilogue.h"
#include "cpu/runs/chunks.h"

/* Pieces in which one thread takes its runs. */
enum { PIECE_VALUES = 1 << 16, EPILOGUE_VALUES = CUBN_FUSED_WIDTH_MAX };

typedef struct inference {
  cubn_call call;
  cubn_channels channels; /* of the slice, in the workspace */
  int64_t pieces;         /* of a run */
} inference;

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  if (problem->layout != CUBN_LAYOUT_ROWS) return cubn_refuse_layout(problem);
  if (!cubn_has_long_runs(problem)) return cubn_refuse_runs(problem);
  return cubn_fast_reject(device, problem);
}

static int64_t slice_channels(const cubn_problem *problem) {
  const int64_t room = (int64_t)(CUBN_CPU_WORKSPACE_BYTES / sizeof(double) / CUBN_CHANNEL_ARRAYS);
  return smaller(problem->c, room);
}

static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  return (size_t)slice_channels(problem) * CUBN_CHANNEL_ARRAYS * sizeof(double);
}

/* Fused: `count` values at `offset`, which are at `begin` of a run. */
static void output_epilogue(const cubn_call *call, int64_t offset, int64_t begin, int64_t count,
                            const cubn_coefficients *coef) {
  const cubn_range range = cubn_epilogue_range(call, offset, begin, count);
  for (int64_t first = range.first; first < range.end; first += EPILOGUE_VALUES) {
    const int64_t width = smaller(EPILOGUE_VALUES, range.end - first);
    const cubn_fused shape = {
        .rows = 1, .width = width, .coef = coef, .nontemporal = call->nontemporal};
    cubn_fused_output(call, &shape, offset + first);
  }
}

/* Neighbouring values of one channel, in some images. */
static void put_piece(const cubn_call *call, const cubn_channels *channels, int64_t channel,
                      const cubn_run_output *shape, int64_t offset, int64_t begin) {
  const cubn_coefficients coef = cubn_fast_coefficients(channels, channel);
  const cubn_patch patch = {offset, shape->runs, shape->stride, shape->count, 1};
  if (channels->needs_double[channel] != 0) {
    cubn_fast_output_exact(call, patch, &coef);
    return;
  }
  if (call->has_epilogue) {
    for (int64_t r = 0; r < shape->runs; ++r)
      output_epilogue(call, offset + r * shape->stride, begin, shape->count, &coef);
    return;
  }
  cubn_run_output out = cubn_call_output(call, offset, shape->count, &coef);
  if (shape->runs == CUBN_INTERLEAVE && cubn_lie_alike(call, shape->runs, shape->stride)) {
    out.runs = shape->runs;
    out.stride = shape->stride;
    call->kernels->run_output(&out);
    return;
  }
  for (int64_t r = 0; r < shape->runs; ++r) {
    out = cubn_call_output(call, offset + r * shape->stride, shape->count, &coef);
    call->kernels->run_output(&out);
  }
}

/* Pieces of the slice's runs, each in some images: the last of them may be fewer. */
static void pieces_task(void *context, int64_t worker, int64_t first, int64_t end) {
  const inference *work = context;
  const cubn_call *call = &work->call;
  const cubn_problem *problem = call->problem;
  const int64_t s = problem->s, channels = work->channels.count;
  (void)worker;
  for (int64_t index = first; index < end; ++index) {
    const int64_t run = index / work->pieces, begin = index % work->pieces * PIECE_VALUES;
    const int64_t image = run / channels * CUBN_INTERLEAVE, channel = run % channels;
    const int64_t at = image * problem->c + work->channels.first + channel;
    const cubn_run_output shape = {.runs = smaller(CUBN_INTERLEAVE, problem->n - image),
                                   .stride = problem->c * s,
                                   .count = smaller(PIECE_VALUES, s - begin)};
    put_piece(call, &work->channels, channel, &shape, at * s + begin, begin);
  }
  if (call->nontemporal) call->kernels->fence();
}

static cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  inference work = {.call = cubn_call_begin(device, problem, args),
                    .pieces = (problem->s + PIECE_VALUES - 1) / PIECE_VALUES};
  const int64_t slice = slice_channels(problem);
  cubn_channels_place(&work.channels, args->workspace, slice);
  for (int64_t first = 0; first < problem->c; first += slice) {
    const int64_t count = smaller(slice, problem->c - first);
    cubn_fast_begin(&work.call, first, count, &work.channels);
    const int64_t groups = (problem->n + CUBN_INTERLEAVE - 1) / CUBN_INTERLEAVE;
    cubn_for_ranges(work.call.threads, groups * count * work.pieces, pieces_task, &work);
  }
  return CUBN_STATUS_SUCCESS;
}

const cubn_algo cubn_cpu_inference = {"inference", reject, workspace_bytes, run};
