/* cuDNN as a peer. Every mode that can compute a problem is a variant. Fused problems have twice as
 * many: one call with the operations, and "apart", which is normalization, addition and activation
 * in separate calls.
 *
 * Training and backward use the Ex calls with a workspace, because only these reach cuDNN's fast
 * kernels for channels-last tensors. cuDNN reads the same inputs as cubn and writes outputs of its
 * own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peers/peer_cudnn.h"

static const char *const mode_names[] = {"per_activation", "spatial", "persistent"};

/* ---- Memory ---- */

static bool is_output(const line_problem *problem, int array) {
  if (array == DATA_OUTPUT || array == DATA_DZ) return true;
  if (problem->pass == LINE_BACKWARD) return array == DATA_DSCALE || array == DATA_DBIAS;
  return problem->pass == LINE_TRAIN && (array == DATA_RUNNING_MEAN || array == DATA_RUNNING_VAR ||
                                         array == DATA_SAVED_MEAN || array == DATA_SAVED_INV_STD);
}

static size_t array_bytes(const data_array *array) {
  return (size_t)array->extent * data_type_bytes(array->type);
}

static bool allocate(cudnn_peer *peer) {
  const bench_case *bench = peer->bench;
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    peer->pointers[array] = bench->run.pointers[array];
    if (!data_has(&bench->before, array) || !is_output(&bench->problem, array)) continue;
    cubnBuffer_t *buffer = &peer->buffers[array];
    if (cubnCreateBuffer(peer->cubn, array_bytes(&bench->before.arrays[array]), buffer) ||
        cubnGetBufferPointer(*buffer, &peer->pointers[array]))
      return false;
  }
  return true;
}

/* Allocates what backward of a fused problem needs from its forward call. */
static bool allocate_fused(cudnn_peer *peer) {
  const line_problem *problem = &peer->bench->problem;
  const data_set *set = &peer->bench->before;
  if (!line_needs_forward(problem)) return true;
  return !cubnCreateBuffer(peer->cubn, array_bytes(&set->arrays[DATA_OUTPUT]), &peer->y_buffer) &&
         !cubnGetBufferPointer(peer->y_buffer, &peer->y) &&
         !cubnCreateBuffer(peer->cubn, array_bytes(&set->arrays[DATA_DY]), &peer->dp_buffer) &&
         !cubnGetBufferPointer(peer->dp_buffer, &peer->dp);
}

/* Sets the outputs to their prior content. */
static bool upload(cudnn_peer *peer) {
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    const data_array *from = &peer->bench->before.arrays[array];
    if (peer->buffers[array] &&
        cubnUploadBuffer(peer->buffers[array], 0, data_elements(from), array_bytes(from)))
      return false;
  }
  return true;
}

static bool download(cudnn_peer *peer) {
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    data_array *to = &peer->bench->after.arrays[array];
    if (peer->buffers[array] &&
        cubnDownloadBuffer(peer->buffers[array], 0, data_elements(to), array_bytes(to)))
      return false;
  }
  return true;
}

/* ---- Variants ---- */

static bool call(void *state) {
  return cudnn_call(state) == 0;
}

static bool allocate_variant(cudnn_variant *variant) {
  cubnHandle_t cubn = variant->peer->cubn;
  return !cubnCreateBuffer(cubn, variant->workspace_bytes, &variant->workspace_buffer) &&
         !cubnCreateBuffer(cubn, variant->reserve_bytes, &variant->reserve_buffer) &&
         !cubnGetBufferPointer(variant->workspace_buffer, &variant->workspace) &&
         !cubnGetBufferPointer(variant->reserve_buffer, &variant->reserve);
}

/* Returns NULL, or why the variant is not timed. */
static const char *check_variant(cudnn_variant *variant, bench_entry *entry) {
  cudnn_peer *peer = variant->peer;
  int status = cudnn_query_sizes(variant);
  if (status) return peer->api.get_error_string(status);
  if (!allocate_variant(variant)) return "no memory for its workspace";
  /* Backward needs the reserve space and the y of a forward call. */
  if (peer->bench->problem.pass == LINE_BACKWARD && (variant->reserve_bytes || peer->y))
    status = cudnn_call_forward(variant);
  if (!upload(peer)) return "the upload failed";
  if (!status) status = cudnn_call(variant);
  if (status) return peer->api.get_error_string(status);
  if (cubnSynchronize(peer->cubn)) return "its kernels failed";
  if (!download(peer)) return "the download failed";
  entry->error = bench_case_compare(peer->bench).output_error;
  return NULL;
}

static const char *why_not_fused(const line_problem *problem) {
  if (problem->activation != CUBN_ACTIVATION_RELU) return "of the activations, only ReLU is timed";
  if (problem->alpha != 1) return "fused with alpha = 1 only";
  if (problem->in_place_z || problem->in_place_zx) return "not timed in place";
  const int64_t *dz = problem->strides[LINE_Z], *dy = problem->strides[LINE_DY];
  for (int i = 0; i < problem->rank && problem->adds && problem->pass == LINE_BACKWARD; ++i)
    if (dz[i] != dy[i]) return "dz must have the layout of dy";
  return NULL;
}

