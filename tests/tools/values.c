/* Whether the time of a call depends on the values: each pattern by turns with ordinary values, on
 * one thread, whose processor time counts. Prints the ratio of the medians; fails if one is above
 * the limit.
 *
 *   cubn-values [LIMIT [TYPE]]         LIMIT 0 only prints; TYPE is f32, f64, f16 or bf16 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cubn.h"

enum { TURNS = 15, CHANNELS_MAX = 1024 };

typedef struct shape {
  const char *name;
  cubnTensorFormat_t format;
  int n, c, h, w;
} shape;

static const shape shapes[] = {
    {"nchw n32c64h28w28", CUBN_TENSOR_NCHW, 32, 64, 28, 28},
    {"nchw n16c256h14w14", CUBN_TENSOR_NCHW, 16, 256, 14, 14},
    {"nhwc n32c64h28w28", CUBN_TENSOR_NHWC, 32, 64, 28, 28},
    {"nhwc n16c256h14w14", CUBN_TENSOR_NHWC, 16, 256, 14, 14},
    {"nc   n256c1024", CUBN_TENSOR_NHWC, 256, 1024, 1, 1},
};

typedef struct element_type {
  const char *name;
  cubnDataType_t type;
  size_t bytes;
} element_type;

static const element_type types[] = {{"f32", CUBN_DATA_FLOAT, 4},
                                     {"f64", CUBN_DATA_DOUBLE, 8},
                                     {"f16", CUBN_DATA_HALF, 2},
                                     {"bf16", CUBN_DATA_BFLOAT16, 2}};

static const char *const patterns[] = {
    "ordinary", "mean10", "first0", "border0", "outlier", "constant", "nan",   "inf",     "nandy",
    "infdy",    "x1e-16", "x1e-20", "x1e-30",  "x1e16",   "x1e20",    "x1e30", "dy1e-20", "dy1e30"};
enum { PATTERNS = sizeof patterns / sizeof *patterns };

static double uniform(void) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 40) * 0x1p-23 - 1;
}

static uint16_t half_of(double value) {
  const uint16_t sign = signbit(value) ? 0x8000 : 0;
  int exponent;
  if (isnan(value)) return 0x7e00;
  if (isinf(value)) return sign | 0x7c00;
  const double fraction = frexp(fabs(value), &exponent);
  if (fraction == 0 || exponent < -23) return sign;
  if (exponent > 16) return sign | 0x7bff;
  if (exponent < -13) return (uint16_t)(sign | (uint16_t)(fabs(value) * 0x1p24));
  return (uint16_t)(sign | (exponent + 14) << 10 | ((int)(fraction * 2048) & 0x3ff));
}

static void put(const element_type *type, void *array, size_t at, double value) {
  const float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  if (type->type == CUBN_DATA_FLOAT) ((float *)array)[at] = single;
  if (type->type == CUBN_DATA_DOUBLE) ((double *)array)[at] = value;
  if (type->type == CUBN_DATA_HALF) ((uint16_t *)array)[at] = half_of(value);
  if (type->type == CUBN_DATA_BFLOAT16) ((uint16_t *)array)[at] = (uint16_t)(bits >> 16);
}

static double value_of(const char *pattern, const shape *shape, int n, int h, int w) {
  const bool is_border = h == 0 || w == 0 || h == shape->h - 1 || w == shape->w - 1;
  const bool is_first = n == 0 && h == 0 && w == 0, is_third = n == 1 && h == 0 && w == 0;
  const double value = uniform();
  if (!strcmp(pattern, "mean10")) return 10 + value;
  if (!strcmp(pattern, "first0")) return is_first ? 0 : 10 + value;
  if (!strcmp(pattern, "border0")) return is_border ? 0 : 10 + value;
  if (!strcmp(pattern, "outlier")) return is_third ? 1e4 : value;
  if (!strcmp(pattern, "constant")) return 3;
  if (!strcmp(pattern, "nan") && is_third) return NAN;
  if (!strcmp(pattern, "inf") && is_third) return INFINITY;
  return pattern[0] == 'x' ? value * atof(pattern + 1) : value;
}

static double gradient_of(const char *pattern, int n, int h, int w) {
  const bool is_third = n == 1 && h == 0 && w == 0;
  const double value = uniform();
  if (!strcmp(pattern, "nandy") && is_third) return NAN;
  if (!strcmp(pattern, "infdy") && is_third) return INFINITY;
  return !strncmp(pattern, "dy1", 3) ? value * atof(pattern + 2) : value;
}

/* One problem with two sets of values: ordinary ones, and those of a pattern. */
typedef struct problem {
  const shape *shape;
  const element_type *type;
  cubnBatchNormOps_t ops;
  cubnHandle_t handle;
  cubnTensorDescriptor_t image, param;
  cubnActivationDescriptor_t relu;
  size_t values, reserve_bytes;
  void *x[2], *dy[2], *z, *output, *dz, *reserve[2];
  double saved[2][2][CHANNELS_MAX], sums[2][CHANNELS_MAX], scale[CHANNELS_MAX], bias[CHANNELS_MAX];
} problem;

