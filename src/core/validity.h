/* Which elements take part. The others are padding: nothing is computed from them, and they get 0,
 * or nothing, in y, dx and dz. */
#ifndef CUBN_CORE_VALIDITY_H
#define CUBN_CORE_VALIDITY_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  CUBN_VALID_ALL,
  CUBN_VALID_MASK,   /* a byte for each offset of CUBN_ARRAY_VALID, which is not 0 */
  CUBN_VALID_LENGTHS /* offset i of CUBN_ARRAY_VALID is place i % extent of sample i / extent, and
                        valid if that is below the sample's length, an int32_t */
} cubn_validity_kind;

typedef struct cubn_validity {
  cubn_validity_kind kind;
  int lengths_dim; /* the dimension that lengths are of */
  int64_t extent;  /* its size */
  bool keeps;      /* padding in y, dx and dz is left as it is, instead of set to 0 */
} cubn_validity;

#endif /* CUBN_CORE_VALIDITY_H */
