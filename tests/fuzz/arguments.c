#include "fuzz/arguments.h"

#include <stdlib.h>
#include <string.h>

/* With strides that are 0, a few bytes have any number of elements. */
enum { BYTES_MAX = 1 << 15, ELEMENTS_MAX = 1 << 15 };

/* ---- Descriptors ---- */

/* One with type and dimensions of x, packed in this order or the reverse, or with gaps. */
static void make_twin(fuzz_input *input, cubnTensorDescriptor_t x, cubnTensorDescriptor_t *twin) {
  const tensor_view view = fuzz_view(x);
  int64_t strides[CUBN_DIM_MAX], stride = 1, length;
  const int kind = fuzz_below(input, 3);
  if (!view.is_set) return;
  for (int i = view.rank - 1; i >= 0; --i) {
    const int dim = kind == 1 ? view.rank - 1 - i : i;
    strides[dim] = stride;
    if (__builtin_add_overflow(view.dims[dim], kind == 2, &length)) return;
    if (__builtin_mul_overflow(stride, length, &stride)) return;
  }
  cubnCreateTensorDescriptor(twin);
  cubnSetTensorNdDescriptor64(*twin, view.type, view.rank, view.dims, strides);
}

/* For a fold one parameter per output channel, which is dimension 0. */
static void derive_params(fuzz_arguments *a, fuzz_call_kind kind) {
  const tensor_view x = fuzz_view(a->tensors[ARG_X]);
  cubnCreateTensorDescriptor(&a->own[ARG_TENSORS]);
  a->params = a->own[ARG_TENSORS];
  if (kind != FUZZ_FOLD) {
    cubnDeriveBNTensorDescriptor(a->params, a->tensors[ARG_X], a->mode);
  } else if (x.is_set) {
    const int64_t dims[] = {1, x.dims[0]};
    cubnSetTensorNdDescriptor64(
        a->params, x.type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT, 2, dims, NULL);
  }
}

static void choose_descriptors(fuzz_input *input, const fuzz_objects *o, fuzz_call_kind kind,
                               fuzz_arguments *a) {
  a->tensors[ARG_X] = fuzz_pick_tensor(input, o);
  for (int i = ARG_X + 1; i < ARG_TENSORS; ++i) {
    const int choice = kind == FUZZ_FOLD ? 0 : fuzz_below(input, 8);
    a->tensors[i] = a->tensors[ARG_X];
    if (choice > 3) make_twin(input, a->tensors[ARG_X], &a->own[i]);
    if (choice > 3 && a->own[i]) a->tensors[i] = a->own[i];
    if (choice == 7) a->tensors[i] = fuzz_pick_tensor(input, o);
  }
  derive_params(a, kind);
  if (kind != FUZZ_FOLD && fuzz_one_in(input, 16)) a->params = fuzz_pick_tensor(input, o);
}

bool fuzz_overlaps(cubnTensorDescriptor_t tensor) {
  const tensor_view view = fuzz_view(tensor);
  bool done[CUBN_DIM_MAX] = {false};
  int64_t reach = 0; /* of the dimensions done: the distance from the first to the last element */
  for (int round = 0; round < view.rank; ++round) {
    int next = -1;
    for (int i = 0; i < view.rank; ++i)
      if (!done[i] && view.dims[i] > 1 && (next < 0 || view.strides[i] < view.strides[next]))
        next = i;
    if (next < 0) return false;
    if (view.strides[next] <= reach) return true;
    done[next] = true;
    reach += (view.dims[next] - 1) * view.strides[next];
  }
  return false;
}

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
      if (kind == FUZZ_FOLD) share(a, ARG_DSCALE, ARG_DBIAS);
      return;
    default:
      return;
  }
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

/* Arrays with a value per channel, and single values. */
static bool make_params(const fuzz_objects *o, fuzz_call_kind kind, unsigned seed,
                        fuzz_arguments *a) {
  const tensor_view x = fuzz_view(a->tensors[ARG_X]), params = fuzz_view(a->params);
  const size_t element = params.is_set ? fuzz_type_bytes(params.type) : 4;
  const size_t one = x.is_set && x.type == CUBN_DATA_DOUBLE ? sizeof(double) : sizeof(float);
  for (int i = ARG_SCALE; i < ARG_FACTOR; ++i) {
    const bool is_layer = kind == FUZZ_FOLD && (i == ARG_DSCALE || i == ARG_DBIAS) && x.is_set;
    const size_t bytes = is_layer ? params.bytes / element * fuzz_type_bytes(x.type) : params.bytes;
    if (!make_block(a, i, bytes, element, seed)) return false;
  }
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
  choose_descriptors(input, o, kind, a);
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
  for (int i = 0; i <= ARG_TENSORS; ++i) cubnDestroyTensorDescriptor(a->own[i]);
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
