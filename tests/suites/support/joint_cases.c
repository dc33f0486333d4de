/* The cases that a divided batch is tested with, how it is divided, and how it is judged. */
#include <stdio.h>

#include "suites/support/joint_batch.h"

const joint_case joint_cases[] = {
    {"nchw", "f32", "", 0, ""},
    {"nchw", "f32", "", 1e4, ""},
    {"nhwc", "f32", "", 1e6, ""},
    {"nchw+1", "f32", "", 1e4, ""},
    {"nchw", "f32", "relu", 1e4, ""},
    {"nhwc", "f32", "gelu", 10, ""},
    {"nhwc", "f32", "add_relu", 1e6, ""},
    {"nchw+1", "f32", "relu", 1e6, ""},
    {"nchw", "f16", "", 10, ""},
    {"nhwc", "f16", "add_relu", 0, ""},
    {"nhwc", "bf16", "relu", 10, ""},
    {"nchw", "bf16", "add_tanh", 0, ""},
    {"nchw", "f64", "", 1e6, ""},
    {"nhwc", "f64", "relu", 1e4, ""},
    {"nchw", "f32", "peract", 10, ""},
    {"nhwc", "f32", "peract xparams relu", 1e4, ""},
    {"nchw", "f32", "beta=0.5", 1, ""},
    {"nhwc", "f32", "noscale nobias", 1e4, "biased separate"},
    {"nchw", "f32", "inplace", 1, ""},
    {"nhwc", "f32", "", 10, "devfactor"},
    {"nhwc", "f32", "", 1, "norunning factor=1"},
    {"nchw", "f32", "data=large", 0, "norunning"},
    {"nhwc", "f32", "data=tiny eps=0", 0, ""},
    {"nchw", "f32", "unbiased", 10, ""},
    {"nhwc", "f32", "unbiased epsout eps=0.5 relu", 1, "biased"},
};
const int joint_case_count = sizeof joint_cases / sizeof *joint_cases;

void joint_divide(joint_batch *b, int ranks, int number) {
  b->ranks = ranks;
  for (int i = 0; i < JOINT_IMAGES; ++i)
    ++b->shares[(int)(data_uniform((uint64_t)(97 * ranks + number), (uint64_t)i) * ranks)];
}

static void judge(const joint_batch *b, const joint_part *whole) {
  char line[256], text[320], shares[64] = "";
  const compare_result result = compare_outputs(&whole->problem, &whole->before, &whole->after, 1);
  line_format(&whole->problem, line, sizeof line);
  compare_describe(&result, text, sizeof text);
  for (int r = 0, used = 0; r < b->ranks; ++r)
    used += snprintf(shares + used, sizeof shares - (size_t)used, " %d", b->shares[r]);
  SUITE_CHECK(result.failures == 0, "%s in shares%s: %s", line, shares, text);
}

void joint_judge(const joint_batch *b) {
  judge(b, &b->forward);
  judge(b, &b->backward);
}
