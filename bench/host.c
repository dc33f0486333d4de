#include "host.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commit.h"
#include "null_device.h"

/* Calls back to back, few enough for the launch queue of a GPU. */
#define CALLS_MAX 100
#define BATCH_SECONDS 0.01 /* a batch of calls shall take no longer */
#define BATCHES_MIN 5
#define BATCHES_MAX 400

enum { ENTRY_CALL, ENTRY_FRONT, ENTRIES };

static bool call_library(void *state) {
  return run_call(state) == CUBN_STATUS_SUCCESS;
}

/* Time of one of so many calls; negative if one fails. */
static double time_batch(bench_timer *timer, const bench_entry *entry, int calls) {
  const double begin = bench_clock();
  bool good = true;
  for (int call = 0; call < calls; ++call) good = entry->call(entry->state) && good;
  const double seconds = (bench_clock() - begin) / calls;
  if (timer->wait(timer)) good = false;
  return good ? seconds : -1;
}

/* Fills the entry's times with those of a call in batches of calls. */
static void time_entry(bench_session *session, bench_entry *entry) {
  static double samples[BATCHES_MAX];
  const double once = time_batch(session->timer, entry, 1);
  int calls = once > 0 ? (int)(BATCH_SECONDS / once) : 1;
  calls = calls < 1 ? 1 : calls > CALLS_MAX ? CALLS_MAX : calls;
  const double begin = bench_clock();
  int count = 0;
  while (count < BATCHES_MAX &&
         (count < BATCHES_MIN || bench_clock() - begin < session->options->seconds)) {
    const double seconds = time_batch(session->timer, entry, calls);
    if (seconds < 0) {
      entry->note = "a repeated call failed";
      entry->failed = true;
      return;
    }
    samples[count++] = seconds;
  }
  entry->times = bench_summarize(samples, count);
  entry->host_seconds = entry->times.median;
}

static void time_entries(bench_session *session, bench_row *row) {
  null_device device;
  null_device_enter(&device, session->handle);
  time_entry(session, &row->entries[ENTRY_FRONT]);
  null_device_leave(&device);
  null_device_emulate(true);
  time_entry(session, &row->entries[ENTRY_CALL]);
  null_device_emulate(false);
}

void bench_host_time(bench_session *session, const bench_item *item, bench_row *row) {
  bench_case bench;
  *row = (bench_row){.pass = item->problem.pass, .count = item->count, .entry_count = ENTRIES};
  line_format(&item->problem, row->problem, sizeof row->problem);
  row->entries[ENTRY_CALL] = (bench_entry){.implementation = "call", .error = NAN};
  row->entries[ENTRY_FRONT] = (bench_entry){.implementation = "front", .error = NAN};
  const char *error =
      bench_case_open(session->handle, &item->problem, session->options->verify_elements, &bench);
  if (error) {
    row->entries[ENTRY_CALL].note = row->entries[ENTRY_FRONT].note = error;
    row->entries[ENTRY_CALL].failed = true;
    return;
  }
  bench_case_describe_sample(&bench, row->checked, sizeof row->checked);
  bench_row_verify(session, &bench, row);
  for (int i = 0; i < ENTRIES; ++i) {
    row->entries[i].call = call_library;
    row->entries[i].state = &bench.run;
  }
  if (!row->entries[ENTRY_CALL].note) time_entries(session, row);
  bench_case_close(&bench);
}

/* ---- Output ---- */

void bench_host_header(const bench_session *session) {
  printf("cubn on %s; %s; commit %s\n", session->timer->device, session->timer->versions,
         bench_commit());
  printf("until a call returns; launches %s\n",
         session->timer->asynchronous ? null_device_launches() : "none: a CPU's call computes");
  printf("front: validation, collapse and selection, nothing enqueued or computed\n");
  printf("%-44s %-10s %9s %8s %9s %8s\n", "problem", "algorithm", "front us", "least", "call us",
         "least");
}

void bench_host_report(const bench_row *row) {
  const bench_entry *call = &row->entries[ENTRY_CALL], *front = &row->entries[ENTRY_FRONT];
  if (call->note || front->note)
    printf("%-44s %s\n", row->problem, call->note ? call->note : front->note);
  else
    printf("%-44s %-10s %9.3f %8.3f %9.3f %8.3f\n", row->problem, call->algorithm,
           1e6 * front->times.median, 1e6 * front->times.min, 1e6 * call->times.median,
           1e6 * call->times.min);
  fflush(stdout);
}

void bench_host_summary(const bench_row *rows, int count) {
  static const char *const pass_names[] = {"train", "infer", "backward"};
  printf("\n");
  for (int pass = LINE_TRAIN; pass <= LINE_BACKWARD; ++pass) {
    const bench_row *worst = NULL;
    for (int i = 0; i < count; ++i)
      if (rows[i].pass == pass && rows[i].entries[ENTRY_FRONT].times.repeats &&
          (!worst ||
           rows[i].entries[ENTRY_CALL].times.median > worst->entries[ENTRY_CALL].times.median))
        worst = &rows[i];
    if (worst)
      printf("%s: at most %.3f us per call, %.3f us of it front (%s)\n", pass_names[pass],
             1e6 * worst->entries[ENTRY_CALL].times.median,
             1e6 * worst->entries[ENTRY_FRONT].times.median, worst->problem);
  }
}
