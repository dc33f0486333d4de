/* Where the lines of the log go: what CUBN_LOGDEST says. log.c calls all functions but the first
 * with its lock held. No line blocks the program or ends it, whoever reads. */
#ifndef CUBN_CORE_LOG_DESTINATION_H
#define CUBN_CORE_LOG_DESTINATION_H

#include <stddef.h>

enum {
  CUBN_LOG_TEXT_MAX = 1024, /* bytes of a message, with its end */
  CUBN_LOG_PATH_MAX = 511   /* bytes of a file's name */
};

/* Bytes of the file's name that `name` stands for: "%i" is replaced by the process number. */
size_t cubn_log_path_bytes(const char *name);

/* Lines go there from now on: "stdout", "stderr", or a file, which the next line opens. "" stands
 * for stderr, and so does a name that is longer than CUBN_LOG_PATH_MAX. */
void cubn_log_set_destination(const char *name);

/* Writes "cubn: ", the mark, the text and a line end. If that fails, stderr is told why, and takes
 * this line and all others. If a pipe is full, the line is lost; the next line that is written says
 * how many were. */
void cubn_log_write_line(const char *mark, const char *text);

#endif /* CUBN_CORE_LOG_DESTINATION_H */
