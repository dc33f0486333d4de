/* Which words of a problem line go together. */
#include <math.h>
#include <string.h>

#include "kit/data.h"
#include "kit/problem_options.h"

static bool same_layout(const line_problem *problem, int a, int b) {
  return !strcmp(problem->layout[a], problem->layout[b]);
}

static const char *check_in_place(const line_problem *p) {
  const bool backward = p->pass == LINE_BACKWARD;
  if (!p->in_place && !p->in_place_x && !p->in_place_z && !p->in_place_zx) return NULL;
  if (p->in_place && p->in_place_x) return "both inplace and inplace_x";
  if ((p->in_place_x || p->in_place_zx) && !backward) return "inplace_x and _zx are for backward";
  if ((p->in_place_z || p->in_place_zx) && !p->adds) return "inplace_z and _zx are for add";
  if (p->in_place_z && p->in_place_zx) return "both inplace_z and inplace_zx";
  if (p->in_place && p->in_place_z) return "both inplace and inplace_z";
  if (p->in_place_x && p->in_place_zx) return "both inplace_x and inplace_zx";
  if ((p->in_place || p->in_place_x || (p->in_place_z && !backward)) && !line_has_output(p))
    return "in place without an output";
  if ((p->in_place_zx || (p->in_place_z && backward)) && !line_has_dz(p))
    return "in place without dz";
  const int source = backward && p->in_place ? LINE_DY : LINE_X;
  if ((p->in_place || p->in_place_x) && !same_layout(p, LINE_OUTPUT, source))
    return "in place with two layouts";
  if (p->in_place_zx && !same_layout(p, LINE_Z, LINE_X)) return "in place with two layouts";
  if (p->in_place_z && !same_layout(p, LINE_Z, backward ? LINE_DY : LINE_OUTPUT))
    return "in place with two layouts";
  return NULL;
}

/* In other passes an infinity in x makes the statistics of its channel NaN. */
static bool is_input_infinite(const line_problem *p) {
  return !strcmp(p->data, "infz") || (!strcmp(p->data, "inf") && line_has_given_statistics(p));
}

static const char *check_activation(const line_problem *p) {
  const line_activation *activation = line_find_activation(p->activation);
  const bool clips = p->activation == CUBN_ACTIVATION_CLIPPED_RELU;
  const bool is_relu = p->activation == CUBN_ACTIVATION_RELU || clips;
  if (isnan(activation->coef) != isnan(p->coef)) return "coef is for clipped, leaky and elu";
  /* Otherwise y does not tell on which side of 0, or of the ceiling, the pre-activation was. */
  if (p->coef < 0) return "coef is negative";
  if (clips && data_round(p->type, p->coef) != p->coef)
    return "the type cannot represent the ceiling";
  if (p->swish_beta != 1 && p->activation != CUBN_ACTIVATION_SWISH)
    return "swish_beta is for swish";
  if (is_input_infinite(p) &&
      (p->activation == CUBN_ACTIVATION_SWISH || p->activation == CUBN_ACTIVATION_GELU))
    return "swish and gelu have no value at infinity";
  if (is_input_infinite(p) && p->activation == CUBN_ACTIVATION_LEAKY_RELU && p->coef == 0)
    return "leaky with coef=0 has no value at minus infinity";
  if (p->drops_nan && !is_relu) return "dropnan is for relu and clipped";
  return NULL;
}

static const char *check_saved(const line_problem *p) {
  if (p->mean_low && p->no_saved && !line_has_given_statistics(p))
    return "low is for given or saved statistics";
  if (!p->foreign_saved) return NULL;
  if (p->pass != LINE_BACKWARD || p->no_saved || p->frozen)
    return "foreign is for saved statistics";
  if (p->activation != CUBN_ACTIVATION_IDENTITY && !p->adds)
    return "foreign saved statistics give another pre-activation";
  return NULL;
}

