/* Command lines: a program lists its options, and where their values go. */
#ifndef NN_OPTIONS_H
#define NN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  NN_OPTION_FLAG,       /* bool: true if the option is there */
  NN_OPTION_INT,        /* int32_t, within least and most */
  NN_OPTION_REAL,       /* float, within least and most */
  NN_OPTION_RATES,      /* nn_rates: may be given several times */
  NN_OPTION_SEED,       /* uint64_t */
  NN_OPTION_ACTIVATION, /* uint32_t: sigmoid, tanh or relu */
  NN_OPTION_TEXT        /* const char * */
} nn_option_kind;

typedef struct nn_option {
  const char *name; /* "--epochs"; an array of options ends with NULL */
  nn_option_kind kind;
  void *value; /* contains the default */
  double least, most;
  const char *argument, *help; /* for --help; argument NULL for flags */
} nn_option;

enum { NN_RATE_MAX = 8 };
typedef struct nn_rates {
  float values[NN_RATE_MAX];
  int count;
} nn_rates;

/* Reads the arguments; *help: there was --help, and what follows it is not read. False with a
 * message (nn_message). */
bool nn_parse_options(const nn_option *options, int argc, char **argv, bool *help);

/* The text of --help; `summary` says what the program does. */
void nn_print_usage(const char *program, const char *summary, const nn_option *options);

#endif /* NN_OPTIONS_H */
