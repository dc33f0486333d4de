#include "peers/peer_process.h"

#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peers/protocol.h"
#include "processes/find.h"
#include "processes/process.h"

typedef struct process_peer process_peer;

typedef struct process_entry {
  process_peer *peer;
  int index;
  char note[256];
} process_entry;

struct process_peer {
  bench_peer base;
  bench_process process;
  process_entry entries[BENCH_VARIANTS_MAX];
};

/* Cuts the next field off a line; empty after the last one. */
static char *next_field(char **line) {
  char *field = *line;
  const size_t length = strcspn(field, "\t");
  *line = field + length + (field[length] ? 1 : 0);
  field[length] = '\0';
  return field;
}

static double sample(void *state) {
  process_entry *entry = state;
  char question[32], answer[BENCH_LINE_BYTES];
  snprintf(question, sizeof question, BENCH_ASKS_TIME "%d", entry->index);
  const bool good = bench_process_ask(&entry->peer->process, question, answer);
  bench_process_rest(&entry->peer->process);
  return good ? strtod(answer, NULL) : -1;
}

static void read_entry(process_peer *peer, int index, char *line, bench_entry *entry) {
  process_entry *own = &peer->entries[index];
  *own = (process_entry){.peer = peer, .index = index};
  *entry = (bench_entry){.sample = sample, .state = own, .error = NAN};
  snprintf(entry->implementation, sizeof entry->implementation, "%.15s", next_field(&line));
  snprintf(entry->algorithm, sizeof entry->algorithm, "%.23s", next_field(&line));
  const char *error = next_field(&line);
  if (*error) entry->error = strtod(error, NULL);
  entry->failed = atoi(next_field(&line)) != 0;
  snprintf(own->note, sizeof own->note, "%.255s", next_field(&line));
  if (own->note[0]) entry->note = own->note;
}

static int prepare(bench_peer *base, bench_case *bench, bench_entry entries[BENCH_VARIANTS_MAX]) {
  process_peer *peer = (process_peer *)base;
  char question[BENCH_LINE_BYTES], answer[BENCH_LINE_BYTES], *line = answer;
  snprintf(question, sizeof question, BENCH_ASKS_PROBLEM "%s", bench->text);
  int count = 0, read = 0;
  if (bench_process_ask(&peer->process, question, answer) &&
      !strcmp(next_field(&line), BENCH_SAYS_ENTRIES))
    count = atoi(line);
  if (count > BENCH_VARIANTS_MAX) count = BENCH_VARIANTS_MAX;
  for (; read < count && bench_process_read(&peer->process, answer); ++read)
    read_entry(peer, read, answer, &entries[read]);
  bench_process_rest(&peer->process);
  if (read && read == count) return count;
  entries[0] = (bench_entry){.note = "its process has ended", .failed = true, .error = NAN};
  snprintf(entries[0].implementation, sizeof entries[0].implementation, "%s", base->name);
  return 1;
}

/* The next problem replaces this one. */
static void release(bench_peer *base) {
  (void)base;
}

static void close_peer(bench_peer *base) {
  bench_process_end(&((process_peer *)base)->process);
  free(base);
}

/* Starts the process and reads what it says of itself. */
static bench_peer *open_peer(const char *name, const char *const *argv,
                             const char *const *variables, char *reason, size_t reason_bytes) {
  process_peer *peer = calloc(1, sizeof *peer);
  char answer[BENCH_LINE_BYTES], *line = answer;
  if (!peer) return NULL;
  snprintf(reason, reason_bytes, "its process cannot be started: %s", argv[0]);
  if (bench_process_start(&peer->process, argv, variables) &&
      bench_process_read(&peer->process, answer)) {
    const bool ready = !strcmp(next_field(&line), BENCH_SAYS_READY);
    snprintf(reason, reason_bytes, "%s", line);
    if (ready) {
      bench_process_rest(&peer->process);
      peer->base = (bench_peer){.prepare = prepare, .release = release, .close = close_peer};
      snprintf(peer->base.name, sizeof peer->base.name, "%s", name);
      snprintf(peer->base.version, sizeof peer->base.version, "%.60s", line);
      return &peer->base;
    }
  }
  bench_process_end(&peer->process);
  free(peer);
  return NULL;
}

