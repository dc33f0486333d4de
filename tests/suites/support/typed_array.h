/* Small arrays of any type on the suite's device, with their values as doubles. */
#ifndef CUBN_TESTS_TYPED_ARRAY_H
#define CUBN_TESTS_TYPED_ARRAY_H

#include <stdint.h>

#include "cubn.h"

enum { TYPED_MOST = 72 };

typedef struct typed_array {
  cubnDataType_t type;
  int count;
  double values[TYPED_MOST];
  cubnBuffer_t buffer;
  void *at;
} typed_array;

/* Creates `count` values around `mean`, at most `spread` away, rounded to the type. */
typed_array typed_create(cubnDataType_t type, int count, uint64_t seed, double mean, double spread);
void typed_read(typed_array *a);

#endif /* CUBN_TESTS_TYPED_ARRAY_H */
