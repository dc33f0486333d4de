#include "cudnn/handles.h"

#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/log.h"

typedef struct handle_entry {
  cudnnHandle_t key;
  int device;
  cubnHandle_t handle; /* NULL: cubn cannot use the device */
  struct handle_entry *next;
} handle_entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static handle_entry *entries;

static handle_entry *find_entry(cudnnHandle_t key, int device) {
  for (handle_entry *entry = entries; entry; entry = entry->next)
    if (entry->key == key && entry->device == device) return entry;
  return NULL;
}

/* A device that cubn cannot use is no failure of the program's call. */
static cubnHandle_t create_handle(void) {
  cubnHandle_t handle = NULL;
  cubn_log_set_trying(true);
  const cubnStatus_t status = cubnCreateOnDevice(&handle, "cuda");
  cubn_log_set_trying(false);
  if (status == CUBN_STATUS_SUCCESS) return handle;
  cubn_log(NULL, CUBN_SEV_WARNING, status, "cudnn drop-in: calls are passed on: %s",
           cubn_last_message());
  return NULL;
}

static handle_entry *add_entry(cudnnHandle_t key, int device) {
  handle_entry *entry = malloc(sizeof *entry);
  if (!entry) return NULL;
  *entry = (handle_entry){key, device, create_handle(), entries};
  entries = entry;
  return entry;
}

cubnHandle_t cudnn_cubn_handle(cudnnHandle_t handle) {
  int device;
  if (cudaGetDevice(&device) != cudaSuccess) {
    cudaGetLastError();
    return NULL;
  }
  pthread_mutex_lock(&lock);
  handle_entry *entry = find_entry(handle, device);
  if (!entry) entry = add_entry(handle, device);
  cubnHandle_t result = entry ? entry->handle : NULL;
  pthread_mutex_unlock(&lock);
  return result;
}

void cudnn_forget_handle(cudnnHandle_t handle) {
  pthread_mutex_lock(&lock);
  for (handle_entry **link = &entries; *link;) {
    handle_entry *entry = *link;
    if (entry->key != handle) {
      link = &entry->next;
      continue;
    }
    *link = entry->next;
    cubnDestroy(entry->handle);
    free(entry);
  }
  pthread_mutex_unlock(&lock);
}
