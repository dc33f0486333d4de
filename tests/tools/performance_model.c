#include "performance_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Assumptions on the device. */
static const double memory_bytes_per_us = MODEL_COPY_BYTES_PER_US;
static const double l2_bytes_per_us = 5.5e6;  /* reads that others measured */
static const double l2_kept_bytes = 20 << 20; /* 40 % of L2: STREAMED_WINDOW_PERCENT */
static const double clocks_per_us = 1755;     /* the lower of NVIDIA's two boost clocks */
static const double issues_per_clock = 4;     /* of an SM: one for each scheduler */
static const double dependent_clocks = 6;     /* from an instruction to one that needs it */
static const double memory_latency_us = 0.7;  /* as in tuning.h; under load */
static const double barrier_us = 0.03;        /* 50 clocks for 8 warps to arrive and go on */
static const double fence_us = 0.7;           /* a fence and an atomic operation in L2 */
static const double all_reduce_us = 4.0;      /* as in tuning.h: ALL_REDUCE_BYTES */
static const double launch_us = 3.0;          /* until the first block runs, and after the last */
static const double lanes = 32;               /* of a warp */
static const double shared_bytes = 227 << 10; /* of an SM, for blocks */
static const double block_shared_bytes = 1 << 10; /* of each, which the system takes */

const char *const model_part_names[MODEL_PARTS] = {"memory", "issue slots", "latency of loads",
                                                   "phases of a block in series", "the launch"};

/* A line of the table. */
typedef struct {
  double per_element, blocks, flight, fixed, last, waits, fences;
  int arch;
  char loop[16], kernel[128];
} table_line;

static table_line table[400];
static int table_lines;

int model_read(const char *file) {
  FILE *const stream = fopen(file, "r");
  char line[256];
  if (!stream) return 0;
  while (fgets(line, sizeof line, stream)) {
    table_line *const to = &table[table_lines];
    if (sscanf(line, " %lf %lf %lf %lf %lf %lf %lf %d %15s %127[^\n]", &to->per_element,
               &to->blocks, &to->flight, &to->fixed, &to->last, &to->waits, &to->fences, &to->arch,
               to->loop, to->kernel) == 10 &&
        table_lines + 1 < (int)(sizeof table / sizeof table[0]))
      ++table_lines;
  }
  fclose(stream);
  return table_lines > 0;
}

static const table_line *find(const char *kernel, const char *loop) {
  for (int i = 0; i < table_lines; ++i)
    if (table[i].arch == 90 && !strcmp(table[i].loop, loop) && !strcmp(table[i].kernel, kernel))
      return &table[i];
  fprintf(stderr, "performance_model: no loop '%s' of %s for sm_90\n", loop, kernel);
  return NULL;
}

static double blocks_on_sm(const model_launch *l) {
  double blocks = floor(shared_bytes / (l->shared_bytes + block_shared_bytes));
  for (int i = 0; i < table_lines; ++i)
    if (table[i].arch == 90 && !strcmp(table[i].kernel, l->kernel))
      blocks = fmin(blocks, table[i].blocks);
  return blocks;
}

static void remove_all(char *text, const char *word, const char *by) {
  const size_t length = strlen(word), by_length = strlen(by);
  for (char *at = text; (at = strstr(at, word)); at += by_length) {
    memmove(at + by_length, at + length, strlen(at + length) + 1);
    memcpy(at, by, by_length);
  }
}

void model_shorten(const char *name, char *to, unsigned long size) {
  char text[512];
  snprintf(text, sizeof text, "%s", name);
  remove_all(text, "(anonymous namespace)::", "");
  remove_all(text, "cubn::", "");
  if (!strncmp(text, "void ", 5)) memmove(text, text + 5, strlen(text + 5) + 1);
  if (strchr(text, '(')) *strchr(text, '(') = '\0';
  remove_all(text, ", 256", "");
  remove_all(text, "__nv_bfloat16", "bf16");
  remove_all(text, "__half", "f16");
  remove_all(text, "> >", ">>");
  snprintf(to, size, "%s", text);
}

/* The times of a phase of a block, in us: what it takes of its SM's share of the memory, and of
 * its issue slots, and what it takes from load to use if it is alone. */
typedef struct {
  double memory, issue, flight;
} phase;

static double longest(phase p, int *part) {
  *part = p.memory >= p.issue && p.memory >= p.flight ? MODEL_MEMORY
          : p.issue >= p.flight                       ? MODEL_ISSUE
                                                      : MODEL_FLIGHT;
  return fmax(p.memory, fmax(p.issue, p.flight));
}

