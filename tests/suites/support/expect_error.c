#include "suites/support/expect_error.h"

#include <ctype.h>
#include <string.h>

#define MESSAGE_BYTES 512

static bool is_word_character(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

bool expect_word(const char *text, const char *word) {
  const size_t length = strlen(word);
  for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
    const bool begins = at == text || !is_word_character(at[-1]) || !is_word_character(word[0]);
    const bool ends = !is_word_character(at[length]) || !is_word_character(word[length - 1]);
    if (begins && ends) return true;
  }
  return false;
}

bool expect_error(cubnStatus_t got, cubnStatus_t wanted, const char *function, const char *argument,
                  const char *value) {
  char message[MESSAGE_BYTES];
  cubnGetLastErrorString(message, sizeof message);
  bool good = SUITE_CHECK(got == wanted, "%s, bad %s: status %s, wanted %s (\"%s\")", function,
                          argument, cubnGetErrorString(got), cubnGetErrorString(wanted), message);
  if (!good) return false;
  const size_t length = strlen(function);
  good = SUITE_CHECK(strncmp(message, function, length) == 0 && message[length] == ':',
                     "message \"%s\" does not begin with \"%s:\"", message, function);
  const char *text = good ? message + length : message;
  good = SUITE_CHECK(expect_word(text, argument), "message \"%s\" does not name %s", message,
                     argument) &&
         good;
  if (!value) return good;
  return SUITE_CHECK(expect_word(text, value), "message \"%s\" does not contain the value %s",
                     message, value) &&
         good;
}

bool expect_success(cubnStatus_t status, const char *what) {
  char message[MESSAGE_BYTES];
  cubnGetLastErrorString(message, sizeof message);
  return SUITE_CHECK(status == CUBN_STATUS_SUCCESS, "%s: %s: %s", what, cubnGetErrorString(status),
                     message);
}
