/* Arrays of a call that share memory. */
#ifndef CUBN_HOST_OVERLAP_H
#define CUBN_HOST_OVERLAP_H

#include "core/backend.h"
#include "host/descriptor.h"

/* Elements from the first to the last one, both included. */
static inline int64_t cubn_extent_of(const struct cubnTensorStruct *tensor) {
  int64_t last = 0;
  for (int i = 0; i < tensor->rank; ++i) last += (tensor->dims[i] - 1) * tensor->strides[i];
  return last + 1;
}

static inline size_t cubn_bytes_of(const struct cubnTensorStruct *tensor) {
  if (cubn_is_empty(tensor)) return 0;
  return (size_t)cubn_extent_of(tensor) * cubn_element_bytes(tensor->type);
}

/* Bytes of the mask or the lengths, if the call has them. */
static inline size_t cubn_validity_bytes(const cubn_problem *problem) {
  if (problem->validity.kind == CUBN_VALID_MASK)
    return cubn_bytes_of(problem->descriptors[CUBN_ARRAY_VALID]);
  return (size_t)problem->descriptors[CUBN_ARRAY_X]->dims[0] * sizeof(int32_t);
}

/* An array of a call. */
typedef struct cubn_region {
  const char *name;
  const struct cubnTensorStruct *tensor; /* NULL: consecutive bytes */
  uintptr_t begin, end;                  /* end: after the last element */
  int64_t element_bytes;
  bool is_written;
  int group; /* arrays of one group, other than 0, may be one array: see cubn_check_regions */
} cubn_region;

enum {
  CUBN_REGIONS_MAX = 32,
  CUBN_GROUP_TENSORS = 1, /* an operation in place, or gradients that are one */
  CUBN_GROUP_LAST = 2     /* outputs that are written after all inputs were read: those only */
};

typedef struct cubn_regions {
  int count;
  cubn_region list[CUBN_REGIONS_MAX];
} cubn_regions;

/* Add an array, unless it is NULL or empty; return it, or NULL. */
cubn_region *cubn_add_bytes(cubn_regions *all, const char *name, const void *pointer, size_t bytes,
                            bool is_written);
cubn_region *cubn_add_array(cubn_regions *all, const char *name,
                            const struct cubnTensorStruct *tensor, const void *pointer,
                            size_t bytes, bool is_written);

/* BAD_PARAM if an array that is written has certainly an element in common with another one, unless
 * both begin at one address, with elements of one size, and their group allows that. */
cubnStatus_t cubn_check_regions(const cubn_regions *all, const char *function);

/* What nearly every call finds: outputs are tensors in place, or have addresses of their own. Says
 * false where it does not know. */
bool cubn_are_apart(const cubn_problem *problem, const cubn_args *args, size_t reserve_bytes);

/* BAD_PARAM if an output certainly has an element in common with another array, unless it may be
 * that very array (in place). Arrays whose addresses interleave without a common element, such as
 * slices of the channels of one buffer, are right. Where strides differ in a way that no simple
 * rule decides, the call is accepted. pointers.c compares the strides of tensors in place. */
cubnStatus_t cubn_check_overlap(const cubn_problem *problem, const cubn_args *args,
                                size_t reserve_bytes, const char *function);

#endif /* CUBN_HOST_OVERLAP_H */
