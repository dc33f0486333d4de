#include "peers/peer_cudnn_api.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
  const char *name;
  size_t offset; /* of the pointer in cudnn_api */
} symbols[] = {
    {"cudnnGetVersion", offsetof(cudnn_api, get_version)},
    {"cudnnGetErrorString", offsetof(cudnn_api, get_error_string)},
    {"cudnnCreate", offsetof(cudnn_api, create)},
    {"cudnnDestroy", offsetof(cudnn_api, destroy)},
    {"cudnnSetStream", offsetof(cudnn_api, set_stream)},
    {"cudnnCreateTensorDescriptor", offsetof(cudnn_api, create_tensor)},
    {"cudnnDestroyTensorDescriptor", offsetof(cudnn_api, destroy_tensor)},
    {"cudnnSetTensorNdDescriptor", offsetof(cudnn_api, set_tensor)},
    {"cudnnDeriveBNTensorDescriptor", offsetof(cudnn_api, derive_param)},
    {"cudnnCreateActivationDescriptor", offsetof(cudnn_api, create_activation)},
    {"cudnnDestroyActivationDescriptor", offsetof(cudnn_api, destroy_activation)},
    {"cudnnSetActivationDescriptor", offsetof(cudnn_api, set_activation)},
    {"cudnnActivationForward", offsetof(cudnn_api, activate)},
    {"cudnnActivationBackward", offsetof(cudnn_api, activate_backward)},
    {"cudnnAddTensor", offsetof(cudnn_api, add)},
    {"cudnnBatchNormalizationForwardInference", offsetof(cudnn_api, infer)},
    {"cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize",
     offsetof(cudnn_api, train_workspace)},
    {"cudnnGetBatchNormalizationBackwardExWorkspaceSize", offsetof(cudnn_api, backward_workspace)},
    {"cudnnGetBatchNormalizationTrainingExReserveSpaceSize", offsetof(cudnn_api, reserve)},
    {"cudnnBatchNormalizationForwardTrainingEx", offsetof(cudnn_api, train)},
    {"cudnnBatchNormalizationBackwardEx", offsetof(cudnn_api, backward)},
};

static bool open_file(cudnn_api *api, const char *path) {
  snprintf(api->path, sizeof api->path, "%s", path);
  api->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  return api->library != NULL;
}

/* Opens the library in a folder, or in the folder's lib or lib64. */
static bool open_below(cudnn_api *api, const char *folder) {
  static const char *const names[] = {"libcudnn.so.9", "libcudnn.so", "lib64/libcudnn.so.9",
                                      "lib/libcudnn.so.9"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    char path[256];
    if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path &&
        open_file(api, path))
      return true;
  }
  return false;
}

static bool open_given(cudnn_api *api, const char *path) {
  struct stat status;
  if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) return open_below(api, path);
  return open_file(api, path);
}

static bool open_library(cudnn_api *api, const char *path) {
  if (!path || !*path) path = getenv("CUDNN_LIB");
  if (path && *path) return open_given(api, path);
  if (open_file(api, "libcudnn.so.9") || open_file(api, "libcudnn.so")) return true;
  const char *home = getenv("CUDA_HOME");
  return home && *home && open_below(api, home);
}

const char *cudnn_api_load(cudnn_api *api, const char *path) {
  static char message[320];
  *api = (cudnn_api){0};
  if (!open_library(api, path)) {
    const char *error = dlerror();
    snprintf(message, sizeof message, "not found (%s)", error ? error : api->path);
    return message;
  }
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; ++i) {
    void *symbol = dlsym(api->library, symbols[i].name);
    if (!symbol) {
      snprintf(message, sizeof message, "%s lacks %s", api->path, symbols[i].name);
      cudnn_api_unload(api);
      return message;
    }
    memcpy((char *)api + symbols[i].offset, &symbol, sizeof symbol);
  }
  return NULL;
}

void cudnn_api_unload(cudnn_api *api) {
  if (api->library) dlclose(api->library);
  api->library = NULL;
}
