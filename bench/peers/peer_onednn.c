/* oneDNN as a peer, on a CPU: in the layout of the problem, and for NCHW also in its own blocked
 * layout. It reads the same inputs as cubn and writes outputs of its own. It keeps no running
 * statistics, so it does slightly less work. */
#include "peers/peer_onednn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool call(void *state) {
  return onednn_call(state);
}

static const char *why_not(const line_problem *problem) {
  /* Inference with an activation is an extension of cubn, but an ordinary call of oneDNN. */
  line_problem unfused = *problem;
  unfused.adds = false;
  unfused.activation = CUBN_ACTIVATION_IDENTITY;
  if (line_is_extended(&unfused)) return "has no such call";
  if (line_is_fused(problem) && problem->activation != CUBN_ACTIVATION_RELU)
    return "timed with ReLU only";
  if (problem->in_place || problem->in_place_x) return "not timed in place";
  if (problem->beta != 0 || problem->param_beta != 0) return "not timed with blending";
  if (problem->no_saved) return "needs saved statistics";
  if (problem->mode == CUBN_BATCHNORM_PER_ACTIVATION) return "has no such mode";
  if (problem->rank > 5) return "has tensors of rank 5 at most";
  for (int tensor = 1; tensor < LINE_TENSORS; ++tensor)
    if (problem->layout[tensor][0] && strcmp(problem->layout[tensor], problem->layout[LINE_X]))
      return "timed in one layout only";
  return NULL;
}

static bool has_blocked(const line_problem *problem) {
  return problem->rank == 4 && !strcmp(problem->layout[LINE_X], "nchw") &&
         problem->dims[1] % 16 == 0 && problem->dims[2] * problem->dims[3] > 1;
}

/* Largest error of the output, against the oracle. Other outputs keep cubn's results. */
static double output_error(onednn_variant *variant) {
  bench_case *bench = variant->peer->bench;
  data_array *output = &bench->after.arrays[DATA_OUTPUT];
  if (!onednn_get_output(variant, data_elements(output))) return NAN;
  return bench_case_compare(bench).output_error;
}

static const char *check_variant(onednn_variant *variant, bench_entry *entry) {
  const char *wrong = onednn_build(variant, entry->algorithm, sizeof entry->algorithm);
  if (wrong) return wrong;
  if (!onednn_call(variant)) return "the first call failed";
  entry->error = output_error(variant);
  return NULL;
}

static int prepare(bench_peer *base, bench_case *bench, bench_entry entries[BENCH_VARIANTS_MAX]) {
  onednn_peer *peer = (onednn_peer *)base;
  peer->bench = bench;
  const char *reason = why_not(&bench->problem);
  const int count = !reason && has_blocked(&bench->problem) ? ONEDNN_VARIANTS : 1;
  for (int layout = 0; layout < count; ++layout) {
    onednn_variant *variant = &peer->variants[layout];
    bench_entry *entry = &entries[layout];
    *variant = (onednn_variant){.peer = peer, .layout = layout};
    *entry = (bench_entry){.call = call, .state = variant, .error = NAN};
    snprintf(entry->implementation, sizeof entry->implementation, "%s",
             layout == ONEDNN_BLOCKED ? "onednn_16c" : base->name);
    entry->note = reason ? reason : check_variant(variant, entry);
  }
  return count;
}

static void release(bench_peer *base) {
  onednn_peer *peer = (onednn_peer *)base;
  for (int i = 0; i < ONEDNN_VARIANTS; ++i)
    if (peer->variants[i].peer) onednn_destroy(&peer->variants[i]);
}

static void close_peer(bench_peer *base) {
  onednn_peer *peer = (onednn_peer *)base;
  if (peer->stream) peer->api.stream_destroy(peer->stream);
  if (peer->engine) peer->api.engine_destroy(peer->engine);
  onednn_api_unload(&peer->api);
  free(peer);
}

bench_peer *bench_peer_open_onednn(const char *path, char *reason, size_t reason_bytes) {
  onednn_peer *peer = calloc(1, sizeof *peer);
  if (!peer) return NULL;
  const char *wrong = onednn_api_load(&peer->api, path);
  if (!wrong && peer->api.engine_create(&peer->engine, ONEDNN_CPU, 0))
    wrong = "no CPU engine (builds for SYCL need OCL_ICD_FILENAMES, see bench/README.md)";
  if (!wrong && peer->api.stream_create(&peer->stream, peer->engine, ONEDNN_IN_ORDER))
    wrong = "no stream";
  if (wrong) {
    snprintf(reason, reason_bytes, "%s", wrong);
    close_peer(&peer->base);
    return NULL;
  }
  const onednn_version *version = peer->api.version();
  peer->base =
      (bench_peer){.name = "onednn", .prepare = prepare, .release = release, .close = close_peer};
  snprintf(peer->base.version, sizeof peer->base.version, "oneDNN %d.%d.%d", version->major,
           version->minor, version->patch);
  snprintf(reason, reason_bytes, "%s in %s", peer->base.version, peer->api.path);
  return &peer->base;
}
