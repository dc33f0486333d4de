/* The algorithms of the CPU backend, in the order in which they are tried. */
#ifndef CUBN_CPU_COMMON_ALGOS_H
#define CUBN_CPU_COMMON_ALGOS_H

#include "core/backend.h"

/* The fast algorithms compute in the precision of the elements, with vector kernels. */
extern const cubn_algo cubn_cpu_pipelined; /* packed, long runs; training and backward */
extern const cubn_algo cubn_cpu_inference; /* packed, long runs */
extern const cubn_algo cubn_cpu_grid;      /* packed, short runs or channels last; all passes */
/* The plain algorithms compute in double, in all passes. */
extern const cubn_algo cubn_cpu_rows;    /* packed, channels before samples (NCHW) */
extern const cubn_algo cubn_cpu_columns; /* packed, channels last (NHWC, NC) */
extern const cubn_algo cubn_cpu_strided; /* everything */

/* Quantized inference: everything. */
extern const cubn_algo cubn_cpu_int8;

#endif /* CUBN_CPU_COMMON_ALGOS_H */
