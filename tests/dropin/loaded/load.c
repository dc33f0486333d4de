/* Loads libcudnn.so.9 and looks every function up in its handle, before the program starts. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cudnn.h"

dropin_functions dropin_cudnn;

static const struct {
  const char *name;
  size_t offset; /* offset of the pointer in dropin_functions */
} symbols[] = {
    {"cudnnBatchNormalizationBackward", offsetof(dropin_functions, BatchNormalizationBackward)},
    {"cudnnBatchNormalizationBackwardEx", offsetof(dropin_functions, BatchNormalizationBackwardEx)},
    {"cudnnBatchNormalizationForwardInference",
     offsetof(dropin_functions, BatchNormalizationForwardInference)},
    {"cudnnBatchNormalizationForwardTraining",
     offsetof(dropin_functions, BatchNormalizationForwardTraining)},
    {"cudnnBatchNormalizationForwardTrainingEx",
     offsetof(dropin_functions, BatchNormalizationForwardTrainingEx)},
    {"cudnnCreate", offsetof(dropin_functions, Create)},
    {"cudnnCreateActivationDescriptor", offsetof(dropin_functions, CreateActivationDescriptor)},
    {"cudnnCreateTensorDescriptor", offsetof(dropin_functions, CreateTensorDescriptor)},
    {"cudnnDeriveBNTensorDescriptor", offsetof(dropin_functions, DeriveBNTensorDescriptor)},
    {"cudnnDestroy", offsetof(dropin_functions, Destroy)},
    {"cudnnDestroyActivationDescriptor", offsetof(dropin_functions, DestroyActivationDescriptor)},
    {"cudnnDestroyTensorDescriptor", offsetof(dropin_functions, DestroyTensorDescriptor)},
    {"cudnnGetActivationDescriptor", offsetof(dropin_functions, GetActivationDescriptor)},
    {"cudnnGetBatchNormalizationBackwardExWorkspaceSize",
     offsetof(dropin_functions, GetBatchNormalizationBackwardExWorkspaceSize)},
    {"cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize",
     offsetof(dropin_functions, GetBatchNormalizationForwardTrainingExWorkspaceSize)},
    {"cudnnGetBatchNormalizationTrainingExReserveSpaceSize",
     offsetof(dropin_functions, GetBatchNormalizationTrainingExReserveSpaceSize)},
    {"cudnnGetCallback", offsetof(dropin_functions, GetCallback)},
    {"cudnnGetErrorString", offsetof(dropin_functions, GetErrorString)},
    {"cudnnGetNormalizationBackwardWorkspaceSize",
     offsetof(dropin_functions, GetNormalizationBackwardWorkspaceSize)},
    {"cudnnGetNormalizationForwardTrainingWorkspaceSize",
     offsetof(dropin_functions, GetNormalizationForwardTrainingWorkspaceSize)},
    {"cudnnGetNormalizationTrainingReserveSpaceSize",
     offsetof(dropin_functions, GetNormalizationTrainingReserveSpaceSize)},
    {"cudnnGetProperty", offsetof(dropin_functions, GetProperty)},
    {"cudnnGetStream", offsetof(dropin_functions, GetStream)},
    {"cudnnGetTensor4dDescriptor", offsetof(dropin_functions, GetTensor4dDescriptor)},
    {"cudnnGetTensorNdDescriptor", offsetof(dropin_functions, GetTensorNdDescriptor)},
    {"cudnnGetVersion", offsetof(dropin_functions, GetVersion)},
    {"cudnnNormalizationBackward", offsetof(dropin_functions, NormalizationBackward)},
    {"cudnnNormalizationForwardInference",
     offsetof(dropin_functions, NormalizationForwardInference)},
    {"cudnnNormalizationForwardTraining", offsetof(dropin_functions, NormalizationForwardTraining)},
    {"cudnnSetActivationDescriptor", offsetof(dropin_functions, SetActivationDescriptor)},
    {"cudnnSetCallback", offsetof(dropin_functions, SetCallback)},
    {"cudnnSetStream", offsetof(dropin_functions, SetStream)},
    {"cudnnSetTensorNdDescriptor", offsetof(dropin_functions, SetTensorNdDescriptor)},
};

__attribute__((constructor)) static void load(void) {
  void *library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "client: %s\n", dlerror());
    exit(2);
  }
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; ++i) {
    void *symbol = dlsym(library, symbols[i].name);
    if (!symbol) {
      fprintf(stderr, "client: %s\n", dlerror());
      exit(2);
    }
    memcpy((char *)&dropin_cudnn + symbols[i].offset, &symbol, sizeof symbol);
  }
}
