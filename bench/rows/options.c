#include "rows/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "processes/busy.h"
#include "rows/suites.h"

typedef enum { TAKES_NOTHING, TAKES_TEXT, TAKES_COUNT, TAKES_SECONDS } option_kind;

typedef struct option {
  const char *name;
  option_kind kind;
  size_t offset; /* of the member in bench_options */
  const char *help;
} option;

#define MEMBER(member) offsetof(bench_options, member)

static const option option_table[] = {
    {"--device", TAKES_TEXT, MEMBER(device), "NAME   cpu, cuda or cuda:N (default: as cubnCreate)"},
    {"--suite", TAKES_TEXT, MEMBER(suite), "NAME    a list of problems, see below"},
    {"--batch", TAKES_COUNT, MEMBER(batch), "N       batch size of the suite"},
    {"--type", TAKES_TEXT, MEMBER(type), "NAME     f32, f64, f16 or bf16 of the suite (f32)"},
    {"--layout", TAKES_TEXT, MEMBER(layout), "NAME   nchw or nhwc of the suite (nchw)"},
    {"--words", TAKES_TEXT, MEMBER(words), "WORDS   append to each line of the suite: add_relu"},
    {"--pass", TAKES_TEXT, MEMBER(pass),
     "NAME     train, infer, backward or all (default: the suite's)"},
    {"--file", TAKES_TEXT, MEMBER(file),
     "FILE     problem lines; \"6x \" before one counts it six times, # begins a comment"},
    {"--algo", TAKES_TEXT, MEMBER(algo), "NAME     force an algorithm; skip what it refuses"},
    {"--seconds", TAKES_SECONDS, MEMBER(seconds), "S     time budget per problem (0.5)"},
    {"--verify", TAKES_COUNT, MEMBER(verify_elements),
     "N      check all channels up to N elements, else a sample (4000000)"},
    {"--warm", TAKES_NOTHING, MEMBER(warm), "         keep the caches between repeats"},
    {"--graph", TAKES_NOTHING, MEMBER(graph),
     "        time replays of CUDA graphs of 20 calls, caches kept"},
    {"--host", TAKES_NOTHING, MEMBER(host),
     "         time until a call returns, and nothing else (suite: host)"},
    {"--peers", TAKES_NOTHING, MEMBER(peers), "        time other libraries in the same loop"},
    {"--busy", TAKES_TEXT, MEMBER(busy_text),
     "N[,N...]  CPU: time each problem beside N processes that compute without pause"},
    {"--busy-seconds", TAKES_SECONDS, MEMBER(busy_seconds),
     "S  time for each library, problem and N of --busy, at least (0.5; N = 0: half)"},
    {"--list-peers", TAKES_NOTHING, MEMBER(list_peers), "   say which were found, and stop"},
    {"--list", TAKES_NOTHING, MEMBER(list), "         print the problem lines, and stop"},
    {"--cudnn", TAKES_TEXT, MEMBER(cudnn), "PATH    libcudnn.so or its folder (also: CUDNN_LIB)"},
    {"--onednn", TAKES_TEXT, MEMBER(onednn),
     "PATH   libdnnl.so.3 or its folder (also: ONEDNN_LIB)"},
    {"--torch", TAKES_TEXT, MEMBER(torch),
     "PYTHON  a Python that has PyTorch (also: TORCH_PYTHON)"},
    {"--csv", TAKES_TEXT, MEMBER(csv), "FILE      write the results as CSV"},
    {"--json", TAKES_TEXT, MEMBER(json),
     "FILE     write machine, versions, commit, date and command as JSON"},
    {"--samples", TAKES_TEXT, MEMBER(samples), "FILE  write the time of each call as CSV"},
    {"--worker", TAKES_TEXT, MEMBER(worker),
     "NAME   answer questions of another cubn-bench (bench/peers/protocol.h)"},
    {"--help", TAKES_NOTHING, MEMBER(help), "         this text"},
};

void bench_options_usage(void) {
  printf(
      "cubn-bench: verifies and times batch normalization\n\n"
      "  cubn-bench [option ...] ['problem line' ...]\n\n"
      "A problem line is for instance 'train nhwc f16 n32c64h56w56' "
      "(tests/kit/problem_line.h).\n\n");
  for (size_t i = 0; i < sizeof option_table / sizeof *option_table; ++i)
    printf("  %s %s\n", option_table[i].name, option_table[i].help);
  printf("\nSuites: %s. Without suite, file and lines: resnet50.\n", bench_suite_names());
  printf(
      "Environment: CUBN_THREADS, CUDNN_LIB, ONEDNN_LIB, TORCH_PYTHON, and what cubn.h names.\n"
      "Exit status: 0, or 1 if a problem failed, or 2 for a wrong argument. Without the device "
      "that\n"
      "--device asks for, one line says so and the status is 0.\n");
}

