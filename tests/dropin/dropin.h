/* A program for cuDNN: declarations that its files share. It is compiled as C and as C++, against
 * cuDNN's own header, against cubn_cudnn.h, and against the stand-ins of this folder. */
#ifndef DROPIN_H
#define DROPIN_H

#ifdef DROPIN_USES_CUBN
#include <cubn_cudnn.h>
#else
#include <cudnn.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { RANK_MAX = 5 };

typedef struct problem {
  const char *name;
  cudnnDataType_t type; /* float or double */
  cudnnBatchNormMode_t mode;
  int rank;
  int dims[RANK_MAX];
  int strides[RANK_MAX];
} problem;

/* All arrays are double, per element in the order of the logical indices, N first. */
typedef struct arrays {
  int count, channels;
  int *offset;  /* offset of an element in memory */
  int *channel; /* channel of an element */
  double *x, *z, *dy, *y, *dx, *dz;
  double *scale, *bias, *running_mean, *running_var, *saved_mean, *saved_inv_std, *dscale, *dbias;
} arrays;

enum { IS_FUSED_RELU = 1, IS_FUSED_ADD = 2 };

/* Makes the elements, channels and inputs of a problem. Ends the program if it cannot. */
void arrays_create(arrays *a, const problem *p);
void arrays_destroy(arrays *a);

/* Compute the expected results in long double, rounded to double: y, running and saved statistics;
 * reference_train also dx, dz, dscale and dbias. `fused` is a sum of the IS_FUSED values. */
void reference_train(arrays *a, double factor, double epsilon, int fused);
void reference_infer(arrays *a, double epsilon);

/* Return device memory with the content of an array, packed for per-channel arrays; values == NULL
 * stands for as many NaN. */
void *tensor_upload(const problem *p, const arrays *a, const double *values);
void *param_upload(const problem *p, const arrays *a, const double *values);

/* Compare and report; dropin_failures counts the failures. */
void tensor_check(const problem *p, const arrays *a, const char *what, const void *memory,
                  const double *expected);
void param_check(const problem *p, const arrays *a, const char *what, const void *memory,
                 const double *expected);
void check(int condition, const char *problem_name, const char *what);
extern int dropin_failures, dropin_checks;

/* A problem with everything that cuDNN needs for it. */
typedef struct session {
  const problem *p;
  arrays a;
  cudnnHandle_t handle;
  cudnnTensorDescriptor_t x_desc, param_desc;
  double one_value, zero_value;
  float one_float, zero_float;
  const void *one, *zero; /* in the type that the problem wants */
  void *x, *z, *dy, *y, *dx, *dz;
  void *scale, *bias, *running_mean, *running_var, *saved_mean, *saved_inv_std, *dscale, *dbias;
  size_t reserve_bytes, workspace_bytes;
  void *reserve, *workspace;
} session;

void session_create(session *s, cudnnHandle_t handle, const problem *p);
void session_destroy(session *s);

/* The parts of the program, each with a session of its own for each problem. */
void run_classic(session *s);
void run_ex(session *s, cudnnBatchNormOps_t ops);
void run_normalization(session *s, cudnnNormOps_t ops);

/* Returns whether a call succeeded, and counts. cuDNN itself refuses most fused problems: with
 * dropin_may_refuse, a refusal is counted and is no failure. */
int succeeded(const session *s, const char *what, cudnnStatus_t status);
extern int dropin_may_refuse, dropin_refused;

/* Runs everything on its own stream; returns 0 if everything was right. */
int dropin_client(void);

#ifdef __cplusplus
}
#endif

#endif /* DROPIN_H */
