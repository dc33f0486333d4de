/* Element types, independent of the library's sources. */
#ifndef CUBN_TESTS_DATA_TYPES_H
#define CUBN_TESTS_DATA_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "cubn.h"

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

#endif /* CUBN_TESTS_DATA_TYPES_H */
