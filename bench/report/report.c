#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const pass_names[] = {"train", "infer", "backward"};

void report_header(const bench_session *session) {
  const size_t version = cubnGetVersion();
  printf("cubn %zu.%zu.%zu on %s; %s\n", version / 10000, version / 100 % 100, version % 100,
         session->timer->device, session->timer->versions);
  if (session->copy_bandwidth > 0)
    printf("large copies: %.1f GB/s, read and written\n", 1e-9 * session->copy_bandwidth);
  for (int i = 0; i < session->peer_count; ++i)
    printf("peer %s: %s\n", session->peers[i]->name, session->peers[i]->version);
  printf("caches %s between repeats; times are medians%s\n",
         session->options->warm ? "kept" : "flushed",
         session->options->graph ? ", of a call in a replayed graph" : "");
  printf("%-40s %3s %-10s %10s %6s %7s %6s %5s %7s %8s  %s\n", "problem", "x", "algorithm", "us",
         "iqr", "GB/s", "/floor", "copy", "host us", "error", "checked");
}

/* Prints for each peer how much faster the library is than the peer's best variant. */
static void print_peers(const bench_session *session, const bench_row *row,
                        const bench_entry *own) {
  for (int i = 0; i < session->peer_count; ++i) {
    const char *name = session->peers[i]->name;
    const bench_entry *best = bench_row_best(row, name);
    if (best) {
      printf("  %s %s %.2f us, error %.1e: %.2fx", name, best->algorithm, 1e6 * best->times.median,
             best->error, best->times.median / own->times.median);
      if (best->note) printf(", then %s", best->note);
      continue;
    }
    const char *note = "not timed";
    for (int k = 0; k < row->entry_count; ++k)
      if (!strcmp(row->entries[k].implementation, name) && row->entries[k].note)
        note = row->entries[k].note;
    printf("  %s: %s", name, note);
  }
}

void report_row(const bench_session *session, const bench_row *row) {
  const bench_entry *own = &row->entries[0];
  printf("%-40s %3d %-10s ", row->problem, row->count, own->algorithm);
  if (session->options->busy_text) printf("busy %d ", row->busy);
  if (own->times.repeats) {
    const double median = own->times.median;
    printf("%10.2f %5.1f%% %7.1f %6.2f ", 1e6 * median, 100 * own->times.spread / median,
           1e-9 * row->floor_bytes / median, bench_over_floor(session, row, own));
    if (row->busy) /* copies and the host time are measured quiet only */
      printf("%5s %7s", "", "");
    else
      printf("%4.0f%% %7.2f", 100 * bench_copy_share(row, own), 1e6 * own->host_seconds);
    printf(" %8.1e  %s", own->error, row->checked);
    if (session->options->busy_text)
      printf("  p5 %.2f p95 %.2f us", 1e6 * own->times.p5, 1e6 * own->times.p95);
    print_peers(session, row, own);
    printf("\n");
  } else {
    printf("%s\n", own->note ? own->note : "not timed");
  }
  fflush(stdout);
}

/* ---- Summary ---- */

typedef struct ratio_mean {
  double log_sum, worst;
  int weight;
} ratio_mean;

static void add_ratio(ratio_mean *mean, double ratio, int weight, bool low_is_worse) {
  if (!(ratio > 0) || isinf(ratio)) return;
  const bool worse = low_is_worse ? ratio < mean->worst : ratio > mean->worst;
  if (!mean->weight || worse) mean->worst = ratio;
  mean->log_sum += weight * log(ratio);
  mean->weight += weight;
}

static void print_mean(const char *what, const ratio_mean *mean) {
  if (mean->weight)
    printf("geomean %s: %.2fx (worst %.2fx, %d problems)\n", what,
           exp(mean->log_sum / mean->weight), mean->worst, mean->weight);
  else
    printf("geomean %s: no problem was timed\n", what);
}

/* Prints the time of all layers of a pass, each as often as the network has it. A peer's total is
 * that of the layers which it can compute. */
static void print_totals(const bench_session *session, const bench_row *rows, int count, int busy,
                         int pass) {
  double own_total = 0, copy_total = 0, peer_totals[BENCH_PEERS_MAX] = {0};
  int layers = 0, peer_layers[BENCH_PEERS_MAX] = {0};
  for (int i = 0; i < count; ++i) {
    const bench_entry *own = &rows[i].entries[0];
    if (rows[i].busy != busy || rows[i].pass != pass || !own->times.repeats) continue;
    const bench_entry *copy = bench_row_best(&rows[i], "copy");
    layers += rows[i].count;
    own_total += rows[i].count * own->times.median;
    if (copy) copy_total += rows[i].count * copy->times.median;
    for (int k = 0; k < session->peer_count; ++k) {
      const bench_entry *best = bench_row_best(&rows[i], session->peers[k]->name);
      if (!best) continue;
      peer_layers[k] += rows[i].count;
      peer_totals[k] += rows[i].count * best->times.median;
    }
  }
  if (!layers) return;
  printf("%s, %d layers: %.1f us", pass_names[pass], layers, 1e6 * own_total);
  if (copy_total > 0) printf("; copies of the same bytes: %.1f us", 1e6 * copy_total);
  for (int k = 0; k < session->peer_count; ++k)
    printf("; %s, %d layers: %.1f us", session->peers[k]->name, peer_layers[k],
           1e6 * peer_totals[k]);
  printf("\n");
}

static void print_floor(const bench_session *session, const bench_row *rows, int count, int busy) {
  ratio_mean mean = {0};
  for (int i = 0; i < count; ++i) {
    const bench_entry *own = &rows[i].entries[0];
    if (rows[i].busy == busy && own->times.repeats)
      add_ratio(&mean, bench_over_floor(session, &rows[i], own), rows[i].count, false);
  }
  print_mean("time over floor", &mean);
}

static void print_peer(const char *name, const bench_row *rows, int count, int busy) {
  ratio_mean mean = {0};
  char what[32];
  for (int i = 0; i < count; ++i) {
    const bench_entry *own = &rows[i].entries[0];
    const bench_entry *best = bench_row_best(&rows[i], name);
    if (rows[i].busy == busy && best && own->times.repeats)
      add_ratio(&mean, best->times.median / own->times.median, rows[i].count, true);
  }
  snprintf(what, sizeof what, "vs %s", name);
  print_mean(what, &mean);
}

/* The worst problem is what counts: a call beside other work should not last longer than on one
 * thread. */
static void print_one_thread(const bench_row *rows, int count, int busy) {
  ratio_mean mean = {0};
  for (int i = 0; i < count; ++i)
    if (rows[i].busy == busy)
      add_ratio(&mean, bench_over_one_thread(&rows[i]), rows[i].count, false);
  if (mean.weight) print_mean("largest percentile up to the 95th over that of one thread", &mean);
}

void report_summary(const bench_session *session, const bench_row *rows, int count) {
  const bench_options *options = session->options;
  for (int level = 0; level < options->busy_count; ++level) {
    const int busy = options->busy[level];
    printf("\n");
    if (options->busy_text) printf("beside %d busy processes\n", busy);
    for (int pass = LINE_TRAIN; pass <= LINE_BACKWARD; ++pass)
      print_totals(session, rows, count, busy, pass);
    print_floor(session, rows, count, busy);
    for (int k = 0; k < session->peer_count; ++k)
      print_peer(session->peers[k]->name, rows, count, busy);
    print_one_thread(rows, count, busy);
  }
}
