/* Makes and executes oneDNN's primitives for a problem. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peers/peer_onednn.h"

static int type_of(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_HALF:
      return ONEDNN_F16;
    case CUBN_DATA_BFLOAT16:
      return ONEDNN_BF16;
    case CUBN_DATA_DOUBLE:
      return ONEDNN_F64;
    default:
      return ONEDNN_F32;
  }
}

/* The descriptor of the tensors, in the layout of the problem or of the variant. */
static void *make_desc(const onednn_peer *peer, int layout) {
  const line_problem *problem = &peer->bench->problem;
  int64_t dims[ONEDNN_DIMS] = {0}, strides[ONEDNN_DIMS] = {0};
  void *desc = NULL;
  for (int i = 0; i < problem->rank; ++i) {
    dims[i] = problem->dims[i];
    strides[i] = problem->strides[LINE_X][i];
  }
  const int type = type_of(problem->type);
  const int status = layout == ONEDNN_BLOCKED
                         ? peer->api.desc_with_tag(&desc, problem->rank, dims, type, ONEDNN_NCHW16C)
                         : peer->api.desc_with_strides(&desc, problem->rank, dims, type, strides);
  return status ? NULL : desc;
}

static bool reorder(const onednn_peer *peer, void *from_desc, void *from, void *to_desc, void *to) {
  void *primitive_desc = NULL, *primitive = NULL, *memory[2] = {NULL, NULL};
  const onednn_api *api = &peer->api;
  int status =
      api->reorder_create(&primitive_desc, from_desc, peer->engine, to_desc, peer->engine, NULL);
  if (!status) status = api->primitive_create(&primitive, primitive_desc);
  if (!status) status = api->memory_create(&memory[0], from_desc, peer->engine, from);
  if (!status) status = api->memory_create(&memory[1], to_desc, peer->engine, to);
  const onednn_arg args[] = {{ONEDNN_ARG_SRC, memory[0]}, {ONEDNN_ARG_DST, memory[1]}};
  if (!status) status = api->primitive_execute(primitive, peer->stream, 2, args);
  if (!status) status = api->stream_wait(peer->stream);
  for (int i = 0; i < 2; ++i)
    if (memory[i]) api->memory_destroy(memory[i]);
  if (primitive) api->primitive_destroy(primitive);
  if (primitive_desc) api->primitive_desc_destroy(primitive_desc);
  return status == 0;
}

/* Adds a memory object: on the given memory, or on newly allocated memory if `pointer` is NULL. */
static bool add_memory(onednn_variant *variant, int which, int arg, const void *desc,
                       void *pointer) {
  const onednn_api *api = &variant->peer->api;
  if (!pointer) {
    const size_t bytes = (api->desc_size(desc) + 4095) / 4096 * 4096;
    pointer = variant->owned[which] = aligned_alloc(4096, bytes);
    if (!pointer) return false;
    memset(pointer, 0, bytes);
  }
  if (api->memory_create(&variant->memory[which], desc, variant->peer->engine, pointer))
    return false;
  variant->args[variant->arg_count++] = (onednn_arg){arg, variant->memory[which]};
  return true;
}

/* Adds an input tensor: the problem's own, or a converted copy. */
static bool add_input(onednn_variant *variant, int which, int arg, void *plain_desc, void *desc,
                      int array) {
  void *const pointer = variant->peer->bench->run.pointers[array];
  if (variant->layout == ONEDNN_PLAIN) return add_memory(variant, which, arg, desc, pointer);
  return add_memory(variant, which, arg, desc, NULL) &&
         reorder(variant->peer, plain_desc, pointer, desc, variant->owned[which]);
}

/* oneDNN saves the variance, not its inverse root. */
static void set_saved_statistics(const onednn_variant *variant) {
  const bench_case *bench = variant->peer->bench;
  const float *mean = bench->run.pointers[DATA_SAVED_MEAN];
  const float *inv_std = bench->run.pointers[DATA_SAVED_INV_STD];
  float *to_mean = variant->owned[ONEDNN_MEAN], *to_var = variant->owned[ONEDNN_VAR];
  for (int64_t c = 0; c < bench->problem.dims[1]; ++c) {
    to_mean[c] = mean[c];
    to_var[c] = (float)(1 / ((double)inv_std[c] * inv_std[c]) - bench->problem.epsilon);
  }
}

