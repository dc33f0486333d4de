#include "cudnn/descriptors.h"

#include <pthread.h>
#include <stdlib.h>

#include "cudnn/real.h"

typedef struct descriptor_set {
  cubnTensorDescriptor_t tensors[CUDNN_SLOT_COUNT];
  cubnActivationDescriptor_t activation;
} descriptor_set;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t set_of_thread; /* frees it when the thread ends */
static bool has_key;

static void free_set(void *data) {
  descriptor_set *set = data;
  for (int slot = 0; slot < CUDNN_SLOT_COUNT; ++slot)
    cubnDestroyTensorDescriptor(set->tensors[slot]);
  cubnDestroyActivationDescriptor(set->activation);
  free(set);
}

static void make_key(void) {
  has_key = pthread_key_create(&set_of_thread, free_set) == 0;
}

static bool fill_set(descriptor_set *set) {
  for (int slot = 0; slot < CUDNN_SLOT_COUNT; ++slot)
    if (cubnCreateTensorDescriptor(&set->tensors[slot]) != CUBN_STATUS_SUCCESS) return false;
  return cubnCreateActivationDescriptor(&set->activation) == CUBN_STATUS_SUCCESS;
}

/* The calling thread's descriptors; NULL if there is no memory. */
static descriptor_set *own_set(void) {
  pthread_once(&once, make_key);
  if (!has_key) return NULL;
  descriptor_set *set = pthread_getspecific(set_of_thread);
  if (set) return set;
  set = calloc(1, sizeof *set);
  if (!set) return NULL;
  if (fill_set(set) && pthread_setspecific(set_of_thread, set) == 0) return set;
  free_set(set);
  return NULL;
}

static bool computes_with(cubnDataType_t type) {
  return type == CUBN_DATA_FLOAT || type == CUBN_DATA_DOUBLE || type == CUBN_DATA_HALF ||
         type == CUBN_DATA_BFLOAT16;
}

cubnTensorDescriptor_t cudnn_translate_tensor(cudnn_slot slot,
                                              const cudnnTensorDescriptor_t descriptor) {
  __typeof__(&cudnnGetTensorNdDescriptor) get =
      CUDNN_REAL(CUDNN_GET_TENSOR, cudnnGetTensorNdDescriptor);
  descriptor_set *set = own_set();
  if (!descriptor || !get || !set) return NULL;
  cubnDataType_t type = CUBN_DATA_INT8;
  int rank = 0, dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX];
  const cubnStatus_t status = get(descriptor, CUBN_DIM_MAX, &type, &rank, dims, strides);
  if (status != CUBN_STATUS_SUCCESS || rank < 2 || !computes_with(type)) return NULL;
  cubnTensorDescriptor_t tensor = set->tensors[slot];
  return cubnSetTensorNdDescriptor(tensor, type, rank, dims, strides) == CUBN_STATUS_SUCCESS
             ? tensor
             : NULL;
}

cubnActivationDescriptor_t cudnn_translate_activation(
    const cudnnActivationDescriptor_t descriptor) {
  __typeof__(&cudnnGetActivationDescriptor) get =
      CUDNN_REAL(CUDNN_GET_ACTIVATION, cudnnGetActivationDescriptor);
  __typeof__(&cudnnGetActivationDescriptorSwishBeta) get_swish_beta =
      CUDNN_REAL(CUDNN_GET_SWISH_BETA, cudnnGetActivationDescriptorSwishBeta);
  descriptor_set *set = own_set();
  if (!descriptor || !get || !set) return NULL;
  cubnActivationMode_t mode;
  cubnNanPropagation_t relu_nan;
  double coef, swish_beta = 1;
  if (get(descriptor, &mode, &relu_nan, &coef) != CUBN_STATUS_SUCCESS) return NULL;
  if (mode > CUBN_ACTIVATION_SWISH) return NULL;
  if (get_swish_beta && get_swish_beta(descriptor, &swish_beta) != CUBN_STATUS_SUCCESS) return NULL;
  cubnActivationDescriptor_t activation = set->activation;
  if (cubnSetActivationDescriptor(activation, mode, relu_nan, coef) != CUBN_STATUS_SUCCESS ||
      cubnSetActivationDescriptorSwishBeta(activation, swish_beta) != CUBN_STATUS_SUCCESS)
    return NULL;
  return activation;
}
