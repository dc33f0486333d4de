/* The examples' reader of the text that is made of ONNX's files; and that layers
 * which were read normalize as the program does that wrote them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/run.h"
#include "suites/support/import_files.h"

void test_import_suites(void);

/* ---- The text of ONNX's parameters ---- */

static void test_text(void) {
  import_file text = {.name = "net.bn"};
  import_norms norms;
  if (!import_folder_open()) return;
  import_file_text(&text,
                   "cubn batch norms 1\n"
                   "norm one 2 1e-05\nscale 1 2\nbias 3 4\nmean -5 -4\nvar 7 8.0e0\n"
                   "norm two 1 0\r\nscale 9\r\nbias 1\r\nmean 2\r\nvar 3\r\n"
                   "end\n");
  import_folder_write(&text);
  if (SUITE_CHECK(import_folder_read("net.bn", &norms), "%s", nn_message())) {
    CU_ASSERT_EQUAL(norms.count, 2);
    import_expect_norm(&norms, 0, "one", 2, 1e-5, IMPORT_INSIDE, (float[]){1, 3, -5, 7});
    import_expect_norm(&norms, 1, "two", 1, 0, IMPORT_INSIDE, (float[]){9, 1, 2, 3});
  }
  import_free(&norms);
  import_expect_cuts_refused(&text, "net.bn", false);
  import_try_spoiled(&text, "net.bn", text.count);
  import_folder_close();
}

static void refuse_text(const char *lines, const char *where, const char *what) {
  import_file text = {.name = "net.bn"};
  import_file_text(&text, lines);
  import_folder_write(&text);
  import_expect_refusal("net.bn", where, what);
}

static void test_text_refusals(void) {
  if (!import_folder_open()) return;
  refuse_text("cubn batch norms 2\n", "line 1", "expected 'cubn batch norms 1'");
  refuse_text("cubn batch norms 1\n", "behind line 1", "or 'end'");
  refuse_text("cubn batch norms 1\nend\nend\n", "at byte 23", "expected the end behind 'end'");
  refuse_text("cubn batch norms 1\nnorm a 1\n", "line 2", "'norm NAME CHANNELS EPSILON'");
  refuse_text("cubn batch norms 1\nnorm a 99 0\nscale 1\n", "line 2", "as many channels as");
  refuse_text("cubn batch norms 1\nnorm a 1 0\nbias 1\nbias 2\n", "behind line 2", "'scale V V");
  refuse_text("cubn batch norms 1\nnorm a 1 0\nscale 1 2\nbias 2\n", "line 3", "no more numbers");
  refuse_text("cubn batch norms 1\nnorm a 2 0\nscale 1\nbias 2   \n", "line 3", "found none");
  refuse_text("cubn batch norms 1\nnorm a 2 0\nscale 1 b\nbias 2 \n", "line 3", "found b");
  import_expect_refusal("net.onnx", "net.onnx", "onnx_params.py");
  import_expect_refusal("net.h5", "net.h5", "expected a file .bn");
  import_folder_close();
}

/* ---- Normalization ---- */

/* By the program that wrote the file; channel 0 has so small a variance that its root matters. */
static double expected_root(import_root root, double var, double epsilon) {
  if (root == IMPORT_OUTSIDE) return sqrt(var) + epsilon;
  const double inside = sqrt(var + epsilon);
  return root == IMPORT_NO_ZERO && inside == 0 ? 1e-4 : inside;
}

static void check_normalized(nn_device *device, import_root root, double epsilon) {
  enum { CHANNELS = 5 };
  import_norms norms = {NULL, 0};
  float y[CHANNELS * IMPORT_PIXELS];
  import_norm *const norm = import_add(&norms, "no file", "norm", CHANNELS);
  CU_ASSERT_FATAL(norm != NULL);
  norm->root = root;
  norm->epsilon = epsilon;
  for (int c = 0; c < CHANNELS; ++c) {
    norm->scale[c] = 0.5f + (float)c;
    norm->bias[c] = 0.75f - (float)c;
    norm->mean[c] = 0.3f * (float)c - 1;
    norm->var[c] = c == 0 ? (epsilon == 0 ? 0 : 1e-11f) : 0.7f * (float)c;
  }
  const bool done = SUITE_CHECK(import_normalize(device, norm, y), "%s", nn_message());
  for (int i = 0; done && i < CHANNELS * IMPORT_PIXELS; ++i) {
    const int c = i / IMPORT_PIXELS;
    const double x = (double)import_input(c, i % IMPORT_PIXELS), mean = (double)norm->mean[c];
    const double factor =
        (double)norm->scale[c] / expected_root(root, (double)norm->var[c], epsilon);
    const double wanted = factor * (x - mean) + (double)norm->bias[c];
    const double terms = factor * (fabs(x) + fabs(mean)) + fabs((double)norm->bias[c]);
    SUITE_CHECK(fabs((double)y[i] - wanted) <= 4 * 0x1p-24 * terms, "root %d, y[%d] %.9g, not %.9g",
                (int)root, i, (double)y[i], wanted);
  }
  import_free(&norms);
}

static void test_normalization(void) {
  nn_device device;
  const bool is_cpu = strcmp(suite_device(), "cpu") == 0;
  if (nn_operations_for(is_cpu ? CUBN_DEVICE_CPU : CUBN_DEVICE_CUDA) == NULL) {
    CU_PASS("the layers were built without a BLAS for this device");
    return;
  }
  if (!SUITE_CHECK(nn_device_open(&device, suite_device()), "%s", nn_message())) return;
  check_normalized(&device, IMPORT_INSIDE, 1e-5);
  check_normalized(&device, IMPORT_OUTSIDE, 1e-6);
  check_normalized(&device, IMPORT_NO_ZERO, 1e-3);
  check_normalized(&device, IMPORT_NO_ZERO, 0);
  nn_device_close(&device);
}

void test_import_suites(void) {
  static const suite_test tests[] = {{"the text form", test_text},
                                     {"the text form: what is refused", test_text_refusals},
                                     {NULL, NULL}};
  static const suite_test on_devices[] = {{"normalization", test_normalization}, {NULL, NULL}};
  suite_add("import", SUITE_HOST, tests);
  suite_add("import: layers run", SUITE_DEVICES, on_devices);
}
