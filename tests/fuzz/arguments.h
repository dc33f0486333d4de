/* The arguments of an operation, chosen so that most calls succeed and every argument is wrong at
 * times; arrays in memory of exactly the sizes that the descriptors report. */
#ifndef CUBN_TESTS_FUZZ_ARGUMENTS_H
#define CUBN_TESTS_FUZZ_ARGUMENTS_H

#include "fuzz/objects.h"

enum {
  ARG_X,
  ARG_OUTPUT, /* y or dx */
  ARG_DY,
  ARG_Z, /* or dz */
  ARG_TENSORS,
  ARG_SCALE = ARG_TENSORS,
  ARG_BIAS,
  ARG_MEAN,
  ARG_VAR,
  ARG_RUNNING_MEAN,
  ARG_RUNNING_VAR,
  ARG_PREVIOUS_MEAN,
  ARG_PREVIOUS_VAR,
  ARG_SAVED_MEAN,
  ARG_SAVED_INV_STD,
  ARG_MEAN_LOW,
  ARG_SAVED_MEAN_LOW,
  ARG_SAVED_R,
  ARG_SAVED_D,
  ARG_NONFINITE,
  ARG_DSCALE,
  ARG_DBIAS,
  ARG_FACTOR,
  ARG_ALPHA,
  ARG_BETA,
  ARG_RESERVE,
  ARG_MASK,
  ARG_LENGTHS,
  ARG_ANY_NONFINITE,
  ARGS
};

/* FUZZ_BEHIND folds into a layer that follows. */
typedef enum { FUZZ_FORWARD, FUZZ_BACKWARD, FUZZ_FOLD, FUZZ_BEHIND } fuzz_call_kind;

typedef struct fuzz_arguments {
  cubnBatchNormMode_t mode;
  cubnBatchNormOps_t ops;
  cubnTensorDescriptor_t tensors[ARG_TENSORS], params;
  cubnTensorDescriptor_t own[ARG_TENSORS + 2]; /* made for this call */
  cubnTensorDescriptor_t mask;                 /* NULL: there is none */
  cubnActivationDescriptor_t activation;
  cubnBatchNormDescriptor_t batch_norm;
  double factor, epsilon;
  void *pointers[ARGS];
  size_t bytes[ARGS];            /* of the blocks */
  unsigned char *blocks[ARGS];   /* NULL: the array is absent, or shares another's block */
  unsigned char *contents[ARGS]; /* before the call */
} fuzz_arguments;

/* Chooses descriptors, options and memory. False if a tensor would be too large; what was made is
 * to be closed in any case. */
bool fuzz_arguments_open(fuzz_input *input, const fuzz_objects *objects, fuzz_call_kind kind,
                         fuzz_arguments *a);
void fuzz_arguments_close(fuzz_arguments *a);

/* Gives all blocks the content that they had first. */
void fuzz_arguments_reset(fuzz_arguments *a);
/* The first block whose content has changed, of those in the set of bits; -1: none. */
int fuzz_arguments_changed(const fuzz_arguments *a, unsigned which);
/* ---- arguments_descriptors.c */
enum {
  FUZZ_BYTES_MAX = 1 << 15
}; /* of an array; with strides of 0 that is any number of elements */
void fuzz_choose_descriptors(fuzz_input *input, const fuzz_objects *objects, fuzz_call_kind kind,
                             fuzz_arguments *a);
bool fuzz_folds(fuzz_call_kind kind);
/* Of FUZZ_BEHIND. */
int fuzz_groups(const fuzz_arguments *a);
/* Whether two elements of the tensor may share memory. */
bool fuzz_overlaps(cubnTensorDescriptor_t tensor);

#endif /* CUBN_TESTS_FUZZ_ARGUMENTS_H */
