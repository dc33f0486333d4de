/* Inputs, memory and comparison of the test program. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "dropin.h"
#include "mem.h"

int dropin_failures, dropin_checks;

void check(int condition, const char *problem_name, const char *what) {
  ++dropin_checks;
  if (condition) return;
  ++dropin_failures;
  fprintf(stderr, "client: %s: %s\n", problem_name, what);
}

static void *allocate(size_t count, size_t bytes) {
  void *memory = calloc(count ? count : 1, bytes);
  if (!memory) {
    fprintf(stderr, "client: no memory\n");
    exit(2);
  }
  return memory;
}

/* Makes `count` values between low and high that are exact in float. */
static double *make_values(int count, double low, double high, unsigned seed) {
  double *values = (double *)allocate((size_t)count, sizeof *values);
  for (int i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (double)(float)(low + (high - low) * (seed >> 8) / 16777216.0);
  }
  return values;
}

/* Finds the offsets of the elements and their channels. */
static void make_map(arrays *a, const problem *p) {
  const int channels_from = 1;
  const int channels_to = p->mode == CUDNN_BATCHNORM_PER_ACTIVATION ? p->rank : 2;
  a->count = a->channels = 1;
  for (int d = 0; d < p->rank; ++d) a->count *= p->dims[d];
  for (int d = channels_from; d < channels_to; ++d) a->channels *= p->dims[d];
  a->offset = (int *)allocate((size_t)a->count, sizeof *a->offset);
  a->channel = (int *)allocate((size_t)a->count, sizeof *a->channel);
  for (int i = 0; i < a->count; ++i) {
    int index[RANK_MAX], rest = i;
    for (int d = p->rank - 1; d >= 0; --d) {
      index[d] = rest % p->dims[d];
      rest /= p->dims[d];
    }
    for (int d = 0; d < p->rank; ++d) a->offset[i] += index[d] * p->strides[d];
    for (int d = channels_from; d < channels_to; ++d)
      a->channel[i] = a->channel[i] * p->dims[d] + index[d];
  }
}

void arrays_create(arrays *a, const problem *p) {
  memset(a, 0, sizeof *a);
  make_map(a, p);
  a->x = make_values(a->count, -1, 4, 1);
  a->z = make_values(a->count, -1, 1, 2);
  a->dy = make_values(a->count, -1, 1, 3);
  a->y = make_values(a->count, 0, 0, 0);
  a->dx = make_values(a->count, 0, 0, 0);
  a->dz = make_values(a->count, 0, 0, 0);
  a->scale = make_values(a->channels, 0.5, 1.5, 4);
  a->bias = make_values(a->channels, -1, 1, 5);
  a->running_mean = make_values(a->channels, -1, 1, 6);
  a->running_var = make_values(a->channels, 0.5, 2, 7);
  a->saved_mean = make_values(a->channels, 0, 0, 0);
  a->saved_inv_std = make_values(a->channels, 0, 0, 0);
  a->dscale = make_values(a->channels, 0, 0, 0);
  a->dbias = make_values(a->channels, 0, 0, 0);
}

void arrays_destroy(arrays *a) {
  double *all[] = {a->x,
                   a->z,
                   a->dy,
                   a->y,
                   a->dx,
                   a->dz,
                   a->scale,
                   a->bias,
                   a->running_var,
                   a->saved_mean,
                   a->saved_inv_std,
                   a->running_mean,
                   a->dscale,
                   a->dbias};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) free(all[i]);
  free(a->offset);
  free(a->channel);
}

static size_t element_bytes(const problem *p) {
  return p->type == CUDNN_DATA_DOUBLE ? sizeof(double) : sizeof(float);
}

static void put(const problem *p, void *memory, int index, double value) {
  if (p->type == CUDNN_DATA_DOUBLE)
    ((double *)memory)[index] = value;
  else
    ((float *)memory)[index] = (float)value;
}

static double get(const problem *p, const void *memory, int index) {
  return p->type == CUDNN_DATA_DOUBLE ? ((const double *)memory)[index]
                                      : (double)((const float *)memory)[index];
}

static void *upload(const problem *p, int count, const int *offset, const double *values) {
  int last = 0;
  for (int i = 0; i < count; ++i)
    if ((offset ? offset[i] : i) > last) last = offset ? offset[i] : i;
  const size_t bytes = (size_t)(last + 1) * element_bytes(p);
  void *host = allocate(bytes, 1);
  for (int i = 0; i < count; ++i)
    put(p, host, offset ? offset[i] : i, values ? values[i] : (double)NAN);
  void *device = mem_create(bytes);
  if (!device) {
    fprintf(stderr, "client: no device memory\n");
    exit(2);
  }
  mem_upload(device, host, bytes);
  free(host);
  return device;
}

void *tensor_upload(const problem *p, const arrays *a, const double *values) {
  return upload(p, a->count, a->offset, values);
}

void *param_upload(const problem *p, const arrays *a, const double *values) {
  return upload(p, a->channels, NULL, values);
}

/* A channel has at most 128 values here. Each of two sums over them, one after the other, errs by
 * at most 128 half units of the type, and the other operations by a few. */
static void compare(const problem *p, const char *what, int count, const int *offset,
                    const void *memory, const double *expected) {
  const double unit = p->type == CUDNN_DATA_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
  int last = 0, wrong = -1;
  for (int i = 0; i < count; ++i)
    if ((offset ? offset[i] : i) > last) last = offset ? offset[i] : i;
  const size_t bytes = (size_t)(last + 1) * element_bytes(p);
  void *host = allocate(bytes, 1);
  mem_download(host, memory, bytes);
  for (int i = 0; i < count && wrong < 0; ++i) {
    const double got = get(p, host, offset ? offset[i] : i);
    if (!(fabs(got - expected[i]) <= 150 * unit * (1 + fabs(expected[i])))) wrong = i;
  }
  ++dropin_checks;
  if (wrong >= 0) {
    ++dropin_failures;
    fprintf(stderr, "client: %s: %s[%d] is %.9g, expected %.9g\n", p->name, what, wrong,
            get(p, host, offset ? offset[wrong] : wrong), expected[wrong]);
  }
  free(host);
}

void tensor_check(const problem *p, const arrays *a, const char *what, const void *memory,
                  const double *expected) {
  compare(p, what, a->count, a->offset, memory, expected);
}

void param_check(const problem *p, const arrays *a, const char *what, const void *memory,
                 const double *expected) {
  compare(p, what, a->channels, NULL, memory, expected);
}
