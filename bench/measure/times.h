/* Summaries of samples. */
#ifndef CUBN_BENCH_TIMES_H
#define CUBN_BENCH_TIMES_H

typedef struct bench_times {
  double median, min, spread;    /* seconds; spread is the interquartile range */
  double p5, p25, p75, p90, p95; /* percentiles, interpolated linearly between samples */
  int repeats;                   /* 0 if nothing was timed */
} bench_times;

/* Summarizes samples. Sorts them. */
bench_times bench_summarize(double *samples, int count);

#endif /* CUBN_BENCH_TIMES_H */
