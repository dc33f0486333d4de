/* CUBN_LOGDEST: names that are too long, pipes without a reader, with a slow one or one that
 * leaves, and places that cannot be written. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suites/support/capture.h"
#include "suites/support/expect_error.h"

static const char *const LINE = "cubn: error: CUBN_STATUS_NOT_INITIALIZED: cubnSynchronize: ";
enum { LIMIT = 511, SECONDS_MAX = 60 };

/* ---- The log ---- */

/* Errors go to `name` from now on; NULL: to nobody. */
static cubnStatus_t log_to(const char *name) {
  if (name) {
    setenv("CUBN_LOGLEVEL", "1", 1);
    setenv("CUBN_LOGDEST", name, 1);
  } else {
    unsetenv("CUBN_LOGLEVEL");
    unsetenv("CUBN_LOGDEST");
  }
  cubnHandle_t handle = NULL;
  const cubnStatus_t status = cubnCreateOnDevice(&handle, suite_device());
  CU_ASSERT((handle != NULL) == (status == CUBN_STATUS_SUCCESS));
  cubnDestroy(handle);
  return status;
}

static void make_error(void) {
  CU_ASSERT(cubnSynchronize(NULL) == CUBN_STATUS_NOT_INITIALIZED);
}

static int count(const char *text, const char *part) {
  int found = 0;
  for (; (text = strstr(text, part)); text += strlen(part)) ++found;
  return found;
}

/* Two errors; returns what stderr gets of them. */
static void make_errors(char *text, size_t text_bytes) {
  capture c = capture_begin();
  make_error();
  make_error();
  capture_end(&c, text, text_bytes);
}

static void expect_stderr(const char *name, const char *why, int lines) {
  char text[4096];
  make_errors(text, sizeof text);
  SUITE_CHECK(count(text, "CUBN_LOGDEST: cannot") == 1 && strstr(text, why) && strstr(text, name) &&
                  count(text, LINE) == lines,
              "%s: no single message with \"%s\" and %d lines on stderr: %s", name, why, lines,
              text);
}

/* ---- Names ---- */

/* "./././name" with a length of `bytes`. */
static void make_name(char *name, size_t bytes, const char *end) {
  const size_t prefix = bytes - strlen(end);
  memset(name, '/', prefix);
  for (size_t i = 0; i + 1 < prefix; i += 2) name[i] = '.';
  strcpy(name + prefix, end);
}

static void test_longest_name(void) {
  char name[LIMIT + 1];
  make_name(name, LIMIT, "cubn-log");
  expect_success(log_to(name), "the longest name");
  make_error();
  CU_ASSERT(remove("cubn-log") == 0);
  log_to(NULL);
}

/* A name that is cut would write the file "cubn-log". */
static void test_long_names(void) {
  static const char *const ends[] = {"cubn-log-too-long", "cubn-log%i", "cubn-log-%i-too-long"};
  char name[2 * LIMIT], wanted[16], number[24];
  snprintf(number, sizeof number, "%ld", (long)getpid());
  for (int i = 0; i < 3; ++i) {
    make_name(name, LIMIT + 9, ends[i]);
    const size_t with_number = LIMIT + 9 - 2 + strlen(number);
    snprintf(wanted, sizeof wanted, "%zu", i == 0 ? LIMIT + 9 : with_number);
    capture c = capture_begin();
    const cubnStatus_t status = log_to(name);
    char text[4096];
    capture_end(&c, text, sizeof text);
    expect_error(status, CUBN_STATUS_BAD_PARAM, "cubnCreateOnDevice", "CUBN_LOGDEST", wanted);
    expect_error(status, CUBN_STATUS_BAD_PARAM, "cubnCreateOnDevice", "CUBN_LOGDEST", "511");
    CU_ASSERT(access("cubn-log", F_OK) != 0);
  }
  log_to(NULL);
}

/* Fits as it is written, but not with the number of this process. */
static void test_expanded_name(void) {
  char name[LIMIT + 1], number[24];
  if (snprintf(number, sizeof number, "%ld", (long)getpid()) <= 2) return;
  make_name(name, LIMIT, "cubn-log-%i");
  capture c = capture_begin();
  const cubnStatus_t status = log_to(name);
  char text[4096];
  capture_end(&c, text, sizeof text);
  expect_error(status, CUBN_STATUS_BAD_PARAM, "cubnCreateOnDevice", "CUBN_LOGDEST", "511");
  log_to(NULL);
}

