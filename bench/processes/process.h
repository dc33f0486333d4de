/* A process that answers lines over two pipes. It is stopped whenever nothing is asked of it, so
 * that idle threads of its library do not spin while another library is timed. */
#ifndef CUBN_BENCH_PROCESS_H
#define CUBN_BENCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Where such a process answers. It reads from its standard input. Its standard output is that of
 * the errors, since a library may write there. */
#define BENCH_ANSWERS_FD 3
#define BENCH_LINE_BYTES 1024

typedef struct bench_process {
  pid_t pid; /* 0: none */
  FILE *to, *from;
} bench_process;

/* Starts the program argv[0], found on PATH, with further variables of the environment: names and
 * values in turns, then NULL. Returns false if the system refuses. A program that cannot be
 * executed shows in the first answer. */
bool bench_process_start(bench_process *process, const char *const *argv,
                         const char *const *variables);
void bench_process_end(bench_process *process);

/* Wakes the process up, sends a line, and reads a line of the answer without its end. Returns false
 * if the process has ended. */
bool bench_process_ask(bench_process *process, const char *line, char answer[BENCH_LINE_BYTES]);
/* Reads another line of the answer. */
bool bench_process_read(bench_process *process, char answer[BENCH_LINE_BYTES]);
/* Stops it until it is asked again. */
void bench_process_rest(const bench_process *process);

/* In a child: it is to be killed when its parent ends. Returns false if that has ended already. */
bool bench_process_end_with(pid_t parent);

#endif /* CUBN_BENCH_PROCESS_H */
