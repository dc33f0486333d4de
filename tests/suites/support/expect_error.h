/* What a failed call must leave behind: its status, and a message that names the function, the
 * argument and the value. */
#ifndef CUBN_TESTS_EXPECT_ERROR_H
#define CUBN_TESTS_EXPECT_ERROR_H

#include "suites/support/suite.h"

/* The message must begin with "function: ", and then contain `argument` and `value` as whole words.
 * value may be NULL. */
bool expect_error(cubnStatus_t got, cubnStatus_t wanted, const char *function, const char *argument,
                  const char *value);

/* Reports the message unless the status is success. */
bool expect_success(cubnStatus_t status, const char *what);

/* Whether `text` contains `word` with no letter, digit or underscore beside it. */
bool expect_word(const char *text, const char *word);

#endif /* CUBN_TESTS_EXPECT_ERROR_H */