/* ---- Pipes ---- */
static const char *const PIPE = "cubn-test-pipe";

/* Makes the pipe and opens it for reading. The alarm ends a test that blocks. */
static int begin_pipe(void) {
  alarm(SECONDS_MAX);
  remove(PIPE);
  CU_ASSERT_FATAL(mkfifo(PIPE, 0600) == 0);
  const int reader = open(PIPE, O_RDONLY | O_NONBLOCK);
  CU_ASSERT_FATAL(reader >= 0);
  expect_success(log_to(PIPE), "a pipe");
  return reader;
}

static void end_pipe(void) {
  log_to(NULL);
  remove(PIPE);
  alarm(0);
}

static volatile sig_atomic_t signals;
static void on_signal(int number) {
  (void)number;
  ++signals;
}

static void test_reader_leaves(void) {
  char text[4096];
  signals = 0;
  struct sigaction mine = {.sa_handler = on_signal}, before;
  sigaction(SIGPIPE, &mine, &before);
  const int reader = begin_pipe();
  make_error();
  const ssize_t got = read(reader, text, sizeof text - 1);
  text[got > 0 ? got : 0] = '\0';
  SUITE_CHECK(count(text, LINE) == 1, "the pipe got: %s", text);
  close(reader);
  expect_stderr(PIPE, "cannot write to", 2);
  CU_ASSERT(signals == 0);
  end_pipe();
  sigaction(SIGPIPE, &before, NULL);
}

/* A SIGPIPE of the program's own, that waits to be unblocked, is not taken away. */
static void test_pending_signal(void) {
  sigset_t set, before, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  const int reader = begin_pipe();
  make_error();
  close(reader);
  raise(SIGPIPE);
  expect_stderr(PIPE, "cannot write to", 2);
  sigpending(&pending);
  const struct timespec no_wait = {0, 0};
  CU_ASSERT(sigismember(&pending, SIGPIPE) == 1);
  CU_ASSERT(sigtimedwait(&set, NULL, &no_wait) == SIGPIPE);
  end_pipe();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void test_no_reader(void) {
  close(begin_pipe());
  expect_stderr(PIPE, "it is a pipe that nobody reads", 2);
  end_pipe();
}

/* Counts the lines that wait in the pipe, and the lost ones that they tell of. */
static void drain(int reader, int *lines, int *lost) {
  static char text[1 << 20];
  size_t used = 0;
  ssize_t got;
  while ((got = read(reader, text + used, sizeof text - 1 - used)) > 0) used += (size_t)got;
  text[used] = '\0';
  *lines = count(text, LINE);
  const char *const notice = strstr(text, "cubn: warning: ");
  *lost = notice ? atoi(notice + strlen("cubn: warning: ")) : 0;
}

static void test_full_pipe(void) {
  enum { ERRORS = 20000 };
  int lines, lost, last_lines;
  const int reader = begin_pipe();
  for (int i = 0; i < ERRORS; ++i) make_error();
  drain(reader, &lines, &lost);
  CU_ASSERT(lines > 0 && lines < ERRORS && lost == 0);
  make_error();
  make_error();
  drain(reader, &last_lines, &lost);
  SUITE_CHECK(last_lines == 2 && lines + lost == ERRORS,
              "%d lines, %d lost of %d; then %d lines of 2", lines, lost, ERRORS, last_lines);
  close(reader);
  end_pipe();
}

/* ---- Places ---- */
static void test_unwritable(void) {
  static const char *const places[][2] = {{".", "cannot open ."},
                                          {"cubn-no-such-folder/log", "cannot open cubn-no-such"},
                                          {"/dev/full", "cannot write to /dev/full"}};
  for (int i = 0; i < 3; ++i) {
    expect_success(log_to(places[i][0]), places[i][0]);
    expect_stderr(places[i][0], places[i][1], 2);
  }
  log_to(NULL);
}

void test_log_destination_suites(void) {
  static const suite_test tests[] = {{"the longest name", test_longest_name},
                                     {"longer names", test_long_names},
                                     {"a name with its number", test_expanded_name},
                                     {"a reader leaves", test_reader_leaves},
                                     {"a signal was pending", test_pending_signal},
                                     {"no reader", test_no_reader},
                                     {"a full pipe", test_full_pipe},
                                     {"unwritable places", test_unwritable},
                                     {NULL, NULL}};
  suite_add("log destination", SUITE_CPU, tests);
}
