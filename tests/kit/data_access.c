/* Arrays of a problem: access, copies and names. */
#include <stdlib.h>
#include <string.h>

#include "kit/data.h"

bool data_has(const data_set *set, int array) {
  return set->arrays[array].block != NULL;
}

void *data_elements(const data_array *array) {
  return array->block + array->begin_bytes;
}

double data_get(const data_array *array, int64_t offset) {
  return data_load(array->type, data_elements(array), offset);
}

void data_set_value(data_array *array, int64_t offset, double value) {
  data_store(array->type, data_elements(array), offset, value);
}

int data_line_tensor(int array) {
  static const int tensors[DATA_TENSORS] = {
      [DATA_X] = LINE_X, [DATA_OUTPUT] = LINE_OUTPUT, [DATA_DY] = LINE_DY,
      [DATA_Z] = LINE_Z, [DATA_DZ] = LINE_Z,          [DATA_Y] = LINE_OUTPUT};
  return tensors[array];
}

const char *data_array_name(const line_problem *problem, int array) {
  static const char *const names[DATA_ARRAYS] = {[DATA_X] = "x",
                                                 [DATA_OUTPUT] = "y",
                                                 [DATA_DY] = "dy",
                                                 [DATA_Z] = "z",
                                                 [DATA_DZ] = "dz",
                                                 [DATA_Y] = "forward's y",
                                                 [DATA_SCALE] = "scale",
                                                 [DATA_BIAS] = "bias",
                                                 [DATA_MEAN] = "mean",
                                                 [DATA_MEAN_LOW] = "mean_low",
                                                 [DATA_VAR] = "var",
                                                 [DATA_RUNNING_MEAN] = "running_mean",
                                                 [DATA_RUNNING_VAR] = "running_var",
                                                 [DATA_PREVIOUS_MEAN] = "previous_running_mean",
                                                 [DATA_PREVIOUS_VAR] = "previous_running_var",
                                                 [DATA_SAVED_MEAN] = "saved_mean",
                                                 [DATA_SAVED_MEAN_LOW] = "saved_mean_low",
                                                 [DATA_SAVED_INV_STD] = "saved_inv_std",
                                                 [DATA_SAVED_R] = "saved_r",
                                                 [DATA_SAVED_D] = "saved_d",
                                                 [DATA_DSCALE] = "dscale",
                                                 [DATA_DBIAS] = "dbias",
                                                 [DATA_FACTOR] = "factor",
                                                 [DATA_RESERVE] = "reserve",
                                                 [DATA_MASK] = "mask"};
  if (array == DATA_X && problem->from_y) return "y";
  return array == DATA_OUTPUT && problem->pass == LINE_BACKWARD ? "dx" : names[array];
}

bool data_copy(const data_set *from, data_set *to) {
  *to = *from;
  for (int array = 0; array < DATA_ARRAYS; ++array) to->arrays[array].block = NULL;
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    const data_array *const source = &from->arrays[array];
    if (!source->block) continue;
    to->arrays[array].block = malloc(source->block_bytes + 1);
    if (!to->arrays[array].block) {
      data_destroy(to);
      return false;
    }
    memcpy(to->arrays[array].block, source->block, source->block_bytes);
  }
  return true;
}

void data_destroy(data_set *set) {
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    free(set->arrays[array].block);
    set->arrays[array].block = NULL;
  }
}
