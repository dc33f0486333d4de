/* The results for other programs: CSV with a record per problem and implementation, and the head of
 * the run as JSON. bench/peers/torch_bn.py writes the same fields. Unknown numbers are empty. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report/commit.h"
#include "report/report.h"
#include "timers/cpu_name.h"

static const char *const field_names[] = {
    "device",     "implementation", "algorithm", "problem", "count",       "warm",     "graph",
    "median_us",  "min_us",         "iqr_us",    "repeats", "floor_bytes", "gb_per_s", "over_floor",
    "copy_share", "host_us",        "max_error", "checked", "note",        "busy",     "p5_us",
    "p25_us",     "p75_us",         "p90_us",    "p95_us"};
#define FIELDS ((int)(sizeof field_names / sizeof *field_names))

typedef struct field {
  const char *text; /* NULL: a number */
  double number;    /* NAN: unknown */
  int digits;       /* significant ones */
} field;

static double known(bool is_known, double value) {
  return is_known ? value : (double)NAN;
}

/* In the order of field_names. */
static void make_fields(const bench_session *session, const bench_row *row,
                        const bench_entry *entry, field *fields) {
  const bool timed = entry->times.repeats > 0 && entry->times.median > 0;
  const double median = known(timed, entry->times.median);
  const field all[] = {
      {session->timer->device, 0, 0},
      {entry->implementation, 0, 0},
      {entry->algorithm, 0, 0},
      {row->problem, 0, 0},
      {NULL, row->count, 9},
      {NULL, session->options->warm, 1},
      {NULL, entry->calls, 9},
      {NULL, 1e6 * median, 6},
      {NULL, known(timed, 1e6 * entry->times.min), 6},
      {NULL, known(timed, 1e6 * entry->times.spread), 4},
      {NULL, entry->times.repeats, 9},
      {NULL, row->floor_bytes, 17},
      {NULL, 1e-9 * row->floor_bytes / median, 5},
      {NULL, known(timed, bench_over_floor(session, row, entry)), 4},
      {NULL, known(timed, bench_copy_share(row, entry)), 4},
      {NULL, known(entry->host_seconds > 0, 1e6 * entry->host_seconds), 4},
      {NULL, entry->error, 4},
      {row->checked, 0, 0},
      {entry->note ? entry->note : "", 0, 0},
      {NULL, row->busy, 9},
      {NULL, known(timed, 1e6 * entry->times.p5), 6},
      {NULL, known(timed, 1e6 * entry->times.p25), 6},
      {NULL, known(timed, 1e6 * entry->times.p75), 6},
      {NULL, known(timed, 1e6 * entry->times.p90), 6},
      {NULL, known(timed, 1e6 * entry->times.p95), 6},
  };
  _Static_assert(sizeof all / sizeof *all == sizeof field_names / sizeof *field_names,
                 "a name for every field");
  memcpy(fields, all, sizeof all);
}

/* Writes a quoted text. `escape` precedes quotation marks; control characters become blanks. */
static void write_text(FILE *file, const char *text, char escape) {
  fputc('"', file);
  for (; *text; ++text) {
    if (*text == '"' || (*text == '\\' && escape == '\\')) fputc(escape, file);
    fputc((unsigned char)*text < ' ' ? ' ' : *text, file);
  }
  fputc('"', file);
}

bool report_close(FILE *file) {
  const bool good = !ferror(file);
  return fclose(file) == 0 && good;
}

static void write_csv_record(FILE *file, const field *fields) {
  for (int f = 0; f < FIELDS; ++f) {
    if (fields[f].text)
      write_text(file, fields[f].text, '"');
    else if (isfinite(fields[f].number))
      fprintf(file, "%.*g", fields[f].digits, fields[f].number);
    fputs(f + 1 < FIELDS ? "," : "\n", file);
  }
}

FILE *report_csv_open(const char *path) {
  FILE *file = fopen(path, "w");
  if (!file) return NULL;
  for (int f = 0; f < FIELDS; ++f)
    fprintf(file, "%s%s", field_names[f], f + 1 < FIELDS ? "," : "\n");
  fflush(file);
  return file;
}

FILE *report_samples_open(const char *path) {
  FILE *file = fopen(path, "w");
  if (file) fputs("problem,busy,implementation,algorithm,us\n", file);
  return file;
}

void report_csv_row(FILE *file, const bench_session *session, const bench_row *row) {
  for (int k = 0; k < row->entry_count; ++k) {
    field fields[FIELDS];
    make_fields(session, row, &row->entries[k], fields);
    write_csv_record(file, fields);
  }
  fflush(file);
}

static void write_json_text(FILE *file, const char *name, const char *text) {
  fprintf(file, "  \"%s\": ", name);
  write_text(file, text, '\\');
  fputs(",\n", file);
}

bool report_head(const char *path, const bench_session *session) {
  char text[96];
  const size_t version = cubnGetVersion();
  const time_t now = time(NULL);
  struct tm utc;
  FILE *file = fopen(path, "w");
  if (!file) return false;
  fputs("{\n", file);
  write_json_text(file, "device", session->timer->device);
  bench_cpu_name(text, sizeof text);
  write_json_text(file, "cpu", text);
  write_json_text(file, "versions", session->timer->versions);
  snprintf(text, sizeof text, "%zu.%zu.%zu", version / 10000, version / 100 % 100, version % 100);
  write_json_text(file, "cubn", text);
  write_json_text(file, "commit", bench_commit());
  if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc))
    write_json_text(file, "date", text);
  write_json_text(file, "command", session->options->command);
  for (int i = 0; i < session->peer_count; ++i)
    write_json_text(file, session->peers[i]->name, session->peers[i]->version);
  fprintf(file, "  \"seconds_per_problem\": %g,\n", session->options->seconds);
  if (session->options->busy_text) {
    write_json_text(file, "busy", session->options->busy_text);
    fprintf(file, "  \"busy_seconds_per_library\": %g,\n", session->options->busy_seconds);
  }
  fprintf(file, "  \"copy_gb_per_s\": %.5g\n}\n", 1e-9 * session->copy_bandwidth);
  return report_close(file);
}
