/* A problem is one line of text, in tests, benchmark and log alike:
 *
 *     train nhwc f16 n32c64h56w56
 *     backward nchw f32 n4c35h7w7 inplace
 *     infer ncdhw bf16 n2c3d4h4w4 peract
 *     train nchw:nhwc f32 n2c3h4w5 beta=0.5 mean=1e4
 *
 *   pass     train | infer | backward
 *   layout   X, X:OUTPUT or X:OUTPUT:DY; those left out are like X. A layout is the order in
 *            memory, slowest first, of the letters n c g f e d h w (rank 2: nc, 3: ncw, 4: nchw,
 *            5: ncdhw, 6: ncedhw, ...): "nchw", "nhwc", "cnhw". With "+K" behind it each dimension
 *            but the slowest is padded by K elements: "nchw+1".
 *   type     f32 | f64 | f16 | bf16
 *   sizes    in the order of the descriptor: n2c3 | n2c3w4 | n2c3h4w5 | n2c3d2h4w5 | ...
 *   options  in any order:
 *     peract persistent     the mode (default: spatial)
 *     xparams               per-channel arrays in the memory order of x (default: NCHW order)
 *     inplace               output is x in forward, dy in backward
 *     inplace_x             backward: dx is x
 *     norunning nosaved     without running / saved statistics
 *     foreign               backward: saved statistics of another, as it were larger, batch
 *     alpha=A beta=B        blending of y or dx (default 1, 0)
 *     palpha=A pbeta=B      blending of dscale and dbias (default 1, 0)
 *     eps=E factor=F        default 1e-5, 0.1
 *     mean=M std=S          of the generated values (default 0.5, 1)
 *     data=NAME             pattern of the generated values (see data.h; default: pairs)
 *     offset=K              all tensors begin K elements behind a 256-byte boundary
 *     offset_x=K offset_out=K offset_dy=K   the same for one tensor
 *     offset_param=K        the same for all per-channel arrays
 */
#ifndef CUBN_TESTS_PROBLEM_LINE_H
#define CUBN_TESTS_PROBLEM_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cubn.h"

enum { LINE_TRAIN, LINE_INFER, LINE_BACKWARD };
enum { LINE_X, LINE_OUTPUT, LINE_DY, LINE_TENSORS };

typedef struct line_problem {
  int pass;
  cubnDataType_t type;
  cubnBatchNormMode_t mode;
  int rank;
  int64_t dims[CUBN_DIM_MAX];
  char layout[LINE_TENSORS][16];
  int64_t strides[LINE_TENSORS][CUBN_DIM_MAX];
  bool in_place, in_place_x, no_running, no_saved, foreign_saved, params_like_x;
  double alpha, beta, param_alpha, param_beta, epsilon, factor, mean, std;
  char data[16];
  int64_t offset[LINE_TENSORS], param_offset;
} line_problem;

/* Reads a line. Returns NULL, or what is wrong with it (static text). */
const char *line_parse(const char *text, line_problem *problem);

/* Writes the line of a problem, options that have their default left out. */
void line_format(const line_problem *problem, char *text, size_t text_bytes);

/* Elements of the tensor, and from its first to its last element in memory. */
int64_t line_elements(const line_problem *problem);
int64_t line_extent(const line_problem *problem, int tensor);

/* Channels and values per channel. */
int64_t line_channels(const line_problem *problem);
int64_t line_values_per_channel(const line_problem *problem);

/* Place of a channel in the per-channel arrays. Channels count in the order of the descriptor. */
int64_t line_param_index(const line_problem *problem, int64_t channel);

/* Type of the per-channel arrays. */
cubnDataType_t line_param_type(const line_problem *problem);

/* Sets a descriptor to one of the problem's tensors, or to its per-channel arrays. */
cubnStatus_t line_describe(const line_problem *problem, int tensor,
                           cubnTensorDescriptor_t descriptor);
cubnStatus_t line_describe_params(const line_problem *problem, cubnTensorDescriptor_t descriptor);

/* Visits the values of one channel in the order of the descriptor:
 *     for (line_walk w = line_walk_channel(p, channel); w.valid; line_walk_next(&w))
 * use(w.at[LINE_X]);
 */
typedef struct line_walk {
  bool valid;
  int64_t sample;           /* 0, 1, ... */
  int64_t at[LINE_TENSORS]; /* offset of the value in each tensor, elements */
  int rank;
  int64_t size[CUBN_DIM_MAX], index[CUBN_DIM_MAX], stride[LINE_TENSORS][CUBN_DIM_MAX];
} line_walk;
line_walk line_walk_channel(const line_problem *problem, int64_t channel);
void line_walk_next(line_walk *walk);

#endif /* CUBN_TESTS_PROBLEM_LINE_H */
