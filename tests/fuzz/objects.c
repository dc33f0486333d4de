#include "fuzz/objects.h"

#include <string.h>

void fuzz_check_status(cubnStatus_t status, const char *function) {
  char message[64];
  cubnGetLastErrorString(message, sizeof message);
  if (strstr(cubnGetErrorString(status), "CUBN_STATUS_") == NULL)
    fuzz_fail("%s: status %d has no name", function, (int)status);
  if (status != CUBN_STATUS_SUCCESS && strncmp(message, function, strlen(function)) != 0)
    fuzz_fail("%s: %s, with the message \"%s\"", function, cubnGetErrorString(status), message);
  if (status == CUBN_STATUS_INTERNAL_ERROR || status == CUBN_STATUS_EXECUTION_FAILED)
    fuzz_fail("%s: %s", function, cubnGetErrorString(status));
}

void fuzz_objects_open(fuzz_objects *o, cubnHandle_t handle) {
  *o = (fuzz_objects){.handle = handle};
  bool good = true;
  for (int i = 0; i < TENSORS; ++i)
    good = good && cubnCreateTensorDescriptor(&o->tensors[i]) == CUBN_STATUS_SUCCESS;
  for (int i = 0; i < ACTIVATIONS; ++i)
    good = good && cubnCreateActivationDescriptor(&o->activations[i]) == CUBN_STATUS_SUCCESS;
  for (int i = 0; i < BATCH_NORMS; ++i)
    good = good && cubnCreateBatchNormDescriptor(&o->batch_norms[i]) == CUBN_STATUS_SUCCESS;
  if (!good) fuzz_fail("no memory");
}

void fuzz_objects_close(fuzz_objects *o) {
  bool good = true;
  for (int i = 0; i < TENSORS; ++i)
    good = cubnDestroyTensorDescriptor(o->tensors[i]) == CUBN_STATUS_SUCCESS && good;
  for (int i = 0; i < ACTIVATIONS; ++i)
    good = cubnDestroyActivationDescriptor(o->activations[i]) == CUBN_STATUS_SUCCESS && good;
  for (int i = 0; i < BATCH_NORMS; ++i)
    good = cubnDestroyBatchNormDescriptor(o->batch_norms[i]) == CUBN_STATUS_SUCCESS && good;
  for (int i = 0; i < BUFFERS; ++i)
    good = cubnDestroyBuffer(o->buffers[i]) == CUBN_STATUS_SUCCESS && good;
  if (!good) fuzz_fail("an object cannot be destroyed");
}

/* ---- Activations and attributes ---- */

static double odd_number(fuzz_input *input) {
  static const double numbers[] = {0,     1,      0.1,     1e-5,     -1,      2,   3,    -0.0, 0.5,
                                   1e300, 1e-300, 1 / 0.0, -1 / 0.0, 0 / 0.0, 2e9, -3e9, 1e19, 100};
  return FUZZ_PICK(input, numbers);
}

static void change_activation(fuzz_input *input, cubnActivationDescriptor_t a) {
  static const int modes[] = {0, 1, 2, 3, 4, 5, 6, 100, 101, 7, -1, 99};
  cubnActivationMode_t mode, mode_then;
  cubnNanPropagation_t nan, nan_then;
  double coef, coef_then, beta, beta_then;
  cubnGetActivationDescriptor(a, &mode, &nan, &coef);
  cubnGetActivationDescriptorSwishBeta(a, &beta);
  const bool sets_beta = fuzz_one_in(input, 4);
  const cubnStatus_t status =
      sets_beta ? cubnSetActivationDescriptorSwishBeta(a, odd_number(input))
                : cubnSetActivationDescriptor(a, (cubnActivationMode_t)FUZZ_PICK(input, modes),
                                              (cubnNanPropagation_t)fuzz_below(input, 3),
                                              odd_number(input));
  fuzz_check_status(
      status, sets_beta ? "cubnSetActivationDescriptorSwishBeta" : "cubnSetActivationDescriptor");
  if (status == CUBN_STATUS_SUCCESS) return;
  cubnGetActivationDescriptor(a, &mode_then, &nan_then, &coef_then);
  cubnGetActivationDescriptorSwishBeta(a, &beta_then);
  if (mode != mode_then || nan != nan_then || memcmp(&coef, &coef_then, sizeof coef) ||
      memcmp(&beta, &beta_then, sizeof beta))
    fuzz_fail("a refused setter changed the activation");
}

