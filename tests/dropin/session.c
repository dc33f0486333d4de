/* The descriptors and device memory of a problem. */
#include <stdio.h>

#include "dropin.h"
#include "mem.h"

int dropin_may_refuse, dropin_refused;

int succeeded(const session *s, const char *what, cudnnStatus_t status) {
  if (status == CUDNN_STATUS_NOT_SUPPORTED && dropin_may_refuse) {
    ++dropin_refused;
    return 0;
  }
  char text[160];
  snprintf(text, sizeof text, "%s: %s", what, cudnnGetErrorString(status));
  check(status == CUDNN_STATUS_SUCCESS, s->p->name, text);
  return status == CUDNN_STATUS_SUCCESS;
}

static void upload_all(session *s) {
  const problem *p = s->p;
  const arrays *a = &s->a;
  s->x = tensor_upload(p, a, a->x);
  s->z = tensor_upload(p, a, a->z);
  s->dy = tensor_upload(p, a, a->dy);
  s->y = tensor_upload(p, a, NULL);
  s->dx = tensor_upload(p, a, NULL);
  s->dz = tensor_upload(p, a, NULL);
  s->scale = param_upload(p, a, a->scale);
  s->bias = param_upload(p, a, a->bias);
  s->running_mean = param_upload(p, a, a->running_mean);
  s->running_var = param_upload(p, a, a->running_var);
  s->saved_mean = param_upload(p, a, NULL);
  s->saved_inv_std = param_upload(p, a, NULL);
  s->dscale = param_upload(p, a, NULL);
  s->dbias = param_upload(p, a, NULL);
}

void session_create(session *s, cudnnHandle_t handle, const problem *p) {
  memset(s, 0, sizeof *s);
  s->p = p;
  s->handle = handle;
  s->one_value = s->one_float = 1;
  s->one = p->type == CUDNN_DATA_DOUBLE ? (const void *)&s->one_value : &s->one_float;
  s->zero = p->type == CUDNN_DATA_DOUBLE ? (const void *)&s->zero_value : &s->zero_float;
  arrays_create(&s->a, p);
  succeeded(s, "create x", cudnnCreateTensorDescriptor(&s->x_desc));
  succeeded(s, "create param", cudnnCreateTensorDescriptor(&s->param_desc));
  succeeded(s, "set x",
            cudnnSetTensorNdDescriptor(s->x_desc, p->type, p->rank, p->dims, p->strides));
  succeeded(s, "derive", cudnnDeriveBNTensorDescriptor(s->param_desc, s->x_desc, p->mode));
  upload_all(s);
}

void session_destroy(session *s) {
  void *all[] = {s->x,
                 s->z,
                 s->dy,
                 s->y,
                 s->dx,
                 s->dz,
                 s->scale,
                 s->bias,
                 s->running_var,
                 s->saved_mean,
                 s->saved_inv_std,
                 s->running_mean,
                 s->dscale,
                 s->dbias};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) mem_destroy(all[i]);
  if (s->reserve) mem_destroy(s->reserve);
  if (s->workspace) mem_destroy(s->workspace);
  succeeded(s, "destroy x", cudnnDestroyTensorDescriptor(s->x_desc));
  succeeded(s, "destroy param", cudnnDestroyTensorDescriptor(s->param_desc));
  arrays_destroy(&s->a);
}
