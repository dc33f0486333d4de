/* Objects to which callers hold pointers. The first member says what one is, until it is destroyed:
 * so a pointer to something else, or to memory that was freed and not used again since, is seen. */
#ifndef CUBN_CORE_OBJECT_H
#define CUBN_CORE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum cubn_kind {
  CUBN_NO_OBJECT = 0,
  CUBN_HANDLE = 0x6275c001,
  CUBN_BUFFER,
  CUBN_TENSOR,
  CUBN_ACTIVATION,
  CUBN_BATCH_NORM,
  CUBN_COMMUNICATOR
} cubn_kind;

/* The first member of each. */
typedef struct cubn_object {
  uint32_t kind;
} cubn_object;

static inline bool cubn_is(const void *object, cubn_kind kind) {
  return object && ((const cubn_object *)object)->kind == kind;
}

/* Before the memory is freed; a compiler may leave out a store that is not volatile. */
static inline void cubn_object_end(cubn_object *object) {
  *(volatile uint32_t *)&object->kind = CUBN_NO_OBJECT;
}

#endif /* CUBN_CORE_OBJECT_H */
