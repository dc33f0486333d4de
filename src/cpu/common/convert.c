/* Conversions of elements. The 16-bit formats are converted with integer arithmetic and selections
 * only, so that the loops vectorize on every instruction set; subnormals, infinity and NaN are
 * kept. A double is rounded to 16 bits directly, because through float it would be rounded
 * twice. */
#include "cpu/common/convert.h"

#include <string.h>

#include "cpu/common/clones.h"

CUBN_INLINED float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

CUBN_INLINED double double_of_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

CUBN_INLINED uint64_t bits_of_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

CUBN_INLINED uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* Selection by mask: gcc does not vectorize a ?: between floating-point expressions. */
CUBN_INLINED uint32_t select(bool condition, uint32_t yes, uint32_t no) {
  const uint32_t mask = 0u - (uint32_t)condition;
  return (yes & mask) | (no & ~mask);
}

CUBN_INLINED double double_of_f16(uint16_t half) {
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  /* Exponents differ by 127 - 15 = 112; subnormals are multiples of 2^-24. */
  const uint32_t normal = (magnitude << 13) + (112u << 23);
  const uint32_t subnormal = bits_of_float((float)(int32_t)magnitude * 0x1p-24f);
  const uint32_t special = (magnitude << 13) | 0x7f800000u;
  const uint32_t finite = select(magnitude < 0x400u, subnormal, normal);
  return (double)float_of_bits(sign | select(magnitude < 0x7c00u, finite, special));
}

CUBN_INLINED double double_of_bf16(uint16_t bfloat) {
  return (double)float_of_bits((uint32_t)bfloat << 16);
}

/* Rounds to a 16-bit format with this many fraction bits and this exponent bias. Works on the upper
 * half of the double, twice as many to an instruction; the lower half only breaks ties. */
CUBN_INLINED uint16_t narrow(double value, int fraction_bits, int bias) {
  const uint64_t bits = bits_of_double(value);
  const uint32_t upper = (uint32_t)(bits >> 32), lower = (uint32_t)bits;
  const uint32_t sticky = (lower | (0u - lower)) >> 31;
  const uint32_t magnitude = (upper & 0x7fffffffu) | sticky;
  /* Normal: rounds the bits to nearest even, then corrects the exponent's bias. */
  const int dropped = 20 - fraction_bits;
  const uint32_t odd = (magnitude >> dropped) & 1u;
  const uint32_t rounded = (magnitude + ((1u << (dropped - 1)) - 1u) + odd) >> dropped;
  const uint32_t normal = rounded - ((uint32_t)(1023 - bias) << fraction_bits);
  /* Subnormal: adding a number whose last bit is the format's least unit rounds to that unit. */
  const uint32_t least_normal = (uint32_t)(1024 - bias) << 20;
  const double anchor = double_of_bits((uint64_t)(1024 - bias - fraction_bits + 52) << 52);
  const double positive = double_of_bits(bits & 0x7fffffffffffffffu);
  const uint32_t subnormal = (uint32_t)bits_of_double(positive + anchor);
  /* Infinity from half a unit above the largest finite number on; NaN above double's infinity. */
  const uint32_t infinity = ((1u << (15 - fraction_bits)) - 1u) << fraction_bits;
  const uint32_t nan = infinity | 1u << (fraction_bits - 1);
  const uint32_t overflow = ((uint32_t)(1023 + bias + 1) << 20) - (1u << (dropped - 1));
  uint32_t result = select((int32_t)magnitude < (int32_t)least_normal, subnormal, normal);
  result = select((int32_t)magnitude < (int32_t)overflow, result, infinity);
  result = select((int32_t)magnitude > INT32_C(0x7ff00000), nan, result);
  return (uint16_t)(result | (upper >> 16 & 0x8000u));
}

CUBN_INLINED uint16_t f16_of_double(double value) {
  return narrow(value, 10, 15);
}

CUBN_INLINED uint16_t bf16_of_double(double value) {
  return narrow(value, 7, 127);
}

/* Rows of neighboring elements have loops of their own, because only these vectorize. */

CUBN_CLONES static void load_f64(const void *array, cubn_patch patch, double *restrict to) {
  const int64_t count = patch.count, stride = patch.stride;
  for (int64_t r = 0; r < patch.rows; ++r, to += count) {
    const double *restrict values = (const double *)array + patch.offset + r * patch.row_stride;
    if (stride == 1)
      for (int64_t i = 0; i < count; ++i) to[i] = values[i];
    else
      for (int64_t i = 0; i < count; ++i) to[i] = values[i * stride];
  }
}

CUBN_CLONES static void store_f64(const double *restrict from, cubn_patch patch, void *array) {
  const int64_t count = patch.count, stride = patch.stride;
  for (int64_t r = 0; r < patch.rows; ++r, from += count) {
    double *restrict values = (double *)array + patch.offset + r * patch.row_stride;
    if (stride == 1)
      for (int64_t i = 0; i < count; ++i) values[i] = from[i];
    else
      for (int64_t i = 0; i < count; ++i) values[i * stride] = from[i];
  }
}

