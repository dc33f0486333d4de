/* The results of --host as text. */
#include <stdio.h>

#include "report/commit.h"
#include "report/report.h"
#include "rows/host.h"
#include "rows/null_device.h"

void report_host_header(const bench_session *session) {
  printf("cubn on %s; %s; commit %s\n", session->timer->device, session->timer->versions,
         bench_commit());
  printf("until a call returns; launches %s\n",
         session->timer->asynchronous ? null_device_launches() : "none: a call on a CPU computes");
  printf("front: validation, collapse and selection, nothing enqueued or computed\n");
  printf("%-44s %-10s %9s %8s %9s %8s\n", "problem", "algorithm", "front us", "least", "call us",
         "least");
}

void report_host_row(const bench_row *row) {
  const bench_entry *call = &row->entries[HOST_ENTRY_CALL],
                    *front = &row->entries[HOST_ENTRY_FRONT];
  if (call->note || front->note)
    printf("%-44s %s\n", row->problem, call->note ? call->note : front->note);
  else
    printf("%-44s %-10s %9.3f %8.3f %9.3f %8.3f\n", row->problem, call->algorithm,
           1e6 * front->times.median, 1e6 * front->times.min, 1e6 * call->times.median,
           1e6 * call->times.min);
  fflush(stdout);
}

void report_host_summary(const bench_row *rows, int count) {
  static const char *const pass_names[] = {"train", "infer", "backward"};
  printf("\n");
  for (int pass = LINE_TRAIN; pass <= LINE_BACKWARD; ++pass) {
    const bench_row *worst = NULL;
    for (int i = 0; i < count; ++i)
      if (rows[i].pass == pass && rows[i].entries[HOST_ENTRY_FRONT].times.repeats &&
          (!worst || rows[i].entries[HOST_ENTRY_CALL].times.median >
                         worst->entries[HOST_ENTRY_CALL].times.median))
        worst = &rows[i];
    if (worst)
      printf("%s: at most %.3f us per call, %.3f us of it front (%s)\n", pass_names[pass],
             1e6 * worst->entries[HOST_ENTRY_CALL].times.median,
             1e6 * worst->entries[HOST_ENTRY_FRONT].times.median, worst->problem);
  }
}