/* A pass of `loop` over the elements of a block. Without `flight` all loads are in flight. */
static phase phase_of(const table_line *loop, double elements, double memory_us,
                      double read_bytes) {
  const double issue = elements * loop->per_element / lanes / issues_per_clock / clocks_per_us;
  const double rounds = loop->flight > 0 ? read_bytes * loop->blocks / loop->flight : 1;
  return (phase){memory_us, issue, read_bytes > 0 ? fmax(rounds, 1) * memory_latency_us : 0};
}

/* What a block waits for that has all resources of an SM to itself. */
static double serial_us(const table_line *loop) {
  return loop->fixed * dependent_clocks / clocks_per_us + loop->waits * barrier_us +
         loop->fences * fence_us;
}

/* The phases of a block, and the sum of what is serial. */
typedef struct {
  phase phases[3];
  int count;
  double serial, last;
} block_cost;

static int cost_of_block(const model_launch *l, double earlier_bytes, double sms,
                         block_cost *cost) {
  const double bytes = l->elements * l->element_bytes, share = sms / l->blocks;
  const double elements = l->elements / l->blocks, read = l->inputs * bytes / l->blocks;
  const double kept = fmin(earlier_bytes, l2_kept_bytes);
  const int tiled = strstr(l->kernel, "_kernel<4, ") || strstr(l->kernel, "_kernel<8, ");
  const int streamed = !strncmp(l->kernel, "streamed", 8);
  *cost = (block_cost){0};
  if (tiled) {
    const table_line *const copy = find(l->kernel, "copy"), *const write = find(l->kernel, "write");
    const table_line *const sum = find(l->kernel, l->columns ? "sum-columns" : "sum-rows");
    if (!copy || !sum || !write) return 0;
    const double in = l->memory_bytes > 0 ? l->memory_bytes - bytes : l->inputs * bytes;
    cost->phases[0] = phase_of(copy, l->inputs * elements, in * share / memory_bytes_per_us, read);
    cost->phases[1] = phase_of(sum, elements, 0, 0);
    cost->phases[2] = phase_of(write, elements, bytes * share / memory_bytes_per_us, 0);
    cost->count = 3;
    cost->serial = serial_us(sum);
    return 1;
  }
  if (streamed || !strncmp(l->kernel, "reduce", 6)) {
    const table_line *const loop = find(l->kernel, "reduce");
    if (!loop) return 0;
    cost->phases[cost->count++] =
        phase_of(loop, elements, l->inputs * bytes * share / memory_bytes_per_us, read);
    cost->serial += serial_us(loop);
    cost->last = (loop->last - loop->fixed) * dependent_clocks / clocks_per_us;
  }
  if (streamed || !strncmp(l->kernel, "apply", 5)) {
    const table_line *const loop = find(l->kernel, "apply");
    if (!loop) return 0;
    const double from_l2 = streamed ? l->inputs * bytes : kept;
    const double memory = (l->inputs + 1) * bytes - from_l2;
    cost->phases[cost->count++] = phase_of(
        loop, elements,
        fmax(memory / memory_bytes_per_us, (memory + from_l2) / l2_bytes_per_us) * share, read);
    cost->serial += serial_us(loop);
  }
  return cost->count > 0;
}

/* The first blocks of an SM are in the same phase. Those that follow need the resource of which
 * they take most, or a slot of a block that was there before. */
int model_add(const model_launch *l, double earlier_bytes, double parts[MODEL_PARTS]) {
  const double sms = fmin(MODEL_SMS, l->blocks), per_sm = l->blocks / sms;
  const double resident = fmin(blocks_on_sm(l), ceil(per_sm));
  block_cost cost;
  if (!cost_of_block(l, earlier_bytes, sms, &cost)) return 0;
  phase sum = {0};
  double alone = cost.serial, waiting = 0;
  const int cooperates = !strncmp(l->kernel, "cooperative", 11);
  for (int i = 0; i < cost.count; ++i) {
    const phase p = cost.phases[i], all = {resident * p.memory, resident * p.issue, p.flight};
    int part = 0;
    const double us = longest(all, &part);
    if (!cooperates) parts[part] += us;
    alone += longest(p, &part);
    waiting += p.flight > fmax(p.memory, p.issue) ? p.flight : 0;
    sum.memory += p.memory;
    sum.issue += p.issue;
  }
  parts[MODEL_SERIAL] += cost.serial + cost.last + l->all_reduces * all_reduce_us;
  parts[MODEL_LAUNCH] += launch_us;
  const double more = cooperates ? per_sm : fmax(0, per_sm - resident);
  sum.flight = alone / resident;
  int part = 0;
  const double us = longest(sum, &part);
  if (part == MODEL_FLIGHT && waiting < cost.serial) part = MODEL_SERIAL;
  parts[part] += more * us;
  return 1;
}
