/* Generated values of a problem, and element types. Independent of the library's sources. */
#ifndef CUBN_TESTS_DATA_H
#define CUBN_TESTS_DATA_H

#include "kit/problem_line.h"

/* ---- Elements ---- */
size_t data_type_bytes(cubnDataType_t type);
const char *data_type_name(cubnDataType_t type); /* "f16" */
/* Rounds to nearest, ties to even; overflow gives infinity. */
void data_store(cubnDataType_t type, void *array, int64_t index, double value);
double data_load(cubnDataType_t type, const void *array, int64_t index);
double data_round(cubnDataType_t type, double value);
/* Unit roundoff (half the distance from 1 to the next value), least and largest positive value. */
double data_roundoff(cubnDataType_t type);
double data_least(cubnDataType_t type);
double data_largest(cubnDataType_t type);

/* ---- Arrays of a problem ---- */
enum {
  DATA_X,
  DATA_OUTPUT, /* y or dx */
  DATA_DY,
  DATA_Z,  /* in backward only the oracle's business, and that of the forward call before it */
  DATA_DZ, /* backward, in the layout of z */
  DATA_Y,  /* backward: y of the forward call before it, in the output's layout. Where an activation
            * decides, it says how forward did. */
  DATA_TENSORS,
  DATA_SCALE = DATA_TENSORS, /* one value per channel from here on */
  DATA_BIAS,
  DATA_MEAN, /* inference and frozen: the statistics to normalize with */
  DATA_VAR,  /* holds inv_std if that is given */
  DATA_RUNNING_MEAN,
  DATA_RUNNING_VAR,
  DATA_PREVIOUS_MEAN, /* if separate from the running ones */
  DATA_PREVIOUS_VAR,
  DATA_SAVED_MEAN,
  DATA_SAVED_INV_STD,
  DATA_DSCALE,
  DATA_DBIAS,
  DATA_CHANNELS_END,
  DATA_FACTOR = DATA_CHANNELS_END, /* one value */
  DATA_RESERVE,                    /* bytes */
  DATA_ARRAYS
};

/* Least distance in bytes of an array's elements from both ends of its block. None on the emulator:
 * there every access outside an allocation is an error, and a read of a guard would not be. */
#ifdef CUBN_TESTS_EMULATED
#define DATA_GUARD_BYTES 0
#else
#define DATA_GUARD_BYTES 256
#endif

/* One array in host memory. Its block holds guard, offset, elements with their gaps, guard.
 * Whatever is not an element, and elements whose content the library must not read, is filled with
 * 0xff, which is NaN in every type. block is NULL if the call has no such array of its own. */
typedef struct data_array {
  cubnDataType_t type; /* CUBN_DATA_INT8: bytes */
  unsigned char *block;
  size_t block_bytes;
  size_t begin_bytes; /* of the first element */
  int64_t extent;     /* elements from first to last, gaps included */
} data_array;

typedef struct data_set {
  data_array arrays[DATA_ARRAYS];
  /* The array that the output is in: DATA_OUTPUT, or in place DATA_X, DATA_DY or DATA_Z; and the one
   * of dz: DATA_DZ, or in place DATA_DY or DATA_X. They may be absent. */
  int output, dz;
} data_set;

/* Allocates and fills all arrays that a call with this line has, except what a backward line has from
 * its forward pass: saved statistics, reserve space and y (see run_fill). False: out of memory, or an
 * unknown data=NAME; then nothing is allocated.
 *
 * Patterns, of x with the line's mean M and std S. Channels differ a little in both.
 *   pairs      M + v, M - v, M + v', M - v', ...: the mean is known, a lost value moves it
 *   spread     independent values around M
 *   ramp       rises along the channel: a lost or repeated part moves mean and variance
 *   onehot     0 but for the channel's last value, 1: it shows the loss of the last value
 *   onehot0    the same with the first value
 *   constant   M, rounded to the type, in all values of a channel
 *   zeros      0
 *   outlier    pairs, with one value of each channel 1000 * S away
 *   large      +-1e30, f16: +-3e4 (no square fits into a float or a half)
 *   tiny       pairs with mean 0 and std 1e-20, f16: 1e-6
 *   nan inf    pairs with one NaN / infinity in every third channel
 *   nandy      pairs, with one NaN in dy in every third channel
 *   ties       pairs and a value whose pre-activation is 0, or the ceiling, up to rounding; z is 0
 *   nanz infz  pairs, with one NaN / infinity in z in every third channel
 * dy is 0.25 + noise + 0.5 * (x - M) / S, so that dscale and dbias are more than rounding. */
bool data_create(const line_problem *problem, data_set *set);
/* The same without values: all is poisoned. */
bool data_allocate(const line_problem *problem, data_set *set);
/* Gives an array the size that it has in this line, poisoned. */
bool data_resize(const line_problem *problem, int array, data_set *set);
bool data_copy(const data_set *from, data_set *to);
void data_destroy(data_set *set);

bool data_has(const data_set *set, int array);
/* Layout and offset of a tensor: LINE_X, ... */
int data_line_tensor(int array);
const char *data_array_name(const line_problem *problem, int array); /* "dx", "running_var" */
void *data_elements(const data_array *array);
double data_get(const data_array *array, int64_t offset);
void data_set_value(data_array *array, int64_t offset, double value);

/* Hash of two numbers to [0, 1), the same on every machine. */
double data_uniform(uint64_t stream, uint64_t index);

#endif /* CUBN_TESTS_DATA_H */
