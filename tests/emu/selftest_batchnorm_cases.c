/* Batch normalization with one block per channel: results are right under every schedule, and on a
 * GPU. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

typedef struct batchnorm_data {
  selftest_type type;
  int images, channels, size;
  float *values; /* the values of x, exact in its type */
  float *scale, *bias;
} batchnorm_data;

static size_t element_bytes(selftest_type type) {
  return type == SELFTEST_F32 ? 4 : 2;
}

static void store_element(void *to, size_t index, selftest_type type, float value) {
  const unsigned short narrow = type == SELFTEST_F16 ? half_of(value) : bfloat_of(value);
  char *place = (char *)to + index * element_bytes(type);
  memcpy(place, type == SELFTEST_F32 ? (const void *)&value : &narrow, element_bytes(type));
}

static float load_element(const void *from, size_t index, selftest_type type) {
  float value;
  unsigned short narrow;
  const char *place = (const char *)from + index * element_bytes(type);
  if (type == SELFTEST_F32) {
    memcpy(&value, place, sizeof value);
    return value;
  }
  memcpy(&narrow, place, sizeof narrow);
  return type == SELFTEST_F16 ? float_of_half(narrow) : float_of_bfloat(narrow);
}

static void check_channel(const batchnorm_data *data, int channel, const void *y) {
  const float relative[] = {1e-4f, 2e-3f, 2e-2f};
  double sum = 0;
  double squares = 0;
  for (int image = 0; image < data->images; ++image) {
    const float *row =
        data->values + (size_t)(image * data->channels + channel) * (size_t)data->size;
    for (int i = 0; i < data->size; ++i) {
      sum += row[i];
      squares += (double)row[i] * row[i];
    }
  }
  const double count = (double)data->images * data->size;
  const double mean = sum / count;
  const double inv_std = 1 / sqrt(squares / count - mean * mean + 1e-5);
  for (int image = 0; image < data->images; ++image) {
    const size_t start = (size_t)(image * data->channels + channel) * (size_t)data->size;
    for (size_t i = start; i < start + (size_t)data->size; ++i) {
      const double expected =
          (data->values[i] - mean) * inv_std * data->scale[channel] + data->bias[channel];
      const double error = fabs(load_element(y, i, data->type) - expected);
      REQUIRE(error <= relative[data->type] * (1 + fabs(expected)));
    }
  }
}

static void run_batchnorm(selftest_type type, int size, int offset) {
  batchnorm_data data = {type, 3, 2, size, NULL, NULL, NULL};
  const size_t count = (size_t)(data.images * data.channels * size);
  const size_t total_bytes = count * element_bytes(type) + 64;
  const size_t offset_bytes = (size_t)offset * element_bytes(type);
  char *x = calloc(1, total_bytes);
  char *y = calloc(1, total_bytes);
  float scale[2] = {1.5f, -0.5f};
  float bias[2] = {0.25f, 2.0f};
  data.values = malloc(count * sizeof *data.values);
  data.scale = scale;
  data.bias = bias;
  for (size_t i = 0; i < count; ++i) {
    data.values[i] = (float)((i * 2654435761u >> 7) % 65) / 16 - 2;
    store_element(x + offset_bytes, i, type, data.values[i]);
  }
  char *device_x = upload(x, total_bytes);
  char *device_y = upload(y, total_bytes);
  float *statistics = upload(NULL, 4 * sizeof *statistics);
  REQUIRE_CUDA(launch_batchnorm(type, device_x + offset_bytes, device_y + offset_bytes,
                                upload(scale, sizeof scale), upload(bias, sizeof bias), statistics,
                                statistics + 2, data.images, data.channels, size, 1e-5f, 0));
  download(y, device_y, total_bytes);
  for (int channel = 0; channel < data.channels; ++channel) {
    check_channel(&data, channel, y + offset_bytes);
  }
  free(data.values);
  free(x);
  free(y);
}

static void batchnorm(int offset) {
  static const int sizes[] = {1, 7, 49, 64, 196, 1021};
  for (int type = 0; type < 3; ++type) {
    for (int i = 0; i < 6; ++i) run_batchnorm((selftest_type)type, sizes[i], offset);
  }
}

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS

static const selftest_case cases[] = {
    {"batchnorm, aligned", batchnorm, 0, CORRECT, 5, 0},
    {"batchnorm, misaligned by one element", batchnorm, 1, CORRECT, 5, 0},
};

int add_batchnorm_cases(void) {
  return selftest_add_cases("batch normalization", cases, sizeof cases / sizeof *cases);
}
