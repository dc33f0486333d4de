/* Loads a trained network and reads the test images with it; or reads the batch norm layers of a
 * network of another program, and runs them.
 *
 * With --fold, batch norm is folded into the weights of the preceding layer first, and both
 * networks' answers are compared: in inference batch norm is a factor and a shift per channel,
 * which the convolution or fully connected layer can do itself.
 *
 *     build/examples/lenet --checkpoint digits.net
 *     build/examples/infer --checkpoint digits.net --fold --show 3
 *     build/examples/infer --import yolov3.cfg
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/run.h"
#include "nn/checkpoint.h"
#include "nn/options.h"
#include "nn/program.h"

enum { BATCH = 64 };

typedef struct infer {
  const char *device_name, *data, *checkpoint, *import, *csv;
  bool fold, help;
  int32_t show;
  nn_checkpoint head;
  nn_images test;
  nn_device device;
  nn_network network;
  float *pixels, *logits, *folded; /* of a batch; of all images */
} infer;

static const char summary[] = "Reads the test images with a network that a training program wrote.";

static bool parse(infer *self, int argc, char **argv) {
  const nn_option options[] = {
      {"--checkpoint", NN_OPTION_TEXT, &self->checkpoint, 0, 0, "FILE",
       "the network; expected from lenet, mlp or resnet --checkpoint FILE"},
      {"--data", NN_OPTION_TEXT, &self->data, 0, 0, "DIR", nn_help_data},
      {"--device", NN_OPTION_TEXT, &self->device_name, 0, 0, "NAME", nn_help_device},
      {"--fold", NN_OPTION_FLAG, &self->fold, 0, 0, NULL,
       "fold batch norm into the weights, too, and compare"},
      {"--show", NN_OPTION_INT, &self->show, 0, 100, "N", "draw the first N images with answers"},
      {"--import", NN_OPTION_TEXT, &self->import, 0, 0, "FILE",
       "instead: FILE.param (ncnn), FILE.cfg (darknet), FILE.bn (of ONNX)"},
      {"--csv", NN_OPTION_TEXT, &self->csv, 0, 0, "FILE",
       "with --import: write all normalized values here"},
      {NULL, NN_OPTION_FLAG, NULL, 0, 0, NULL, NULL}};
  if (!nn_parse_options(options, argc, argv, &self->help)) return false;
  if (self->help) nn_print_usage("infer", summary, options);
  if (self->help || (self->checkpoint != NULL) != (self->import != NULL)) return true;
  return self->import == NULL ? nn_fail("expected --checkpoint FILE, found none")
                              : nn_fail("expected --checkpoint or --import, found both");
}

static bool open_all(infer *self) {
  const nn_model *model = &self->head.model;
  if (!nn_read_checkpoint(self->checkpoint, &self->head) ||
      !nn_read_images(&self->test, self->data, "t10k"))
    return false;
  if (self->test.h != model->h || self->test.w != model->w)
    return nn_fail("%s: expected images of %d x %d pixels for this network, found %d x %d",
                   self->data, model->h, model->w, self->test.h, self->test.w);
  const size_t images = (size_t)self->test.count;
  self->pixels = malloc((size_t)BATCH * (size_t)(model->h * model->w) * sizeof(float));
  self->logits = malloc(images * NN_CLASSES * sizeof(float));
  self->folded = malloc(images * NN_CLASSES * sizeof(float));
  if (self->pixels == NULL || self->logits == NULL || self->folded == NULL)
    return nn_fail("no memory for %d images", self->test.count);
  return nn_device_open(&self->device, self->device_name) &&
         nn_model_init(&self->network, &self->device, model, BATCH) &&
         nn_load_checkpoint(self->checkpoint, &self->network, model, &self->head);
}

