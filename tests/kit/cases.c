#include "kit/cases.h"

#include <stddef.h>

#include "kit/cases_products.h"

/* Plain lines, of cuDNN's functions without Ex. */
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
    "infer nchw f16 n2c5h23w24 mean=100",
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
    /* strided */
    "train nchw:nhwc f32 n2c3h4w5",
    "train nhwc+1 f16 n2c4h3w3 inplace",
    "train nhwc bf16 n4c3h4w5 peract",
    "train cnhw f64 n2c3h4w5 data=outlier",
    "backward nchw:nhwc:cnhw f32 n2c3h4w5",
    "backward nchw+1 bf16 n2c4h3w3 nosaved",
    "backward nchw:nhwc f32 n2c4h3w3 foreign",
    "infer nchw:nhwc+2 f32 n2c3h4w5 beta=0.5",
    "infer nhwc f32 n4c3h4w5 peract",
    /* empty */
    "train nchw f32 n0c3h4w5",
    "backward nchw f16 n2c3h0w5 pbeta=2",
};

/* Fused operations and the extended interface. */
static const char *const fused_smoke[] = {
    "train nchw f32 n2c3h4w5 relu",
    "train nchw f16 n4c12h7w7 add_relu offset=1",
    "train nchw f32 n6c5h24w25 add_relu",
    "train nchw bf16 n2c35h5w9 add_gelu inplace_z",
    "train nchw f64 n3c5h4w4 clipped mean=1e4 data=ties",
    "train nhwc f16 n2c64h5w5 add_relu",
    "train nhwc bf16 n1c27h7w9 swish inplace data=inf",
    "train nc f32 n10c65 leaky noscale nobias",
    "train nchw+1 f16 n2c4h3w3 add_elu",
    "train nchw:nhwc:nchw:cnhw f32 n2c3h4w5 add_sigmoid beta=0.5",
    "train nhwc f32 n4c3h4w5 peract tanh biased separate",
    "train nchw f32 n2c3h4w5 statistics devfactor biased",
    "train nhwc f32 n3c6h40w41 add_relu mean=100",
    "infer nhwc f16 n2c64h5w5 add_relu",
    "infer nchw f32 n2c3h4w5 gelu invstd noscale mean=1e4",
    "infer nchw+1 bf16 n2c3h4w5 add_tanh reserve beta=0.5",
    "backward nchw f32 n2c3h4w5 relu data=ties",
    "backward nchw f16 n4c12h7w7 add_relu offset=1 data=ties",
    "backward nchw bf16 n6c5h24w25 add_relu",
    "backward nchw bf16 n2c35h5w9 add_gelu inplace",
    "backward nhwc f16 n2c64h5w5 add_relu inplace_z",
    "backward nhwc bf16 n1c27h7w9 add_leaky data=nandy inplace_zx",
    "backward nhwc f32 n4c8h4w4 leaky coef=0 data=nandy",
    "backward nchw f16 n4c8h4w4 add_elu coef=0 data=nandy",
    "backward nhwc f32 n2c5h6w7 swish mean=1e4 nosaved",
    "backward nc f64 n7c3 elu coef=0.5",
    "backward nchw:nhwc:cnhw:nchw+1 f32 n2c3h4w5 add_clipped",
    "backward nhwc f32 n4c3h4w5 peract tanh",
    "backward nchw f32 n2c4h6w7 frozen sigmoid nodbias",
    "backward nchw f32 n2c4h6w7 frozen add_relu nodscale data=nan",
    "backward nhwc f16 n2c12h7w7 sums count=500 add_relu",
    "backward nc f32 n2c1024 nosaved sums mean=5 std=0.01",
    "backward nchw bf16 n3c340h2w3 nosaved sums mean=100 tanh",
    "backward nchw f32 n2c2h55w57 add_relu nodx nodscale",
    "backward nhwc f32 n3c6h40w41 relu",
    /* one row of a grid that does not begin at a cache line, for each size of vectors */
    "train nchw f64 n2c3h5w6 relu offset=2",
    "train nc f32 n2c60 leaky offset=8",
    "infer nc f32 n1c300 add_relu offset=8",
    "backward nc f16 n1c600 add_relu offset=16",
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
    "train nc f16 n2c70000 add_relu",
    "backward nc f32 n70000c2 relu",
    "backward nchw f16 n9c2h90w91 mean=3 data=ramp add_relu",
    "backward nhwc bf16 n3c6h80w81 add_leaky nosaved",
    "train nchw:nhwc f32 n2c3h100w101 gelu",
    "backward nchw f32 n5c1h131w129 data=ties clipped offset_x=1",
    "backward nhwc f32 n2c64h25w25 frozen add_tanh",
    "train nchw f16 n3c20h9w9 leaky coef=2 data=ties",
    "train nhwc f16 n3c20h9w9 elu coef=2 data=ties",
    "train nhwc f16 n3c20h9w9 relu alpha=1000 data=ties",
    "infer nchw bf16 n7c7h33w7 add_clipped alpha=2 beta=-0.5",
    /* columns whose rows begin anywhere in a vector: few channels, and more than one block has */
    "train nc f16 n40000c3 offset=7 mean=100",
    "train nc bf16 n5000c2 offset=7 data=constant",
    "train nhwc f64 n3c255h9w9 offset=1 inplace",
    "train nhwc f32 n5c256h9w9 offset=3 data=spread",
    "train nc bf16 n700c257 data=onehot",
    "train nc f16 n333c1001 offset=5 mean=10",
    "train nc f32 n700c510 add_gelu",
    "train nc f64 n1c301 offset=1",
    "train nc f16 n3c300 data=inf offset=2",
    "backward nc f16 n40000c3 offset=7",
    "backward nhwc bf16 n3c129h19w17 offset=3 nosaved",
    "backward nc f32 n700c510 pbeta=1 offset=1",
    "backward nc f16 n333c1001 inplace relu data=ties",
    "backward nhwc f64 n3c77h19w17 add_swish inplace_z",
    "infer nc f16 n333c1001 offset=5 add_tanh",
    "infer nc bf16 n40000c3 offset=7 clipped",
    "infer nc f32 n700c510 offset=1 beta=1",
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
    "train nchw f32 n8c64h56w56 relu",
    "backward nhwc f16 n8c64h56w56 add_relu",
    "backward nchw f32 n8c64h28w28 relu data=ties",
    "backward nchw bf16 n32c35h29w31 add_gelu inplace",
    "backward nchw f32 n1c1h1024w1025 mean=1e4 data=spread relu",
    "backward nc f64 n4096c300 frozen swish",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

void cases_visit(case_list list, void (*visit)(const char *line, void *context), void *context) {
  if (list == CASES_BIG) {
    for (size_t i = 0; i < COUNT_OF(big); ++i) visit(big[i], context);
    return;
  }
  for (size_t i = 0; i < COUNT_OF(smoke); ++i) visit(smoke[i], context);
  for (size_t i = 0; i < COUNT_OF(fused_smoke); ++i) visit(fused_smoke[i], context);
  if (list == CASES_SMOKE) return;
  for (size_t i = 0; i < COUNT_OF(specials); ++i) visit(specials[i], context);
  cases_visit_products(visit, context);
}
