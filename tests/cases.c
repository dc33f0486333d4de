#include "cases.h"

#include <stdio.h>
#include <string.h>

#include "problem_line.h"

static const char *const smoke[] = {
    /* rows: s > 1 */
    "train nchw f32 n2c3h4w5",
    "train nchw f16 n4c12h7w7 offset=1",
    "train nchw bf16 n2c35h5w9 inplace",
    "train nchw f64 n3c5h4w4 mean=1e4",
    "train ncdhw f32 n2c3d2h3w5 alpha=0.5 beta=-0.25",
    "train nchw f32 n1c2h1w2 factor=1 eps=0",
    "train nchw f32 n2c4h5w5 data=nan",
    "train nchw f32 n2c4h6w6 data=large factor=0",
    "train nchw f32 n3c4h31w33 mean=1e4 data=spread",
    "backward nchw f32 n2c3h4w5",
    "backward nchw f16 n4c12h7w7 offset_x=1 offset_out=2 offset_dy=3",
    "backward nchw bf16 n2c35h5w9 inplace",
    "backward nchw f64 n3c5h4w4 nosaved mean=1e4",
    "backward nchw f32 n3c4h31w33 pbeta=1 mean=1e4",
    "backward nchw f32 n2c4h6w6 data=large nosaved",
    "backward nchw f32 n2c4h6w7 foreign",
    "infer nchw f32 n2c3h4w5 mean=1e4",
    "infer nchw f16 n2c12h7w7 inplace offset=1",
    "infer nchw bf16 n1c35h5w9 beta=1",
    "infer nchw f64 n1c3h5w5",
    /* columns: s = 1 */
    "train nhwc f32 n2c3h4w5 mean=1e4",
    "train nhwc f16 n2c64h5w5",
    "train nhwc bf16 n1c27h7w9 inplace data=inf",
    "train nc f32 n10c65 norunning nosaved",
    "train nc f64 n1c5",
    "train nhwc f32 n4c3h4w5 peract xparams offset_x=1",
    "train nhwc f32 n8c32h6w6 offset_param=1 data=constant",
    "backward nhwc f32 n2c3h4w5 beta=2 alpha=-1",
    "backward nhwc f16 n2c64h5w5 inplace_x",
    "backward nhwc bf16 n1c27h7w9 data=nandy",
    "backward nc f32 n10c65 data=onehot nosaved",
    "backward nc f64 n7c3 offset_dy=1",
    "backward nhwc f32 n2c5h6w7 foreign mean=1e4",
    "infer nhwc f16 n2c64h5w5",
    "infer nc f32 n10c65 offset_x=1 data=nan",
    /* channels of several blocks */
    "train nchw f32 n2c2h95w97 data=onehot",
    "train nhwc f32 n3c6h40w41 mean=100",
    "train nc f16 n9000c3",
    "backward nchw f16 n3c2h95w97",
    "backward nhwc f32 n3c6h40w41 nosaved",
    /* neither */
    "train nchw:nhwc f32 n2c3h4w5",
    "train nhwc+1 f16 n2c4h3w3 inplace",
    "train nhwc bf16 n4c3h4w5 peract",
    "train cnhw f64 n2c3h4w5 data=outlier",
    "backward nchw:nhwc:cnhw f32 n2c3h4w5",
    "backward nchw+1 bf16 n2c4h3w3 nosaved",
    "backward nchw:nhwc f32 n2c4h3w3 foreign",
    "infer nchw:nhwc+2 f32 n2c3h4w5 beta=0.5",
    "infer nhwc f32 n4c3h4w5 peract",
    /* nothing */
    "train nchw f32 n0c3h4w5",
    "backward nchw f16 n2c3h0w5 pbeta=2",
};