static void fill(problem *p, int set, const char *pattern) {
  const shape *s = p->shape;
  for (int n = 0; n < s->n; ++n)
    for (int h = 0; h < s->h; ++h)
      for (int w = 0; w < s->w; ++w)
        for (int c = 0; c < s->c; ++c) {
          const int at = s->format == CUBN_TENSOR_NHWC ? ((n * s->h + h) * s->w + w) * s->c + c
                                                       : ((n * s->c + c) * s->h + h) * s->w + w;
          put(p->type, p->x[set], (size_t)at, value_of(pattern, s, n, h, w));
          put(p->type, p->dy[set], (size_t)at, gradient_of(pattern, n, h, w));
        }
}

static void check(cubnStatus_t status) {
  char message[512] = "";
  if (status == CUBN_STATUS_SUCCESS) return;
  cubnGetLastErrorString(message, sizeof message);
  fprintf(stderr, "%s\n", message);
  exit(2);
}

static double call(problem *p, int set, bool backward) {
  const double one = 1, zero = 0;
  const float one_f = 1, zero_f = 0;
  const bool is_double = p->type->type == CUBN_DATA_DOUBLE;
  const void *const a = is_double ? (const void *)&one : &one_f;
  const void *const b = is_double ? (const void *)&zero : &zero_f;
  struct timespec begin, end;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
  if (backward)
    check(cubnBatchNormalizationBackwardEx(
        p->handle, CUBN_BATCHNORM_SPATIAL, p->ops, a, b, a, b, p->image, p->x[set], NULL, NULL,
        p->image, p->dy[set], p->image, p->dz, p->image, p->output, p->param, p->scale, p->bias,
        p->sums[0], p->sums[1], 1e-5, p->saved[set][0], p->saved[set][1], p->relu, NULL, 0,
        p->reserve[set], p->reserve_bytes));
  else
    check(cubnBatchNormalizationForwardTrainingEx(
        p->handle, CUBN_BATCHNORM_SPATIAL, p->ops, a, b, p->image, p->x[set], p->image, p->z,
        p->image, p->output, p->param, p->scale, p->bias, 1, NULL, NULL, 1e-5, p->saved[set][0],
        p->saved[set][1], p->relu, NULL, 0, p->reserve[set], p->reserve_bytes));
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  return (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) * 1e-3;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The times of the pattern over those of ordinary values. */
static double get_ratio(problem *p, bool backward) {
  double times[2][TURNS];
  for (int turn = -1; turn < TURNS; ++turn)
    for (int set = 0; set < 2; ++set) {
      const double time = call(p, set, backward);
      if (turn >= 0) times[set][turn] = time;
    }
  for (int set = 0; set < 2; ++set) qsort(times[set], TURNS, sizeof(double), compare);
  return times[1][TURNS / 2] / times[0][TURNS / 2];
}

static void open_problem(problem *p, cubnHandle_t handle, const shape *shape,
                         const element_type *type, cubnBatchNormOps_t ops) {
  memset(p, 0, sizeof *p);
  *p = (problem){.shape = shape, .type = type, .ops = ops, .handle = handle};
  p->values = (size_t)shape->n * (size_t)shape->c * (size_t)shape->h * (size_t)shape->w;
  check(cubnCreateTensorDescriptor(&p->image));
  check(cubnCreateTensorDescriptor(&p->param));
  check(cubnCreateActivationDescriptor(&p->relu));
  check(cubnSetActivationDescriptor(p->relu, CUBN_ACTIVATION_RELU, CUBN_PROPAGATE_NAN, 0));
  check(cubnSetTensor4dDescriptor(p->image, shape->format, type->type, shape->n, shape->c, shape->h,
                                  shape->w));
  check(cubnDeriveBNTensorDescriptor(p->param, p->image, CUBN_BATCHNORM_SPATIAL));
  check(cubnGetBatchNormalizationTrainingExReserveSpaceSize(handle, CUBN_BATCHNORM_SPATIAL, ops,
                                                            p->relu, p->image, &p->reserve_bytes));
  void **const arrays[] = {&p->x[0], &p->x[1], &p->dy[0], &p->dy[1], &p->z, &p->output, &p->dz};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; ++i)
    *arrays[i] = calloc(p->values, type->bytes);
  for (int set = 0; set < 2; ++set) p->reserve[set] = calloc(p->reserve_bytes + 1, 1);
  for (int c = 0; c < CHANNELS_MAX; ++c) {
    const double one = 1;
    if (type->type == CUBN_DATA_DOUBLE)
      p->scale[c] = one;
    else
      ((float *)p->scale)[c] = 1;
  }
}

