#include "processes/busy.h"

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/process.h"

#define STEPS_PER_LOOK ((int64_t)4 << 20) /* some milliseconds */

static pid_t children[BENCH_BUSY_MAX];
static int started;

/* Computes in registers, so that it takes a processor and no memory bandwidth. */
static void compute(pid_t parent) {
  volatile uint64_t result;
  uint64_t value = (uint64_t)parent | 1;
  while (getppid() == parent) { /* where the system does not end it with its parent */
    for (int64_t step = 0; step < STEPS_PER_LOOK; ++step) {
      value ^= value << 13;
      value ^= value >> 7;
      value ^= value << 17;
    }
    result = value;
    (void)result;
  }
}

bool bench_busy_start(int count) {
  const pid_t parent = getpid();
  for (; started < count; ++started) {
    const pid_t pid = fork();
    if (pid < 0) {
      bench_busy_end();
      return false;
    }
    if (pid == 0) {
      if (bench_process_end_with(parent)) {
        raise(SIGSTOP);
        compute(parent);
      }
      _exit(0);
    }
    children[started] = pid;
    waitpid(pid, NULL, WUNTRACED); /* it stops itself, once it is sure to end with this process */
  }
  return true;
}

void bench_busy_set(int count) {
  for (int i = 0; i < started; ++i) kill(children[i], i < count ? SIGCONT : SIGSTOP);
}

void bench_busy_end(void) {
  for (int i = 0; i < started; ++i) kill(children[i], SIGKILL);
  for (int i = 0; i < started; ++i) waitpid(children[i], NULL, 0);
  started = 0;
}
