/* The descriptor of the extended interface. */
#ifndef CUBN_HOST_EXTENDED_H
#define CUBN_HOST_EXTENDED_H

#include "core/backend.h"
#include "core/object.h"

enum { CUBN_ATTRIBUTE_COUNT = CUBN_BATCHNORM_BACKWARD_FROM + 1 };

struct cubnBatchNormStruct {
  cubn_object object;
  double values[CUBN_ATTRIBUTE_COUNT]; /* of the attributes */
  bool adds;
  cubn_activation activation;
  struct cubn_exchange *exchange; /* with the other ranks (exchange.h), or NULL */
};

#endif /* CUBN_HOST_EXTENDED_H */
