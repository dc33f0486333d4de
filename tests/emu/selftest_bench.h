#ifndef CUBN_TESTS_EMU_SELFTEST_BENCH_H
#define CUBN_TESTS_EMU_SELFTEST_BENCH_H

/* Measures the cost of the emulator; the result is an exit code. */
int selftest_bench(void);

#endif
