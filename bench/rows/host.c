#include "rows/host.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows/null_device.h"

/* Calls without waiting in between, few enough for the launch queue of a GPU. */
#define CALLS_MAX 100
#define BATCH_SECONDS 0.01 /* limit for the time of a batch of calls */
#define BATCHES_MIN 5
#define BATCHES_MAX 400

static bool call_library(void *state) {
  return run_call(state) == CUBN_STATUS_SUCCESS;
}

/* Time of a call, as the mean of a batch; negative if one fails. */
static double time_batch(bench_timer *timer, const bench_entry *entry, int calls) {
  const double begin = bench_clock();
  bool good = true;
  for (int call = 0; call < calls; ++call) good = entry->call(entry->state) && good;
  const double seconds = (bench_clock() - begin) / calls;
  if (timer->wait(timer)) good = false;
  return good ? seconds : -1;
}

/* Sets the entry's times. Each sample is a batch of calls. */
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
  time_entry(session, &row->entries[HOST_ENTRY_FRONT]);
  null_device_leave(&device);
  null_device_emulate(true);
  time_entry(session, &row->entries[HOST_ENTRY_CALL]);
  null_device_emulate(false);
}

void bench_host_time(bench_session *session, const bench_item *item, bench_row *row) {
  bench_case bench;
  *row = (bench_row){.pass = item->problem.pass, .count = item->count, .entry_count = HOST_ENTRIES};
  line_format(&item->problem, row->problem, sizeof row->problem);
  row->entries[HOST_ENTRY_CALL] = (bench_entry){.implementation = "call", .error = NAN};
  row->entries[HOST_ENTRY_FRONT] = (bench_entry){.implementation = "front", .error = NAN};
  const char *error =
      bench_case_open(session->handle, &item->problem, session->options->verify_elements, &bench);
  if (error) {
    row->entries[HOST_ENTRY_CALL].note = row->entries[HOST_ENTRY_FRONT].note = error;
    row->entries[HOST_ENTRY_CALL].failed = true;
    return;
  }
  bench_case_describe_sample(&bench, row->checked, sizeof row->checked);
  bench_row_verify(session, &bench, row);
  for (int i = 0; i < HOST_ENTRIES; ++i) {
    row->entries[i].call = call_library;
    row->entries[i].state = &bench.run;
  }
  if (!row->entries[HOST_ENTRY_CALL].note) time_entries(session, row);
  bench_case_close(&bench);
}
