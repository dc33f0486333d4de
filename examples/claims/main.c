/* Runs one experiment of docs/LECTURE.md and writes its CSV files. scripts/claims.sh runs them all.
 *
 *     build/examples/claims --claim a --out build/claims
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "claims/claims.h"
#include "nn/options.h"
#include "nn/program.h"

static const struct {
  const char *id;
  bool (*run)(claims *c);
} experiments[] = {{"a", claim_rates},         {"b", claim_convergence}, {"c", claim_gradients},
                   {"d", claim_distributions}, {"e", claim_landscape},   {"f", claim_noise},
                   {"g", claim_inference},     {"h", claim_channels}};

static const char summary[] =
    "Runs one experiment of docs/LECTURE.md, a to h, and writes what it saw as CSV files.";

typedef struct request {
  const char *device_name, *data, *claim;
  bool help;
} request;

static bool parse(claims *c, request *r, int argc, char **argv) {
  const nn_option options[] = {
      {"--claim", NN_OPTION_TEXT, &r->claim, 0, 0, "ID", "the experiment: a to h"},
      {"--out", NN_OPTION_TEXT, &c->out, 0, 0, "DIR", "folder of the CSV files"},
      {"--data", NN_OPTION_TEXT, &r->data, 0, 0, "DIR", nn_help_data},
      {"--device", NN_OPTION_TEXT, &r->device_name, 0, 0, "NAME", nn_help_device},
      {"--seeds", NN_OPTION_INT, &c->seeds, 2, 1000, "N", "trainings per setting"},
      {"--seed", NN_OPTION_SEED, &c->first_seed, 0, 0, "N", "the first of them"},
      {"--full", NN_OPTION_FLAG, &c->full, 0, 0, NULL,
       "published settings, for MNIST and the like (longer)"},
      {NULL, NN_OPTION_FLAG, NULL, 0, 0, NULL, NULL}};
  if (!nn_parse_options(options, argc, argv, &r->help)) return false;
  if (r->help) nn_print_usage("claims", summary, options);
  return true;
}

static bool make_folder(const char *path) {
  return mkdir(path, 0777) == 0 || errno == EEXIST ||
         nn_fail("%s: cannot make the folder: %s", path, strerror(errno));
}

static int run(claims *c, int argc, char **argv) {
  request r = {.device_name = "auto", .data = "examples/data"};
  if (!parse(c, &r, argc, argv)) return NN_EXIT_USAGE;
  if (r.help) return EXIT_SUCCESS;
  for (size_t i = 0; i < sizeof experiments / sizeof experiments[0]; i++) {
    if (r.claim == NULL || strcmp(r.claim, experiments[i].id) != 0) continue;
    if (!make_folder(c->out) || !nn_read_images(&c->train, r.data, "train") ||
        !nn_read_images(&c->test, r.data, "t10k") || !nn_check_images(&c->train, &c->test) ||
        !nn_device_open(&c->device, r.device_name))
      return NN_EXIT_USAGE;
    return experiments[i].run(c) ? EXIT_SUCCESS : NN_EXIT_FAILED;
  }
  nn_fail("--claim: expected a to h, found '%s'", r.claim != NULL ? r.claim : "");
  return NN_EXIT_USAGE;
}

int main(int argc, char **argv) {
  static claims c = {.out = "build/claims", .seeds = 5, .first_seed = 1};
  const int code = run(&c, argc, argv);
  if (code != EXIT_SUCCESS) fprintf(stderr, "claims: %s\n", nn_message());
  if (c.csv != NULL) fclose(c.csv);
  nn_device_close(&c.device);
  nn_free_images(&c.train);
  nn_free_images(&c.test);
  return code;
}
