#include "kit/problem_options.h"

#include <math.h>

const line_flag line_flags[] = {
    {"xparams", offsetof(line_problem, params_like_x)},
    {"inplace", offsetof(line_problem, in_place)},
    {"inplace_x", offsetof(line_problem, in_place_x)},
    {"inplace_z", offsetof(line_problem, in_place_z)},
    {"inplace_zx", offsetof(line_problem, in_place_zx)},
    {"norunning", offsetof(line_problem, no_running)},
    {"nosaved", offsetof(line_problem, no_saved)},
    {"foreign", offsetof(line_problem, foreign_saved)},
    {"dropnan", offsetof(line_problem, drops_nan)},
    {"noscale", offsetof(line_problem, no_scale)},
    {"nobias", offsetof(line_problem, no_bias)},
    {"nodx", offsetof(line_problem, no_dx)},
    {"nodz", offsetof(line_problem, no_dz)},
    {"nodscale", offsetof(line_problem, no_dscale)},
    {"nodbias", offsetof(line_problem, no_dbias)},
    {"statistics", offsetof(line_problem, only_statistics)},
    {"biased", offsetof(line_problem, running_is_biased)},
    {"separate", offsetof(line_problem, separate_running)},
    {"devfactor", offsetof(line_problem, device_factor)},
    {"noreserve", offsetof(line_problem, no_reserve)},
    {"reserve", offsetof(line_problem, with_reserve)},
    {"frozen", offsetof(line_problem, frozen)},
    {"invstd", offsetof(line_problem, given_inv_std)},
    {"sums", offsetof(line_problem, given_sums)},
    {"mask", offsetof(line_problem, mask)},
    {"maskn", offsetof(line_problem, mask_samples)},
    {"maskstride", offsetof(line_problem, mask_strides)},
    {"keep", offsetof(line_problem, keeps_padding)},
    {"low", offsetof(line_problem, mean_low)},
    {"unbiased", offsetof(line_problem, unbiased)},
    {"epsout", offsetof(line_problem, epsilon_outside)},
    {"from_y", offsetof(line_problem, from_y)},
    {"guard", offsetof(line_problem, guards_running)},
    {NULL, 0},
};

/* coef is not here: its default depends on the activation. */
const line_number line_numbers[] = {
    {"alpha", offsetof(line_problem, alpha), 1.0},
    {"beta", offsetof(line_problem, beta), 0.0},
    {"palpha", offsetof(line_problem, param_alpha), 1.0},
    {"pbeta", offsetof(line_problem, param_beta), 0.0},
    {"eps", offsetof(line_problem, epsilon), 1e-5},
    {"factor", offsetof(line_problem, factor), 0.1},
    {"r_max", offsetof(line_problem, r_max), 1.0},
    {"d_max", offsetof(line_problem, d_max), 0.0},
    {"swish_beta", offsetof(line_problem, swish_beta), 1.0},
    {"count", offsetof(line_problem, count), 0.0},
    {"lengths", offsetof(line_problem, lengths_dim), 0.0},
    {"valid", offsetof(line_problem, valid), 0.7},
    {"mean", offsetof(line_problem, mean), 0.5},
    {"std", offsetof(line_problem, std), 1.0},
    {NULL, 0, 0.0},
};

const line_offset line_offsets[] = {
    {"offset_x", offsetof(line_problem, offset[LINE_X])},
    {"offset_out", offsetof(line_problem, offset[LINE_OUTPUT])},
    {"offset_dy", offsetof(line_problem, offset[LINE_DY])},
    {"offset_z", offsetof(line_problem, offset[LINE_Z])},
    {"offset_param", offsetof(line_problem, param_offset)},
    {NULL, 0},
};

const line_activation line_activations[] = {
    {"relu", CUBN_ACTIVATION_RELU, NAN},        {"clipped", CUBN_ACTIVATION_CLIPPED_RELU, 1.0},
    {"leaky", CUBN_ACTIVATION_LEAKY_RELU, 0.1}, {"elu", CUBN_ACTIVATION_ELU, 1.0},
    {"sigmoid", CUBN_ACTIVATION_SIGMOID, NAN},  {"tanh", CUBN_ACTIVATION_TANH, NAN},
    {"swish", CUBN_ACTIVATION_SWISH, NAN},      {"gelu", CUBN_ACTIVATION_GELU, NAN},
    {"", CUBN_ACTIVATION_IDENTITY, NAN},        {NULL, CUBN_ACTIVATION_IDENTITY, NAN},
};

const line_type line_types[] = {{"f32", CUBN_DATA_FLOAT},
                                {"f64", CUBN_DATA_DOUBLE},
                                {"f16", CUBN_DATA_HALF},
                                {"bf16", CUBN_DATA_BFLOAT16},
                                {NULL, CUBN_DATA_FLOAT}};

const char *const line_pass_names[] = {"train", "infer", "backward", NULL};
const char *const line_mode_names[] = {"peract", "", "persistent", NULL};
const char line_default_data[] = "pairs";

const line_activation *line_find_activation(cubnActivationMode_t mode) {
  const line_activation *found = line_activations;
  while (found->mode != mode) ++found;
  return found;
}
