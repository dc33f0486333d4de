/* The name of the processor. */
#ifndef CUBN_BENCH_CPU_NAME_H
#define CUBN_BENCH_CPU_NAME_H

#include <stddef.h>

/* The name in /proc/cpuinfo, or "CPU". */
void bench_cpu_name(char *name, size_t name_bytes);

#endif /* CUBN_BENCH_CPU_NAME_H */
