#include "rows/session.h"

#include <stdio.h>

#include "core/handle.h"
#include "peers/peer_process.h"

static bench_peer_setting setting_of(const bench_options *options) {
  return (bench_peer_setting){.onednn = options->onednn,
                              .torch = options->torch,
                              .algo = options->algo,
                              .verify_elements = options->verify_elements,
                              .warm = options->warm};
}

void bench_list_peers(const bench_options *options) {
  const bench_peer_setting setting = setting_of(options);
  char reason[BENCH_REASON_BYTES] = "";
  bench_peer_open_cudnn(NULL, options->cudnn, reason, sizeof reason);
  printf("cudnn: %s\n", reason);
  bench_peer *peer = bench_peer_open_onednn_process(&setting, reason, sizeof reason);
  printf("onednn: %s\n", reason);
  if (peer) peer->close(peer);
  peer = bench_peer_open_torch(&setting, reason, sizeof reason);
  printf("torch: %s\n", reason);
  if (peer) peer->close(peer);
}

static void add_peer(bench_session *session, bench_peer *peer, const char *name,
                     const char *reason) {
  if (peer)
    session->peers[session->peer_count++] = peer;
  else
    printf("peer %s: %s\n", name, reason);
}

void bench_session_open_peers(bench_session *session) {
  const bench_options *options = session->options;
  const bench_peer_setting setting = setting_of(options);
  char reason[BENCH_REASON_BYTES] = "no memory";
  if (session->timer->asynchronous) {
    if (options->peers)
      add_peer(session,
               bench_peer_open_cudnn(session->handle, options->cudnn, reason, sizeof reason),
               "cudnn", reason);
    return;
  }
  if (!options->peers && !options->busy_text) return;
  session->own = bench_peer_open_cubn(&setting, false, reason, sizeof reason);
  if (!session->own) printf("cubn in this process: %s\n", reason);
  if (options->busy_text)
    add_peer(session, bench_peer_open_cubn(&setting, true, reason, sizeof reason), "cubn_1",
             reason);
  if (!options->peers) return;
  add_peer(session, bench_peer_open_onednn_process(&setting, reason, sizeof reason), "onednn",
           reason);
  add_peer(session, bench_peer_open_torch(&setting, reason, sizeof reason), "torch", reason);
}

/* NULL: `error` says why. */
static bench_timer *open_timer(const bench_session *session, const char **error) {
  const bench_options *options = session->options;
  cubnDeviceType_t type = CUBN_DEVICE_CPU;
  int ordinal = 0;
  bench_timer *timer = NULL;
  *error = "no timer for this device";
  cubnGetDevice(session->handle, &type, &ordinal);
  if (options->busy_text && type != CUBN_DEVICE_CPU) {
    *error = "--busy is for a CPU: --device cpu";
    return NULL;
  }
  if (type == CUBN_DEVICE_CPU) timer = bench_timer_open_cpu(options->warm, error);
#if CUBN_WITH_CUDA
  if (type == CUBN_DEVICE_CUDA) timer = bench_timer_open_cuda(ordinal, options->warm, error);
#endif
  if (!timer || !options->graph || timer->record) return timer;
  timer->close(timer);
  *error = "--graph needs a GPU";
  return NULL;
}

bool bench_session_open(bench_session *session) {
  const bench_options *options = session->options;
  const cubnStatus_t status = options->device
                                  ? cubnCreateOnDevice(&session->handle, options->device)
                                  : cubnCreate(&session->handle);
  if (status != CUBN_STATUS_SUCCESS) {
    char message[256];
    cubnGetLastErrorString(message, sizeof message);
    printf("cubn-bench: nothing to time: %s\n", message);
    return false;
  }
  const char *error = NULL;
  session->timer = open_timer(session, &error);
  if (session->timer &&
      (!session->timer->stream || !cubnSetStream(session->handle, session->timer->stream))) {
    if (options->algo)
      snprintf(session->handle->forced_algo, sizeof session->handle->forced_algo, "%s",
               options->algo);
    return true;
  }
  printf("cubn-bench: nothing to time: %s\n", error ? error : "no timer for this device");
  cubnDestroy(session->handle);
  return false;
}

void bench_session_close(bench_session *session) {
  for (int i = 0; i < session->peer_count; ++i) session->peers[i]->close(session->peers[i]);
  if (session->own) session->own->close(session->own);
  session->timer->close(session->timer);
  cubnDestroy(session->handle);
}