/* Layout and sizes (and the mode), to be combined with every pass and type. */
static const char *const shapes[][3] = {
    /* rows */
    {"nchw", "n2c3h4w5", ""},
    {"nchw", "n4c35h7w7", ""},
    {"nchw", "n1c12h9w9", ""},
    {"nchw", "n3c27h1w5", ""},
    {"nchw", "n2c64h8w8", ""},
    {"nchw", "n2c65h3w11", ""},
    {"nchw", "n2c100h3w3", "persistent"},
    {"nchw", "n8c1h13w17", ""},
    {"nchw", "n1c1h64w64", ""},
    {"nchw", "n1c5h1w2", ""},
    {"nchw", "n17c3h14w14", ""},
    {"nchw", "n64c2h1w3", ""},
    {"ncw", "n2c3w1000", ""},
    {"ncdhw", "n2c4d3h5w7", ""},
    {"ncedhw", "n2c3e2d1h3w5", ""},
    {"ncfedhw", "n2c3f1e2d2h3w2", ""},
    {"ncgfedhw", "n1c2g2f1e2d1h3w2", ""},
    {"ncwh", "n3c4h3w5", ""},
    /* columns */
    {"nhwc", "n2c3h4w5", ""},
    {"nhwc", "n4c35h7w7", ""},
    {"nhwc", "n2c64h8w8", ""},
    {"nhwc", "n1c100h5w9", ""},
    {"nhwc", "n6c12h9w5", ""},
    {"nhwc", "n1c65h3w5", ""},
    {"nhwc", "n2c1h7w9", ""},
    {"nhwc", "n3c128h4w4", "persistent"},
    {"ndhwc", "n2c5d2h3w4", ""},
    {"nwc", "n3c24w50", ""},
    {"nc", "n10c27", ""},
    {"nc", "n100c3", ""},
    {"nc", "n2c64", ""},
    {"nc", "n33c130", ""},
    {"nc", "n1c12", ""},
    {"nc", "n500c1", ""},
    {"nc", "n5c35", "peract"},
    {"nchw", "n9c3h4w5", "peract"},
    {"nhwc", "n9c3h4w5", "peract xparams"},
    {"ndhwc", "n3c2d3h4w5", "peract xparams"},
    /* ambiguous strides */
    {"nchw", "n4c5h1w1", ""},
    {"nhwc", "n4c5h1w1", ""},
    {"cnhw", "n1c4h3w5", ""},
    {"nhwc", "n3c1h5w5", "peract"},
    /* strided */
    {"nchw:nhwc", "n2c6h4w5", ""},
    {"nhwc:nchw:nchw", "n2c6h4w5", ""},
    {"nhwc:nhwc:nchw", "n2c6h4w5", ""},
    {"nchw+1", "n3c4h5w3", ""},
    {"nhwc+3", "n3c4h5w3", ""},
    {"cnhw", "n4c3h5w6", ""},
    {"hwcn", "n4c12h3w3", ""},
    {"nchw+2", "n3c4h5w1", ""},
    {"nc:nc+1:cn", "n20c9", ""},
    {"nhwc", "n9c3h4w5", "peract"},
    {"nchw+1:nchw", "n5c2h3w4", "peract"},
    {"wdcehn", "n3c2e2d2h3w2", ""},
    /* empty */
    {"nchw", "n0c3h2w2", ""},
    {"nchw", "n2c0h2w2", ""},
    {"nhwc", "n2c3h0w2", ""},
    {"nhwc", "n2c3h0w2", "peract"},
};

/* Taken in turns; a line that an option makes invalid goes without. */
static const char *const options[] = {
    "",
    "inplace",
    "mean=1e4",
    "offset=1",
    "alpha=0.5 beta=-0.25 palpha=3 pbeta=0.5",
    "data=spread nosaved norunning",
    "offset_x=1 offset_out=2 offset_dy=3",
    "data=constant",
    "inplace_x",
    "data=nan factor=1",
    "data=onehot",
    "data=large",
    "beta=1 offset_param=1",
    "data=inf",
    "factor=0 offset_param=3 offset=2",
    "data=outlier",
    "data=tiny eps=0",
    "mean=1e4 nosaved data=spread",
    "data=ramp offset_dy=1 pbeta=1",
    "data=zeros eps=0",
    "inplace alpha=0.3 beta=0.7",
    "data=onehot0 nosaved",
    "data=nandy",
    "foreign data=spread",
    "foreign mean=1e4 beta=0.5",
};

