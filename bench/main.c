/* cubn-bench: verifies and times batch normalization. See bench/README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/select.h"
#include "processes/busy.h"
#include "report/report.h"
#include "rows/host.h"
#include "rows/serve.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int usage_error(const char *argument, const char *what) {
  fprintf(stderr, "cubn-bench: %s: %s\n", argument, what);
  return EXIT_USAGE;
}

static void print_list(const bench_list *list) {
  for (int i = 0; i < list->count; ++i) {
    char text[160];
    line_format(&list->items[i].problem, text, sizeof text);
    printf("%dx %s\n", list->items[i].count, text);
  }
}

/* Times all problems, and writes each result at once. A problem has levels rows. Returns false if
 * one failed. */
static bool time_all(bench_session *session, const bench_list *list, bench_row *rows, FILE *csv) {
  const int levels = session->options->busy_count;
  const bool host = session->options->host;
  bool failed = false;
  for (int i = 0; i < list->count; ++i) {
    (host ? bench_host_time : bench_row_time)(session, &list->items[i], &rows[i * levels]);
    for (bench_row *row = &rows[i * levels]; row < &rows[(i + 1) * levels]; ++row) {
      if (host)
        report_host_row(row);
      else
        report_row(session, row);
      if (csv) report_csv_row(csv, session, row);
      for (int k = 0; k < row->entry_count; ++k) failed = failed || row->entries[k].failed;
    }
  }
  return !failed;
}

static void prepare(bench_session *session) {
  if (session->options->host) {
    report_host_header(session);
    return;
  }
  bench_session_open_peers(session);
  session->copy_bandwidth = bench_copy_bandwidth(session->timer);
  report_header(session);
}

/* The files that results go to; those that are not asked for are NULL. */
typedef struct outputs {
  FILE *csv, *samples;
} outputs;

/* Returns NULL, or the path that cannot be written. */
static const char *open_outputs(bench_session *session, outputs *files) {
  const bench_options *options = session->options;
  *files = (outputs){0};
  if (options->csv && !(files->csv = report_csv_open(options->csv))) return options->csv;
  if (options->samples && !(files->samples = report_samples_open(options->samples)))
    return options->samples;
  session->samples = files->samples;
  prepare(session);
  return options->json && !report_head(options->json, session) ? options->json : NULL;
}

/* Returns NULL, or the path that could not be written in full. */
static const char *close_outputs(const bench_options *options, const outputs *files) {
  const bool csv_good = !files->csv || report_close(files->csv);
  const bool samples_good = !files->samples || report_close(files->samples);
  return !csv_good ? options->csv : !samples_good ? options->samples : NULL;
}

static int run(bench_session *session, const bench_list *list) {
  const bench_options *options = session->options;
  const int count = list->count * options->busy_count;
  outputs files;
  bench_row *rows = calloc((size_t)count, sizeof *rows);
  if (!rows) return usage_error("results", "no memory for them");
  const char *unwritable = open_outputs(session, &files);
  if (unwritable) {
    close_outputs(options, &files);
    free(rows);
    return usage_error(unwritable, "cannot be written");
  }
  const bool good = time_all(session, list, rows, files.csv);
  if (options->host)
    report_host_summary(rows, count);
  else
    report_summary(session, rows, count);
  unwritable = close_outputs(options, &files);
  if (unwritable) usage_error(unwritable, "cannot be written");
  free(rows);
  return !good || unwritable ? EXIT_FAILED : EXIT_GOOD;
}

/* The process of a library, for another cubn-bench. */
static int serve(const bench_options *options) {
  bench_session session = {.options = options};
  if (!bench_session_open(&session)) return EXIT_FAILED;
  const char *wrong = bench_serve(&session);
  bench_session_close(&session);
  return wrong ? usage_error("--worker", wrong) : EXIT_GOOD;
}

static int most_busy(const bench_options *options) {
  int most = 0;
  for (int i = 0; i < options->busy_count; ++i)
    if (options->busy[i] > most) most = options->busy[i];
  return most;
}

/* Times the list. Busy processes start before anything has threads. */
static int time_list(const bench_options *options, const bench_list *list) {
  bench_session session = {.options = options};
  if (!bench_busy_start(most_busy(options)))
    return usage_error("--busy", "the system refuses so many processes");
  int result = EXIT_GOOD;
  if (bench_session_open(&session)) {
    result = run(&session, list);
    bench_session_close(&session);
  }
  bench_busy_end();
  return result;
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
  if (options.algo && !cubn_algo_exists(options.algo))
    return usage_error(options.algo, "no algorithm has this name");
  if (options.list_peers) bench_list_peers(&options);
  if (options.list_peers) return EXIT_GOOD;
  if (options.worker) return serve(&options);
  wrong = bench_list_build(&options, &list);
  free(options.lines);
  if (wrong) fprintf(stderr, "cubn-bench: %s\n", wrong);
  int result = wrong ? EXIT_USAGE : EXIT_GOOD;
  if (!wrong && options.list)
    print_list(&list);
  else if (!wrong)
    result = time_list(&options, &list);
  bench_list_free(&list);
  return result;
}
