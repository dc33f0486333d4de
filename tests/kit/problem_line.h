/* A problem is one line of text, in tests, benchmark and log alike:
 *
 *     train nhwc f16 n32c64h56w56
 *     backward nchw f32 n4c35h7w7 inplace
 *     infer ncdhw bf16 n2c3d4h4w4 peract
 *     train nchw:nhwc f32 n2c3h4w5 beta=0.5 mean=1e4
 *
 *   pass     train | infer | backward
 *   layout   X, X:OUTPUT, X:OUTPUT:DY or X:OUTPUT:DY:Z; those left out are like X. Z is that of z
 *            and dz; forward has no DY. A layout is the order in memory, slowest first, of the
 *            letters n c g f e d h w (rank 2: nc, 3: ncw, 4: nchw, 5: ncdhw, 6: ncedhw, ...):
 *            "nchw", "nhwc", "cnhw". A suffix "+K" pads each dimension except the slowest by K
 *            elements, "+cK" that of the letter alone: "nchw+1" is a crop, "nhwc+c64" a slice.
 *   type     f32 | f64 | f16 | bf16
 *   sizes    in the order of the descriptor: n2c3 | n2c3w4 | n2c3h4w5 | n2c3d2h4w5 | ...
 *   options  in any order:
 *     peract persistent     the mode (default: spatial)
 *     xparams               per-channel arrays in the memory order of x (default: NCHW order)
 *     inplace               output is x in forward, dy in backward
 *     inplace_x             backward: dx is x
 *     norunning nosaved     without running / saved statistics
 *     foreign               backward: saved statistics of another, larger batch
 *     alpha=A beta=B        blending of y or dx (default 1, 0)
 *     palpha=A pbeta=B      blending of dscale and dbias (default 1, 0)
 *     r_max=R d_max=D       batch renormalization (default 1, 0: none)
 *     eps=E factor=F        default 1e-5, 0.1
 *     mean=M std=S          of the generated values (default 0.5, 1)
 *     data=NAME             pattern of the generated values (see data.h; default: pairs)
 *     offset=K              all tensors begin K elements after a 256-byte boundary
 *     offset_x=K offset_out=K offset_dy=K offset_z=K   the same for one tensor
 *     offset_param=K        the same for all per-channel arrays
 *   fused operations: cuDNN's Ex functions, in infer the extended interface
 *     relu clipped leaky elu sigmoid tanh swish gelu   the activation
 *     add_relu add_clipped ...   the same with z added before it
 *     add                   z is added, without activation
 *     coef=C                of clipped, leaky and elu (default 1, 0.1, 1); the type must have
 *                           the ceiling
 *     swish_beta=B          default 1
 *     dropnan               relu and clipped make 0 of NaN
 *     inplace_z             y is z; in backward dz is dy
 *     inplace_zx            backward: dz is x
 *   the extended interface
 *     noscale nobias nodx nodz nodscale nodbias   tensors that are absent
 *     statistics            train: no y
 *     biased                train: the running variance takes the biased one
 *     separate              train: running statistics are computed from other buffers
 *     devfactor             train: the factor is in device memory
 *     noreserve             train: fused, but nothing is left for backward
 *     reserve               infer: a reserve space is left, for frozen
 *     frozen                backward with given, constant statistics
 *     invstd                infer, frozen: inv_std is given instead of var
 *     sums                  backward: dscale and dbias are given
 *     count=K               sums: those of K values per channel
 *     unbiased              train, backward: the unbiased variance normalizes
 *     epsout                epsilon is outside of the root
 *     guard                 train: statistics that are not finite leave the running ones alone
 *     from_y                backward: x stands for y of forward, which is read in its place; with
 *                           leaky and elu, too
 *     mask                  a byte per sample and position, with peract per element, says whether
 *                           it is valid; maskn: per sample; maskstride: broadcast by stride 0
 *     lengths=D             each sample is valid up to a length along dimension D
 *     valid=P               the share of valid elements, about (default 0.7)
 *     keep                  outputs at padding are left as they are
 *     low                   means have low parts: given ones, or saved ones, which forward writes
 *                           and backward reads
 */
#ifndef CUBN_TESTS_PROBLEM_LINE_H
#define CUBN_TESTS_PROBLEM_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cubn.h"

enum { LINE_TRAIN, LINE_INFER, LINE_BACKWARD };
enum { LINE_X, LINE_OUTPUT, LINE_DY, LINE_Z, LINE_TENSORS };

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
  /* Fused operations. */
  bool adds, drops_nan, in_place_z, in_place_zx;
  cubnActivationMode_t activation;
  double coef, swish_beta; /* coef is NaN where the activation has none */
  /* The extended interface. */
  bool no_scale, no_bias, no_dx, no_dz, no_dscale, no_dbias;
  bool only_statistics, running_is_biased, separate_running, device_factor;
  bool no_reserve, with_reserve, frozen, given_inv_std, given_sums, mean_low;
  double count; /* 0: that of x */
  bool unbiased, epsilon_outside, guards_running, from_y;
  double r_max, d_max;
  /* Padding. */
  bool mask, mask_samples, mask_strides, keeps_padding;
  double lengths_dim, valid; /* lengths_dim 0: no lengths */
} line_problem;

