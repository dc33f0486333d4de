/* The examples' reader of darknet's files. */
#include <string.h>

#include "nn/device.h"
#include "suites/support/import_files.h"

void test_import_darknet_suites(void);

/* Every kind of layer whose weights are counted, and every one that changes the shape. */
static const char cfg_text[] =
    "# a comment\n"
    "[net]\n"
    "height = 4\r\n"
    "width=6\n"
    "channels=2\n"
    "; another\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\nactivation=leaky\n"
    "\n"
    "[maxpool]\nsize=2\nstride=2\n"
    "[convolutional]\nfilters=2\ngroups=2\nsize=1\n"
    "[batchnorm]\n"
    "[upsample]\n"
    "[route]\nlayers = -1, 0\n"
    "[reorg]\nstride=2\n"
    "[conv]\nbatch_normalize=1\nfilters=3\nsize=2\npadding=1\n"
    "[shortcut]\nfrom=-1\n"
    "[crop]\ncrop_height=2\ncrop_width=3\n"
    "[connected]\noutput=2\nbatch_normalize=1\n"
    "[dropout]\n"
    "[connected]\noutput=1\n"
    "[softmax]\n";

static void append_layers(import_file *weights) {
  const float filler = 900;
  import_file_floats(weights, 4, 10); /* biases, scales, mean, variance; 4 x 2 x 3 x 3 weights */
  import_file_floats(weights, 4, 20);
  import_file_floats(weights, 4, 30);
  import_file_floats(weights, 4, 40);
  import_file_floats(weights, 72, filler);
  import_file_floats(weights, 2 + 4, filler); /* 2 biases, 2 x 2 x 1 x 1 weights: 4 x 2 / groups */
  import_file_floats(weights, 2, 50);         /* scales, mean, variance */
  import_file_floats(weights, 2, 60);
  import_file_floats(weights, 2, 70);
  /* route: 2 + 4 channels of 4 x 6; reorg: 24 of 2 x 3; convolution: 3 of 3 x 4 */
  import_file_floats(weights, 3, 15);
  import_file_floats(weights, 3, 25);
  import_file_floats(weights, 3, 35);
  import_file_floats(weights, 3, 45);
  import_file_floats(weights, 3 * 24 * 4, filler);
  import_file_floats(weights, 2, 55); /* biases, 2 x 18 weights; scales, mean, variance */
  import_file_floats(weights, 2 * 18, filler);
  import_file_floats(weights, 2, 65);
  import_file_floats(weights, 2, 75);
  import_file_floats(weights, 2, 85);
  import_file_floats(weights, 1 + 2, filler);
}

/* Of version 0.2 on the number of images has 8 bytes, before 4; so have files of version 1000.0. */
static void write_weights(import_file *weights, uint32_t major, uint32_t minor, int words) {
  *weights = (import_file){.name = "net.weights"};
  import_file_u32(weights, major);
  import_file_u32(weights, minor);
  import_file_u32(weights, 0);
  for (int i = 0; i < words; ++i) import_file_u32(weights, 0);
  append_layers(weights);
  import_folder_write(weights);
}

static void expect_layers(void) {
  import_norms norms;
  if (SUITE_CHECK(import_folder_read("net.cfg", &norms), "%s", nn_message())) {
    const import_root root = IMPORT_OUTSIDE;
    CU_ASSERT_EQUAL(norms.count, 4);
    import_expect_norm(&norms, 0, "0 [convolutional]", 4, 1e-6, root, (float[]){20, 10, 30, 40});
    import_expect_norm(&norms, 2, "7 [conv]", 3, 1e-6, root, (float[]){25, 15, 35, 45});
    import_expect_norm(&norms, 3, "10 [connected]", 2, 1e-6, root, (float[]){65, 55, 75, 85});
    /* The biases of [batchnorm] are not in the file. */
    const import_norm *const alone = &norms.list[1];
    CU_ASSERT(alone->bias[0] == 0 && alone->bias[1] == 0);
    alone->bias[1] = 1;
    import_expect_norm(&norms, 1, "3 [batchnorm]", 2, 1e-6, root, (float[]){50, 0, 60, 70});
  }
  import_free(&norms);
}

