#include "rows/row.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/handle.h"
#include "measure/graph.h"
#include "processes/busy.h"

/* Dimensions of the problem on which the time per call of a CPU is measured. */
#define TINY_BATCH 2
#define TINY_CHANNELS 8
#define TINY_SIDE 2
/* Beside busy processes, before samples count. */
#define WARM_UP_SECONDS 0.2

static bool call_library(void *state) {
  return run_call(state) == CUBN_STATUS_SUCCESS;
}

void bench_row_verify(bench_session *session, bench_case *bench, bench_row *row) {
  bench_entry *entry = &row->entries[0];
  compare_result result = {0};
  const char *error = bench_case_verify(bench, &result);
  const cubn_algo *algo = session->handle->last_algo;
  if (algo) snprintf(entry->algorithm, sizeof entry->algorithm, "%.20s", algo->name);
  entry->error = result.output_error;
  if (error) {
    snprintf(row->note, sizeof row->note, "%s", error);
    entry->failed = true;
  } else if (session->options->algo && strcmp(entry->algorithm, session->options->algo)) {
    snprintf(row->note, sizeof row->note, "%s refuses it", session->options->algo);
  } else if (result.failures) {
    const int used = snprintf(row->note, sizeof row->note, "WRONG: ");
    compare_describe(&result, row->note + used, sizeof row->note - (size_t)used);
    entry->failed = true;
  }
  if (row->note[0]) entry->note = row->note;
}

/* On a CPU a call returns when its work is done. A tiny problem of the same kind shows what a call
 * costs besides its work. */
static double tiny_host_seconds(bench_session *session, const line_problem *problem) {
  char text[160];
  line_problem tiny = *problem;
  tiny.dims[0] = TINY_BATCH;
  if (tiny.dims[1] > TINY_CHANNELS) tiny.dims[1] = TINY_CHANNELS;
  for (int i = 2; i < tiny.rank; ++i)
    if (tiny.dims[i] > TINY_SIDE) tiny.dims[i] = TINY_SIDE;
  line_format(&tiny, text, sizeof text); /* parsed again, which sets the strides */
  bench_case bench;
  if (line_parse(text, &tiny) || bench_case_open(session->handle, &tiny, INT32_MAX, &bench))
    return 0;
  const bench_entry entry = {.call = call_library, .state = &bench.run};
  const double seconds = bench_host_seconds(session->timer, &entry);
  bench_case_close(&bench);
  return seconds;
}

static void measure_host(bench_session *session, bench_case *bench, bench_row *row) {
  if (!session->timer->asynchronous) {
    if (!row->entries[0].note)
      row->entries[0].host_seconds = tiny_host_seconds(session, &bench->problem);
    return;
  }
  for (int i = 0; i + 1 < row->entry_count; ++i)
    if (!row->entries[i].note)
      row->entries[i].host_seconds = bench_host_seconds(session->timer, &row->entries[i]);
}

/* Quiet calls differ less than those that may have to share a processor. */
static double entry_seconds(const bench_options *options, int busy) {
  if (!options->busy_text) return 0;
  return busy ? options->busy_seconds : options->busy_seconds / 2;
}

/* The same entries, beside so many busy processes. Copies are timed without any. */
static void time_level(bench_session *session, bench_case *bench, bench_row *row) {
  const bench_options *options = session->options;
  char label[256];
  snprintf(label, sizeof label, "%s,%d", row->problem, row->busy);
  const bench_plan plan = {.seconds = options->seconds,
                           .entry_seconds = entry_seconds(options, row->busy),
                           .warm_up_seconds = row->busy ? WARM_UP_SECONDS : 0,
                           .samples = session->samples,
                           .label = label};
  bench_busy_set(row->busy);
  bench_measure(session->timer, bench, row->entries, row->entry_count, &plan);
  bench_busy_set(0);
}

static bool is_copy(const bench_entry *entry) {
  return !strcmp(entry->implementation, "copy");
}

/* All levels, in turns: rows[i] of options->busy[i]. */
static void time_levels(bench_session *session, bench_case *bench, bench_row *rows) {
  const bench_row prepared = rows[0];
  for (int i = 0; i < session->options->busy_count; ++i) {
    bench_row *row = &rows[i];
    *row = prepared;
    row->busy = session->options->busy[i];
    while (row->busy && is_copy(&row->entries[row->entry_count - 1])) --row->entry_count;
    time_level(session, bench, row);
  }
}

