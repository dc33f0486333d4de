#include "rows/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/problem_line.h"
#include "peers/protocol.h"
#include "processes/process.h"
#include "rows/row.h"

typedef struct server {
  bench_session *session;
  bench_peer *peer; /* NULL: cubn itself */
  FILE *answers;
  bench_case bench;
  bool is_open; /* bench has a problem */
  bench_row row;
  bench_entry *entries; /* those of the row that are served */
  int count;
} server;

static void close_problem(server *self) {
  if (!self->is_open) return;
  if (self->peer) self->peer->release(self->peer);
  bench_case_close(&self->bench);
  self->is_open = false;
}

/* Entry 0 of the row is cubn, whose results the peer's outputs are compared beside. */
static void open_problem(server *self, const char *line) {
  bench_session *session = self->session;
  line_problem problem;
  bench_row *row = &self->row;
  *row = (bench_row){.entry_count = 1};
  bench_entry *own = bench_row_start(row, &self->bench);
  snprintf(own->implementation, sizeof own->implementation, "%s", session->options->worker);
  own->note = line_parse(line, &problem);
  if (!own->note)
    own->note =
        bench_case_open(session->handle, &problem, session->options->verify_elements, &self->bench);
  self->is_open = !own->note;
  self->entries = row->entries;
  self->count = 1;
  if (!self->is_open) return;
  bench_row_verify(session, &self->bench, row);
  if (!self->peer || own->note) return;
  self->entries = row->entries + 1;
  self->count = self->peer->prepare(self->peer, &self->bench, row->entries + 1);
}

static void say_entries(const server *self) {
  fprintf(self->answers, BENCH_SAYS_ENTRIES "\t%d\n", self->count);
  for (int i = 0; i < self->count; ++i) {
    const bench_entry *entry = &self->entries[i];
    char note[256] = "";
    if (entry->note) snprintf(note, sizeof note, "%s", entry->note);
    for (char *at = note; *at; ++at)
      if ((unsigned char)*at < ' ') *at = ' ';
    fprintf(self->answers, "%s\t%s\t%.9g\t%d\t%s\n", entry->implementation, entry->algorithm,
            entry->error, entry->failed, note);
  }
}

static void say_time(server *self, int index) {
  double seconds = -1;
  if (index >= 0 && index < self->count && !self->entries[index].note)
    seconds = bench_sample(self->session->timer, &self->bench, &self->entries[index]);
  fprintf(self->answers, "%.9g\n", seconds);
}

static void serve(server *self) {
  char line[BENCH_LINE_BYTES];
  const size_t problem = strlen(BENCH_ASKS_PROBLEM), time = strlen(BENCH_ASKS_TIME);
  fprintf(self->answers, BENCH_SAYS_READY "\t%s\n",
          self->peer ? self->peer->version : self->session->timer->device);
  fflush(self->answers);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    if (!strncmp(line, BENCH_ASKS_PROBLEM, problem)) {
      close_problem(self);
      open_problem(self, line + problem);
      say_entries(self);
    } else if (!strncmp(line, BENCH_ASKS_TIME, time)) {
      say_time(self, atoi(line + time));
    }
    fflush(self->answers);
  }
  close_problem(self);
}

const char *bench_serve(bench_session *session) {
  static server self;
  const bool is_onednn = !strcmp(session->options->worker, "onednn");
  char reason[BENCH_REASON_BYTES] = "";
  const bool is_cubn = !strncmp(session->options->worker, "cubn", 4);
  if (!is_onednn && !is_cubn)
    return "must be cubn, cubn_1 or onednn, in a process that another cubn-bench has started";
  self = (server){.session = session, .answers = fdopen(BENCH_ANSWERS_FD, "w")};
  if (!self.answers)
    return "must be started by another cubn-bench: it answers on descriptor 3, which is closed";
  if (is_onednn) {
    self.peer = bench_peer_open_onednn(session->options->onednn, reason, sizeof reason);
    if (!self.peer) {
      fprintf(self.answers, BENCH_SAYS_CANNOT "\t%s\n", reason);
      fclose(self.answers);
      return NULL;
    }
  }
  serve(&self);
  if (self.peer) self.peer->close(self.peer);
  fclose(self.answers);
  return NULL;
}
