/* The command line of examples/train. */
#include "nn/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/device.h"

const char nn_usage[] =
    "usage: train [OPTION]...\n"
    "Trains LeNet with and without batch normalization, at a small and at a large learning rate,\n"
    "and compares: four trainings on 8 x 8 digits, or on other images with --data.\n"
    "\n"
    "  --device NAME  cpu, cuda or cuda:N (default: auto, what cubnCreate takes)\n"
    "  --epochs N     passes over the training images (default 30)\n"
    "  --batch N      images per step, 2 or more (default 16)\n"
    "  --lr RATE      this learning rate; may be given up to 8 times (default: 0.3 and 3)\n"
    "  --momentum M   of stochastic gradient descent, 0 or more and below 1 (default 0)\n"
    "  --seed N       of the weights and of the order of the images (default 1)\n"
    "  --no-bn        only the network without batch normalization\n"
    "  --data DIR     train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte "
    "and\n"
    "                 t10k-labels-idx1-ubyte, not compressed (MNIST, Fashion-MNIST;\n"
    "                 default: examples/data)\n"
    "  --csv FILE     write the epochs as comma-separated values, too\n"
    "  --help         this text\n"
    "\n"
    "Exit code: 0, 1 if a training failed, 2 for wrong options or data.\n";

static bool read_number(const char *name, const char *text, double least, double most,
                        double *value) {
  char *end;
  errno = 0;
  *value = strtod(text, &end);
  if (end == text || *end != '\0' || errno != 0 || !(*value >= least && *value <= most))
    return nn_fail("%s: expected a number from %g to %g, found '%s'", name, least, most, text);
  return true;
}

static bool read_integer(const char *name, const char *text, int least, int most, int *value) {
  char *end;
  errno = 0;
  const long number = strtol(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || number < least || number > most)
    return nn_fail("%s: expected a whole number from %d to %d, found '%s'", name, least, most,
                   text);
  *value = (int)number;
  return true;
}

static bool read_seed(const char *text, uint64_t *seed) {
  char *end;
  errno = 0;
  *seed = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
    return nn_fail("--seed: expected a whole number, 0 or more, found '%s'", text);
  return true;
}

static bool read_rate(nn_options *options, const char *text) {
  double rate;
  if (options->rate_count == NN_RATE_MAX)
    return nn_fail("--lr: expected at most %d rates, found another: '%s'", NN_RATE_MAX, text);
  if (!read_number("--lr", text, 1e-9, 1e9, &rate)) return false;
  options->rates[options->rate_count++] = (float)rate;
  return true;
}

static bool read_momentum(const char *text, float *momentum) {
  double value;
  if (!read_number("--momentum", text, 0.0, 0.9999, &value)) return false;
  *momentum = (float)value;
  return true;
}

static bool read_option(nn_options *options, const char *name, const char *value) {
  if (strcmp(name, "--epochs") == 0) return read_integer(name, value, 1, 10000, &options->epochs);
  if (strcmp(name, "--batch") == 0) return read_integer(name, value, 2, 65536, &options->batch);
  if (strcmp(name, "--lr") == 0) return read_rate(options, value);
  if (strcmp(name, "--momentum") == 0) return read_momentum(value, &options->momentum);
  if (strcmp(name, "--seed") == 0) return read_seed(value, &options->seed);
  if (strcmp(name, "--device") == 0) options->device = value;
  if (strcmp(name, "--data") == 0) options->data = value;
  if (strcmp(name, "--csv") == 0) options->csv = value;
  return true;
}

bool nn_parse_options(nn_options *options, int argc, char **argv) {
  static const char *const names[] = {"--epochs", "--batch",  "--lr",   "--momentum",
                                      "--seed",   "--device", "--data", "--csv"};
  *options =
      (nn_options){.device = "auto", .data = "examples/data", .epochs = 30, .batch = 16, .seed = 1};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0) {
      options->help = true;
      return true;
    }
    if (strcmp(argv[i], "--no-bn") == 0) {
      options->no_batch_norm = true;
      continue;
    }
    bool known = false;
    for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
      known = known || strcmp(argv[i], names[j]) == 0;
    if (!known) return nn_fail("unknown option '%s'; --help lists them", argv[i]);
    if (i + 1 == argc) return nn_fail("%s: expected a value behind it", argv[i]);
    if (!read_option(options, argv[i], argv[i + 1])) return false;
    i++;
  }
  if (options->rate_count == 0) {
    options->rates[options->rate_count++] = 0.3f;
    options->rates[options->rate_count++] = 3.0f;
  }
  return true;
}
