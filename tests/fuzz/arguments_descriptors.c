/* The descriptors of the arguments. */
#include "fuzz/arguments.h"

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

int fuzz_groups(const fuzz_arguments *a) {
  return (int)a->ops == 3 ? 2 : 1;
}

bool fuzz_folds(fuzz_call_kind kind) {
  return kind == FUZZ_FOLD || kind == FUZZ_BEHIND;
}

/* For a fold one parameter per output channel, which is dimension 0, or per input channel. */
static void derive_params(fuzz_arguments *a, fuzz_call_kind kind) {
  const tensor_view x = fuzz_view(a->tensors[ARG_X]);
  cubnCreateTensorDescriptor(&a->own[ARG_TENSORS]);
  a->params = a->own[ARG_TENSORS];
  if (!fuzz_folds(kind)) {
    cubnDeriveBNTensorDescriptor(a->params, a->tensors[ARG_X], a->mode);
  } else if (x.is_set) {
    const int64_t channels = x.dims[kind == FUZZ_BEHIND];
    const bool has_groups = kind == FUZZ_BEHIND && channels <= FUZZ_BYTES_MAX;
    const int64_t dims[] = {1, has_groups ? fuzz_groups(a) * channels : channels};
    cubnSetTensorNdDescriptor64(
        a->params, x.type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT, 2, dims, NULL);
  }
}

/* Of the dimensions of x, or 1 in some. */
static void make_mask(fuzz_input *input, fuzz_arguments *a) {
  const tensor_view x = fuzz_view(a->tensors[ARG_X]);
  const unsigned ones = fuzz_byte(input); /* bits; dimension 1 is the channels */
  int64_t dims[CUBN_DIM_MAX];
  if (!x.is_set || x.bytes > FUZZ_BYTES_MAX) return;
  for (int i = 0; i < x.rank; ++i) dims[i] = ones >> i & 1 ? 1 : x.dims[i];
  if (a->mode != CUBN_BATCHNORM_PER_ACTIVATION) dims[1] = 1;
  cubnCreateTensorDescriptor(&a->own[ARG_TENSORS + 1]);
  if (cubnSetTensorNdDescriptor64(a->own[ARG_TENSORS + 1], CUBN_DATA_INT8, x.rank, dims, NULL) ==
      CUBN_STATUS_SUCCESS)
    a->mask = a->own[ARG_TENSORS + 1];
}

void fuzz_choose_descriptors(fuzz_input *input, const fuzz_objects *o, fuzz_call_kind kind,
                             fuzz_arguments *a) {
  a->tensors[ARG_X] = fuzz_pick_tensor(input, o);
  for (int i = ARG_X + 1; i < ARG_TENSORS; ++i) {
    const int choice = fuzz_folds(kind) ? 0 : fuzz_below(input, 8);
    a->tensors[i] = a->tensors[ARG_X];
    if (choice > 3) make_twin(input, a->tensors[ARG_X], &a->own[i]);
    if (choice > 3 && a->own[i]) a->tensors[i] = a->own[i];
    if (choice == 7) a->tensors[i] = fuzz_pick_tensor(input, o);
  }
  derive_params(a, kind);
  if (!fuzz_folds(kind) && fuzz_one_in(input, 16)) a->params = fuzz_pick_tensor(input, o);
  make_mask(input, a);
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
