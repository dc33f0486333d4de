/* Files of other programs, for examples/import: written into a folder, cut off, and spoiled. */
#ifndef CUBN_TESTS_IMPORT_FILES_H
#define CUBN_TESTS_IMPORT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "import/norms.h"
#include "suites/support/suite.h"

enum { IMPORT_FILE_MAX = 2000 };

/* A file as it is put together. */
typedef struct import_file {
  const char *name; /* "net.bin" */
  unsigned char bytes[IMPORT_FILE_MAX];
  size_t count;
} import_file;

void import_file_text(import_file *file, const char *text);
void import_file_u32(import_file *file, uint32_t value);
/* `count` floats from `first` on, each greater by 1. */
void import_file_floats(import_file *file, int count, float first);

/* A folder for files; false, and a failed check, without one. */
bool import_folder_open(void);
void import_folder_close(void);
void import_folder_write(const import_file *file);

/* Reads the file `name` of the folder into norms. */
bool import_folder_read(const char *name, import_norms *norms);
/* Reading `name` must fail with a message that has the folder and both texts. */
void import_expect_refusal(const char *name, const char *where, const char *what);
/* One layer, whose arrays count up by 1 from the given values. */
void import_expect_norm(const import_norms *norms, int index, const char *name, int channels,
                        double epsilon, import_root root, const float first[4]);

/* Cuts the file at every byte: reading `main` must be refused with a message that names the folder,
 * or, if `may_read`, give the layers that the whole file gives. */
void import_expect_cuts_refused(const import_file *file, const char *main, bool may_read);
/* Spoils the first `count` bytes one at a time: reading `main` must end, with layers or a
 * message. */
void import_try_spoiled(const import_file *file, const char *main, size_t count);

#endif /* CUBN_TESTS_IMPORT_FILES_H */