static const char *check_forward_words(const line_problem *p) {
  const bool train = p->pass == LINE_TRAIN;
  const bool for_running =
      p->running_is_biased || p->separate_running || p->device_factor || p->guards_running;
  if (for_running && (!train || p->no_running))
    return "biased, separate, devfactor and guard are for running statistics";
  if (p->only_statistics && !train) return "statistics is for train";
  if (p->only_statistics && p->no_running && p->no_saved) return "statistics without statistics";
  if (p->only_statistics && (p->alpha != 1 || p->beta != 0)) return "blending without an output";
  if (p->no_reserve && (!train || !line_is_fused(p))) return "noreserve is for fused train";
  if (p->with_reserve && (p->pass != LINE_INFER || !line_is_fused(p)))
    return "reserve is for fused infer";
  return NULL;
}

static bool has_inverse(const line_problem *p) {
  return p->coef > 0 &&
         (p->activation == CUBN_ACTIVATION_LEAKY_RELU || p->activation == CUBN_ACTIVATION_ELU);
}

static const char *check_backward_words(const line_problem *p) {
  const bool backward = p->pass == LINE_BACKWARD;
  if (!backward &&
      (p->no_dx || p->no_dz || p->no_dscale || p->no_dbias || p->frozen || p->given_sums))
    return "nodx, nodz, nodscale, nodbias, frozen and sums are for backward";
  if (p->no_dz && !p->adds) return "nodz is for add";
  if (p->given_inv_std && !line_has_given_statistics(p)) return "invstd is for infer and frozen";
  if (line_renormalizes(p) && (line_has_given_statistics(p) || p->given_sums))
    return "r_max and d_max are for statistics of x, and not for given sums";
  if (line_renormalizes(p) && p->pass == LINE_TRAIN && p->no_running)
    return "r_max and d_max without running statistics";
  if (p->r_max < 1 || p->d_max < 0) return "r_max is below 1, or d_max below 0";
  if (p->from_y && (!backward || p->adds || p->frozen || p->given_sums))
    return "from_y is for backward without an addition or anything given";
  if (p->from_y && line_is_fused(p) && !has_inverse(p))
    return "from_y is for activations with an inverse: leaky and elu, with coef above 0";
  if (p->from_y && (p->no_saved || p->mean_low || line_renormalizes(p)))
    return "from_y without saved statistics, or with low, r_max or d_max";
  if (p->unbiased && line_has_given_statistics(p)) return "unbiased is for statistics of x";
  if (p->given_sums && (p->no_dscale || p->no_dbias)) return "sums without dscale or dbias";
  if (p->given_sums && (p->param_alpha != 1 || p->param_beta != 0)) return "blending of given sums";
  if (p->no_dx && (p->alpha != 1 || p->beta != 0)) return "blending without an output";
  if (p->count != 0 && !p->given_sums) return "count is for sums";
  if (p->count < 0 || p->count != floor(p->count)) return "count is not a count";
  const bool has_sums = (!p->no_dscale || !p->no_dbias) && !p->given_sums;
  if (backward && p->no_dx && !has_sums && !line_has_dz(p)) return "nothing to compute";
  return NULL;
}

static const char *check_padding(const line_problem *p) {
  const double dim = p->lengths_dim;
  if (p->mask + p->mask_samples + p->mask_strides + (dim != 0) > 1)
    return "more than one of mask, maskn, maskstride and lengths";
  if (dim != 0 && (dim < 2 || dim >= p->rank || dim != floor(dim)))
    return "lengths are of a dimension from 2";
  if (!line_has_padding(p) && (p->keeps_padding || p->valid != 0.7)) /* the default */
    return "keep and valid are for masks and lengths";
  if (line_has_padding(p) && p->unbiased) return "unbiased is for channels of as many values";
  if (line_has_padding(p) && p->given_sums && !p->frozen && !p->no_dx && p->count == 0)
    return "sums of a mask or lengths need count";
  return NULL;
}

/* Arrays without elements have no memory, so their pointers cannot tell that they are wanted. */
static const char *check_empty(const line_problem *p) {
  const bool has_result = line_has_output(p) || line_has_dz(p);
  return line_channels(p) == 0 && !has_result ? "nothing to compute, of no channels" : NULL;
}

const char *line_check(const line_problem *problem) {
  static const char *(*const checks[])(const line_problem *) = {
      check_activation, check_saved,   check_forward_words, check_backward_words,
      check_in_place,   check_padding, check_empty};
  for (size_t i = 0; i < sizeof checks / sizeof *checks; ++i) {
    const char *const error = checks[i](problem);
    if (error) return error;
  }
  return NULL;
}
