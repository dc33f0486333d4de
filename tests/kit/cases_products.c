#include "kit/cases_products.h"

#include <stdio.h>
#include <string.h>

#include "kit/problem_line.h"

/* Layout and sizes (and the mode), which are combined with every pass and type. */
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

/* The lines take these alternately; a line that an option makes invalid goes without. */
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

/* Fused operations, and words of the extended interface, by pass. The lines take these alternately,
 * too, together with an option. A line that the option makes invalid goes without. */
static const char *const train_words[] = {"relu",
                                          "add_relu",
                                          "add_gelu inplace_z",
                                          "clipped coef=0.75",
                                          "noscale nobias",
                                          "add_leaky",
                                          "tanh",
                                          "relu dropnan",
                                          "statistics low",
                                          "relu low",
                                          "add_sigmoid biased",
                                          "elu coef=0.5",
                                          "separate",
                                          "add_relu data=ties",
                                          "swish swish_beta=2 devfactor",
                                          "add_swish",
                                          "gelu noreserve",
                                          "add_elu",
                                          "leaky",
                                          "add",
                                          "sigmoid",
                                          "devfactor",
                                          "add_tanh",
                                          "biased separate relu",
                                          "add_clipped dropnan",
                                          "relu data=ties",
                                          "add_relu data=nanz",
                                          "add_clipped data=infz"};

static const char *const infer_words[] = {"relu",
                                          "add_relu",
                                          "gelu",
                                          "invstd low",
                                          "add_tanh invstd",
                                          "nobias",
                                          "leaky",
                                          "clipped dropnan",
                                          "add",
                                          "swish",
                                          "add_elu inplace_z",
                                          "sigmoid noscale",
                                          "add_gelu reserve",
                                          "add_relu reserve data=ties",
                                          "relu low",
                                          "gelu low invstd",
                                          "low"};

static const char *const backward_words[] = {"relu",
                                             "add_relu",
                                             "relu data=ties",
                                             "add_gelu",
                                             "frozen",
                                             "clipped coef=0.75 data=ties",
                                             "add_relu data=ties",
                                             "nodx",
                                             "tanh",
                                             "add_leaky inplace_z",
                                             "elu",
                                             "sums",
                                             "relu nosaved",
                                             "add_swish",
                                             "leaky data=ties",
                                             "noscale",
                                             "swish swish_beta=-2",
                                             "add_clipped",
                                             "nodscale",
                                             "frozen relu data=ties",
                                             "add_relu nodz",
                                             "sigmoid",
                                             "add_tanh",
                                             "sums count=1000 add_relu",
                                             "gelu",
                                             "add",
                                             "nodbias relu",
                                             "add_elu inplace_zx",
                                             "frozen add_relu invstd",
                                             "relu dropnan",
                                             "elu coef=0.5 data=ties",
                                             "add_sigmoid nodx",
                                             "add_relu data=nanz",
                                             "add_clipped foreign",
                                             "relu noscale nobias",
                                             "low foreign",
                                             "relu low data=ties",
                                             "sums low",
                                             "add_relu low",
                                             "frozen low",
                                             "frozen relu low data=ties",
                                             "sums low gelu"};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef void visit_function(const char *line, void *context);

static const char *const types[] = {"f32", "f16", "bf16", "f64"};

/* Visits the line with both kinds of words, or with those that are valid. The last of contradicting
 * words counts. */
static void visit_line(const char *pass, const char *type, const char *const shape[3],
                       const char *words, const char *option, visit_function *visit,
                       void *context) {
  const char *const tries[][2] = {{option, words}, {"", words}, {option, ""}, {"", ""}};
  char line[256];
  line_problem problem;
  for (size_t i = 0; i < COUNT_OF(tries); ++i) {
    snprintf(line, sizeof line, "%s %s %s %s %s %s %s", pass, shape[0], type, shape[1], shape[2],
             tries[i][0], tries[i][1]);
    if (!line_parse(line, &problem)) break;
  }
  visit(line, context);
}

static void visit_plain(visit_function *visit, void *context) {
  static const char *const passes[] = {"train", "backward", "infer"};
  unsigned turn = 0;
  for (size_t s = 0; s < COUNT_OF(shapes); ++s)
    for (size_t k = 0; k < COUNT_OF(passes) * COUNT_OF(types); ++k)
      visit_line(passes[k % COUNT_OF(passes)], types[k % COUNT_OF(types)], shapes[s], "",
                 options[turn++ % COUNT_OF(options)], visit, context);
}

/* Visits two types of each shape. */
static void visit_fused(visit_function *visit, void *context) {
  static const struct {
    const char *pass;
    const char *const *words;
    size_t count;
  } passes[] = {{"train", train_words, COUNT_OF(train_words)},
                {"infer", infer_words, COUNT_OF(infer_words)},
                {"backward", backward_words, COUNT_OF(backward_words)}};
  unsigned turn = 0;
  for (size_t s = 0; s < COUNT_OF(shapes); ++s)
    for (size_t k = 0; k < 2 * COUNT_OF(passes); ++k, ++turn) {
      const size_t pass = k % COUNT_OF(passes);
      const size_t nth = s * 2 + k / COUNT_OF(passes); /* line of this pass */
      visit_line(passes[pass].pass, types[(s + k) % COUNT_OF(types)], shapes[s],
                 passes[pass].words[nth % passes[pass].count], options[turn % COUNT_OF(options)],
                 visit, context);
    }
}

void cases_visit_products(visit_function *visit, void *context) {
  visit_plain(visit, context);
  visit_fused(visit, context);
}
