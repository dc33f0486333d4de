/* Files are written by one write() per line: lines of several processes do not mix, and a pipe
 * takes a line whole or not at all. */
#include "core/log_destination.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A line and the notice before it. Less than PIPE_BUF, up to which pipes do not divide. */
enum { LINES_MAX = CUBN_LOG_TEXT_MAX + 256, PATH_BYTES = CUBN_LOG_PATH_MAX + 32 };

static struct {
  char name[CUBN_LOG_PATH_MAX + 2]; /* CUBN_LOGDEST; "%i" may be longer than its number */
  FILE *stream;                     /* stdout or stderr; NULL: the file */
  int file;                         /* -1: nothing is open yet */
  unsigned long long lost;          /* lines that a full pipe did not take */
} destination = {.file = -1};

/* ---- Opening ---- */

/* Writes the process number if the name has a place for it. Returns that place, or NULL. */
static const char *find_number(const char *name, char number[24]) {
  const char *const mark = strstr(name, "%i");
  number[0] = '\0';
  if (mark) snprintf(number, 24, "%ld", (long)getpid());
  return mark;
}

size_t cubn_log_path_bytes(const char *name) {
  char number[24];
  const char *const mark = find_number(name, number);
  return strlen(name) + strlen(number) - (mark ? 2 : 0);
}

/* The number may have become longer since the name was checked, by a fork. */
static void get_path(char path[PATH_BYTES]) {
  char number[24];
  const char *const name = destination.name, *const mark = find_number(name, number);
  const int prefix = mark ? (int)(mark - name) : (int)strlen(name);
  snprintf(path, PATH_BYTES, "%.*s%s%s", prefix, name, number, mark ? mark + 2 : "");
}

static void close_file(void) {
  if (destination.file >= 0) close(destination.file);
  destination.file = -1;
}

void cubn_log_set_destination(const char *name) {
  if (cubn_log_path_bytes(name) > CUBN_LOG_PATH_MAX) name = "";
  if (strcmp(name, destination.name) == 0) return;
  close_file();
  destination.stream = NULL;
  destination.lost = 0;
  strcpy(destination.name, name);
}

/* Opens for appending without waiting for a reader of a pipe, which is then never waited for. */
static int open_file(const char *path) {
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const int file = open(path, flags, 0666);
  struct stat status;
  if (file >= 0 && fstat(file, &status) == 0 && (S_ISREG(status.st_mode) || isatty(file)))
    fcntl(file, F_SETFL, O_APPEND);
  return file;
}

/* ---- Writing ---- */

static int write_bytes(int file, const char *text, size_t bytes) {
  while (bytes > 0) {
    const ssize_t written = write(file, text, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text += written;
    bytes -= (size_t)written;
  }
  return 0;
}

/* Writes to the file, or after what the program has written to the stream. Returns 0 or errno. */
static int write_text(FILE *stream, const char *text) {
  if (stream && fflush(stream) != 0) return errno;
  return write_bytes(stream ? fileno(stream) : destination.file, text, strlen(text));
}

/* The same, but a pipe that nobody reads any more gives EPIPE without the signal that comes with
 * it. A SIGPIPE that was pending before stays so. */
static int write_without_signal(FILE *stream, const char *text) {
  sigset_t pipe_signal, pending, before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const int error = write_text(stream, text);
  const struct timespec no_wait = {0, 0};
  if (error == EPIPE && !was_pending)
    while (sigtimedwait(&pipe_signal, NULL, &no_wait) < 0 && errno == EINTR) continue;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

static void use_stderr(const char *verb, int error) {
  char path[PATH_BYTES], text[LINES_MAX];
  get_path(path);
  snprintf(text, sizeof text, "cubn: CUBN_LOGDEST: cannot %s %s: %s; stderr is used\n", verb, path,
           error == ENXIO ? "it is a pipe that nobody reads" : strerror(error));
  close_file();
  destination.stream = stderr;
  write_without_signal(stderr, text);
}

static void open_destination(void) {
  const char *const name = destination.name;
  if (!*name || strcmp(name, "stderr") == 0) {
    destination.stream = stderr;
  } else if (strcmp(name, "stdout") == 0) {
    destination.stream = stdout;
  } else {
    char path[PATH_BYTES];
    get_path(path);
    destination.file = open_file(path);
    if (destination.file < 0) use_stderr("open", errno);
  }
}

void cubn_log_write_line(const char *mark, const char *text) {
  if (!destination.stream && destination.file < 0) open_destination();
  char lines[LINES_MAX] = "";
  int used = 0;
  if (destination.lost > 0)
    used =
        snprintf(lines, sizeof lines,
                 "cubn: warning: %llu lines are lost, the reader was too slow\n", destination.lost);
  snprintf(lines + used, sizeof lines - (size_t)used, "cubn: %s%s\n", mark, text);
  const int error = write_without_signal(destination.stream, lines);
  if (error == EAGAIN) {
    ++destination.lost;
    return;
  }
  if (error && destination.stream != stderr) {
    use_stderr("write to", error);
    write_without_signal(stderr, lines);
  }
  destination.lost = 0;
}
