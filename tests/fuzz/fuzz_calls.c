/* Sequences of calls of the public API with any arguments. Whatever they are, no call touches
 * memory that is not its own; a refused call says why and changes nothing; one that succeeds writes
 * its outputs only, and the same bits when it is repeated with other threads. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/functions.h"
#include "fuzz/handles.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* ---- Sizes ---- */

static void check_reserve(const fuzz_arguments *a, size_t size) {
  __extension__ typedef unsigned __int128 wide;
  const tensor_view x = fuzz_view(a->tensors[ARG_X]);
  cubnActivationMode_t mode;
  wide elements = 1;
  for (int i = 0; i < x.rank; ++i) elements *= (wide)x.dims[i];
  cubnGetActivationDescriptor(a->activation, &mode, NULL, NULL);
  const bool adds = a->ops == CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION;
  const bool has_mask = mode == CUBN_ACTIVATION_RELU || mode == CUBN_ACTIVATION_CLIPPED_RELU ||
                        mode == CUBN_ACTIVATION_LEAKY_RELU;
  if (!adds || mode == CUBN_ACTIVATION_IDENTITY || elements >> 63) return;
  const wide least = has_mask ? elements / 8 : elements * fuzz_type_bytes(x.type);
  if (size < least || size > (has_mask ? elements : least))
    fuzz_fail("the reserve space of %llu elements has %zu bytes", (unsigned long long)elements,
              size);
}

static void ask_sizes(fuzz_input *input, const fuzz_objects *o) {
  fuzz_arguments a;
  size_t size = 12345;
  if (fuzz_arguments_open(input, o, FUZZ_FORWARD, &a)) {
    const cubnStatus_t status = cubnGetBatchNormalizationTrainingExReserveSpaceSize(
        o->handle, a.mode, a.ops, a.activation, a.tensors[ARG_X], &size);
    fuzz_check_status(status, "cubnGetBatchNormalizationTrainingExReserveSpaceSize");
    if (status == CUBN_STATUS_SUCCESS) check_reserve(&a, size);
    if (status != CUBN_STATUS_SUCCESS && size != 12345) fuzz_fail("a refused query wrote a size");
    fuzz_check_status(cubnGetBatchNormalizationForwardTrainingExWorkspaceSize(
                          o->handle, a.mode, a.ops, a.tensors[ARG_X], a.tensors[ARG_Z],
                          a.tensors[ARG_OUTPUT], a.params, a.activation, &size),
                      "cubnGetBatchNormalizationForwardTrainingExWorkspaceSize");
    fuzz_check_status(cubnGetBatchNormalizationBackwardExWorkspaceSize(
                          o->handle, a.mode, a.ops, a.tensors[ARG_X], NULL, a.tensors[ARG_DY],
                          a.tensors[ARG_Z], a.tensors[ARG_OUTPUT], a.params, a.activation, &size),
                      "cubnGetBatchNormalizationBackwardExWorkspaceSize");
    fuzz_check_status(cubnGetBatchNormReserveSize(a.batch_norm, a.tensors[ARG_X], &size),
                      "cubnGetBatchNormReserveSize");
  }
  fuzz_arguments_close(&a);
}

/* ---- Operations ---- */

/* The padding between the rows of a mask may have any value. */
static bool is_comparable(const fuzz_arguments *a) {
  return !fuzz_overlaps(a->tensors[ARG_OUTPUT]) && !fuzz_overlaps(a->tensors[ARG_Z]) &&
         !fuzz_overlaps(a->params);
}

static void repeat(const fuzz_function *f, cubnHandle_t handle, fuzz_arguments *a) {
  for (int i = 0; i < ARGS; ++i) {
    unsigned char *const kept = a->contents[i];
    if (!a->blocks[i]) continue;
    a->contents[i] = malloc(a->bytes[i]);
    if (a->bytes[i]) memcpy(a->contents[i], a->blocks[i], a->bytes[i]); /* the results */
    if (a->bytes[i]) memcpy(a->blocks[i], kept, a->bytes[i]);
    free(kept);
  }
  if (f->call(handle, a) != CUBN_STATUS_SUCCESS) fuzz_fail("%s: refused when repeated", f->name);
  const int changed = fuzz_arguments_changed(a, ~(1U << ARG_RESERVE));
  if (changed >= 0) fuzz_fail("%s: argument %d has other bits when repeated", f->name, changed);
}

static unsigned bit_of_owner(const fuzz_arguments *a, int arg) {
  unsigned bits = 1U << arg;
  for (int i = 0; i < ARGS; ++i)
    if (a->pointers[i] && a->pointers[i] == a->pointers[arg]) bits |= 1U << i;
  return bits;
}

static void operate(fuzz_input *input, const fuzz_objects *o, cubnHandle_t other) {
  const fuzz_function *const f = &fuzz_functions[fuzz_below(input, FUNCTIONS)];
  const cubnHandle_t handle = fuzz_one_in(input, 32) ? NULL : o->handle;
  fuzz_arguments a;
  if (fuzz_arguments_open(input, o, f->kind, &a)) {
    const cubnStatus_t status = f->call(handle, &a);
    fuzz_check_status(status, f->name);
    unsigned written = 0;
    for (int i = 0; i < ARGS && status == CUBN_STATUS_SUCCESS; ++i)
      if (f->written >> i & 1) written |= bit_of_owner(&a, i);
    const int changed = fuzz_arguments_changed(&a, ~written);
    if (changed >= 0)
      fuzz_fail("%s: status %d, and argument %d was written", f->name, (int)status, changed);
    if (status == CUBN_STATUS_SUCCESS && is_comparable(&a)) repeat(f, other, &a);
  }
  fuzz_arguments_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  fuzz_input input = {bytes, count};
  fuzz_objects objects;
  const int algo = fuzz_below(&input, FUZZ_ALGOS), target = fuzz_below(&input, FUZZ_TARGETS);
  fuzz_objects_open(&objects, fuzz_handle(algo, target, 1));
  while (input.left > 0) {
    switch (fuzz_below(&input, 8)) {
      case 0:
      case 1:
        fuzz_change_tensor(&input, &objects);
        break;
      case 2:
        fuzz_change_settings(&input, &objects);
        break;
      case 3:
        fuzz_use_buffer(&input, &objects);
        break;
      case 4:
        ask_sizes(&input, &objects);
        break;
      default:
        operate(&input, &objects, fuzz_handle(algo, target, 3));
    }
  }
  fuzz_objects_close(&objects);
  return 0;
}
