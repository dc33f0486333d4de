/* Finds the spans of valid samples. */
#include "cpu/fast/squeeze.h"

#include <string.h>

#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/common/axes.h"
#include "cpu/fast/scattered.h"

cubn_refusal cubn_squeeze_reject(const cubn_device *device, const cubn_problem *problem,
                                 cubn_layout layout) {
  if (problem->layout != layout) return cubn_refuse_layout(problem);
  if (cubn_channels_differ(problem))
    return cubn_refuse("the channels differ in what a mask or lengths exclude");
  if (problem->reserve == CUBN_RESERVE_MASK)
    return cubn_refuse("the reserve space has bits of elements that a mask or lengths exclude");
  return cubn_fast_reject(device, problem);
}

/* ---- What is valid ---- */
/* Bytes from `mask` on, at most `count`, that are all 0, or none of them. */
static int64_t same_bytes(const uint8_t *mask, int64_t count) {
  int64_t same = 1;
  if (mask[0] != 0) {
    const uint8_t *const zero = memchr(mask, 0, (size_t)count);
    return zero ? zero - mask : count;
  }
  for (uint64_t eight; same + 8 <= count; same += 8) {
    memcpy(&eight, mask + same, 8);
    if (eight != 0) break;
  }
  while (same < count && mask[same] == 0) ++same;
  return same;
}

/* How many samples, `stride` apart in CUBN_ARRAY_VALID, of `count` from `offset` on are like the
 * first of them: valid or not. Maybe not all of them. */
static int64_t same_samples(const cubn_validity *validity, const void *memory, int64_t offset,
                            int64_t stride, int64_t count, bool *valid) {
  if (validity->kind == CUBN_VALID_MASK) {
    const uint8_t *const mask = (const uint8_t *)memory + offset;
    *valid = mask[0] != 0;
    return stride == 0 ? count : stride == 1 ? same_bytes(mask, count) : 1;
  }
  const int64_t extent = validity->extent, place = offset % extent;
  const int64_t length = cubn_min(((const int32_t *)memory)[offset / extent], extent);
  *valid = place < length;
  if (stride != 1) return stride == 0 ? count : 1;
  return cubn_min(count, *valid ? length - place : extent - place);
}

/* Appends valid samples; false if there are too many spans. */
static bool append(cubn_spans *spans, int64_t sample, int64_t count) {
  while (count > 0) {
    const int64_t in_run = cubn_min(count, spans->s - sample % spans->s);
    const int64_t run = sample / spans->s;
    const int64_t memory = sample + run * (spans->c - 1) * spans->s;
    const cubn_span *const last = spans->count > 0 ? &spans->list[spans->count - 1] : NULL;
    const bool begins_run = sample % spans->s == 0;
    const bool joins = last && !begins_run && last->sample + (spans->valid - last->begin) == sample;
    if (!joins && spans->count == CUBN_SPANS_MAX) return false;
    if (!joins) spans->list[spans->count++] = (cubn_span){spans->valid, sample, memory};
    spans->valid += in_run;
    sample += in_run;
    count -= in_run;
  }
  return true;
}

/* Sets the spans of rows; false if there are too many. */
static bool find_spans(const cubn_problem *problem, const void *memory, cubn_spans *spans) {
  const cubn_axes *axes = &problem->samples;
  const int last = axes->rank - 1;
  const int64_t count = cubn_count(problem), row = last >= 0 ? axes->size[last] : 1;
  const int64_t stride = last >= 0 ? axes->stride[CUBN_ARRAY_VALID][last] : 0;
  for (int64_t first = 0; first < count; first += row) {
    const int64_t offset = cubn_axes_offset(axes, axes->rank, CUBN_ARRAY_VALID, first);
    for (int64_t i = 0, same; i < row; i += same) {
      bool valid;
      same = same_samples(&problem->validity, memory, offset + i * stride, stride, row - i, &valid);
      if (valid && !append(spans, first + i, same)) return false;
    }
  }
  spans->list[spans->count] = (cubn_span){spans->valid, count, 0};
  return true;
}

/* The same of columns: all samples are neighbors, and bits find short spans faster. */
static bool find_rows(const cubn_problem *problem, const void *memory, cubn_spans *spans) {
  enum { WORD = 64 };
  int64_t end = -1; /* of the last span */
  for (int64_t first = 0; first < spans->samples; first += WORD) {
    uint64_t bits =
        cubn_bits_of_samples(problem, memory, first, cubn_min(WORD, spans->samples - first));
    for (int64_t at = first; bits != 0;) {
      const int64_t skipped = __builtin_ctzll(bits);
      bits >>= skipped;
      const int64_t count = ~bits == 0 ? WORD : __builtin_ctzll(~bits);
      at += skipped;
      if (at != end) {
        if (spans->count == CUBN_SPANS_MAX) return false;
        spans->list[spans->count++] = (cubn_span){spans->valid, at, at * spans->c};
      }
      spans->valid += count;
      end = at += count;
      bits = count == WORD ? 0 : bits >> count;
    }
  }
  spans->list[spans->count] = (cubn_span){spans->valid, spans->samples, 0};
  return true;
}

