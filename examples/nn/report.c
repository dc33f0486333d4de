/* What the training programs show. */
#include "nn/report.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 40 };
/* A network counts as trained from here on. */
static const double TARGET_ACCURACY = 0.9;

bool nn_report_open(nn_report *report, const char *csv) {
  *report = (nn_report){.progress_bar = isatty(STDOUT_FILENO) == 1, .bar_shown = -1};
  if (csv == NULL) return true;
  report->csv = fopen(csv, "w");
  if (report->csv == NULL) return nn_fail("%s: cannot write: %s", csv, strerror(errno));
  fprintf(report->csv,
          "batch_norm,learning_rate,epoch,loss,train_accuracy,test_accuracy,images_per_second\n");
  return true;
}

bool nn_report_close(nn_report *report) {
  if (report->csv == NULL) return true;
  const bool written = ferror(report->csv) == 0;
  const bool closed = fclose(report->csv) == 0;
  report->csv = NULL;
  return (written && closed) || nn_fail("the CSV file could not be written completely");
}

bool nn_report_head(const char *network, const nn_device *device, const nn_images *train,
                    const nn_images *test, int batch, uint64_t seed) {
  cubnDeviceType_t type;
  int ordinal;
  if (!nn_check(cubnGetDevice(device->handle, &type, &ordinal))) return false;
  printf("%s, %d training and %d test images of %d x %d pixels, batches of %d, seed %llu, ",
         network, train->count, test->count, train->h, train->w, batch, (unsigned long long)seed);
  if (type == CUBN_DEVICE_CPU)
    printf("on the CPU\n");
  else
    printf("on GPU %d\n", ordinal);
  return true;
}

static void show_progress(void *context, int epoch, int images, int all_images) {
  nn_report *report = context;
  const int filled = (int)((long long)BAR_WIDTH * images / all_images);
  if (!report->progress_bar || filled == report->bar_shown) return;
  char bar[BAR_WIDTH + 1];
  report->bar_shown = filled;
  for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < filled ? '#' : '.';
  bar[BAR_WIDTH] = '\0';
  printf("\r%5d  [%s]", epoch + 1, bar);
  fflush(stdout);
}

static void show_epoch(void *context, int epoch, const nn_epoch *result) {
  nn_report *report = context;
  const nn_plan *plan = &report->run->plan;
  report->bar_shown = -1;
  if (report->progress_bar) printf("\r%*s\r", BAR_WIDTH + 9, "");
  printf("%5d  %8.4f  %6.1f %%  %6.1f %%  %9.0f\n", epoch + 1, result->loss,
         100 * result->train_accuracy, 100 * result->test_accuracy, result->images_per_second);
  fflush(stdout);
  if (report->csv != NULL)
    fprintf(report->csv, "%d,%g,%d,%.9g,%.9g,%.9g,%.0f\n", plan->model.batch_norm ? 1 : 0,
            (double)plan->rate, epoch + 1, result->loss, result->train_accuracy,
            result->test_accuracy, result->images_per_second);
}

nn_observer nn_report_run(nn_report *report, const nn_run *run) {
  report->run = run;
  printf("\nLearning rate %g, %s batch norm\n", (double)run->plan.rate,
         run->plan.model.batch_norm ? "with" : "without");
  printf("epoch      loss     train      test   images/s\n");
  return (nn_observer){.context = report, .progress = show_progress, .epoch_done = show_epoch};
}

static const nn_epoch *last_epoch(const nn_run *run) {
  return &run->epochs[run->plan.epochs - 1];
}

/* Epochs until the test accuracy first reached the target; 0 for never. */
static int epochs_to_target(const nn_run *run) {
  for (int i = 0; i < run->plan.epochs; i++)
    if (run->epochs[i].test_accuracy >= TARGET_ACCURACY) return i + 1;
  return 0;
}

void nn_report_table(const nn_run *runs, int count, int test_images) {
  printf("\nAfter %d epochs (accuracy on %d test images)\n", runs[0].plan.epochs, test_images);
  printf("learning rate  batch norm      loss     train      test  epochs to %.0f %%  seconds\n",
         100 * TARGET_ACCURACY);
  for (int i = 0; i < count; i++) {
    const nn_epoch *last = last_epoch(&runs[i]);
    const int epochs = epochs_to_target(&runs[i]);
    double seconds = 0;
    char reached[16] = "never";
    if (epochs > 0) snprintf(reached, sizeof reached, "%d", epochs);
    for (int j = 0; j < runs[i].plan.epochs; j++) seconds += runs[i].epochs[j].seconds;
    printf("%13g  %-10s  %8.4f  %6.1f %%  %6.1f %%  %14s  %7.1f\n", (double)runs[i].plan.rate,
           runs[i].plan.model.batch_norm ? "with" : "without", last->loss,
           100 * last->train_accuracy, 100 * last->test_accuracy, reached, seconds);
  }
}

/* 1, 0 or -1: whether a is better, by more than two standard errors of the difference of two
 * shares of n images, so that chance is an unlikely reason. */
static int compare_accuracies(double a, double b, int n) {
  const double error = sqrt((a * (1 - a) + b * (1 - b)) / n);
  const double difference = a - b;
  return fabs(difference) <= 2 * error ? 0 : difference > 0 ? 1 : -1;
}

static void say_speed(int without, int with) {
  const double target = 100 * TARGET_ACCURACY;
  if (with > 0 && without > 0)
    printf("; %.0f %% are reached in epoch %d with it, in epoch %d without", target, with, without);
  else if (with > 0)
    printf("; only with it are %.0f %% reached, in epoch %d", target, with);
  else if (without > 0)
    printf("; only without it are %.0f %% reached, in epoch %d", target, without);
}

void nn_report_verdict(const nn_run *runs, int count, int test_images) {
  const nn_run *best[2] = {&runs[0], &runs[1]};
  printf("\nVerdict\n");
  for (int i = 0; i < count; i += 2) {
    const double without = last_epoch(&runs[i])->test_accuracy;
    const double with = last_epoch(&runs[i + 1])->test_accuracy;
    const int better = compare_accuracies(with, without, test_images);
    printf("- Rate %g: %s (%.1f %% against %.1f %%)", (double)runs[i].plan.rate,
           better > 0   ? "better with batch norm"
           : better < 0 ? "worse with batch norm"
                        : "no clear difference between with and without batch norm",
           100 * with, 100 * without);
    say_speed(epochs_to_target(&runs[i]), epochs_to_target(&runs[i + 1]));
    printf(".\n");
    for (int j = 0; j < 2; j++)
      if (last_epoch(&runs[i + j])->test_accuracy > last_epoch(best[j])->test_accuracy)
        best[j] = &runs[i + j];
  }
  if (count > 2)
    printf("- Best of all rates: %.1f %% with batch norm (rate %g), %.1f %% without (rate %g).\n",
           100 * last_epoch(best[1])->test_accuracy, (double)best[1]->plan.rate,
           100 * last_epoch(best[0])->test_accuracy, (double)best[0]->plan.rate);
}
