/* A network that learns to read digits, with and without batch normalization.
 *
 * The network is LeNet with sigmoids, whose plain form is slow to begin and easily stuck: the case
 * that batch normalization was made for. It is trained from the same weights, on the same images in
 * the same order, without and with batch norm, at a small and at a large learning rate. A table at
 * the end shows what that changed.
 *
 * The layers are in examples/nn: batch norm (nn/batch_norm.c) is one call of cubn forward and one
 * backward. Everything runs on the CPU or on a GPU, and for one seed and device gives the same
 * numbers each time.
 *
 *     make demo
 *     build/examples/train --help
 *     build/examples/train --data DIRECTORY_OF_MNIST --batch 128
 */
#include <stdio.h>
#include <stdlib.h>

#include "nn/options.h"
#include "nn/program.h"
#include "nn/report.h"

enum { RUN_MAX = 2 * NN_RATE_MAX };

/* What the program owns, so that every exit can free it. */
typedef struct demo {
  const char *device_name, *data, *csv;
  bool no_batch_norm, help;
  nn_plan plan;
  nn_rates rates;
  nn_images train, test;
  nn_device device;
  nn_report report;
  nn_run runs[RUN_MAX];
  int run_count;
} demo;

static const char summary[] =
    "Trains LeNet with and without batch normalization, at a small and at a large learning rate,\n"
    "and compares: four trainings on 8 x 8 digits, or on other images with --data.";

static bool parse(demo *demo, int argc, char **argv) {
  nn_plan *plan = &demo->plan;
  const nn_option options[] = {
      {"--device", NN_OPTION_TEXT, &demo->device_name, 0, 0, "NAME", nn_help_device},
      {"--epochs", NN_OPTION_INT, &plan->epochs, 1, NN_EPOCHS_MAX, "N", nn_help_epochs},
      {"--batch", NN_OPTION_INT, &plan->batch, 2, NN_BATCH_MAX, "N", nn_help_batch},
      {"--lr", NN_OPTION_RATES, &demo->rates, 1e-9, 1e9, "RATE",
       "this learning rate; may be given up to 8 times (default: 0.3 and 3)"},
      {"--momentum", NN_OPTION_REAL, &plan->momentum, 0, 0.9999, "M", nn_help_momentum},
      {"--seed", NN_OPTION_SEED, &plan->seed, 0, 0, "N", nn_help_seed},
      {"--no-bn", NN_OPTION_FLAG, &demo->no_batch_norm, 0, 0, NULL,
       "only the network without batch normalization"},
      {"--data", NN_OPTION_TEXT, &demo->data, 0, 0, "DIR", nn_help_data},
      {"--csv", NN_OPTION_TEXT, &demo->csv, 0, 0, "FILE", nn_help_csv},
      {NULL, NN_OPTION_FLAG, NULL, 0, 0, NULL, NULL}};
  if (!nn_parse_options(options, argc, argv, &demo->help)) return false;
  if (demo->help) nn_print_usage("train", summary, options);
  if (demo->rates.count == 0) demo->rates = (nn_rates){.values = {0.3f, 3.0f}, .count = 2};
  return true;
}

static bool read_data(demo *demo) {
  return nn_read_images(&demo->train, demo->data, "train") &&
         nn_read_images(&demo->test, demo->data, "t10k") &&
         nn_check_images(&demo->train, &demo->test);
}

/* Without and with batch norm for each rate. */
static bool plan_runs(demo *demo) {
  for (int i = 0; i < demo->rates.count; i++) {
    for (uint32_t batch_norm = 0; batch_norm <= (demo->no_batch_norm ? 0 : 1); batch_norm++) {
      nn_run *run = &demo->runs[demo->run_count++];
      run->plan = demo->plan;
      run->plan.model.batch_norm = batch_norm;
      run->plan.rate = demo->rates.values[i];
      run->epochs = calloc((size_t)run->plan.epochs, sizeof *run->epochs);
      if (run->epochs == NULL) return nn_fail("no memory for %d epochs", run->plan.epochs);
    }
  }
  return true;
}

static bool run_all(demo *demo) {
  if (!plan_runs(demo) || !nn_report_head("LeNet", &demo->device, &demo->train, &demo->test,
                                          demo->plan.batch, demo->plan.seed))
    return false;
  for (int i = 0; i < demo->run_count; i++) {
    const nn_run *run = &demo->runs[i];
    const nn_observer observer = nn_report_run(&demo->report, run);
    if (!nn_train(&demo->device, &demo->train, &demo->test, &run->plan, &observer, run->epochs))
      return false;
  }
  nn_report_table(demo->runs, demo->run_count, demo->test.count);
  if (!demo->no_batch_norm) nn_report_verdict(demo->runs, demo->run_count, demo->test.count);
  if (fflush(stdout) != 0 || ferror(stdout)) return nn_fail("the output could not be written");
  return nn_report_close(&demo->report);
}

static int run_demo(demo *demo, int argc, char **argv) {
  if (!parse(demo, argc, argv)) return NN_EXIT_USAGE;
  if (demo->help) return EXIT_SUCCESS;
  if (!read_data(demo) || !nn_device_open(&demo->device, demo->device_name) ||
      !nn_report_open(&demo->report, demo->csv))
    return NN_EXIT_USAGE;
  return run_all(demo) ? EXIT_SUCCESS : NN_EXIT_FAILED;
}

int main(int argc, char **argv) {
  static demo demo = {.device_name = "auto",
                      .data = "examples/data",
                      .plan = {.model = {.kind = NN_LENET, .activation = NN_SIGMOID, .gain = 4.0f},
                               .epochs = 30,
                               .batch = 16,
                               .seed = 1}};
  const int code = run_demo(&demo, argc, argv);
  if (code != EXIT_SUCCESS) fprintf(stderr, "train: %s\n", nn_message());
  if (demo.report.csv != NULL) nn_report_close(&demo.report);
  for (int i = 0; i < demo.run_count; i++) free(demo.runs[i].epochs);
  nn_device_close(&demo.device);
  nn_free_images(&demo.train);
  nn_free_images(&demo.test);
  return code;
}