static void close_problem(problem *p) {
  void *const arrays[] = {p->x[0],   p->x[1], p->dy[0],      p->dy[1],     p->z,
                          p->output, p->dz,   p->reserve[0], p->reserve[1]};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; ++i) free(arrays[i]);
  cubnDestroyTensorDescriptor(p->image);
  cubnDestroyTensorDescriptor(p->param);
  cubnDestroyActivationDescriptor(p->relu);
}

static double print_problem(problem *p) {
  static const char *const names[] = {"plain", "relu", "add_relu"};
  double worst = 0;
  fill(p, 0, "ordinary");
  for (int i = 1; i < PATTERNS; ++i) {
    fill(p, 1, patterns[i]);
    const double forward = get_ratio(p, false), backward = get_ratio(p, true);
    printf("%-20s %-5s %-9s %-9s forward %6.2f backward %6.2f\n", p->shape->name, p->type->name,
           names[p->ops], patterns[i], forward, backward);
    worst = fmax(worst, fmax(forward, backward));
  }
  return worst;
}

int main(int argc, char **argv) {
  static problem p;
  const double limit = argc > 1 ? atof(argv[1]) : 0;
  double worst = 0;
  cubnHandle_t handle;
  setenv("CUBN_THREADS", "1", 1);
  check(cubnCreateOnDevice(&handle, "cpu"));
  for (size_t t = 0; t < sizeof types / sizeof *types; ++t)
    for (int ops = 0; ops < 3 && (argc < 3 || !strcmp(argv[2], types[t].name)); ++ops)
      for (size_t s = 0; s < sizeof shapes / sizeof *shapes; ++s) {
        open_problem(&p, handle, &shapes[s], &types[t], (cubnBatchNormOps_t)ops);
        worst = fmax(worst, print_problem(&p));
        close_problem(&p);
        fflush(stdout);
      }
  printf("worst: %.2f times the time of ordinary values\n", worst);
  cubnDestroy(handle);
  return limit > 0 && worst > limit;
}