static void test_darknet(void) {
  static import_file cfg, weights;
  if (!import_folder_open()) return;
  cfg = (import_file){.name = "net.cfg"};
  import_file_text(&cfg, cfg_text);
  import_folder_write(&cfg);
  write_weights(&weights, 0, 1, 1);
  expect_layers();
  write_weights(&weights, 1000, 0, 1);
  expect_layers();
  write_weights(&weights, 0, 2, 2);
  expect_layers();
  import_expect_cuts_refused(&weights, "net.cfg", false);
  import_expect_cuts_refused(&cfg, "net.cfg", true);
  import_try_spoiled(&cfg, "net.cfg", cfg.count);
  import_try_spoiled(&weights, "net.cfg", 20);
  import_folder_close();
}

/* A network of 2 channels of 4 x 6, and 8 floats behind the header. */
static void refuse(const char *layers, const char *where, const char *what) {
  import_file cfg = {.name = "net.cfg"}, weights = {.name = "net.weights"};
  import_file_text(&cfg, "[net]\nchannels=2\nheight=4\nwidth=6\n");
  import_file_text(&cfg, layers);
  for (int i = 0; i < 4; ++i) import_file_u32(&weights, 0);
  import_file_floats(&weights, 8, 1);
  import_folder_write(&cfg);
  import_folder_write(&weights);
  import_expect_refusal("net.cfg", where, what);
}

static void test_refusals(void) {
  import_file wrong = {.name = "net.cfg"};
  if (!import_folder_open()) return;
  import_expect_refusal("net.cfg", "net.cfg", "cannot open");
  import_file_text(&wrong, "[convolutional]\n");
  import_folder_write(&wrong);
  import_expect_refusal("net.cfg", "net.cfg", "expected [net] or [network], found '[conv");
  refuse("[batchnorm]\n", "at byte 40", "expected the end behind layer 0 [batchnorm], found 8");
  refuse("[conv]\nfilters=2\nbatch_normalize=1\n", "at byte 48",
         "4 elements of 4 bytes, the weights");
  refuse("[conv]\nfilters=3\nbatch_normalize=1\n", "at byte 16", "3 elements of 16 bytes");
  refuse("[conv]\nfilters=0\n", "layer 0 [conv]", "expected filters from 1");
  refuse("[conv]\nfilters=a\n", "layer 0 [conv]", "a whole number as filters, found 'a'");
  refuse("[conv]\nsize=7\n", "layer 0 [conv]", "not smaller than the window");
  refuse("[conv]\ngroups=3\n", "layer 0 [conv]", "expected groups from 1 to 2, found 3");
  refuse("[conv]\nnumload=3\n", "layer 0 [conv]", "expected numload from 0 to 0");
  refuse("[lstm]\n", "layer 0 [lstm]", "a type of layer whose weights");
  refuse("[\n", "layer 0 [", "a type of layer whose weights");
  refuse("[route]\nlayers=0\n", "layer 0 [route]", "expected layers in front of it");
  refuse("[route]\n", "layer 0 [route]", "expected layers=");
  refuse("[reorg]\nstride=5\n", "layer 0 [reorg]", "neither empty");
  refuse("[shortcut]\nweights_type=per_channel\n", "layer 0 [shortcut]", "without weights_type");
  refuse("[upsample]\nstride=999\n[upsample]\nstride=999\n", "layer 1 [upsample]", "that large");
  import_folder_close();
}

/* The shortest files. */
static void test_short_files(void) {
  import_file cfg = {.name = "net.cfg"}, weights = {.name = "net.weights"};
  if (!import_folder_open()) return;
  import_file_text(&cfg, "[net]");
  import_folder_write(&cfg);
  import_expect_refusal("net.cfg", "net.cfg: [net]", "expected channels from 1");
  cfg.count = 0;
  import_file_text(&cfg, "[net]\nchannels=1\nheight=1\nwidth=1\n");
  import_folder_write(&cfg);
  import_expect_refusal("net.cfg", "net.weights", "cannot open");
  import_file_text(&weights, "GGUFGGUFGGUF");
  import_folder_write(&weights);
  import_expect_refusal("net.cfg", "net.weights: at byte 0", "expected major and minor version");
  import_folder_close();
}

void test_import_darknet_suites(void) {
  static const suite_test tests[] = {{"darknet", test_darknet},
                                     {"what is refused", test_refusals},
                                     {"short files", test_short_files},
                                     {NULL, NULL}};
  suite_add("import of darknet's files", SUITE_HOST, tests);
}