static unsigned flags_of(const line_problem *problem) {
  unsigned flags = ONEDNN_SCALE | ONEDNN_SHIFT;
  if (problem->pass == LINE_INFER) flags |= ONEDNN_GIVEN_STATISTICS;
  if (line_is_fused(problem)) flags |= problem->adds ? ONEDNN_FUSE_ADD_RELU : ONEDNN_FUSE_RELU;
  return flags;
}

/* Adds the workspace of a fused operation. A forward call fills that of backward. */
static bool add_workspace(onednn_variant *variant, const void *primitive_desc, void *desc,
                          void *param) {
  const onednn_peer *peer = variant->peer;
  const onednn_api *api = &peer->api;
  const line_problem *problem = &peer->bench->problem;
  if (!line_is_fused(problem) || problem->pass == LINE_INFER) return true;
  const void *workspace = api->primitive_desc_query_desc(primitive_desc, ONEDNN_WORKSPACE_DESC, 0);
  if (!add_memory(variant, ONEDNN_WORKSPACE, ONEDNN_ARG_WORKSPACE, workspace, NULL)) return false;
  if (problem->pass != LINE_BACKWARD) return true;
  onednn_variant forward = *variant;
  void *forward_desc = NULL;
  forward.arg_count = 0;
  const onednn_arg args[] = {{ONEDNN_ARG_SRC, variant->memory[ONEDNN_X]},
                             {ONEDNN_ARG_MEAN, variant->memory[ONEDNN_MEAN]},
                             {ONEDNN_ARG_VARIANCE, variant->memory[ONEDNN_VAR]},
                             {ONEDNN_ARG_SCALE, variant->memory[ONEDNN_PARAM_SCALE]},
                             {ONEDNN_ARG_WORKSPACE, variant->memory[ONEDNN_WORKSPACE]}};
  int status = api->forward_create(&forward_desc, peer->engine, ONEDNN_TRAIN, desc, desc,
                                   (float)problem->epsilon, flags_of(problem), NULL);
  if (!status) status = api->primitive_create(&forward.primitive, forward_desc);
  bool good = !status && add_memory(&forward, ONEDNN_Y, ONEDNN_ARG_DST, desc, NULL) &&
              add_memory(&forward, ONEDNN_PARAM_BIAS, ONEDNN_ARG_SHIFT, param,
                         peer->bench->run.pointers[DATA_BIAS]);
  for (size_t i = 0; good && i < sizeof args / sizeof *args; ++i)
    forward.args[forward.arg_count++] = args[i];
  good = good && onednn_call(&forward);
  for (int m = ONEDNN_PARAM_BIAS; m <= ONEDNN_Y; m += ONEDNN_Y - ONEDNN_PARAM_BIAS) {
    variant->memory[m] = forward.memory[m];
    variant->owned[m] = forward.owned[m];
  }
  if (!status) api->primitive_destroy(forward.primitive);
  if (forward_desc) api->primitive_desc_destroy(forward_desc);
  return good;
}

static bool add_memories(onednn_variant *variant, void *plain, void *desc, void *param) {
  void *const *at = variant->peer->bench->run.pointers;
  const int pass = variant->peer->bench->problem.pass;
  bool good = add_input(variant, ONEDNN_X, ONEDNN_ARG_SRC, plain, desc, DATA_X) &&
              add_memory(variant, ONEDNN_MEAN, ONEDNN_ARG_MEAN, param, at[DATA_MEAN]) &&
              add_memory(variant, ONEDNN_VAR, ONEDNN_ARG_VARIANCE, param, at[DATA_VAR]) &&
              add_memory(variant, ONEDNN_PARAM_SCALE, ONEDNN_ARG_SCALE, param, at[DATA_SCALE]);
  const bool adds = variant->peer->bench->problem.adds;
  if (good && adds && pass == LINE_BACKWARD)
    good = add_memory(variant, ONEDNN_Z, ONEDNN_ARG_DIFF_SRC_1, desc, NULL);
  else if (good && adds)
    good = add_input(variant, ONEDNN_Z, ONEDNN_ARG_SRC_1, plain, desc, DATA_Z);
  if (pass != LINE_BACKWARD)
    return good && add_memory(variant, ONEDNN_OUTPUT, ONEDNN_ARG_DST, desc, NULL) &&
           add_memory(variant, ONEDNN_PARAM_BIAS, ONEDNN_ARG_SHIFT, param, at[DATA_BIAS]);
  good = good && add_input(variant, ONEDNN_DY, ONEDNN_ARG_DIFF_DST, plain, desc, DATA_DY) &&
         add_memory(variant, ONEDNN_OUTPUT, ONEDNN_ARG_DIFF_SRC, desc, NULL) &&
         add_memory(variant, ONEDNN_DSCALE, ONEDNN_ARG_DIFF_SCALE, param, NULL) &&
         add_memory(variant, ONEDNN_DBIAS, ONEDNN_ARG_DIFF_SHIFT, param, NULL);
  if (good) set_saved_statistics(variant);
  return good;
}

