/* A training program: options, data, training, the closing line. */
#include "nn/program.h"

#include <stdio.h>
#include <stdlib.h>

#include "nn/options.h"
#include "nn/report.h"

const char nn_help_device[] = "cpu, cuda, cuda:N, or auto: what cubnCreate takes";
const char nn_help_data[] =
    "folder of train-images-idx3-ubyte, train-labels-idx1-ubyte,\n"
    "                       t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, not compressed\n"
    "                       (MNIST, Fashion-MNIST)";
const char nn_help_epochs[] = "passes over the training images";
const char nn_help_batch[] = "images per step, 2 or more";
const char nn_help_momentum[] = "of stochastic gradient descent";
const char nn_help_seed[] = "of the weights and of the order of the images";
const char nn_help_csv[] = "write the epochs as comma-separated values, too";

typedef struct program {
  const char *device_name, *data, *csv;
  bool no_batch_norm, noise, per_activation, help, parallel, synchronize;
  nn_open_group open_group;
  nn_group group;
  nn_run run;
  nn_images train, test;
  nn_device device;
  nn_report report;
} program;

static bool parse(program *self, int argc, char **argv, const char *name, const char *summary) {
  nn_plan *plan = &self->run.plan;
  nn_model *model = &plan->model;
  const nn_option options[] = {
      {"--device", NN_OPTION_TEXT, &self->device_name, 0, 0, "NAME", nn_help_device},
      {"--data", NN_OPTION_TEXT, &self->data, 0, 0, "DIR", nn_help_data},
      {"--epochs", NN_OPTION_INT, &plan->epochs, 1, NN_EPOCHS_MAX, "N", nn_help_epochs},
      {"--batch", NN_OPTION_INT, &plan->batch, 2, NN_BATCH_MAX, "N", nn_help_batch},
      {"--lr", NN_OPTION_REAL, &plan->rate, 1e-9, 1e9, "RATE", "learning rate"},
      {"--momentum", NN_OPTION_REAL, &plan->momentum, 0, 0.9999, "M", nn_help_momentum},
      {"--seed", NN_OPTION_SEED, &plan->seed, 0, 0, "N", nn_help_seed},
      {"--no-bn", NN_OPTION_FLAG, &self->no_batch_norm, 0, 0, NULL, "without batch normalization"},
      {"--per-activation", NN_OPTION_FLAG, &self->per_activation, 0, 0, NULL,
       "statistics for each pixel of a channel"},
      {"--activation", NN_OPTION_ACTIVATION, &model->activation, 0, 0, "NAME",
       "sigmoid, tanh or relu"},
      {"--depth", NN_OPTION_INT, &model->depth, 1, NN_DEPTH_MAX, "N",
       "mlp: hidden layers; resnet: blocks per stage"},
      {"--width", NN_OPTION_INT, &model->width, 1, NN_WIDTH_MAX, "N",
       "mlp: units per layer; resnet: channels of the first stage"},
      {"--gain", NN_OPTION_REAL, &model->gain, 1e-6, 1e6, "G",
       "of the weights, in units of Glorot and Bengio's limit"},
      {"--dropout", NN_OPTION_REAL, &model->dropout, 0, 0.99, "P",
       "probability, behind each activation (lenet, mlp)"},
      {"--noise", NN_OPTION_FLAG, &self->noise, 0, 0, NULL,
       "random shift and scale in front of each activation (lenet, mlp)"},
      {"--csv", NN_OPTION_TEXT, &self->csv, 0, 0, "FILE", nn_help_csv},
      {"--checkpoint", NN_OPTION_TEXT, &plan->checkpoint, 0, 0, "FILE",
       "write the network here after each epoch (examples/infer reads it)"},
      {"--resume", NN_OPTION_FLAG, &plan->resume, 0, 0, NULL,
       "go on from the checkpoint, as if there had been no interruption"},
      {self->open_group != NULL ? "--parallel" : NULL, NN_OPTION_FLAG, &self->parallel, 0, 0, NULL,
       "under mpirun: each rank has a share of every batch"},
      {"--sync", NN_OPTION_FLAG, &self->synchronize, 0, 0, NULL,
       "the same, with batch norm synchronized over the ranks"},
      {NULL, NN_OPTION_FLAG, NULL, 0, 0, NULL, NULL}};
  if (!nn_parse_options(options, argc, argv, &self->help)) return false;
  if (self->help) nn_print_usage(name, summary, options);
  model->batch_norm = !self->no_batch_norm;
  model->per_activation = self->per_activation;
  model->noise = self->noise;
  if (plan->resume && plan->checkpoint == NULL)
    return nn_fail("--resume: expected a --checkpoint FILE to go on from");
  return true;
}

/* The ranks, of which the first one writes. */
static bool open_group(program *self) {
  if (!self->parallel && !self->synchronize) return true;
  if (!self->open_group(&self->group, self->synchronize)) return false;
  if (self->group.rank == 0) return true;
  self->csv = NULL;
  return freopen("/dev/null", "w", stdout) != NULL || nn_fail("/dev/null: cannot write");
}

static bool open_all(program *self) {
  self->run.epochs = calloc((size_t)self->run.plan.epochs, sizeof *self->run.epochs);
  if (self->run.epochs == NULL)
    return nn_fail("no memory for %d epochs", (int)self->run.plan.epochs);
  return open_group(self) && nn_read_images(&self->train, self->data, "train") &&
         nn_read_images(&self->test, self->data, "t10k") &&
         nn_check_images(&self->train, &self->test) &&
         nn_device_open(&self->device, self->device_name) &&
         nn_report_open(&self->report, self->csv);
}

static bool train(program *self, const char *name) {
  const nn_plan *plan = &self->run.plan;
  if (self->group.close != NULL) self->device.group = &self->group;
  if (!nn_report_head(name, &self->device, &self->train, &self->test, plan->batch, plan->seed))
    return false;
  if (self->device.group != NULL)
    printf("%d ranks with a share of each batch, batch norm over %s\n", self->group.ranks,
           self->synchronize ? "all shares" : "each rank's share");
  const nn_observer observer = nn_report_run(&self->report, &self->run);
  return nn_train(&self->device, &self->train, &self->test, plan, &observer, self->run.epochs) &&
         nn_report_close(&self->report) &&
         ((fflush(stdout) == 0 && ferror(stdout) == 0) ||
          nn_fail("the output could not be written"));
}

static int run(program *self, int argc, char **argv, const char *name, const char *summary) {
  if (!parse(self, argc, argv, name, summary)) return NN_EXIT_USAGE;
  if (self->help) return EXIT_SUCCESS;
  if (!open_all(self)) return NN_EXIT_USAGE;
  return train(self, name) ? EXIT_SUCCESS : NN_EXIT_FAILED;
}

int nn_run_program(int argc, char **argv, const char *name, const char *summary,
                   const nn_plan *defaults, nn_open_group open_group) {
  program self = {.device_name = "auto",
                  .data = "examples/data",
                  .open_group = open_group,
                  .run.plan = *defaults};
  const int code = run(&self, argc, argv, name, summary);
  if (code != EXIT_SUCCESS) fprintf(stderr, "%s: %s\n", name, nn_message());
  if (self.report.csv != NULL) nn_report_close(&self.report);
  free(self.run.epochs);
  nn_device_close(&self.device);
  nn_free_images(&self.train);
  nn_free_images(&self.test);
  if (self.group.close != NULL) self.group.close(&self.group, code != EXIT_SUCCESS);
  return code;
}
