#include "suites/support/capture.h"

#include <CUnit/CUnit.h>
#include <unistd.h>

capture capture_begin(void) {
  fflush(stderr);
  capture c = {tmpfile(), dup(STDERR_FILENO)};
  CU_ASSERT_FATAL(c.file != NULL && c.saved >= 0);
  dup2(fileno(c.file), STDERR_FILENO);
  return c;
}

void capture_end(capture *c, char *text, size_t text_bytes) {
  fflush(stderr);
  dup2(c->saved, STDERR_FILENO);
  close(c->saved);
  rewind(c->file);
  text[fread(text, 1, text_bytes - 1, c->file)] = '\0';
  fclose(c->file);
}
