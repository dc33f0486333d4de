/* The examples' readers of ncnn's files and of the text that is made of ONNX's; and that layers
 * which were read normalize as the program does that wrote them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/run.h"
#include "suites/support/import_files.h"

void test_import_suites(void);

/* ---- ncnn ---- */

/* Convolutions with all kinds of weights around two batch norms. */
static const char ncnn_text[] =
    "7767517\n"
    "8 8\n"
    "Input in 0 1 x\n"
    "Convolution conv 1 1 x a 0=2 1=3 5=1 6=5\n"
    "BatchNorm first 1 1 a b 0=2 1=1.000000e-03\n"
    "ConvolutionDepthWise half 1 1 b c 0=2 5=0 6=3 7=2\n"
    "InnerProduct int8 1 1 c d 0=2 1=0 2=6\n"
    "Deconvolution table 1 1 d e 0=2 6=2\n"
    "Eltwise sum 2 1 e e f 0=1 -23301=2,0.5,0.5\n"
    "BatchNorm second 1 1 f y 0=3\n";

static void write_ncnn(import_file *param, import_file *bin) {
  *param = (import_file){.name = "net.param"};
  *bin = (import_file){.name = "net.bin"};
  import_file_text(param, ncnn_text);
  import_file_u32(bin, 0); /* float */
  import_file_floats(bin, 5 + 2, 500);
  import_file_floats(bin, 2, 10); /* slope, mean, variance, bias */
  import_file_floats(bin, 2, 20);
  import_file_floats(bin, 2, 30);
  import_file_floats(bin, 2, 40);
  import_file_u32(bin, 0x01306B47); /* half: 6 bytes and 2 behind them */
  import_file_text(bin, "abcdef--");
  import_file_u32(bin, 0x000D4B38); /* int8: 6 bytes and 2 behind them */
  import_file_text(bin, "abcdef--");
  import_file_u32(bin, 0x00000001); /* a table of 256 floats; 2 indices and 2 bytes behind them */
  import_file_floats(bin, 256, 0);
  import_file_text(bin, "ab--");
  import_file_floats(bin, 3, 50);
  import_file_floats(bin, 3, 60);
  import_file_floats(bin, 3, 70);
  import_file_floats(bin, 3, 80);
  import_folder_write(param);
  import_folder_write(bin);
}

static void test_ncnn(void) {
  static import_file param, bin;
  import_norms norms;
  if (!import_folder_open()) return;
  write_ncnn(&param, &bin);
  if (SUITE_CHECK(import_folder_read("net.param", &norms), "%s", nn_message())) {
    CU_ASSERT_EQUAL(norms.count, 2);
    import_expect_norm(&norms, 0, "first", 2, (double)1e-3f, IMPORT_NO_ZERO,
                       (float[]){10, 40, 20, 30});
    import_expect_norm(&norms, 1, "second", 3, 0, IMPORT_NO_ZERO, (float[]){50, 80, 60, 70});
  }
  import_free(&norms);
  import_expect_cuts_refused(&param, "net.param", false);
  import_expect_cuts_refused(&bin, "net.param", false);
  import_try_spoiled(&param, "net.param", param.count);
  import_try_spoiled(&bin, "net.param", 8);
  import_folder_close();
}

/* A line of net.param beside the bytes of a batch norm with one channel. */
static void refuse_line(const char *line, const char *where, const char *what) {
  import_file param = {.name = "net.param"}, bin = {.name = "net.bin"};
  import_file_text(&param, "7767517\n1 1\n");
  import_file_text(&param, line);
  import_file_floats(&bin, 4, 1);
  import_folder_write(&param);
  import_folder_write(&bin);
  import_expect_refusal("net.param", where, what);
}

static void test_ncnn_refusals(void) {
  import_file wrong = {.name = "net.param"};
  if (!import_folder_open()) return;
  import_expect_refusal("net.param", "net.param", "cannot open");
  import_file_text(&wrong, "7767516\n1 1\n");
  import_folder_write(&wrong);
  import_expect_refusal("net.param", "net.bin", "cannot open");
  refuse_line("BatchNorm b 1 1 x y 0=2\n", "at byte 0", "expected 2 elements of 16 bytes");
  import_folder_write(&wrong);
  import_expect_refusal("net.param", "line 1", "expected 7767517, found '7767516");
  refuse_line("BatchNorm b 1 1 x y 0=0\n", "b: ", "expected 1 to");
  refuse_line("BatchNorm b 1 1 x y 0=-1\n", "at byte 0", "expected -1 elements");
  refuse_line("BatchNorm b 1 1 x y 0=9223372036854775807\n", "at byte 0", "9223372036854775807");
  refuse_line("BatchNorm b 1 1 x y 0=1 1=a\n", "line 3", "expected a number as epsilon");
  refuse_line("BatchNorm b 1 1 x y 0=1.5\n", "line 3", "expected a whole number, found '1.5'");
  refuse_line("BatchNorm b 1 1 x y 0\n", "line 3", "expected key=value, found '0'");
  refuse_line("BatchNorm b 1 2 x y\n", "line 3", "expected as many blobs");
  refuse_line("BatchNorm b\n", "line 3", "expected a number of inputs");
  refuse_line("BatchNorm\n", "line 3", "expected type and name");
  refuse_line("PReLU b 1 1 x y 0=1\n", "at byte 4", "expected the end behind b, found 12 bytes");
  refuse_line("LSTM b 1 1 x y 0=1\n", "line 3", "weights this reader can count, found 'LSTM'");
  refuse_line("InnerProduct b 1 1 x y 0=1 2=1 8=2\n", "line 3", "without int8 scales");
  refuse_line("InnerProduct b 1 1 x y 0=1 2=-1\n", "line 3", "numbers of weights from 0 on");
  import_folder_close();
}

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
  import_expect_refusal("net.h5", "net.h5", "expected a file .param");
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
  static const suite_test tests[] = {{"ncnn", test_ncnn},
                                     {"ncnn: what is refused", test_ncnn_refusals},
                                     {"the text form", test_text},
                                     {"the text form: what is refused", test_text_refusals},
                                     {NULL, NULL}};
  static const suite_test on_devices[] = {{"normalization", test_normalization}, {NULL, NULL}};
  suite_add("import", SUITE_HOST, tests);
  suite_add("import: layers run", SUITE_DEVICES, on_devices);
}
