/* The command line of the benchmark. */
#ifndef CUBN_BENCH_OPTIONS_H
#define CUBN_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cubn.h"

#define BENCH_BUSY_LEVELS_MAX 8

typedef struct bench_options {
  const char *device; /* as for cubnCreateOnDevice; NULL: the choice of cubnCreate */
  const char *algo;   /* forced algorithm, or NULL */
  const char *suite, *pass, *file;
  const char *type, *layout;
  const char *words;               /* appended to the lines of the suite, or NULL */
  int64_t batch;                   /* 0: that of the suite */
  double seconds;                  /* time budget per problem */
  double busy_seconds;             /* with --busy: per library, problem and number of them */
  const char *busy_text;           /* what --busy says */
  int busy[BENCH_BUSY_LEVELS_MAX]; /* numbers of busy processes, measured in turns */
  int busy_count;                  /* at least 1: without --busy no process is busy */
  int64_t verify_elements;
  bool warm, graph, host, peers, list_peers, list, help;
  const char *cudnn; /* file or folder, or NULL */
  const char *onednn;
  const char *torch;  /* a Python, or NULL */
  const char *worker; /* which library this process is to time for another one, or NULL */
  const char *csv, *json, *samples;
  int line_count;
  char **lines;       /* problem lines of the command line; to be freed */
  char command[1024]; /* the command line, for the results */
} bench_options;

/* Returns NULL, or what is wrong; `argument` is then set to the argument in question. */
const char *bench_options_parse(int argc, char **argv, bench_options *options,
                                const char **argument);
void bench_options_usage(void);

#endif /* CUBN_BENCH_OPTIONS_H */