static void change_attribute(fuzz_input *input, cubnBatchNormDescriptor_t b) {
  const cubnBatchNormAttribute_t which = (cubnBatchNormAttribute_t)(fuzz_below(input, 23) - 1);
  double before = 0, after = 0;
  const double value = odd_number(input);
  const bool is_known = cubnGetBatchNormAttribute(b, which, &before) == CUBN_STATUS_SUCCESS;
  const cubnStatus_t status = cubnSetBatchNormAttribute(b, which, value);
  fuzz_check_status(status, "cubnSetBatchNormAttribute");
  if (!is_known && status == CUBN_STATUS_SUCCESS) fuzz_fail("attribute %d was set", (int)which);
  if (!is_known) return;
  cubnGetBatchNormAttribute(b, which, &after);
  if (after != (status == CUBN_STATUS_SUCCESS ? value : before))
    fuzz_fail("attribute %d: %g, then set to %g: status %d, now %g", (int)which, before, value,
              (int)status, after);
}

void fuzz_change_settings(fuzz_input *input, fuzz_objects *o) {
  cubnActivationDescriptor_t a = o->activations[fuzz_below(input, ACTIVATIONS)];
  cubnBatchNormDescriptor_t b = o->batch_norms[fuzz_below(input, BATCH_NORMS)];
  switch (fuzz_below(input, 3)) {
    case 0:
      change_activation(input, a);
      return;
    case 1:
      change_attribute(input, b);
      return;
    default:
      fuzz_check_status(
          cubnSetBatchNormActivation(b, (cubnBatchNormOps_t)(fuzz_below(input, 5) - 1),
                                     fuzz_one_in(input, 8) ? NULL : a),
          "cubnSetBatchNormActivation");
  }
}

/* ---- Buffers ---- */

static void copy_bytes(fuzz_input *input, cubnBuffer_t buffer, bool up) {
  static const size_t offsets[] = {0, 1, 100, 4095, 4096, SIZE_MAX, SIZE_MAX - 1};
  unsigned char bytes[4096] = {1, 2, 3};
  const size_t offset = FUZZ_PICK(input, offsets);
  const size_t count = FUZZ_PICK(input, offsets);
  size_t size = 0;
  cubnGetBufferSize(buffer, &size);
  const bool fits = offset <= size && count <= size - offset;
  if (fits && count > sizeof bytes) return;
  const cubnStatus_t status = up ? cubnUploadBuffer(buffer, offset, bytes, count)
                                 : cubnDownloadBuffer(buffer, offset, bytes, count);
  fuzz_check_status(status, up ? "cubnUploadBuffer" : "cubnDownloadBuffer");
  if (fits != (status == CUBN_STATUS_SUCCESS))
    fuzz_fail("copying %zu bytes at %zu of %zu: status %d", count, offset, size, (int)status);
}

void fuzz_use_buffer(fuzz_input *input, fuzz_objects *o) {
  static const size_t sizes[] = {0, 1, 4096, 4095, SIZE_MAX};
  cubnBuffer_t *const buffer = &o->buffers[fuzz_below(input, BUFFERS)];
  if (!*buffer) {
    fuzz_check_status(cubnCreateBuffer(o->handle, FUZZ_PICK(input, sizes), buffer),
                      "cubnCreateBuffer");
    if (*buffer) cubnFillBuffer(*buffer, 0);
    return;
  }
  switch (fuzz_below(input, 4)) {
    case 0:
      fuzz_check_status(cubnFillBuffer(*buffer, (int)fuzz_byte(input) * 2 - 8), "cubnFillBuffer");
      return;
    case 1:
      fuzz_check_status(cubnDestroyBuffer(*buffer), "cubnDestroyBuffer");
      *buffer = NULL;
      return;
    default:
      copy_bytes(input, *buffer, fuzz_one_in(input, 2));
  }
}
