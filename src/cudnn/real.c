/* Looks for the real functions in the libraries of cuDNN that are loaded, whoever loaded them, and
 * whether globally or locally. dlsym(RTLD_NEXT) would see the global ones only. */
#include "cudnn/real.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { LIBRARIES_MAX = 16, PATH_BYTES = 1024 };

static const char *const names[CUDNN_FUNCTION_COUNT] = {
    [CUDNN_FORWARD_TRAINING] = "cudnnBatchNormalizationForwardTraining",
    [CUDNN_FORWARD_TRAINING_EX] = "cudnnBatchNormalizationForwardTrainingEx",
    [CUDNN_FORWARD_INFERENCE] = "cudnnBatchNormalizationForwardInference",
    [CUDNN_BACKWARD] = "cudnnBatchNormalizationBackward",
    [CUDNN_BACKWARD_EX] = "cudnnBatchNormalizationBackwardEx",
    [CUDNN_FORWARD_WORKSPACE] = "cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize",
    [CUDNN_BACKWARD_WORKSPACE] = "cudnnGetBatchNormalizationBackwardExWorkspaceSize",
    [CUDNN_RESERVE_SPACE] = "cudnnGetBatchNormalizationTrainingExReserveSpaceSize",
    [CUDNN_NORM_FORWARD_TRAINING] = "cudnnNormalizationForwardTraining",
    [CUDNN_NORM_FORWARD_INFERENCE] = "cudnnNormalizationForwardInference",
    [CUDNN_NORM_BACKWARD] = "cudnnNormalizationBackward",
    [CUDNN_NORM_FORWARD_WORKSPACE] = "cudnnGetNormalizationForwardTrainingWorkspaceSize",
    [CUDNN_NORM_BACKWARD_WORKSPACE] = "cudnnGetNormalizationBackwardWorkspaceSize",
    [CUDNN_NORM_RESERVE_SPACE] = "cudnnGetNormalizationTrainingReserveSpaceSize",
    [CUDNN_DESTROY] = "cudnnDestroy",
    [CUDNN_GET_STREAM] = "cudnnGetStream",
    [CUDNN_GET_TENSOR] = "cudnnGetTensorNdDescriptor",
    [CUDNN_GET_ACTIVATION] = "cudnnGetActivationDescriptor",
    [CUDNN_GET_SWISH_BETA] = "cudnnGetActivationDescriptorSwishBeta",
};

static void *_Atomic found[CUDNN_FUNCTION_COUNT];

typedef struct library_list {
  int count;
  char paths[LIBRARIES_MAX][PATH_BYTES];
} library_list;

static int add_library(struct dl_phdr_info *info, size_t info_bytes, void *data) {
  (void)info_bytes;
  library_list *list = data;
  const char *slash = strrchr(info->dlpi_name, '/');
  const char *file = slash ? slash + 1 : info->dlpi_name;
  const bool is_cudnn =
      strncmp(file, "libcudnn.so", 11) == 0 || strncmp(file, "libcudnn_ops.so", 15) == 0;
  if (!is_cudnn || list->count == LIBRARIES_MAX) return 0;
  const int length = snprintf(list->paths[list->count], PATH_BYTES, "%s", info->dlpi_name);
  if (length < PATH_BYTES) ++list->count;
  return 0;
}

/* In the order of loading. They are opened afterwards: not while the dynamic linker holds the lock
 * of its list. */
static void list_libraries(library_list *list) {
  list->count = 0;
  dl_iterate_phdr(add_library, list);
}

bool cudnn_is_own(void *symbol) {
  Dl_info own, other;
  return dladdr(names, &own) && dladdr(symbol, &other) && own.dli_fbase == other.dli_fbase;
}

static void *find(const char *name) {
  library_list list;
  list_libraries(&list);
  for (int i = 0; i < list.count; ++i) {
    void *library = dlopen(list.paths[i], RTLD_LAZY | RTLD_NOLOAD);
    if (!library) continue;
    void *symbol = dlsym(library, name);
    if (symbol && !cudnn_is_own(symbol))
      return symbol; /* the library is not closed: it stays loaded */
    dlclose(library);
  }
  return NULL;
}

const char *cudnn_function_name(cudnn_function function) {
  return names[function];
}

void *cudnn_real(cudnn_function function) {
  void *symbol = atomic_load_explicit(&found[function], memory_order_acquire);
  if (symbol) return symbol;
  symbol = find(names[function]);
  if (symbol) atomic_store_explicit(&found[function], symbol, memory_order_release);
  return symbol;
}

bool cudnn_is_loaded(void) {
  library_list list;
  list_libraries(&list);
  return list.count > 0;
}
