/* The algorithms of the CPU backend, in the order in which they are tried. Each does all passes. */
#ifndef CUBN_CPU_ALGOS_H
#define CUBN_CPU_ALGOS_H

#include "host/backend.h"

extern const cubn_algo cubn_cpu_rows;    /* packed, channels before samples (NCHW) */
extern const cubn_algo cubn_cpu_columns; /* packed, channels last (NHWC, NC) */
extern const cubn_algo cubn_cpu_strided; /* everything */

#endif /* CUBN_CPU_ALGOS_H */
