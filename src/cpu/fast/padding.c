/* Clears what is between the spans of valid samples. */
#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/fast/squeeze.h"

/* Shorter padding is not worth non-temporal stores. */
enum { NONTEMPORAL_BYTES_MIN = 512 };

typedef struct padding {
  const cubn_spans *spans;
  char *array;
  int64_t element_bytes;
  const cubn_kernels *kernels; /* where so much is cleared that it will not stay in the caches */
} padding;

static void clear(const padding *padding, int64_t offset, int64_t count) {
  char *to = padding->array + offset * padding->element_bytes;
  int64_t bytes = count * padding->element_bytes;
  if (padding->kernels && bytes >= NONTEMPORAL_BYTES_MIN) {
    const int64_t lead = -(intptr_t)to & (CUBN_LINE_BYTES - 1);
    const int64_t whole = (bytes - lead) / CUBN_CLEAR_BYTES * CUBN_CLEAR_BYTES;
    memset(to, 0, (size_t)lead);
    padding->kernels->clear(to + lead, whole);
    to += lead + whole;
    bytes -= lead + whole;
  }
  memset(to, 0, (size_t)bytes);
}

static void finish(const padding *padding) {
  if (padding->kernels) padding->kernels->fence();
}

/* The padding before span i, or after the last: its first sample and its end. */
static int64_t before_span(const cubn_spans *spans, int64_t i, int64_t *first) {
  const cubn_span *const span = &spans->list[i];
  *first = i > 0 ? span[-1].sample + (span->begin - span[-1].begin) : 0;
  return span->sample;
}

static void clear_columns_task(void *context, int64_t index) {
  const padding *padding = context;
  int64_t first;
  const int64_t end = before_span(padding->spans, index, &first), c = padding->spans->c;
  clear(padding, first * c, (end - first) * c);
  finish(padding);
}

static void clear_channel_task(void *context, int64_t channel) {
  const padding *padding = context;
  const cubn_spans *spans = padding->spans;
  const int64_t s = spans->s;
  for (int64_t i = 0; i <= spans->count; ++i) {
    int64_t sample;
    const int64_t end = before_span(spans, i, &sample);
    for (int64_t count; sample < end; sample += count) {
      count = cubn_min(end - sample, s - sample % s);
      clear(padding, (sample / s * spans->c + channel) * s + sample % s, count);
    }
  }
  finish(padding);
}

/* Sets the padding of an output to 0. */
static void clear_padding(const cubn_device *device, const cubn_problem *problem,
                          const cubn_spans *spans, void *array) {
  const int64_t element_bytes = (int64_t)cubn_element_bytes(problem->type);
  const int64_t values = problem->c * (spans->samples - spans->valid);
  const int64_t tensor_bytes = problem->c * spans->samples * element_bytes;
  const bool is_large = tensor_bytes > device->machine.llc_bytes / 8;
  padding padding = {spans, array, element_bytes,
                     is_large ? cubn_machine_kernels(&device->machine, problem->type) : NULL};
  if (!array || values == 0) return;
  cubn_for_each(device, cubn_threads_for(device, values),
                spans->are_columns ? spans->count + 1 : spans->c,
                spans->are_columns ? clear_columns_task : clear_channel_task, &padding);
}

void cubn_clear_padding(const cubn_device *device, const cubn_problem *problem,
                        const cubn_spans *spans, const cubn_args *args) {
  clear_padding(device, problem, spans, args->output);
  clear_padding(device, problem, spans, args->dz);
}