/* Many channels, many values, and channels of several blocks. */
static const char *const specials[] = {
    "train nc f32 n2c70000",
    "train nchw f16 n2c70000h1w2 norunning",
    "backward nc f16 n2c70000",
    "infer nc bf16 n2c70000",
    "train nc f32 n70000c2 mean=1e4",
    "backward nc f32 n70000c2 nosaved",
    "infer nchw f32 n70000c1h1w2",
    "train nchw f32 n70000c1h1w2",
    "train nchw f32 n5c1h131w129 data=onehot",
    "train nchw f16 n9c2h90w91 mean=3 data=ramp",
    "backward nchw f32 n5c1h131w129 offset_x=1",
    "train nhwc f32 n3c6h80w81 data=onehot0 offset=1",
    "train nhwc f64 n2c16h40w41",
    "backward nhwc bf16 n3c6h80w81",
    "backward nhwc f32 n2c64h25w25 nosaved mean=1e4",
    "train nchw:nhwc f32 n2c3h100w101",
    "backward nchw:nhwc f16 n2c3h100w101 nosaved",
    "train nc f32 n3000c27 data=spread std=1e-3 mean=100",
};

static const char *const big[] = {
    "train nchw f32 n8c64h56w56",
    "train nhwc f32 n8c64h56w56 mean=1e4",
    "backward nchw f32 n8c64h56w56 mean=1e4",
    "backward nhwc f32 n8c64h56w56 nosaved",
    "train nchw f16 n2c3h512w512 data=onehot",
    "train nchw bf16 n32c35h29w31 inplace",
    "train nhwc bf16 n16c35h29w31 inplace data=onehot0",
    "backward nhwc f16 n16c512h7w7 inplace_x",
    "train nchw f32 n1c1h1024w1025 mean=1e4 data=spread",
    "backward nchw f32 n1c1h1024w1025 nosaved",
    "train nc f32 n4096c512 peract",
    "backward nc f64 n4096c300",
    "train nchw:nhwc f32 n4c32h64w65",
    "backward nhwc:nchw f32 n4c32h64w65 nosaved",
    "train nc f32 n2c1000000",
    "train nc f32 n1000000c1 mean=1e4",
    "infer nchw f32 n8c64h56w56 offset=1",
    "infer nhwc f16 n8c64h56w56 mean=100",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef void visit_function(const char *line, void *context);

static void visit_products(visit_function *visit, void *context) {
  static const char *const passes[] = {"train", "backward", "infer"};
  static const char *const types[] = {"f32", "f16", "bf16", "f64"};
  unsigned turn = 0;
  for (size_t s = 0; s < COUNT_OF(shapes); ++s) {
    for (size_t k = 0; k < COUNT_OF(passes) * COUNT_OF(types); ++k) {
      const char *const pass = passes[k % COUNT_OF(passes)], *const type =
                                                                 types[k % COUNT_OF(types)];
      char line[256];
      line_problem problem;
      snprintf(line, sizeof line, "%s %s %s %s %s %s", pass, shapes[s][0], type, shapes[s][1],
               shapes[s][2], options[turn++ % COUNT_OF(options)]);
      if (line_parse(line, &problem))
        snprintf(line, sizeof line, "%s %s %s %s %s", pass, shapes[s][0], type, shapes[s][1],
                 shapes[s][2]);
      visit(line, context);
    }
  }
}

void cases_visit(case_list list, visit_function *visit, void *context) {
  if (list == CASES_BIG) {
    for (size_t i = 0; i < COUNT_OF(big); ++i) visit(big[i], context);
    return;
  }
  for (size_t i = 0; i < COUNT_OF(smoke); ++i) visit(smoke[i], context);
  if (list == CASES_SMOKE) return;
  for (size_t i = 0; i < COUNT_OF(specials); ++i) visit(specials[i], context);
  visit_products(visit, context);
}