/* What forward leaves in the reserve space, as cubn.h has it. */
typedef enum {
  LINE_RESERVE_NONE,
  LINE_RESERVE_STATISTICS,
  LINE_RESERVE_MASK,
  LINE_RESERVE_INPUT
} line_reserve;

/* Reads a line. Returns NULL, or what is wrong with it (static text). */
const char *line_parse(const char *text, line_problem *problem);

/* Writes the line of a problem, without options that have their default. */
void line_format(const line_problem *problem, char *text, size_t text_bytes);

/* ---- What kind of call it is (problem_fused.c) ---- */
bool line_is_fused(const line_problem *problem);    /* an addition or an activation */
bool line_is_extended(const line_problem *problem); /* needs the extended interface */
bool line_has_output(const line_problem *problem);  /* y or dx */
bool line_has_dz(const line_problem *problem);
bool line_renormalizes(const line_problem *problem);
bool line_has_given_statistics(const line_problem *problem); /* mean and var are inputs */
/* Whether the activation only passes, stops or scales: RELU, CLIPPED, LEAKY, and ELU above 0. */
bool line_decides(const line_problem *problem);
line_reserve line_reserve_kind(const line_problem *problem); /* kind that the call has */
/* Its size in bytes, as the library reports it; SIZE_MAX if the library refuses. */
size_t line_reserve_bytes(const line_problem *problem);
/* Backward: whether the call needs more of its forward call than saved statistics; and the line of
 * that forward call, which is not blended and not in place. */
bool line_needs_forward(const line_problem *problem);
line_problem line_forward_of(const line_problem *problem);

/* The least bytes that the operation moves: tensors that must be read and written, and a mask or
 * pre-activations in the reserve space. Per-channel arrays are left out. Blending reads the prior
 * output, too. */
int64_t line_floor_bytes(const line_problem *problem);

/* ---- Shapes (problem_layout.c) ---- */
/* The number of elements, and the distance from the first to after the last one in memory. */
int64_t line_elements(const line_problem *problem);
int64_t line_extent(const line_problem *problem, int tensor);

/* Channels and values per channel, padding included. */
int64_t line_channels(const line_problem *problem);
int64_t line_values_per_channel(const line_problem *problem);

/* The index of a channel in the per-channel arrays. Channels count in the order of the
 * descriptor. */
int64_t line_param_index(const line_problem *problem, int64_t channel);

/* Type of the per-channel arrays. */
cubnDataType_t line_param_type(const line_problem *problem);

/* Sets a descriptor to one of the problem's tensors, or to its per-channel arrays. */
cubnStatus_t line_describe(const line_problem *problem, int tensor,
                           cubnTensorDescriptor_t descriptor);
cubnStatus_t line_describe_params(const line_problem *problem, cubnTensorDescriptor_t descriptor);

/* The descriptors of the fused operations and of the extended interface. */
cubnBatchNormOps_t line_ops(const line_problem *problem);
cubnStatus_t line_describe_activation(const line_problem *problem,
                                      cubnActivationDescriptor_t descriptor);
cubnStatus_t line_describe_batch_norm(const line_problem *problem,
                                      cubnBatchNormDescriptor_t descriptor);

/* Visits the values of one channel in the order of the descriptor:
 *     for (line_walk w = line_walk_channel(p, channel); w.valid; line_walk_next(&w))
 * use(w.at[LINE_X]);
 * Padding is left out; line_walk_padding visits that alone. */
typedef struct line_walk {
  bool valid;
  int64_t sample;           /* 0, 1, ... */
  int64_t at[LINE_TENSORS]; /* offset of the value in each tensor, elements */
  int rank;
  int64_t size[CUBN_DIM_MAX], index[CUBN_DIM_MAX], stride[LINE_TENSORS][CUBN_DIM_MAX];
  /* Of problems with padding; else NULL. */
  const line_problem *masked;
  bool visits_padding;
  int64_t place, place_stride[CUBN_DIM_MAX]; /* in the mask */
} line_walk;
line_walk line_walk_channel(const line_problem *problem, int64_t channel);
line_walk line_walk_padding(const line_problem *problem, int64_t channel);
void line_walk_next(line_walk *walk);

/* ---- Padding (problem_mask.c) ---- */
bool line_has_padding(const line_problem *problem); /* a mask or lengths */
/* The valid values of a channel. */
int64_t line_valid_values(const line_problem *problem, int64_t channel);
/* The sizes of the mask. Lengths are like a mask of the samples and one dimension. Returns the
 * elements. */
int64_t line_mask_dims(const line_problem *problem, int64_t dims[]);
/* Whether an element of the mask, packed in the order of the descriptor, is valid. */
bool line_is_valid(const line_problem *problem, int64_t place);
/* The bytes of the mask, or of the lengths, and what they are. */
size_t line_mask_bytes(const line_problem *problem);
void line_fill_mask(const line_problem *problem, void *bytes);
cubnStatus_t line_describe_mask(const line_problem *problem, cubnTensorDescriptor_t descriptor);

#endif /* CUBN_TESTS_PROBLEM_LINE_H */