CUBN_CLONES static void load_f32(const void *array, cubn_patch patch, double *restrict to) {
  const int64_t count = patch.count, stride = patch.stride;
  for (int64_t r = 0; r < patch.rows; ++r, to += count) {
    const float *restrict values = (const float *)array + patch.offset + r * patch.row_stride;
    if (stride == 1)
      for (int64_t i = 0; i < count; ++i) to[i] = (double)values[i];
    else
      for (int64_t i = 0; i < count; ++i) to[i] = (double)values[i * stride];
  }
}

CUBN_CLONES static void store_f32(const double *restrict from, cubn_patch patch, void *array) {
  const int64_t count = patch.count, stride = patch.stride;
  for (int64_t r = 0; r < patch.rows; ++r, from += count) {
    float *restrict values = (float *)array + patch.offset + r * patch.row_stride;
    if (stride == 1)
      for (int64_t i = 0; i < count; ++i) values[i] = (float)from[i];
    else
      for (int64_t i = 0; i < count; ++i) values[i * stride] = (float)from[i];
  }
}

CUBN_CLONES static void load_f16(const void *array, cubn_patch patch, double *restrict to) {
  const int64_t count = patch.count, stride = patch.stride;
  for (int64_t r = 0; r < patch.rows; ++r, to += count) {
    const uint16_t *restrict values = (const uint16_t *)array + patch.offset + r * patch.row_stride;
    if (stride == 1)
      for (int64_t i = 0; i < count; ++i) to[i] = double_of_f16(values[i]);
    else
      for (int64_t i = 0; i < count; ++i) to[i] = double_of_f16(values[i * stride]);
  }
}

CUBN_CLONES static void store_f16(const double *restrict from, cubn_patch patch, void *array) {
  const int64_t count = patch.count, stride = patch.stride;
  for (int64_t r = 0; r < patch.rows; ++r, from += count) {
    uint16_t *restrict values = (uint16_t *)array + patch.offset + r * patch.row_stride;
    if (stride == 1)
      for (int64_t i = 0; i < count; ++i) values[i] = f16_of_double(from[i]);
    else
      for (int64_t i = 0; i < count; ++i) values[i * stride] = f16_of_double(from[i]);
  }
}

CUBN_CLONES static void load_bf16(const void *array, cubn_patch patch, double *restrict to) {
  const int64_t count = patch.count, stride = patch.stride;
  for (int64_t r = 0; r < patch.rows; ++r, to += count) {
    const uint16_t *restrict values = (const uint16_t *)array + patch.offset + r * patch.row_stride;
    if (stride == 1)
      for (int64_t i = 0; i < count; ++i) to[i] = double_of_bf16(values[i]);
    else
      for (int64_t i = 0; i < count; ++i) to[i] = double_of_bf16(values[i * stride]);
  }
}

CUBN_CLONES static void store_bf16(const double *restrict from, cubn_patch patch, void *array) {
  const int64_t count = patch.count, stride = patch.stride;
  for (int64_t r = 0; r < patch.rows; ++r, from += count) {
    uint16_t *restrict values = (uint16_t *)array + patch.offset + r * patch.row_stride;
    if (stride == 1)
      for (int64_t i = 0; i < count; ++i) values[i] = bf16_of_double(from[i]);
    else
      for (int64_t i = 0; i < count; ++i) values[i * stride] = bf16_of_double(from[i]);
  }
}

static void round_f64(double *values, int64_t count) {
  (void)values;
  (void)count;
}

CUBN_CLONES static void round_f32(double *values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = (double)(float)values[i];
}

CUBN_CLONES static void round_f16(double *values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = double_of_f16(f16_of_double(values[i]));
}

CUBN_CLONES static void round_bf16(double *values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = double_of_bf16(bf16_of_double(values[i]));
}

/* Half of the least subnormal is a tie, which goes to 0; the next double does not. */
static const cubn_conversion f64 = {8, 0x1p-1074, load_f64, store_f64, round_f64};
static const cubn_conversion f32 = {4, 0x1.0000000000001p-150, load_f32, store_f32, round_f32};
static const cubn_conversion f16 = {2, 0x1.0000000000001p-25, load_f16, store_f16, round_f16};
static const cubn_conversion bf16 = {2, 0x1.0000000000001p-134, load_bf16, store_bf16, round_bf16};

const cubn_conversion *cubn_conversion_of(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return &f64;
    case CUBN_DATA_FLOAT:
      return &f32;
    case CUBN_DATA_HALF:
      return &f16;
    case CUBN_DATA_BFLOAT16:
      return &bf16;
    case CUBN_DATA_INT8:
      return NULL;
  }
  return NULL;
}

const cubn_conversion *cubn_conversion_of_param(cubnDataType_t type) {
  return type == CUBN_DATA_DOUBLE ? &f64 : &f32;
}
