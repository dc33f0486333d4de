/* Sizes of elements. */
#ifndef CUBN_CORE_ELEMENT_H
#define CUBN_CORE_ELEMENT_H

#include <stddef.h>

#include "cubn.h"

static inline size_t cubn_element_bytes(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return 8;
    case CUBN_DATA_FLOAT:
      return 4;
    case CUBN_DATA_HALF:
    case CUBN_DATA_BFLOAT16:
      return 2;
    case CUBN_DATA_INT8:
      return 1;
  }
  return 0;
}

/* Bytes of a parameter for tensors of this type. */
static inline size_t cubn_param_bytes(cubnDataType_t type) {
  return type == CUBN_DATA_DOUBLE ? sizeof(double) : sizeof(float);
}

#endif /* CUBN_CORE_ELEMENT_H */
