/* The arrays of a problem and their generated values. */
#ifndef CUBN_TESTS_DATA_H
#define CUBN_TESTS_DATA_H

#include "kit/data_types.h"
#include "kit/problem_line.h"

enum {
  DATA_X,
  DATA_OUTPUT, /* y or dx */
  DATA_DY,
  DATA_Z,  /* in backward only for the oracle, and for the forward call before it */
  DATA_DZ, /* backward, in the layout of z */
  /* Backward: y of the forward call before it, in the layout of the output. Where an activation
   * decides, it shows how forward decided. */
  DATA_Y,
  DATA_TENSORS,
  DATA_SCALE = DATA_TENSORS, /* one value per channel from here on */
  DATA_BIAS,
  DATA_MEAN, /* inference and frozen: the statistics to normalize with */
  DATA_VAR,  /* it is inv_std if that is given */
  DATA_RUNNING_MEAN,
  DATA_RUNNING_VAR,
  DATA_PREVIOUS_MEAN, /* if separate from the running ones */
  DATA_PREVIOUS_VAR,
  DATA_SAVED_MEAN,
  DATA_SAVED_INV_STD,
  DATA_DSCALE,
  DATA_DBIAS,
  DATA_MEAN_LOW,       /* what DATA_MEAN lacks of the mean */
  DATA_SAVED_MEAN_LOW, /* the same of DATA_SAVED_MEAN */
  DATA_SAVED_R,        /* of batch renormalization */
  DATA_SAVED_D,
  DATA_CHANNELS_END,
  DATA_FACTOR = DATA_CHANNELS_END, /* one value */
  DATA_RESERVE,                    /* bytes */
  DATA_MASK,                       /* bytes: those of a mask, or of lengths */
  DATA_ARRAYS
};

/* The least distance, in bytes, of an array's elements from both ends of its block. There is none
 * on the emulator, where every access outside an allocation is an error, and a read of a guard
 * would not be. */
#ifdef CUBN_TESTS_EMULATED
#define DATA_GUARD_BYTES 0
#else
#define DATA_GUARD_BYTES 256
#endif

/* One array in host memory. Its block consists of guard, offset, elements with their gaps, and
 * guard. Everything that is not an element, and elements whose content the library must not read,
 * is 0xff, which is NaN in every type. block is NULL if the call has no such array of its own. */
typedef struct data_array {
  cubnDataType_t type; /* CUBN_DATA_INT8: bytes */
  unsigned char *block;
  size_t block_bytes;
  size_t begin_bytes; /* offset of the first element */
  int64_t extent;     /* elements from first to last, gaps included */
} data_array;

typedef struct data_set {
  data_array arrays[DATA_ARRAYS];
  /* The array with the output: DATA_OUTPUT, or in place DATA_X, DATA_DY or DATA_Z; and the array
   * with dz: DATA_DZ, or in place DATA_DY or DATA_X. They may be absent. */
  int output, dz;
} data_set;

/* Allocates and fills all arrays that a call with this line has, except those that a backward line
 * has from its forward pass: saved statistics, reserve space and y (see run_fill). Returns false,
 * with nothing allocated, if memory is short or data=NAME unknown.
 *
 * Patterns, of x with the line's mean M and std S. Channels differ a little in both.
 *   pairs      M + v, M - v, M + v', M - v', ...: the mean is known, a lost value moves it
 *   spread     independent values around M
 *   ramp       rises along the channel: a lost or repeated part moves mean and variance
 *   onehot     0, except for 1 as the channel's last value: it shows the loss of that value
 *   onehot0    the same with the first value
 *   constant   M, rounded to the type, in all values of a channel
 *   zeros      0
 *   outlier    pairs, with one value of each channel 1000 * S away
 *   large      +-1e30, f16: +-3e4 (no square fits into a float or a half)
 *   tiny       pairs with mean 0 and std 1e-20, f16: 1e-6
 *   nan inf    pairs with one NaN / infinity in every third channel
 *   nandy      pairs, with one NaN in dy in every third channel
 *   ties       pairs and a value whose pre-activation is 0, or the ceiling, up to rounding; z is 0
 *   decoy      pairs, with 0 as the first value, the last of each quarter and every 23rd
 *   spike      pairs, with one value of each channel whose square is beyond the range of the type
 *   largedy    pairs, and dy of +-3e37, f16: 6e4
 *   nanz infz  pairs, with one NaN / infinity in z in every third channel
 * dy is 0.25 + noise + 0.5 * (x - M) / S, so that dscale and dbias are more than rounding. */
bool data_create(const line_problem *problem, data_set *set);
/* The same without values: everything is poisoned. */
bool data_allocate(const line_problem *problem, data_set *set);
/* Gives an array the size that it has in this line, poisoned. */
bool data_resize(const line_problem *problem, int array, data_set *set);
bool data_copy(const data_set *from, data_set *to);
void data_destroy(data_set *set);

bool data_has(const data_set *set, int array);
/* The tensor of the line with the layout and offset of the array: LINE_X, ... */
int data_line_tensor(int array);
const char *data_array_name(const line_problem *problem, int array); /* "dx", "running_var" */
void *data_elements(const data_array *array);
double data_get(const data_array *array, int64_t offset);
void data_set_value(data_array *array, int64_t offset, double value);

/* A hash of two numbers to [0, 1), the same on every machine. */
double data_uniform(uint64_t stream, uint64_t index);

#endif /* CUBN_TESTS_DATA_H */
