#include "fuzz/arguments.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = FUZZ_BYTES_MAX, ELEMENTS_MAX = 1 << 15 };

static bool is_small(const tensor_view *view) {
  int64_t elements = 1;
  for (int i = 0; i < view->rank; ++i)
    if (__builtin_mul_overflow(elements, view->dims[i], &elements)) return view->bytes == 0;
  return elements <= ELEMENTS_MAX || view->bytes == 0;
}

/* ---- Memory ---- */

static void fill(fuzz_arguments *a, int arg, size_t element, bool is_wild, uint64_t seed) {
  unsigned char *const bytes = a->blocks[arg];
  for (size_t i = 0; i < a->bytes[arg]; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    bytes[i] = (unsigned char)(seed >> 56);
    /* In every type that is a number between 0.5 and 2, of either sign. */
    const bool is_top = element > 1 && i % element == element - 1;
    if (is_top && !is_wild) bytes[i] = arg == ARG_VAR || bytes[i] < 128 ? 0x3f : 0xbf;
  }
}

static bool make_block(fuzz_arguments *a, int arg, size_t bytes, size_t element, unsigned seed) {
  if (bytes > BYTES_MAX) return false;
  a->bytes[arg] = bytes;
  a->pointers[arg] = a->blocks[arg] = malloc(bytes);
  a->contents[arg] = malloc(bytes);
  if (!a->blocks[arg] || !a->contents[arg]) fuzz_fail("no memory");
  fill(a, arg, element, (seed & 15) == 15, seed * 64 + (unsigned)arg);
  if (bytes) memcpy(a->contents[arg], a->blocks[arg], bytes);
  return true;
}

/* Small numbers, some of them negative. */
static bool make_integers(fuzz_arguments *a, int arg, size_t bytes, int32_t least, int32_t count) {
  if (!make_block(a, arg, bytes, 1, (unsigned)count)) return false;
  for (size_t i = 0; i + sizeof(int32_t) <= bytes; i += sizeof(int32_t)) {
    const int32_t value = least + a->contents[arg][i] % count;
    memcpy(a->contents[arg] + i, &value, sizeof value);
  }
  return true;
}

static void share(fuzz_arguments *a, int arg, int with) {
  free(a->blocks[arg]);
  free(a->contents[arg]);
  a->blocks[arg] = a->contents[arg] = NULL;
  a->pointers[arg] = a->pointers[with];
}

static void choose_aliases(fuzz_input *input, fuzz_call_kind kind, fuzz_arguments *a) {
  const bool backward = kind == FUZZ_BACKWARD;
  switch (fuzz_below(input, 8)) {
    case 1:
      share(a, ARG_OUTPUT, ARG_X);
      return;
    case 2:
      share(a, backward ? ARG_OUTPUT : ARG_Z, backward ? ARG_DY : ARG_OUTPUT);
      return;
    case 3:
      if (backward) share(a, ARG_Z, ARG_DY);
      return;
    case 4:
      if (backward) share(a, ARG_Z, ARG_X);
      if (fuzz_folds(kind)) share(a, ARG_DSCALE, ARG_DBIAS);
      return;
    default:
      return;
  }
}

/* Most calls have neither padding nor batch renormalization: bits say what stays. */
static void leave_out(int stays, fuzz_arguments *a) {
  if (!(stays & 1)) a->pointers[ARG_LENGTHS] = NULL;
  if (!(stays & 2)) a->pointers[ARG_MASK] = a->mask = NULL;
  if (!(stays & 4)) a->pointers[ARG_SAVED_R] = a->pointers[ARG_SAVED_D] = NULL;
  if (!(stays & 8)) a->pointers[ARG_NONFINITE] = a->pointers[ARG_ANY_NONFINITE] = NULL;
}

static size_t reserve_bytes(const fuzz_objects *o, const fuzz_arguments *a) {
  size_t bytes = 0, more = 0;
  if (cubnGetBatchNormalizationTrainingExReserveSpaceSize(o->handle, a->mode, a->ops, a->activation,
                                                          a->tensors[ARG_X],
                                                          &bytes) != CUBN_STATUS_SUCCESS)
    bytes = 0;
  if (cubnGetBatchNormReserveSize(a->batch_norm, a->tensors[ARG_X], &more) == CUBN_STATUS_SUCCESS &&
      more > bytes)
    bytes = more;
  return bytes;
}

/* As many as the statistics of a call may have of each channel. */
static size_t virtual_batches(const fuzz_arguments *a, const tensor_view *x) {
  double samples = 0;
  cubnGetBatchNormAttribute(a->batch_norm, CUBN_BATCHNORM_VIRTUAL_BATCH, &samples);
  if (!x->is_set || samples < 1 || (double)x->dims[0] <= samples) return 1;
  return (size_t)((x->dims[0] - 1) / (int64_t)samples + 1);
}