/* The primitive's descriptor, chosen by oneDNN; NULL if it refuses. */
static void *make_primitive_desc(const onednn_variant *variant, void *desc) {
  const onednn_peer *peer = variant->peer;
  const line_problem *problem = &peer->bench->problem;
  const float epsilon = (float)problem->epsilon;
  const unsigned flags = flags_of(problem);
  void *forward = NULL, *backward = NULL;
  if (peer->api.forward_create(&forward, peer->engine,
                               problem->pass == LINE_INFER ? ONEDNN_INFER : ONEDNN_TRAIN, desc,
                               desc, epsilon, flags, NULL))
    return NULL;
  if (problem->pass != LINE_BACKWARD) return forward;
  if (peer->api.backward_create(&backward, peer->engine, ONEDNN_BACKWARD, desc, desc, desc, epsilon,
                                flags, forward, NULL))
    backward = NULL;
  peer->api.primitive_desc_destroy(forward);
  return backward;
}

const char *onednn_build(onednn_variant *variant, char *name, size_t name_bytes) {
  const onednn_peer *peer = variant->peer;
  const onednn_api *api = &peer->api;
  const int64_t channels = peer->bench->problem.dims[1], one = 1;
  void *plain = make_desc(peer, ONEDNN_PLAIN), *desc = make_desc(peer, variant->layout);
  void *param = NULL, *primitive_desc = NULL;
  const char *wrong = NULL, *chosen = NULL;
  if (api->desc_with_strides(&param, 1, &channels, ONEDNN_F32, &one) || !plain || !desc)
    wrong = "no descriptor for these tensors";
  if (!wrong && !(primitive_desc = make_primitive_desc(variant, desc))) wrong = "refused";
  if (!wrong && !api->primitive_desc_query(primitive_desc, ONEDNN_IMPLEMENTATION_NAME, 0, &chosen))
    snprintf(name, name_bytes, "%s%s", chosen, variant->layout == ONEDNN_BLOCKED ? " 16c" : "");
  if (!wrong && api->primitive_create(&variant->primitive, primitive_desc))
    wrong = "its primitive could not be made";
  if (!wrong && (!add_memories(variant, plain, desc, param) ||
                 !add_workspace(variant, primitive_desc, desc, param)))
    wrong = "no memory for it";
  if (primitive_desc) api->primitive_desc_destroy(primitive_desc);
  void *const descs[] = {plain, desc, param};
  for (int i = 0; i < 3; ++i)
    if (descs[i]) api->desc_destroy(descs[i]);
  return wrong;
}

void onednn_destroy(onednn_variant *variant) {
  for (int i = 0; i < ONEDNN_MEMORIES; ++i) {
    if (variant->memory[i]) variant->peer->api.memory_destroy(variant->memory[i]);
    free(variant->owned[i]);
  }
  if (variant->primitive) variant->peer->api.primitive_destroy(variant->primitive);
  *variant = (onednn_variant){0};
}

bool onednn_call(onednn_variant *variant) {
  const onednn_peer *peer = variant->peer;
  return !peer->api.primitive_execute(variant->primitive, peer->stream, variant->arg_count,
                                      variant->args) &&
         !peer->api.stream_wait(peer->stream);
}

bool onednn_get_output(onednn_variant *variant, void *to) {
  const onednn_peer *peer = variant->peer;
  void *plain = make_desc(peer, ONEDNN_PLAIN), *desc = make_desc(peer, variant->layout);
  const bool good = plain && desc && reorder(peer, desc, variant->owned[ONEDNN_OUTPUT], plain, to);
  if (plain) peer->api.desc_destroy(plain);
  if (desc) peer->api.desc_destroy(desc);
  return good;
}
