/* See cubn_backend.widen. */
#ifndef CUBN_CPU_WIDEN_H
#define CUBN_CPU_WIDEN_H

#include "core/backend.h"

cubnStatus_t cubn_cpu_widen(cubn_device *device, const cubn_problem *problem, const void *x,
                            void *to);

#endif /* CUBN_CPU_WIDEN_H */