/* What takes part, and what is counted. */
static bool make_integer_arrays(size_t channels, fuzz_arguments *a) {
  const tensor_view x = fuzz_view(a->tensors[ARG_X]), mask = fuzz_view(a->mask);
  const size_t samples = x.is_set && x.bytes <= BYTES_MAX ? (size_t)x.dims[0] : 0;
  if (samples > BYTES_MAX) return false;
  if (!make_block(a, ARG_MASK, mask.bytes, 1, 15)) return false;
  for (size_t i = 0; i < mask.bytes; ++i) a->contents[ARG_MASK][i] &= 1;
  return make_integers(a, ARG_LENGTHS, samples * sizeof(int32_t), -1, 9) &&
         make_integers(a, ARG_NONFINITE, channels * sizeof(int32_t), 5, 1) &&
         make_integers(a, ARG_ANY_NONFINITE, sizeof(int32_t), 0, 1);
}

/* Arrays with a value per channel, and single values. */
static bool make_params(const fuzz_objects *o, fuzz_call_kind kind, unsigned seed,
                        fuzz_arguments *a) {
  const tensor_view x = fuzz_view(a->tensors[ARG_X]), params = fuzz_view(a->params);
  const size_t element = params.is_set ? fuzz_type_bytes(params.type) : 4;
  const size_t one = x.is_set && x.type == CUBN_DATA_DOUBLE ? sizeof(double) : sizeof(float);
  const size_t batches = virtual_batches(a, &x);
  if (batches > BYTES_MAX || params.bytes > BYTES_MAX) return false;
  if (fuzz_folds(kind) && x.is_set && x.dims[0] > BYTES_MAX) return false;
  for (int i = ARG_SCALE; i < ARG_FACTOR; ++i) {
    const bool is_layer = fuzz_folds(kind) && (i == ARG_DSCALE || i == ARG_DBIAS) && x.is_set;
    const bool is_saved = i >= ARG_SAVED_MEAN && i <= ARG_SAVED_D && i != ARG_MEAN_LOW;
    size_t bytes = params.bytes;
    if (is_saved) bytes *= batches;
    if (is_layer) bytes = (size_t)x.dims[0] * fuzz_type_bytes(x.type);
    if (i != ARG_NONFINITE && !make_block(a, i, bytes, element, seed)) return false;
  }
  if (!make_integer_arrays(params.bytes / element * batches, a)) return false;
  return make_block(a, ARG_FACTOR, one, one, seed) && make_block(a, ARG_ALPHA, one, one, seed) &&
         make_block(a, ARG_BETA, one, one, seed) &&
         make_block(a, ARG_RESERVE, reserve_bytes(o, a), one, seed & 7);
}

bool fuzz_arguments_open(fuzz_input *input, const fuzz_objects *o, fuzz_call_kind kind,
                         fuzz_arguments *a) {
  static const double epsilons[] = {1e-5, 0, 1, 1e-300, -1, 0 / 0.0, 1 / 0.0};
  static const double factors[] = {0.1, 0, 1, 2, -1, 0 / 0.0};
  *a = (fuzz_arguments){.mode = (cubnBatchNormMode_t)((fuzz_below(input, 16) + 1) % 4),
                        .ops = (cubnBatchNormOps_t)fuzz_below(input, 4)};
  a->activation = o->activations[fuzz_below(input, ACTIVATIONS)];
  a->batch_norm = o->batch_norms[fuzz_below(input, BATCH_NORMS)];
  a->epsilon = epsilons[fuzz_one_in(input, 4) ? fuzz_below(input, 7) : 0];
  a->factor = factors[fuzz_one_in(input, 4) ? fuzz_below(input, 6) : 0];
  fuzz_choose_descriptors(input, o, kind, a);
  const unsigned seed = fuzz_byte(input);
  for (int i = 0; i < ARG_TENSORS; ++i) {
    const tensor_view view = fuzz_view(a->tensors[i]);
    if (!is_small(&view) ||
        !make_block(a, i, view.bytes, view.is_set ? fuzz_type_bytes(view.type) : 1, seed))
      return false;
  }
  if (!make_params(o, kind, seed, a)) return false;
  if (fuzz_one_in(input, 2)) memset(a->contents[ARG_BETA], 0, a->bytes[ARG_BETA]);
  choose_aliases(input, kind, a);
  leave_out(fuzz_below(input, 16), a);
  for (int count = fuzz_below(input, 4); count > 0; --count)
    a->pointers[fuzz_below(input, ARGS)] = NULL;
  fuzz_arguments_reset(a);
  return true;
}

void fuzz_arguments_close(fuzz_arguments *a) {
  for (int i = 0; i < ARGS; ++i) {
    free(a->blocks[i]);
    free(a->contents[i]);
  }
  for (int i = 0; i <= ARG_TENSORS + 1; ++i) cubnDestroyTensorDescriptor(a->own[i]);
}

void fuzz_arguments_reset(fuzz_arguments *a) {
  for (int i = 0; i < ARGS; ++i)
    if (a->blocks[i] && a->bytes[i]) memcpy(a->blocks[i], a->contents[i], a->bytes[i]);
}

int fuzz_arguments_changed(const fuzz_arguments *a, unsigned which) {
  for (int i = 0; i < ARGS; ++i)
    if (which >> i & 1 && a->blocks[i] && a->bytes[i] &&
        memcmp(a->blocks[i], a->contents[i], a->bytes[i]))
      return i;
  return -1;
}
