/* A problem as one line of text. */
#include "host/problem_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/descriptor.h"

/* A text under construction; what does not fit is truncated. */
typedef struct line {
  char *text;
  size_t capacity, length;
} line;

__attribute__((format(printf, 2, 3))) static void append(line *to, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written =
      vsnprintf(to->text + to->length, to->capacity - to->length, format, arguments);
  va_end(arguments);
  if (written > 0) to->length += (size_t)written;
  if (to->length >= to->capacity) to->length = to->capacity - 1;
}

/* Letter of a dimension: n, c, then the last of g f e d h w. */
static char letter(int rank, int dimension) {
  static const char spatial[] = "gfedhw";
  return dimension == 0 ? 'n' : dimension == 1 ? 'c' : spatial[6 - rank + dimension];
}

static bool is_packed(const struct cubnTensorStruct *tensor, const int order[]) {
  int64_t strides[CUBN_DIM_MAX];
  if (!cubn_packed_strides(tensor->rank, tensor->dims, order, strides)) return false;
  for (int i = 0; i < tensor->rank; ++i)
    if (tensor->dims[i] != 1 && tensor->strides[i] != strides[i]) return false;
  return true;
}

/* Orders to try: channels first, channels last, then by falling stride. */
static void order_of(const struct cubnTensorStruct *tensor, int attempt, int order[]) {
  const int rank = tensor->rank;
  for (int i = 0; i < rank; ++i) order[i] = i;
  if (attempt == 1) {
    for (int i = 1; i < rank - 1; ++i) order[i] = i + 1;
    order[rank - 1] = 1;
  }
  if (attempt < 2) return;
  for (int i = 1; i < rank; ++i)
    for (int k = i; k > 0 && tensor->strides[order[k]] > tensor->strides[order[k - 1]]; --k) {
      const int swapped = order[k];
      order[k] = order[k - 1];
      order[k - 1] = swapped;
    }
}

static void append_layout(line *to, const struct cubnTensorStruct *tensor) {
  int order[CUBN_DIM_MAX];
  for (int attempt = 0; attempt < 3; ++attempt) {
    order_of(tensor, attempt, order);
    if (!is_packed(tensor, order)) continue;
    for (int i = 0; i < tensor->rank; ++i) append(to, "%c", letter(tensor->rank, order[i]));
    return;
  }
  append(to, "strided");
}

static bool same_layout(const struct cubnTensorStruct *a, const struct cubnTensorStruct *b) {
  for (int i = 0; i < a->rank; ++i)
    if (a->dims[i] != 1 && a->strides[i] != b->strides[i]) return false;
  return true;
}

static void append_layouts(line *to, const cubn_problem *problem) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  const struct cubnTensorStruct *output = problem->descriptors[CUBN_ARRAY_OUTPUT];
  const struct cubnTensorStruct *dy = problem->descriptors[CUBN_ARRAY_DY];
  append_layout(to, x);
  const bool dy_differs = dy && !same_layout(x, dy);
  if (dy_differs || (output && !same_layout(x, output))) {
    append(to, ":");
    append_layout(to, output ? output : x);
  }
  if (dy_differs) {
    append(to, ":");
    append_layout(to, dy);
  }
}

static const char *type_name(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_FLOAT:
      return "f32";
    case CUBN_DATA_DOUBLE:
      return "f64";
    case CUBN_DATA_HALF:
      return "f16";
    case CUBN_DATA_BFLOAT16:
      return "bf16";
    default:
      return "i8";
  }
}

/* The words of activations, and the coefficient that is not written. */
static const struct {
  cubnActivationMode_t mode;
  const char *word;
  double coef;
} activations[] = {
    {CUBN_ACTIVATION_RELU, "relu", 0},          {CUBN_ACTIVATION_CLIPPED_RELU, "clipped", 1},
    {CUBN_ACTIVATION_LEAKY_RELU, "leaky", 0.1}, {CUBN_ACTIVATION_ELU, "elu", 1},
    {CUBN_ACTIVATION_SIGMOID, "sigmoid", 0},    {CUBN_ACTIVATION_TANH, "tanh", 0},
    {CUBN_ACTIVATION_SWISH, "swish", 0},        {CUBN_ACTIVATION_GELU, "gelu", 0},
};

static void append_fused(line *to, const cubn_problem *problem) {
  const cubn_activation *activation = &problem->activation;
  const char *add = problem->adds ? "add" : "";
  if (activation->mode == CUBN_ACTIVATION_IDENTITY) {
    if (problem->adds) append(to, " add");
    return;
  }
  for (size_t i = 0; i < sizeof activations / sizeof *activations; ++i) {
    if (activations[i].mode != activation->mode) continue;
    append(to, " %s%s%s", add, problem->adds ? "_" : "", activations[i].word);
    if (activations[i].coef != 0 && activation->coef != activations[i].coef)
      append(to, " coef=%g", activation->coef);
  }
  if (activation->mode == CUBN_ACTIVATION_SWISH && activation->swish_beta != 1)
    append(to, " swish_beta=%g", activation->swish_beta);
  const bool is_relu =
      activation->mode == CUBN_ACTIVATION_RELU || activation->mode == CUBN_ACTIVATION_CLIPPED_RELU;
  if (is_relu && !activation->propagates_nan) append(to, " dropnan");
}