/* Shorter spans of rows, on average, are copied by bits. */
enum { LISTED_MIN = 64 };

/* Chooses bits; false if there is to be a list. */
static bool set_bits(const cubn_device *device, const cubn_problem *problem, const void *memory,
                     cubn_spans *spans) {
  if (spans->are_columns || !cubn_find_bits(problem, memory, spans)) return false;
  spans->bits.kernels = cubn_machine_kernels(&device->machine, problem->type);
  if (spans->valid < LISTED_MIN * cubn_count_spans(&spans->bits)) return true;
  spans->bits.words = NULL;
  spans->valid = 0;
  return false;
}

/* Shorter rows are not for the kernels. */
enum { MASKED_COLUMNS_MIN = 16 };

/* Sets the bits of rows in short spans, where kernels can take these as they are. */
static void set_row_bits(const cubn_device *device, const cubn_problem *problem, const void *memory,
                         cubn_spans *spans) {
  const cubn_kernels *kernels = cubn_machine_kernels(&device->machine, problem->type);
  const int64_t words = cubn_divide_up(spans->samples, 64), used = spans->count + 1;
  const int64_t room = ((int64_t)CUBN_SPANS_BYTES - used * (int64_t)sizeof(cubn_span)) / 8;
  if (!spans->are_columns || !cubn_are_short(spans) || problem->c < MASKED_COLUMNS_MIN ||
      problem->validity.keeps || cubn_needs_epilogue(problem) || words > room ||
      !cubn_machine_masked(kernels)->step)
    return;
  uint64_t *const bits = (uint64_t *)(void *)(spans->list + used);
  for (int64_t i = 0; i < words; ++i)
    bits[i] = cubn_bits_of_samples(problem, memory, i * 64, cubn_min(64, spans->samples - i * 64));
  spans->row_words = bits;
}

/* Sets the places of the valid elements; false if there are none, or too many spans. */
static bool squeeze(const cubn_device *device, const cubn_problem *problem, const void *memory,
                    cubn_places *places) {
  cubn_spans *spans = &places->spans;
  *spans = (cubn_spans){.list = device->spans,
                        .c = problem->c,
                        .s = problem->s,
                        .samples = cubn_count(problem),
                        .step = problem->layout == CUBN_LAYOUT_COLUMNS ? problem->c : 1,
                        .are_columns = problem->layout == CUBN_LAYOUT_COLUMNS};
  if (!set_bits(device, problem, memory, spans) &&
      !(spans->are_columns ? find_rows : find_spans)(problem, memory, spans))
    return false;
  if (spans->valid == 0) return false;
  set_row_bits(device, problem, memory, spans);
  places->problem = *problem;
  places->problem.validity.kind = CUBN_VALID_ALL;
  places->problem.n = spans->are_columns ? spans->valid : 1;
  places->problem.s = spans->are_columns ? 1 : spans->valid;
  for (int a = 0; a < CUBN_VIEWS; ++a) places->views[a] = (cubn_view){.spans = spans};
  return true;
}

/* ---- Runs ---- */
static cubnStatus_t run_squeezed(cubn_device *device, const cubn_problem *problem,
                                 const cubn_args *args, cubn_fast_runner *run) {
  cubn_places places;
  cubn_args own = *args;
  if (!squeeze(device, problem, args->validity, &places))
    return cubn_cpu_strided.run(device, problem, args);
  if (own.count == 0) own.count = (double)places.spans.valid;
  if (!problem->validity.keeps && !places.spans.bits.words && !places.spans.row_words)
    cubn_clear_padding(device, problem, &places.spans, args);
  return run(device, &places.problem, &own, &places);
}

cubnStatus_t cubn_fast_run(cubn_device *device, const cubn_problem *problem, const cubn_args *args,
                           cubn_fast_runner *run) {
  if (problem->validity.kind != CUBN_VALID_ALL) return run_squeezed(device, problem, args, run);
  cubn_places places;
  const cubn_problem *const packed = cubn_set_places(problem, &places);
  return run(device, packed, args, packed == problem ? NULL : &places);
}