static const option *find_option(const char *name) {
  for (size_t i = 0; i < sizeof option_table / sizeof *option_table; ++i)
    if (!strcmp(option_table[i].name, name)) return &option_table[i];
  return NULL;
}

static const char *explain_value(const char *value, const char *allowed) {
  static char message[256];
  snprintf(message, sizeof message, "is '%.80s', must be %s", value, allowed);
  return message;
}

/* Stores the value of an option. Returns NULL, or what is wrong with it. */
static const char *store(const option *option, const char *value, bench_options *options) {
  char *member = (char *)options + option->offset;
  char *end = NULL;
  if (option->kind == TAKES_TEXT) {
    memcpy(member, &value, sizeof value);
    return NULL;
  }
  const double number = strtod(value, &end);
  if (end == value || *end || !(number > 0) || number > 1e15)
    return explain_value(value, "a positive number");
  if (option->kind == TAKES_SECONDS) {
    memcpy(member, &number, sizeof number);
    return NULL;
  }
  const int64_t count = (int64_t)number;
  if ((double)count != number) return explain_value(value, "a whole number");
  memcpy(member, &count, sizeof count);
  return NULL;
}

/* Arguments with blanks are quoted. Returns false if there is not enough room. */
static bool join(int argc, char **argv, char *text, size_t text_bytes) {
  size_t used = 0;
  for (int i = 0; i < argc; ++i) {
    const char *quote = strchr(argv[i], ' ') ? "'" : "";
    const int added =
        snprintf(text + used, text_bytes - used, "%s%s%s%s", i ? " " : "", quote, argv[i], quote);
    if (added < 0 || (size_t)added >= text_bytes - used) return false;
    used += (size_t)added;
  }
  return true;
}

/* What is wrong with a word that is neither an option nor a problem line: those have blanks. */
static const char *explain_word(const char *before) {
  if (!strcmp(before, "--peers"))
    return "--peers takes no value: it times cudnn on a GPU, onednn and torch on a CPU. --cudnn "
           "PATH, --onednn PATH and --torch PYTHON say where they are";
  return "neither an option (see --help) nor a problem line, such as 'train nhwc f16 n32c64h56w56'";
}

/* Reads numbers with commas between. */
static const char *parse_busy(bench_options *options) {
  char *end = NULL;
  options->busy_count = 0;
  for (const char *at = options->busy_text; at; at = *end ? end + 1 : NULL) {
    const long number = strtol(at, &end, 10);
    if (end == at || (*end && *end != ',') || number < 0 || number > BENCH_BUSY_MAX ||
        options->busy_count == BENCH_BUSY_LEVELS_MAX)
      return explain_value(options->busy_text,
                           "at most 8 numbers from 0 to 64 with commas between, such as 0,1,2");
    options->busy[options->busy_count++] = (int)number;
  }
  return NULL;
}

/* What does not fit together. */
static const char *check(bench_options *options, const char **argument) {
  if (options->busy_text) {
    *argument = "--busy";
    if (options->host) return "not with --host, which computes nothing";
    if (options->graph) return "not with --graph: for a CPU only";
    if (options->device && strcmp(options->device, "cpu")) return "for a CPU only: --device cpu";
    return parse_busy(options);
  }
  options->busy_count = 1;
  return NULL;
}

const char *bench_options_parse(int argc, char **argv, bench_options *options,
                                const char **argument) {
  *options = (bench_options){.seconds = 0.5,
                             .busy_seconds = 0.5,
                             .verify_elements = 4000000,
                             .type = "f32",
                             .layout = "nchw"};
  if (!join(argc, argv, options->command, sizeof options->command))
    snprintf(options->command, sizeof options->command, "%s ...", argv[0]);
  options->lines = calloc((size_t)argc, sizeof *options->lines);
  if (!options->lines) return "no memory for the problem lines";
  for (int i = 1; i < argc; ++i) {
    *argument = argv[i];
    if (argv[i][0] != '-') {
      if (!strchr(argv[i], ' ')) return explain_word(argv[i - 1]);
      options->lines[options->line_count++] = argv[i];
      continue;
    }
    const option *option = find_option(argv[i]);
    if (!option) return "unknown option, see --help";
    if (option->kind == TAKES_NOTHING) {
      const bool yes = true;
      memcpy((char *)options + option->offset, &yes, sizeof yes);
      continue;
    }
    if (i + 1 == argc) return "needs a value";
    const char *problem = store(option, argv[++i], options);
    if (problem) return problem;
  }
  if (options->graph) options->warm = true; /* as all calls of a graph but the first are */
  return check(options, argument);
}