static bool predict(infer *self, float *logits) {
  const int32_t labels[BATCH] = {0}; /* not needed */
  const size_t pixels = (size_t)(self->test.h * self->test.w);
  for (int first = 0; first < self->test.count; first += BATCH) {
    const int n = self->test.count - first < BATCH ? self->test.count - first : BATCH;
    for (size_t i = 0; i < (size_t)n * pixels; i++)
      self->pixels[i] =
          (float)self->test.pixels[(size_t)first * pixels + i] * self->head.pixel_scale;
    if (!nn_network_load(&self->network, n, self->pixels, labels) ||
        !nn_network_forward(&self->network, n, NN_INFERENCE) ||
        !nn_array_download(&nn_network_last(&self->network)->output,
                           logits + (size_t)first * NN_CLASSES, (size_t)n * NN_CLASSES))
      return false;
  }
  return true;
}

static int answer(const float *logits) {
  int best = 0;
  for (int i = 1; i < NN_CLASSES; i++)
    if (logits[i] > logits[best]) best = i;
  return best;
}

static void show_images(const infer *self) {
  const nn_images *test = &self->test;
  const size_t pixels = (size_t)(test->h * test->w);
  for (int i = 0; i < self->show && i < test->count; i++) {
    for (size_t j = 0; j < pixels; j++) {
      const float value = (float)test->pixels[(size_t)i * pixels + j] * self->head.pixel_scale;
      const char shade = " .:-=+*#%@"[(int)fminf(9.0f, 10.0f * value)];
      printf("%c%c%s", shade, shade, (j + 1) % (size_t)test->w == 0 ? "\n" : "");
    }
    printf("answer %d, label %d\n\n", answer(self->logits + (size_t)i * NN_CLASSES),
           test->labels[i]);
  }
}

static void report(const infer *self, const float *logits, const char *what) {
  int hits = 0;
  for (int i = 0; i < self->test.count; i++)
    hits += answer(logits + (size_t)i * NN_CLASSES) == self->test.labels[i];
  printf("%s: %d of %d right (%.1f %%)\n", what, hits, self->test.count,
         100.0 * hits / self->test.count);
}

static bool compare_folded(infer *self) {
  int folded, other = 0;
  float difference = 0.0f, largest = 0.0f;
  if (!nn_network_fold(&self->network, &folded) || !predict(self, self->folded)) return false;
  report(self, self->folded, "batch norm folded into the weights");
  for (int i = 0; i < self->test.count * NN_CLASSES; i++) {
    difference = fmaxf(difference, fabsf(self->logits[i] - self->folded[i]));
    largest = fmaxf(largest, fabsf(self->logits[i]));
  }
  for (int i = 0; i < self->test.count; i++)
    other += answer(self->logits + (size_t)i * NN_CLASSES) !=
             answer(self->folded + (size_t)i * NN_CLASSES);
  printf("%d layers folded; %d answers differ; logits differ by at most %.2g, of up to %.2g\n",
         folded, other, (double)difference, (double)largest);
  return true;
}

static int import_file(infer *self) {
  import_norms norms;
  if (!import_read(self->import, &norms)) return NN_EXIT_USAGE;
  const bool done = nn_device_open(&self->device, self->device_name) &&
                    import_run(&self->device, &norms, self->csv);
  import_free(&norms);
  return done ? EXIT_SUCCESS : NN_EXIT_FAILED;
}

static int run(infer *self, int argc, char **argv) {
  if (!parse(self, argc, argv)) return NN_EXIT_USAGE;
  if (self->help) return EXIT_SUCCESS;
  if (self->import != NULL) return import_file(self);
  if (!open_all(self)) return NN_EXIT_USAGE;
  const nn_model *model = &self->head.model;
  printf("%s, %s batch norm, after %d epochs\n", nn_model_name(model),
         model->batch_norm ? "with" : "without", self->head.epochs);
  if (!predict(self, self->logits)) return NN_EXIT_FAILED;
  show_images(self);
  report(self, self->logits, "as trained");
  return !self->fold || compare_folded(self) ? EXIT_SUCCESS : NN_EXIT_FAILED;
}

int main(int argc, char **argv) {
  static infer self = {.device_name = "auto", .data = "examples/data"};
  const int code = run(&self, argc, argv);
  if (code != EXIT_SUCCESS) fprintf(stderr, "infer: %s\n", nn_message());
  if (self.network.device != NULL) nn_network_destroy(&self.network);
  nn_device_close(&self.device);
  nn_free_images(&self.test);
  free(self.pixels);
  free(self.logits);
  free(self.folded);
  return code;
}
