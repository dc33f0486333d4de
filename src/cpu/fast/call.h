/* A call of a fast algorithm. In contrast to the plain algorithms (plain/job.h), elements are
 * computed in their own precision, by the kernels of kernels/kernels.h. */
#ifndef CUBN_CPU_FAST_CALL_H
#define CUBN_CPU_FAST_CALL_H

#include "core/backend.h"
#include "cpu/common/activation.h"
#include "cpu/common/convert.h"
#include "cpu/common/device.h"
#include "cpu/common/needs.h"
#include "cpu/kernels/kernels.h"

/* With these prescales, no sum of squares of single or of double numbers overflows. */
#define CUBN_PRESCALE_MIN 0x1p-70
#define CUBN_PRESCALE_MIN_DOUBLE 0x1p-540

/* What is decided once per call. */
typedef struct cubn_call {
  const cubn_device *device;
  const cubn_problem *problem;
  const cubn_args *args;
  const cubn_kernels *kernels;              /* for the device's instruction set and the type */
  const cubn_conversion *type, *param_type; /* types of elements and of parameters */
  int64_t element_bytes;                    /* bytes of an element */
  cubn_needs needs;                         /* what has to be computed */
  int sums;         /* sums per channel: 2 for statistics, 3 for backward, or 0 */
  bool writes;      /* some output per element is wanted: y, or dx or dz */
  int64_t threads;  /* so many threads may work on the call */
  bool nontemporal; /* the output is written with non-temporal stores, where possible */
  bool fits_l2;     /* all tensors fit in one core's L2 */
  bool prefetches;  /* tensors are so large that hardly any of them is in the caches */
  /* There is more than plain y or dx: addition, activation, blending, frozen statistics. */
  bool has_epilogue;
  cubn_fusion fusion;       /* the epilogue, as the kernels compute it */
  cubn_activator activator; /* its activation, as it is computed in double */
  bool factor_needs_double; /* float cannot represent a factor of the epilogue: see exact.h */
} cubn_call;

cubn_call cubn_call_begin(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args);

/* The call as it is while backward forms the sums of the statistics. */
cubn_call cubn_call_of_moments(const cubn_call *call);

/* Whether backward computes the statistics in a pass of their own, because they are not given. */
static inline bool cubn_begins_with_moments(const cubn_call *call) {
  return call->needs.moments && call->problem->pass == CUBN_PASS_BACKWARD;
}

/* Why no fast algorithm can do this problem, if so. */
cubn_refusal cubn_fast_reject(const cubn_device *device, const cubn_problem *problem);

/* The element at this offset of a tensor. */
static inline const void *cubn_element_at(const cubn_call *call, const void *tensor,
                                          int64_t offset) {
  return (const char *)tensor + offset * call->element_bytes;
}

static inline void *cubn_output_at(const cubn_call *call, int64_t offset) {
  return (char *)call->args->output + offset * call->element_bytes;
}

/* The value as the kernels represent it. */
static inline double cubn_to_real(const cubn_call *call, double value) {
  return call->kernels->real_bytes == sizeof(double) ? value : (double)(float)value;
}

#endif /* CUBN_CPU_FAST_CALL_H */
