/* Loads the library, computes on three threads, and unloads it, again and again: no thread may be
 * left in code that is gone.
 *
 *   cubn-unload build/libcubn.so */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "cubn.h"

enum { TIMES = 20, IMAGES = 16, CHANNELS = 16, SIDE = 32 };

static float x[IMAGES * CHANNELS * SIDE * SIDE], y[IMAGES * CHANNELS * SIDE * SIDE];
static float scale[CHANNELS], bias[CHANNELS];

/* A function of the library. Its type is that of its declaration. */
#define LOOK_UP(library, name) \
  __typeof__(&name) const name##_ = (__typeof__(&name))dlsym(library, #name)

static int compute(void *library) {
  LOOK_UP(library, cubnCreateOnDevice);
  LOOK_UP(library, cubnDestroy);
  LOOK_UP(library, cubnCreateTensorDescriptor);
  LOOK_UP(library, cubnDestroyTensorDescriptor);
  LOOK_UP(library, cubnSetTensor4dDescriptor);
  LOOK_UP(library, cubnDeriveBNTensorDescriptor);
  LOOK_UP(library, cubnBatchNormalizationForwardTraining);
  const float one = 1, zero = 0;
  cubnHandle_t handle;
  cubnTensorDescriptor_t image, param;
  if (cubnCreateOnDevice_(&handle, "cpu") != CUBN_STATUS_SUCCESS) return 0;
  cubnCreateTensorDescriptor_(&image);
  cubnCreateTensorDescriptor_(&param);
  cubnSetTensor4dDescriptor_(image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, IMAGES, CHANNELS, SIDE,
                             SIDE);
  cubnDeriveBNTensorDescriptor_(param, image, CUBN_BATCHNORM_SPATIAL);
  const cubnStatus_t status = cubnBatchNormalizationForwardTraining_(
      handle, CUBN_BATCHNORM_SPATIAL, &one, &zero, image, x, image, y, param, scale, bias, 1, NULL,
      NULL, 1e-5, NULL, NULL);
  cubnDestroyTensorDescriptor_(image);
  cubnDestroyTensorDescriptor_(param);
  cubnDestroy_(handle);
  return status == CUBN_STATUS_SUCCESS;
}

int main(int count, char **words) {
  if (count != 2) {
    fprintf(stderr, "usage: cubn-unload PATH_OF_libcubn.so\n");
    return 2;
  }
  setenv("CUBN_THREADS", "3", 1);
  for (int i = 0; i < TIMES; ++i) {
    void *library = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    if (!library || !compute(library) || dlclose(library) != 0) return 1;
    if (dlopen(words[1], RTLD_NOW | RTLD_NOLOAD)) {
      fprintf(stderr, "%s: still loaded after dlclose\n", words[1]);
      return 1;
    }
  }
  printf("%s: loaded and unloaded %d times\n", words[1], TIMES);
  return 0;
}
