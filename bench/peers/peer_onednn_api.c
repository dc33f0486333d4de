#include "peers/peer_onednn_api.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
  const char *name;
  size_t offset; /* of the pointer in onednn_api */
} symbols[] = {
    {"dnnl_version", offsetof(onednn_api, version)},
    {"dnnl_engine_create", offsetof(onednn_api, engine_create)},
    {"dnnl_engine_destroy", offsetof(onednn_api, engine_destroy)},
    {"dnnl_stream_create", offsetof(onednn_api, stream_create)},
    {"dnnl_stream_destroy", offsetof(onednn_api, stream_destroy)},
    {"dnnl_stream_wait", offsetof(onednn_api, stream_wait)},
    {"dnnl_memory_desc_create_with_strides", offsetof(onednn_api, desc_with_strides)},
    {"dnnl_memory_desc_create_with_tag", offsetof(onednn_api, desc_with_tag)},
    {"dnnl_memory_desc_destroy", offsetof(onednn_api, desc_destroy)},
    {"dnnl_memory_desc_get_size", offsetof(onednn_api, desc_size)},
    {"dnnl_memory_create", offsetof(onednn_api, memory_create)},
    {"dnnl_memory_destroy", offsetof(onednn_api, memory_destroy)},
    {"dnnl_batch_normalization_forward_primitive_desc_create",
     offsetof(onednn_api, forward_create)},
    {"dnnl_batch_normalization_backward_primitive_desc_create",
     offsetof(onednn_api, backward_create)},
    {"dnnl_reorder_primitive_desc_create", offsetof(onednn_api, reorder_create)},
    {"dnnl_primitive_desc_query", offsetof(onednn_api, primitive_desc_query)},
    {"dnnl_primitive_desc_query_md", offsetof(onednn_api, primitive_desc_query_desc)},
    {"dnnl_primitive_desc_destroy", offsetof(onednn_api, primitive_desc_destroy)},
    {"dnnl_primitive_create", offsetof(onednn_api, primitive_create)},
    {"dnnl_primitive_execute", offsetof(onednn_api, primitive_execute)},
    {"dnnl_primitive_destroy", offsetof(onednn_api, primitive_destroy)},
};

static bool open_file(onednn_api *api, const char *path) {
  snprintf(api->path, sizeof api->path, "%s", path);
  api->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  return api->library != NULL;
}

static bool open_given(onednn_api *api, const char *path) {
  struct stat status;
  if (stat(path, &status) || !S_ISDIR(status.st_mode)) return open_file(api, path);
  static const char *const names[] = {"libdnnl.so.3", "lib/libdnnl.so.3"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    char file[256];
    if (snprintf(file, sizeof file, "%s/%s", path, names[i]) < (int)sizeof file &&
        open_file(api, file))
      return true;
  }
  return false;
}

const char *onednn_api_load(onednn_api *api, const char *path) {
  static char message[320];
  *api = (onednn_api){0};
  if (!path || !*path) path = getenv("ONEDNN_LIB");
  if (!(path && *path ? open_given(api, path) : open_file(api, "libdnnl.so.3"))) {
    const char *error = dlerror();
    snprintf(message, sizeof message, "not found (%s)", error ? error : api->path);
    return message;
  }
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; ++i) {
    void *symbol = dlsym(api->library, symbols[i].name);
    if (!symbol) {
      snprintf(message, sizeof message, "%s lacks %s", api->path, symbols[i].name);
      onednn_api_unload(api);
      return message;
    }
    memcpy((char *)api + symbols[i].offset, &symbol, sizeof symbol);
  }
  return NULL;
}

void onednn_api_unload(onednn_api *api) {
  /* The library stays loaded: its threads may not have gone to sleep yet. */
  api->library = NULL;
}