/* Starts this program anew, as the process of a library. */
static bench_peer *open_own(const char *name, const bench_peer_setting *setting,
                            const char *const *variables, char *reason, size_t reason_bytes) {
  char program[PATH_MAX], verify[32];
  snprintf(verify, sizeof verify, "%lld", (long long)setting->verify_elements);
  if (!bench_find_program(program)) {
    snprintf(reason, reason_bytes, "this system does not name the program's file");
    return NULL;
  }
  const char *argv[16] = {program, "--worker", name, "--device", "cpu", "--verify", verify};
  int count = 7;
  if (setting->warm) argv[count++] = "--warm";
  if (setting->algo && strcmp(name, "onednn")) {
    argv[count++] = "--algo";
    argv[count++] = setting->algo;
  }
  if (setting->onednn) {
    argv[count++] = "--onednn";
    argv[count++] = setting->onednn;
  }
  return open_peer(name, argv, variables, reason, reason_bytes);
}

bench_peer *bench_peer_open_cubn(const bench_peer_setting *setting, bool on_one_thread,
                                 char *reason, size_t reason_bytes) {
  const char *const variables[] = {"CUBN_THREADS", "1", NULL};
  return open_own(on_one_thread ? "cubn_1" : "cubn", setting, on_one_thread ? variables : NULL,
                  reason, reason_bytes);
}

/* The libraries that oneDNN needs lie beside it, where the loader looks for them only if it is told
 * so at the start of a program. */
bench_peer *bench_peer_open_onednn_process(const bench_peer_setting *setting, char *reason,
                                           size_t reason_bytes) {
  char folder[PATH_MAX], paths[3 * PATH_MAX], opencl[PATH_MAX + 32];
  const char *const given = getenv("ONEDNN_LIB"), *const old = getenv("LD_LIBRARY_PATH");
  struct stat status;
  folder[0] = '\0';
  if (setting->onednn || (given && *given))
    snprintf(folder, sizeof folder, "%s", setting->onednn ? setting->onednn : given);
  else if (!bench_find_above(".deps/onednn/libdnnl.so.3", folder))
    folder[0] = '\0';
  if (!folder[0]) return open_own("onednn", setting, NULL, reason, reason_bytes);
  const char *at = folder;
  if (stat(folder, &status) || !S_ISDIR(status.st_mode)) at = dirname(folder);
  snprintf(paths, sizeof paths, "%s:%s/lib%s%s", at, at, old && *old ? ":" : "", old ? old : "");
  snprintf(opencl, sizeof opencl, "%s/libintelocl.so", at);
  const bool has_opencl = !access(opencl, R_OK) && !getenv("OCL_ICD_FILENAMES");
  const char *const variables[] = {"LD_LIBRARY_PATH", paths,
                                   has_opencl ? "OCL_ICD_FILENAMES" : NULL, opencl, NULL};
  return open_own("onednn", setting, variables, reason, reason_bytes);
}

bench_peer *bench_peer_open_torch(const bench_peer_setting *setting, char *reason,
                                  size_t reason_bytes) {
  char python[PATH_MAX], script[PATH_MAX];
  const char *const given = getenv("TORCH_PYTHON");
  if (setting->torch || (given && *given))
    snprintf(python, sizeof python, "%s", setting->torch ? setting->torch : given);
  else if (!bench_find_above(".deps/torch/bin/python", python))
    snprintf(python, sizeof python, "python3");
  if (!bench_find_above("bench/peers/torch_worker.py", script)) {
    snprintf(reason, reason_bytes, "bench/peers/torch_worker.py is not above the program");
    return NULL;
  }
  const char *const argv[] = {python, script, setting->warm ? "--warm" : NULL, NULL};
  return open_peer("torch", argv, NULL, reason, reason_bytes);
}