static const char *why_not(const line_problem *problem) {
  if (line_has_padding(problem) || (line_is_extended(problem) && problem->pass != LINE_INFER))
    return "has no such call in cuDNN's classic interface";
  if (problem->in_place || problem->in_place_x) return "not timed in place";
  if (problem->beta != 0 || problem->param_beta != 0) return "not timed with blending";
  if (problem->params_like_x) return "parameters in NCHW order only";
  return line_is_fused(problem) ? why_not_fused(problem) : NULL;
}

/* Makes the variant's entry, and checks the variant unless there is a reason not to time it. */
static void add_variant(cudnn_peer *peer, int mode, bool is_apart, const char *reason, int number,
                        bench_entry *entry) {
  cudnn_variant *variant = &peer->variants[number];
  *variant = (cudnn_variant){.peer = peer, .mode = mode, .is_apart = is_apart};
  *entry = (bench_entry){.call = call, .state = variant, .error = NAN};
  snprintf(entry->implementation, sizeof entry->implementation, "%s", peer->base.name);
  snprintf(entry->algorithm, sizeof entry->algorithm, "%s%s", mode_names[mode],
           is_apart ? "_apart" : "");
  entry->note = reason ? reason : check_variant(variant, entry);
}

static int prepare(bench_peer *base, bench_case *bench, bench_entry entries[BENCH_VARIANTS_MAX]) {
  cudnn_peer *peer = (cudnn_peer *)base;
  const line_problem *problem = &bench->problem;
  const bool fused = line_is_fused(problem);
  const bool per_activation = problem->mode == CUBN_BATCHNORM_PER_ACTIVATION;
  const int first =
      per_activation || (problem->rank == 2 && !fused) ? CUDNN_PER_ACTIVATION : CUDNN_SPATIAL;
  const int last = per_activation ? CUDNN_PER_ACTIVATION : CUDNN_SPATIAL_PERSISTENT;
  peer->bench = bench;
  const char *reason = why_not(problem);
  if (!reason) reason = cudnn_describe(peer);
  if (!reason && !(allocate(peer) && allocate_fused(peer))) reason = "no memory for its outputs";
  int count = 0;
  for (int mode = first; mode <= last; ++mode) {
    /* cuDNN has no fused inference. */
    if (!fused || problem->pass != LINE_INFER) {
      add_variant(peer, mode, false, reason, count, &entries[count]);
      ++count;
    }
    if (fused) {
      add_variant(peer, mode, true, reason, count, &entries[count]);
      ++count;
    }
  }
  return count;
}

static void release(bench_peer *base) {
  cudnn_peer *peer = (cudnn_peer *)base;
  for (int i = 0; i < BENCH_VARIANTS_MAX; ++i) {
    cubnDestroyBuffer(peer->variants[i].workspace_buffer);
    cubnDestroyBuffer(peer->variants[i].reserve_buffer);
    peer->variants[i] = (cudnn_variant){0};
  }
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    cubnDestroyBuffer(peer->buffers[array]);
    peer->buffers[array] = NULL;
  }
  cubnDestroyBuffer(peer->y_buffer);
  cubnDestroyBuffer(peer->dp_buffer);
  peer->y_buffer = peer->dp_buffer = NULL;
  peer->y = peer->dp = NULL;
}

/* ---- Opening ---- */

static void close_peer(bench_peer *base) {
  cudnn_peer *peer = (cudnn_peer *)base;
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor)
    if (peer->tensors[tensor]) peer->api.destroy_tensor(peer->tensors[tensor]);
  if (peer->params) peer->api.destroy_tensor(peer->params);
  if (peer->activation) peer->api.destroy_activation(peer->activation);
  if (peer->handle) peer->api.destroy(peer->handle);
  cudnn_api_unload(&peer->api);
  free(peer);
}

bench_peer *bench_peer_open_cudnn(cubnHandle_t handle, const char *path, char *reason,
                                  size_t reason_bytes) {
  cudnn_peer *peer = calloc(1, sizeof *peer);
  if (!peer) return NULL;
  const char *wrong = cudnn_api_load(&peer->api, path);
  if (wrong) {
    snprintf(reason, reason_bytes, "%s", wrong);
    free(peer);
    return NULL;
  }
  const size_t version = peer->api.get_version();
  peer->base =
      (bench_peer){.name = "cudnn", .prepare = prepare, .release = release, .close = close_peer};
  snprintf(peer->base.version, sizeof peer->base.version, "cuDNN %zu.%zu.%zu", version / 10000,
           version % 10000 / 100, version % 100);
  snprintf(reason, reason_bytes, "%s in %s, all symbols found", peer->base.version, peer->api.path);
  peer->cubn = handle;
  int status = handle ? peer->api.create(&peer->handle) : -1;
  cubnStream_t stream = NULL;
  if (!status && !cubnGetStream(handle, &stream))
    status = peer->api.set_stream(peer->handle, stream);
  for (int tensor = 0; tensor < LINE_TENSORS && !status; ++tensor)
    status = peer->api.create_tensor(&peer->tensors[tensor]);
  if (!status) status = peer->api.create_tensor(&peer->params);
  if (!status) status = peer->api.create_activation(&peer->activation);
  if (!status) return &peer->base;
  if (handle)
    snprintf(reason, reason_bytes, "%s: %s", peer->base.version,
             peer->api.get_error_string(status));
  close_peer(&peer->base);
  return NULL;
}
