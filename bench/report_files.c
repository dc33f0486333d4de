/* The results for other programs. Every problem and implementation is a record with the same
 * fields in both formats; bench/peers/torch_bn.py writes them too. Unknown numbers are left empty
 * in CSV and null in JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report.h"

#define FIELDS 18

typedef struct field {
  const char *name;
  const char *text; /* NULL: a number */
  double number;    /* NAN: unknown */
  int digits;       /* significant ones */
} field;

static double known(bool is_known, double value) {
  return is_known ? value : (double)NAN;
}

static void make_fields(const bench_session *session, const bench_row *row,
                        const bench_entry *entry, field fields[FIELDS]) {
  const bool timed = entry->times.repeats > 0 && entry->times.median > 0;
  const double median = known(timed, entry->times.median);
  const field all[] = {
      {"device", session->timer->device, 0, 0},
      {"implementation", entry->implementation, 0, 0},
      {"algorithm", entry->algorithm, 0, 0},
      {"problem", row->problem, 0, 0},
      {"count", NULL, row->count, 9},
      {"warm", NULL, session->options->warm, 1},
      {"median_us", NULL, 1e6 * median, 6},
      {"min_us", NULL, known(timed, 1e6 * entry->times.min), 6},
      {"iqr_us", NULL, known(timed, 1e6 * entry->times.spread), 4},
      {"repeats", NULL, entry->times.repeats, 9},
      {"floor_bytes", NULL, row->floor_bytes, 17},
      {"gb_per_s", NULL, 1e-9 * row->floor_bytes / median, 5},
      {"over_floor", NULL, known(timed, bench_over_floor(session, row, entry)), 4},
      {"copy_share", NULL, known(timed, bench_copy_share(row, entry)), 4},
      {"host_us", NULL, known(entry->host_seconds > 0, 1e6 * entry->host_seconds), 4},
      {"max_error", NULL, entry->error, 4},
      {"checked", row->checked, 0, 0},
      {"note", entry->note ? entry->note : "", 0, 0},
  };
  _Static_assert(sizeof all / sizeof *all == FIELDS, "number of fields");
  memcpy(fields, all, sizeof all);
}

/* A quoted text, with the quotation mark escaped by `escape`; control characters become blanks. */
static void write_text(FILE *file, const char *text, char escape) {
  fputc('"', file);
  for (; *text; ++text) {
    if (*text == '"' || (*text == '\\' && escape == '\\')) fputc(escape, file);
    fputc((unsigned char)*text < ' ' ? ' ' : *text, file);
  }
  fputc('"', file);
}

static bool finish(FILE *file) {
  const bool good = !ferror(file);
  return fclose(file) == 0 && good;
}

static void write_csv_record(FILE *file, const field fields[FIELDS]) {
  for (int f = 0; f < FIELDS; ++f) {
    if (fields[f].text)
      write_text(file, fields[f].text, '"');
    else if (isfinite(fields[f].number))
      fprintf(file, "%.*g", fields[f].digits, fields[f].number);
    fputs(f + 1 < FIELDS ? "," : "\n", file);
  }
}

bool report_csv(const char *path, const bench_session *session, const bench_row *rows, int count) {
  FILE *file = fopen(path, "w");
  if (!file) return false;
  for (int i = 0; i < count; ++i) {
    for (int k = 0; k < rows[i].entry_count; ++k) {
      field fields[FIELDS];
      make_fields(session, &rows[i], &rows[i].entries[k], fields);
      for (int f = 0; f < FIELDS && i == 0 && k == 0; ++f)
        fprintf(file, "%s%s", fields[f].name, f + 1 < FIELDS ? "," : "\n");
      write_csv_record(file, fields);
    }
  }
  return finish(file);
}

static void write_json_text(FILE *file, const char *name, const char *text) {
  fprintf(file, "  \"%s\": ", name);
  write_text(file, text, '\\');
  fputs(",\n", file);
}

static void write_environment(FILE *file, const bench_session *session) {
  char text[64];
  const size_t version = cubnGetVersion();
  const time_t now = time(NULL);
  struct tm utc;
  write_json_text(file, "device", session->timer->device);
  write_json_text(file, "versions", session->timer->versions);
  snprintf(text, sizeof text, "%zu.%zu.%zu", version / 10000, version / 100 % 100, version % 100);
  write_json_text(file, "cubn", text);
  write_json_text(file, "commit", CUBN_COMMIT);
  if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc))
    write_json_text(file, "date", text);
  for (int i = 0; i < session->peer_count; ++i)
    write_json_text(file, session->peers[i]->name, session->peers[i]->version);
  fprintf(file, "  \"seconds_per_problem\": %g,\n", session->options->seconds);
  fprintf(file, "  \"copy_gb_per_s\": %.5g,\n", 1e-9 * session->copy_bandwidth);
}

static void write_json_record(FILE *file, const field fields[FIELDS]) {
  for (int f = 0; f < FIELDS; ++f) {
    fprintf(file, "%s\"%s\": ", f ? ", " : "{", fields[f].name);
    if (fields[f].text)
      write_text(file, fields[f].text, '\\');
    else if (isfinite(fields[f].number))
      fprintf(file, "%.*g", fields[f].digits, fields[f].number);
    else
      fputs("null", file);
  }
  fputs("}", file);
}

bool report_json(const char *path, const bench_session *session, const bench_row *rows, int count) {
  FILE *file = fopen(path, "w");
  if (!file) return false;
  fputs("{\n", file);
  write_environment(file, session);
  fputs("  \"results\": [", file);
  for (int i = 0; i < count; ++i) {
    for (int k = 0; k < rows[i].entry_count; ++k) {
      field fields[FIELDS];
      make_fields(session, &rows[i], &rows[i].entries[k], fields);
      fputs(i || k ? ",\n    " : "\n    ", file);
      write_json_record(file, fields);
    }
  }
  fputs("\n  ]\n}\n", file);
  return finish(file);
}
