/* A network that learns to read digits, with and without batch normalization.
 *
 * The network is LeNet with sigmoids, whose plain form is slow to begin and easily stuck: the case
 * that batch normalization was made for. It is trained from the same weights, on the same images in
 * the same order, without and with batch norm, at a small and at a large learning rate. A table at
 * the end shows what that changed.
 *
 * The layers are in examples/nn: batch norm (nn/batch_norm.c) is three calls of cubn. Everything
 * runs on the CPU or on a GPU, and for one seed and device gives the same numbers each time.
 *
 *     make demo
 *     build/examples/train --help
 *     build/examples/train --data DIRECTORY_OF_MNIST --batch 128
 */
#include <stdio.h>
#include <stdlib.h>

#include "nn/options.h"
#include "nn/report.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, RUN_MAX = 2 * NN_RATE_MAX };

/* What the program holds, so that every way out can free it. */
typedef struct demo {
  nn_options options;
  nn_images train, test;
  nn_device device;
  nn_report report;
  nn_run runs[RUN_MAX];
  int run_count;
} demo;

static bool read_data(demo *demo) {
  return nn_read_images(&demo->train, demo->options.data, "train") &&
         nn_read_images(&demo->test, demo->options.data, "t10k") &&
         nn_check_images(&demo->train, &demo->test);
}

/* Without and with batch norm for each rate. */
static bool plan_runs(demo *demo) {
  const nn_options *options = &demo->options;
  for (int i = 0; i < options->rate_count; i++) {
    for (int batch_norm = 0; batch_norm <= (options->no_batch_norm ? 0 : 1); batch_norm++) {
      nn_run *run = &demo->runs[demo->run_count++];
      run->plan = (nn_plan){.batch_norm = batch_norm == 1,
                            .rate = options->rates[i],
                            .momentum = options->momentum,
                            .epochs = options->epochs,
                            .batch = options->batch,
                            .seed = options->seed};
      run->epochs = calloc((size_t)options->epochs, sizeof *run->epochs);
      if (run->epochs == NULL) return nn_fail("no memory for %d epochs", options->epochs);
    }
  }
  return true;
}

static bool print_head(const demo *demo) {
  cubnDeviceType_t type;
  int ordinal;
  if (!nn_check(cubnGetDevice(demo->device.handle, &type, &ordinal))) return false;
  printf("LeNet, %d training and %d test images of %d x %d pixels, batches of %d, seed %llu, ",
         demo->train.count, demo->test.count, demo->train.h, demo->train.w, demo->options.batch,
         (unsigned long long)demo->options.seed);
  if (type == CUBN_DEVICE_CPU)
    printf("on the CPU\n");
  else
    printf("on GPU %d\n", ordinal);
  return true;
}

static bool run_all(demo *demo) {
  if (!plan_runs(demo) || !print_head(demo)) return false;
  for (int i = 0; i < demo->run_count; i++) {
    const nn_run *run = &demo->runs[i];
    const nn_observer observer = nn_report_run(&demo->report, run);
    if (!nn_train(&demo->device, &demo->train, &demo->test, &run->plan, &observer, run->epochs))
      return false;
  }
  nn_report_table(demo->runs, demo->run_count, demo->test.count);
  if (!demo->options.no_batch_norm)
    nn_report_verdict(demo->runs, demo->run_count, demo->test.count);
  if (fflush(stdout) != 0 || ferror(stdout)) return nn_fail("the output could not be written");
  return nn_report_close(&demo->report);
}

static int run_demo(demo *demo, int argc, char **argv) {
  if (!nn_parse_options(&demo->options, argc, argv)) return EXIT_USAGE;
  if (demo->options.help) {
    fputs(nn_usage, stdout);
    return EXIT_SUCCESS;
  }
  if (!read_data(demo) || !nn_device_open(&demo->device, demo->options.device) ||
      !nn_report_open(&demo->report, demo->options.csv))
    return EXIT_USAGE;
  return run_all(demo) ? EXIT_SUCCESS : EXIT_FAILED;
}

int main(int argc, char **argv) {
  static demo demo;
  const int code = run_demo(&demo, argc, argv);
  if (code != EXIT_SUCCESS) fprintf(stderr, "train: %s\n", nn_message());
  if (demo.report.csv != NULL) nn_report_close(&demo.report);
  for (int i = 0; i < demo.run_count; i++) free(demo.runs[i].epochs);
  nn_device_close(&demo.device);
  nn_free_images(&demo.train);
  nn_free_images(&demo.test);
  return code;
}
