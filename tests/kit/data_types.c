/* Element types: reading, writing and rounding, from the definition of the formats. */
#include "kit/data_types.h"

#include <math.h>
#include <string.h>

/* A 16-bit floating-point format: sign, exponent, fraction. */
typedef struct small_format {
  int fraction_bits;
  int exponent_max; /* all ones: infinity and NaN */
  int exponent_bias;
} small_format;

static const small_format half_format = {10, 31, 15};
static const small_format bfloat16_format = {7, 255, 127};

static const small_format *small(cubnDataType_t type) {
  return type == CUBN_DATA_HALF ? &half_format : &bfloat16_format;
}

/* The value of the last bit of a number with this (biased) exponent. */
static double last_bit(const small_format *format, int exponent) {
  return ldexp(1.0, (exponent ? exponent : 1) - format->exponent_bias - format->fraction_bits);
}

static double decode(const small_format *format, uint16_t bits) {
  const int exponent = bits >> format->fraction_bits & format->exponent_max;
  const int fraction = bits & ((1 << format->fraction_bits) - 1);
  const double sign = bits & 0x8000 ? -1.0 : 1.0;
  if (exponent == format->exponent_max) return fraction ? (double)NAN : sign * (double)INFINITY;
  const int hidden = exponent ? 1 << format->fraction_bits : 0;
  return sign * (hidden + fraction) * last_bit(format, exponent);
}

static uint16_t encode(const small_format *format, double value) {
  const int sign = signbit(value) ? 0x8000 : 0;
  const int infinity = format->exponent_max << format->fraction_bits;
  if (isnan(value)) return (uint16_t)(sign | infinity | 1 << (format->fraction_bits - 1));
  if (isinf(value)) return (uint16_t)(sign | infinity);
  if (value == 0) return (uint16_t)sign;
  int exponent;
  frexp(value, &exponent); /* |value| in [0.5, 1) * 2^exponent */
  exponent += format->exponent_bias - 1;
  if (exponent < 1) exponent = 1; /* subnormal numbers share the last bit of exponent 1 */
  /* In units of the last bit, ties to even. A carry into the next exponent comes out right, because
   * the encodings follow each other as the values do. */
  const double units = rint(fabs(value) / last_bit(format, exponent));
  if (exponent > format->exponent_max) return (uint16_t)(sign | infinity);
  const long bits = ((long)(exponent - 1) << format->fraction_bits) + (long)units;
  return (uint16_t)(sign | (bits < infinity ? (int)bits : infinity));
}

size_t data_type_bytes(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return 8;
    case CUBN_DATA_FLOAT:
      return 4;
    case CUBN_DATA_INT8:
      return 1;
    default:
      return 2;
  }
}

const char *data_type_name(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return "f64";
    case CUBN_DATA_FLOAT:
      return "f32";
    case CUBN_DATA_HALF:
      return "f16";
    case CUBN_DATA_BFLOAT16:
      return "bf16";
    default:
      return "s8";
  }
}

void data_store(cubnDataType_t type, void *array, int64_t index, double value) {
  char *const place = (char *)array + index * (int64_t)data_type_bytes(type);
  if (type == CUBN_DATA_DOUBLE) {
    memcpy(place, &value, sizeof value);
  } else if (type == CUBN_DATA_FLOAT) {
    const float rounded = (float)value;
    memcpy(place, &rounded, sizeof rounded);
  } else {
    const uint16_t bits = encode(small(type), value);
    memcpy(place, &bits, sizeof bits);
  }
}

double data_load(cubnDataType_t type, const void *array, int64_t index) {
  const char *const place = (const char *)array + index * (int64_t)data_type_bytes(type);
  double value;
  float rounded;
  uint16_t bits;
  if (type == CUBN_DATA_DOUBLE) {
    memcpy(&value, place, sizeof value);
    return value;
  }
  if (type == CUBN_DATA_FLOAT) {
    memcpy(&rounded, place, sizeof rounded);
    return (double)rounded;
  }
  memcpy(&bits, place, sizeof bits);
  return decode(small(type), bits);
}

double data_round(cubnDataType_t type, double value) {
  double place;
  data_store(type, &place, 0, value);
  return data_load(type, &place, 0);
}

double data_roundoff(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return 0x1p-53;
    case CUBN_DATA_FLOAT:
      return 0x1p-24;
    default:
      return ldexp(1.0, -1 - small(type)->fraction_bits);
  }
}

double data_least(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return 0x1p-1074;
    case CUBN_DATA_FLOAT:
      return 0x1p-149;
    default:
      return last_bit(small(type), 1);
  }
}

double data_largest(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return 0x1.fffffffffffffp1023;
    case CUBN_DATA_FLOAT:
      return 0x1.fffffep127;
    default:
      return decode(small(type),
                    (uint16_t)((small(type)->exponent_max << small(type)->fraction_bits) - 1));
  }
}