/* What only the extended interface can ask for. */
static void append_extensions(line *to, const cubn_problem *problem, const cubn_args *args) {
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const bool doubles = problem->pass == CUBN_PASS_DOUBLE_BACKWARD;
  const bool separate = problem->has_running && args->previous_running_mean != args->running_mean;
  const struct {
    bool holds;
    const char *word;
  } words[] = {
      {!args->scale, "noscale"},
      {!args->bias && !doubles && (!backward || cubn_recomputes_preactivation(problem)), "nobias"},
      {backward && !problem->has_output, "nodx"},
      {backward && problem->adds && !problem->has_dz, "nodz"},
      {backward && !args->dscale, "nodscale"},
      {backward && !args->dbias, "nodbias"},
      {!backward && !doubles && !problem->has_output, "statistics"},
      {doubles && !problem->has_output, "nogx"},
      {doubles && !problem->has_ddy, "noddy"},
      {doubles && !args->second.gscale, "nogscale"},
      {doubles && !problem->has_ddx, "noddx"},
      {doubles && !args->second.ddscale, "noddscale"},
      {doubles && !args->second.ddbias, "noddbias"},
      {problem->is_frozen, "frozen"},
      {problem->var_is_inv_std, "invstd"},
      {problem->sums_are_given, "sums"},
      {(args->mean_low && !problem->saved_is_reserved) || args->saved_mean_low, "low"},
      {problem->has_running && problem->running_is_biased, "biased"},
      {separate, "separate"},
      {args->factor_pointer, "devfactor"},
      {args->guards_running, "guard"},
      {problem->renormalizes, "renorm"},
      {problem->is_from_y, "from_y"},
      {problem->normalizes_unbiased, "unbiased"},
      {problem->epsilon_is_outside, "epsout"},
      {problem->validity.kind == CUBN_VALID_MASK, "mask"},
      {problem->validity.kind && problem->validity.keeps, "keep"},
  };
  for (size_t i = 0; i < sizeof words / sizeof *words; ++i)
    if (words[i].holds) append(to, " %s", words[i].word);
  if (problem->validity.kind == CUBN_VALID_LENGTHS)
    append(to, " lengths=%d", problem->validity.lengths_dim);
  if (backward && args->count != 0 && args->count != (double)cubn_count(problem))
    append(to, " count=%g", args->count);
}

void cubn_problem_text(const cubn_problem *problem, const cubn_args *args, char *text,
                       size_t text_bytes) {
  static const char *const passes[] = {"train", "infer", "backward", "double_backward"};
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  line to = {text, text_bytes, 0};
  append(&to, "%s ", passes[problem->pass]);
  append_layouts(&to, problem);
  append(&to, " %s ", type_name(problem->type));
  for (int i = 0; i < x->rank; ++i)
    append(&to, "%c%lld", letter(x->rank, i), (long long)x->dims[i]);
  if (problem->mode == CUBN_BATCHNORM_PER_ACTIVATION) append(&to, " peract");
  if (problem->mode == CUBN_BATCHNORM_SPATIAL_PERSISTENT) append(&to, " persistent");
  append_fused(&to, problem);
  if (problem->pass == CUBN_PASS_BACKWARD) {
    if (args->dz && args->dz == args->dy) append(&to, " inplace_z");
    if (args->output && args->output == args->dy) append(&to, " inplace");
    if (args->output == args->x) append(&to, " inplace_x");
  } else if (args->output == args->x) {
    append(&to, " inplace");
  } else if (args->z && args->output == args->z) {
    append(&to, " inplace_z");
  }
  if (problem->pass == CUBN_PASS_TRAIN && !problem->has_running) append(&to, " norunning");
  const bool has_saved = problem->has_saved && !problem->saved_is_reserved;
  if (problem->pass != CUBN_PASS_INFER && !has_saved && !problem->is_frozen)
    append(&to, " nosaved");
  append_extensions(&to, problem, args);
  if (args->alpha != 1.0) append(&to, " alpha=%g", args->alpha);
  if (args->beta != 0.0) append(&to, " beta=%g", args->beta);
  if (problem->pass == CUBN_PASS_BACKWARD && args->param_alpha != 1.0)
    append(&to, " palpha=%g", args->param_alpha);
  if (problem->pass == CUBN_PASS_BACKWARD && args->param_beta != 0.0)
    append(&to, " pbeta=%g", args->param_beta);
}

const char *cubn_array_name(const cubn_problem *problem, int array) {
  static const char *const outputs[CUBN_PASS_COUNT] = {"y", "y", "dx", "gx"};
  static const char *const seconds[CUBN_PASS_COUNT] = {"z", "z", "dz", "ddx"};
  switch (array) {
    case CUBN_ARRAY_X:
      return problem->is_from_y ? "y" : "x";
    case CUBN_ARRAY_OUTPUT:
      return outputs[problem->pass];
    case CUBN_ARRAY_DY:
      return "dy";
    case CUBN_ARRAY_Z:
      return seconds[problem->pass];
    case CUBN_ARRAY_DDY:
      return "ddy";
    default:
      return "param";
  }
}
