#include "processes/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

bool bench_process_end_with(pid_t parent) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* also ends a process that is stopped */
#endif
  return getppid() == parent;
}

/* Pipes that no other child inherits, above the descriptors that the child's ends will have. */
static bool open_pipe(int ends[2]) {
  if (pipe(ends)) return false;
  for (int i = 0; i < 2; ++i) {
    const int high = fcntl(ends[i], F_DUPFD_CLOEXEC, BENCH_ANSWERS_FD + 1);
    close(ends[i]);
    ends[i] = high;
  }
  if (ends[0] >= 0 && ends[1] >= 0) return true;
  for (int i = 0; i < 2; ++i)
    if (ends[i] >= 0) close(ends[i]);
  return false;
}

static void become(pid_t parent, int questions, int answers, const char *const *argv,
                   const char *const *variables) {
  char *arguments[32];
  int count = 0;
  for (; argv[count] && count < 31; ++count) arguments[count] = strdup(argv[count]);
  arguments[count] = NULL;
  for (; variables && variables[0]; variables += 2) setenv(variables[0], variables[1], 1);
  signal(SIGPIPE, SIG_DFL);
  dup2(questions, STDIN_FILENO);
  dup2(answers, BENCH_ANSWERS_FD);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  if (bench_process_end_with(parent)) execvp(arguments[0], arguments);
  _exit(127);
}

bool bench_process_start(bench_process *process, const char *const *argv,
                         const char *const *variables) {
  int questions[2], answers[2];
  *process = (bench_process){0};
  if (!open_pipe(questions)) return false;
  if (!open_pipe(answers)) {
    close(questions[0]);
    close(questions[1]);
    return false;
  }
  signal(SIGPIPE, SIG_IGN); /* a process that has ended shows in the answers */
  const pid_t parent = getpid(), pid = fork();
  if (pid == 0) become(parent, questions[0], answers[1], argv, variables);
  close(questions[0]);
  close(answers[1]);
  process->to = fdopen(questions[1], "w");
  process->from = fdopen(answers[0], "r");
  if (pid < 0 || !process->to || !process->from) {
    process->pid = pid > 0 ? pid : 0;
    bench_process_end(process);
    return false;
  }
  process->pid = pid;
  return true;
}

void bench_process_end(bench_process *process) {
  if (process->pid > 0) {
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
  }
  if (process->to) fclose(process->to);
  if (process->from) fclose(process->from);
  *process = (bench_process){0};
}

bool bench_process_read(bench_process *process, char answer[BENCH_LINE_BYTES]) {
  if (!process->from || !fgets(answer, BENCH_LINE_BYTES, process->from)) return false;
  answer[strcspn(answer, "\n")] = '\0';
  return true;
}

bool bench_process_ask(bench_process *process, const char *line, char answer[BENCH_LINE_BYTES]) {
  if (!process->pid) return false;
  kill(process->pid, SIGCONT);
  if (fprintf(process->to, "%s\n", line) < 0 || fflush(process->to)) return false;
  return bench_process_read(process, answer);
}

void bench_process_rest(const bench_process *process) {
  if (process->pid > 0) kill(process->pid, SIGSTOP);
}
