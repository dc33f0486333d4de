/* What the training programs show: progress, a line per epoch; a closing table and verdict. */
#ifndef NN_REPORT_H
#define NN_REPORT_H

#include <stdio.h>

#include "nn/trainer.h"

/* One training and how it went. */
typedef struct nn_run {
  nn_plan plan;
  nn_epoch *epochs; /* [plan.epochs] */
} nn_run;

typedef struct nn_report {
  const nn_run *run; /* the present one */
  FILE *csv;         /* or NULL */
  bool progress_bar;
  int bar_shown; /* so many signs are filled on the terminal; -1: no bar yet */
} nn_report;

/* With `csv` NULL: no file. The progress bar is shown on terminals only. */
bool nn_report_open(nn_report *report, const char *csv);
/* False, with a message, if the file could not be written. */
bool nn_report_close(nn_report *report);

/* Prints what is trained on what. */
bool nn_report_head(const char *network, const nn_device *device, const nn_images *train,
                    const nn_images *test, int batch, uint64_t seed);

/* Prints the head of a training and returns who watches it. */
nn_observer nn_report_run(nn_report *report, const nn_run *run);

/* The closing table. */
void nn_report_table(const nn_run *runs, int count, int test_images);
/* What the table says about batch norm. runs[0], [2], ... are without it, runs[1], [3], ... the
 * same with it. */
void nn_report_verdict(const nn_run *runs, int count, int test_images);

#endif /* NN_REPORT_H */
