/* Why algorithms refuse problems: one text per cause, the same in both backends. */
#ifndef CUBN_CORE_REFUSAL_H
#define CUBN_CORE_REFUSAL_H

#include <stdio.h>

#include "core/backend.h"

static inline cubn_refusal cubn_accept(void) {
  const cubn_refusal none = {NULL, {0, 0}};
  return none;
}

static inline cubn_refusal cubn_refuse(const char *text) {
  const cubn_refusal refusal = {text, {0, 0}};
  return refusal;
}

/* `text` has %lld for the number that decided, and for the limit that it missed. */
static inline cubn_refusal cubn_refuse_number(const char *text, int64_t number, int64_t limit) {
  const cubn_refusal refusal = {text, {number, limit}};
  return refusal;
}

/* The text with its numbers. */
static inline void cubn_refusal_text(cubn_refusal refusal, char *text, size_t text_bytes) {
  snprintf(text, text_bytes, refusal.text, refusal.numbers[0], refusal.numbers[1]);
}

static inline cubn_refusal cubn_refuse_empty(void) {
  return cubn_refuse("the tensors have no elements");
}

static inline cubn_refusal cubn_refuse_padding(void) {
  return cubn_refuse("a mask or lengths exclude elements");
}

/* For an algorithm that does not invert activations. */
static inline bool cubn_inverts(const cubn_problem *problem) {
  return problem->is_from_y && problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
}
static inline cubn_refusal cubn_refuse_inverse(void) {
  return cubn_refuse("backward from y inverts an activation");
}

/* For an algorithm of packed tensors, of any kind. */
static inline cubn_refusal cubn_refuse_strided(void) {
  return cubn_refuse("the tensors are not packed, or not all in one layout");
}

/* For an algorithm of one kind of packed tensors that got another layout. */
static inline cubn_refusal cubn_refuse_layout(const cubn_problem *problem) {
  if (problem->layout == CUBN_LAYOUT_STRIDED) return cubn_refuse_strided();
  if (problem->layout == CUBN_LAYOUT_COLUMNS)
    return cubn_refuse_number(
        "the %lld channels are the fastest dimension, not rows of one channel", problem->c, 0);
  return cubn_refuse_number("the fastest dimension is a row of %lld values of one channel",
                            problem->s, 0);
}

#endif /* CUBN_CORE_REFUSAL_H */
