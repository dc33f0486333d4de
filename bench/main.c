/* cubn-bench: verifies and times batch normalization. See bench/README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "host/select.h"
#include "peers/onednn_fetched.h"
#include "report/report.h"
#include "rows/host.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int usage_error(const char *argument, const char *what) {
  fprintf(stderr, "cubn-bench: %s: %s\n", argument, what);
  return EXIT_USAGE;
}

/* Prints which peers were found. Needs no device. */
static int list_peers(const bench_options *options) {
  char reason[320] = "";
  bench_peer_open_cudnn(NULL, options->cudnn, reason, sizeof reason);
  printf("cudnn: %s\n", reason);
  bench_peer *onednn = bench_peer_open_onednn(options->onednn, reason, sizeof reason);
  printf("onednn: %s\n", reason);
  if (onednn) onednn->close(onednn);
  return EXIT_GOOD;
}

static void print_list(const bench_list *list) {
  for (int i = 0; i < list->count; ++i) {
    char text[160];
    line_format(&list->items[i].problem, text, sizeof text);
    printf("%dx %s\n", list->items[i].count, text);
  }
}

static void open_peers(bench_session *session) {
  const bench_options *options = session->options;
  const bool on_gpu = session->timer->asynchronous;
  char reason[320] = "no memory";
  bench_peer *peer =
      on_gpu ? bench_peer_open_cudnn(session->handle, options->cudnn, reason, sizeof reason)
             : bench_peer_open_onednn(options->onednn, reason, sizeof reason);
  if (peer)
    session->peers[session->peer_count++] = peer;
  else
    printf("peer %s: %s\n", on_gpu ? "cudnn" : "onednn", reason);
}

/* Opens the device. If that is impossible, prints one line that says why and returns false. */
static bool open_session(bench_session *session) {
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
  cubnDeviceType_t type = CUBN_DEVICE_CPU;
  int ordinal = 0;
  const char *error = NULL;
  cubnGetDevice(session->handle, &type, &ordinal);
  if (type == CUBN_DEVICE_CPU) session->timer = bench_timer_open_cpu(options->warm, &error);
#if CUBN_WITH_CUDA
  if (type == CUBN_DEVICE_CUDA)
    session->timer = bench_timer_open_cuda(ordinal, options->warm, &error);
#endif
  if (session->timer && options->graph && !session->timer->record) {
    session->timer->close(session->timer);
    session->timer = NULL;
    error = "--graph needs a GPU";
  }
  if (session->timer &&
      (!session->timer->stream || !cubnSetStream(session->handle, session->timer->stream)))
    return true;
  printf("cubn-bench: nothing to time: %s\n", error ? error : "no timer for this device");
  cubnDestroy(session->handle);
  return false;
}

static void close_session(bench_session *session) {
  for (int i = 0; i < session->peer_count; ++i) session->peers[i]->close(session->peers[i]);
  session->timer->close(session->timer);
  cubnDestroy(session->handle);
}

/* Times all problems, and writes each result at once. Returns false if a problem failed. */
static bool time_all(bench_session *session, const bench_list *list, bench_row *rows, FILE *csv) {
  const bool host = session->options->host;
  bool failed = false;
  for (int i = 0; i < list->count; ++i) {
    (host ? bench_host_time : bench_row_time)(session, &list->items[i], &rows[i]);
    if (host)
      report_host_row(&rows[i]);
    else
      report_row(session, &rows[i]);
    if (csv) report_csv_row(csv, session, &rows[i]);
    for (int k = 0; k < rows[i].entry_count; ++k) failed = failed || rows[i].entries[k].failed;
  }
  return !failed;
}

static void prepare(bench_session *session) {
  const bench_options *options = session->options;
  if (options->algo)
    snprintf(session->handle->forced_algo, sizeof session->handle->forced_algo, "%s",
             options->algo);
  if (options->host) {
    report_host_header(session);
    return;
  }
  if (options->peers) open_peers(session);
  session->copy_bandwidth = bench_copy_bandwidth(session->timer);
  report_header(session);
}

static int run(bench_session *session, const bench_list *list) {
  const bench_options *options = session->options;
  FILE *csv = options->csv ? report_csv_open(options->csv) : NULL;
  if (options->csv && !csv) return usage_error(options->csv, "cannot be written");
  bench_row *rows = calloc((size_t)list->count, sizeof *rows);
  if (!rows) return usage_error("results", "no memory for them");
  prepare(session);
  if (options->json && !report_head(options->json, session)) {
    if (csv) report_close(csv);
    free(rows);
    return usage_error(options->json, "cannot be written");
  }
  const bool good = time_all(session, list, rows, csv);
  bool written = true;
  if (options->host)
    report_host_summary(rows, list->count);
  else
    report_summary(session, rows, list->count);
  if (csv) written = report_close(csv);
  if (!written) usage_error(options->csv, "cannot be written");
  free(rows);
  return !good || !written ? EXIT_FAILED : EXIT_GOOD;
}

int main(int argc, char **argv) {
  bench_options options;
  bench_list list;
  const char *argument = "";
  const char *wrong = bench_options_parse(argc, argv, &options, &argument);
  if (wrong) return usage_error(argument, wrong);
  if (options.help) {
    bench_options_usage();
    return EXIT_GOOD;
  }
  if ((options.peers || options.list_peers) && !options.onednn) bench_find_fetched_onednn(argv);
  if (options.list_peers) return list_peers(&options);
  if (options.algo && !cubn_algo_exists(options.algo))
    return usage_error(options.algo, "no algorithm has this name");
  wrong = bench_list_build(&options, &list);
  free(options.lines);
  if (!wrong && options.list) {
    print_list(&list);
    bench_list_free(&list);
    return EXIT_GOOD;
  }
  bench_session session = {.options = &options};
  int result = wrong ? usage_error("problems", wrong) : EXIT_GOOD;
  if (!wrong && open_session(&session)) {
    result = run(&session, &list);
    close_session(&session);
  }
  bench_list_free(&list);
  return result;
}