/* The library's own entry is timed in a process as those of its peers are. */
static void move_to_process(bench_session *session, bench_case *bench, bench_entry *own) {
  bench_entry served[BENCH_VARIANTS_MAX];
  if (!session->own) return;
  session->own->prepare(session->own, bench, served);
  own->sample = served[0].sample;
  own->state = served[0].state;
  own->note = served[0].note;
  own->failed = served[0].failed;
}

static void time_entries(bench_session *session, bench_case *bench, bench_row *rows) {
  bench_row *row = &rows[0];
  move_to_process(session, bench, &row->entries[0]);
  for (int i = 0; i < session->peer_count; ++i)
    row->entry_count +=
        session->peers[i]->prepare(session->peers[i], bench, &row->entries[row->entry_count]);
  bench_copy copies[] = {{session->timer, (size_t)row->floor_bytes, false},
                         {session->timer, (size_t)row->floor_bytes, true}};
  row->entries[row->entry_count++] = bench_copy_entry(&copies[0]);
  if (session->timer->copy_non_temporal)
    row->entries[row->entry_count++] = bench_copy_entry(&copies[1]);
  bench_replay replays[BENCH_ENTRIES_MAX];
  if (session->options->graph)
    bench_graph_record(session->timer, bench, row->entries, row->entry_count, replays);
  time_levels(session, bench, rows);
  measure_host(session, bench, row);
  if (session->options->graph) bench_graph_forget(replays, row->entry_count);
  for (int i = 0; i < session->peer_count; ++i) session->peers[i]->release(session->peers[i]);
}

bench_entry *bench_row_start(bench_row *row, bench_case *bench) {
  row->entries[0] = (bench_entry){
      .implementation = "cubn", .call = call_library, .state = &bench->run, .error = NAN};
  return &row->entries[0];
}

void bench_row_time(bench_session *session, const bench_item *item, bench_row *rows) {
  bench_case bench;
  bench_row *row = &rows[0];
  *row = (bench_row){.pass = item->problem.pass, .count = item->count, .entry_count = 1};
  row->floor_bytes = (double)line_floor_bytes(&item->problem);
  line_format(&item->problem, row->problem, sizeof row->problem);
  bench_entry *own = bench_row_start(row, &bench);
  const char *error = "empty: nothing to time";
  if (row->floor_bytes > 0)
    error =
        bench_case_open(session->handle, &item->problem, session->options->verify_elements, &bench);
  if (error) {
    own->note = error;
    own->failed = row->floor_bytes > 0;
  } else {
    bench_case_describe_sample(&bench, row->checked, sizeof row->checked);
    bench_row_verify(session, &bench, row);
    if (!own->note) {
      time_entries(session, &bench, rows);
      bench_case_close(&bench);
      return;
    }
    bench_case_close(&bench);
  }
  for (int i = 1; i < session->options->busy_count; ++i) {
    rows[i] = *row;
    rows[i].busy = session->options->busy[i];
    if (!error) rows[i].entries[0].note = rows[i].note;
  }
  row->busy = session->options->busy[0];
}

const bench_entry *bench_row_best(const bench_row *row, const char *implementation) {
  const bench_entry *best = NULL;
  for (int i = 0; i < row->entry_count; ++i) {
    const bench_entry *entry = &row->entries[i];
    if (strcmp(entry->implementation, implementation) || !entry->times.repeats) continue;
    if (!best || entry->times.median < best->times.median) best = entry;
  }
  return best;
}

double bench_over_floor(const bench_session *session, const bench_row *row,
                        const bench_entry *entry) {
  return session->copy_bandwidth > 0
             ? entry->times.median * session->copy_bandwidth / row->floor_bytes
             : NAN;
}

double bench_copy_share(const bench_row *row, const bench_entry *entry) {
  const bench_entry *copy = bench_row_best(row, "copy");
  return copy && entry->times.median > 0 ? copy->times.median / entry->times.median : NAN;
}

double bench_over_one_thread(const bench_row *row) {
  const bench_entry *one = bench_row_best(row, "cubn_1");
  if (!one || !row->entries[0].times.repeats) return NAN;
  const bench_times *a = &row->entries[0].times, *b = &one->times;
  const double ratios[] = {a->p5 / b->p5,   a->p25 / b->p25, a->median / b->median,
                           a->p75 / b->p75, a->p90 / b->p90, a->p95 / b->p95};
  double largest = 0;
  for (size_t i = 0; i < sizeof ratios / sizeof *ratios; ++i)
    if (ratios[i] > largest) largest = ratios[i];
  return largest;
}
