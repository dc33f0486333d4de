/* Goes through the backend's table: the first algorithm that does not refuse computes the
 * problem. */
#include "host/select.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/refusal.h"
#include "host/problem_text.h"

enum { REASON_MAX = 192 };

/* The tables of a backend, one after the other; NULL after the last one. */
static const cubn_algo *const *table_of(const cubn_backend *backend, int index) {
  if (index == CUBN_PASS_COUNT) return backend->int8_algos;
  return index < CUBN_PASS_COUNT ? backend->algos[index] : NULL;
}

static bool backend_has(const cubn_backend *backend, const char *name) {
  const cubn_algo *const *algo;
  for (int i = 0; (algo = table_of(backend, i)) != NULL; ++i)
    for (; *algo; ++algo)
      if (strcmp((*algo)->name, name) == 0) return true;
  return false;
}

bool cubn_algo_exists(const char *name) {
#if CUBN_WITH_CUDA
  if (backend_has(&cubn_cuda_backend, name)) return true;
#endif
  return backend_has(&cubn_cpu_backend, name);
}

/* Adds the names that are not there yet. No name is a part of another. */
static void add_names(const cubn_backend *backend, char *names, size_t bytes) {
  const cubn_algo *const *algo;
  for (int i = 0; (algo = table_of(backend, i)) != NULL; ++i)
    for (; *algo; ++algo) {
      const size_t used = strlen(names);
      if (!strstr(names, (*algo)->name))
        snprintf(names + used, bytes - used, "%s%s", used ? ", " : "", (*algo)->name);
    }
}

void cubn_algo_names(char *names, size_t bytes) {
  names[0] = '\0';
#if CUBN_WITH_CUDA
  add_names(&cubn_cuda_backend, names, bytes);
#endif
  add_names(&cubn_cpu_backend, names, bytes);
}

void cubn_log_device(cubnHandle_t handle) {
  if (!cubn_log_wants(CUBN_SEV_INFO)) return;
  cubn_log(handle, CUBN_SEV_INFO, CUBN_STATUS_SUCCESS, "version %d.%d.%d, handle on %s:%d",
           CUBN_VERSION_MAJOR, CUBN_VERSION_MINOR, CUBN_VERSION_PATCH, handle->backend->name,
           handle->backend->ordinal(handle->device));
}

static void log_refusal(cubnHandle_t handle, const cubn_algo *algo, cubn_refusal refusal) {
  char reason[REASON_MAX];
  cubn_refusal_text(refusal, reason, sizeof reason);
  cubn_log(handle, CUBN_SEV_INFO, CUBN_STATUS_SUCCESS, "  %s/%s refused: %s", handle->backend->name,
           algo->name, reason);
}

static bool accepts(cubnHandle_t handle, const cubn_algo *algo, const cubn_problem *problem) {
  const cubn_refusal refusal = algo->reject(handle->device, problem);
  if (refusal.text && cubn_log_wants(CUBN_SEV_INFO)) log_refusal(handle, algo, refusal);
  return refusal.text == NULL;
}

static const cubn_algo *choose(cubnHandle_t handle, const cubn_problem *problem) {
  const cubn_backend *const backend = handle->backend;
  const cubn_algo *const *table =
      problem->is_quantized ? backend->int8_algos : backend->algos[problem->pass];
  if (handle->forced_algo[0]) {
    for (int i = 0; table[i]; ++i)
      if (strcmp(table[i]->name, handle->forced_algo) == 0 && accepts(handle, table[i], problem))
        return table[i];
  }
  for (int i = 0; table[i]; ++i)
    if (accepts(handle, table[i], problem)) return table[i];
  return NULL;
}

const cubn_algo *cubn_select(cubnHandle_t handle, const cubn_problem *problem,
                             const cubn_args *args) {
  const cubn_algo *algo = choose(handle, problem);
  if (cubn_log_wants(CUBN_SEV_INFO)) {
    char text[CUBN_PROBLEM_TEXT_MAX];
    cubn_problem_text(problem, args, text, sizeof text);
    cubn_log(handle, CUBN_SEV_INFO, CUBN_STATUS_SUCCESS, "%s -> %s/%s", text, handle->backend->name,
             algo ? algo->name : "nothing");
  }
  return algo;
}
