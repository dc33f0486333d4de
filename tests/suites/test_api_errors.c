/* Pointers and numbers of the operations made wrong, one at a time: status and message; nothing was
 * written. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "suites/support/api_call.h"

/* ---- Pointers ---- */
typedef struct pointer_case {
  int passes;
  size_t member; /* of api_arguments */
  const char *name;
} pointer_case;

#define MEMBER(name) offsetof(api_arguments, name)

/* Host pointers and descriptors: NULL is an error. */
static const pointer_case host_pointers[] = {
    {API_ALL, MEMBER(x_desc), "x_desc"},
    {API_FORWARD, MEMBER(output_desc), "y_desc"},
    {API_BACKWARD, MEMBER(output_desc), "dx_desc"},
    {API_BACKWARD, MEMBER(dy_desc), "dy_desc"},
    {API_ALL, MEMBER(param_desc), "param_desc"},
    {API_FORWARD, MEMBER(alpha), "alpha"},
    {API_FORWARD, MEMBER(beta), "beta"},
    {API_BACKWARD, MEMBER(alpha), "alpha_data"},
    {API_BACKWARD, MEMBER(beta), "beta_data"},
    {API_BACKWARD, MEMBER(param_alpha), "alpha_param"},
    {API_BACKWARD, MEMBER(param_beta), "beta_param"},
    {API_TRAIN_EX, MEMBER(z_desc), "z_desc"},
    {API_BACKWARD_EX, MEMBER(z_desc), "dz_desc"},
    {API_EX, MEMBER(activation), "activation_desc"},
    {0, 0, NULL},
};

/* Device pointers: NULL is an error, for pairs because the other one is given; so is an address
 * that is not aligned to a float. */
static const pointer_case device_pointers[] = {
    {API_ALL, MEMBER(x), "x"},
    {API_FORWARD, MEMBER(output), "y"},
    {API_BACKWARD, MEMBER(output), "dx"},
    {API_BACKWARD, MEMBER(dy), "dy"},
    {API_ALL, MEMBER(scale), "scale"},
    {API_FORWARD, MEMBER(bias), "bias"},
    {API_INFER, MEMBER(mean), "mean"},
    {API_INFER, MEMBER(var), "var"},
    {API_TRAIN, MEMBER(running_mean), "running_mean"},
    {API_TRAIN, MEMBER(running_var), "running_var"},
    {API_TRAIN | API_BACKWARD, MEMBER(saved_mean), "saved_mean"},
    {API_TRAIN | API_BACKWARD, MEMBER(saved_inv_std), "saved_inv_std"},
    {API_BACKWARD, MEMBER(dscale), "dscale"},
    {API_BACKWARD, MEMBER(dbias), "dbias"},
    {API_TRAIN_EX, MEMBER(z), "z"},
    {API_BACKWARD_EX, MEMBER(z), "dz"},
    {0, 0, NULL},
};

static void spoil_pointers(const api_fixture *f, const pointer_case *list, ptrdiff_t shift_bytes) {
  for (; list->name; ++list) {
    if (!(list->passes & 1 << f->call)) continue;
    api_arguments a = f->valid;
    char *pointer;
    memcpy(&pointer, (char *)&a + list->member, sizeof pointer);
    pointer = shift_bytes ? pointer + shift_bytes : NULL;
    memcpy((char *)&a + list->member, &pointer, sizeof pointer);
    char address[32] = "NULL";
    if (shift_bytes) snprintf(address, sizeof address, "%p", (void *)pointer);
    api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, list->name, address);
  }
}

static void test_pointers(void) {
  for (int call = 0; call < API_CALLS; ++call) {
    api_fixture f;
    if (!api_open(&f, call)) return;
    api_arguments a = f.valid;
    a.handle = NULL;
    api_refuse(&f, &a, CUBN_STATUS_NOT_INITIALIZED, "handle", "NULL");
    spoil_pointers(&f, host_pointers, 0);
    spoil_pointers(&f, device_pointers, 0);
    spoil_pointers(&f, device_pointers, 1);
    spoil_pointers(&f, device_pointers, 2);
    api_close(&f, false);
  }
}

/* ---- Numbers ---- */
static void test_numbers(void) {
  static const struct {
    double value;
    const char *text;
  } epsilons[] = {{-0.5, "-0.5"}, {-1e-300, "-1e-300"}, {-100.0, "-100"}, {NAN, "nan"}},
    factors[] = {{-0.25, "-0.25"}, {1.5, "1.5"}, {NAN, "nan"}, {INFINITY, "inf"}};
  for (int call = 0; call < API_CALLS; ++call) {
    api_fixture f;
    if (!api_open(&f, call)) return;
    for (int i = 0; i < 4; ++i) {
      api_arguments a = f.valid;
      a.epsilon = epsilons[i].value;
      api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "epsilon", epsilons[i].text);
      a = f.valid;
      a.factor = factors[i].value;
      if (API_TRAIN & 1 << call)
        api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "factor", factors[i].text);
    }
    api_arguments a = f.valid;
    a.mode = (cubnBatchNormMode_t)3;
    api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "mode", "3");
    a.mode = (cubnBatchNormMode_t)-1;
    api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "mode", "-1");
    api_close(&f, false);
  }
}

/* Otherwise the tests above could pass for another reason than theirs. */
static void test_valid_call(void) {
  for (int call = 0; call < API_CALLS; ++call) {
    api_fixture f;
    if (!api_open(&f, call)) return;
    expect_success(api_call(call, &f.valid), api_function(call));
    api_close(&f, true);
  }
}

void test_api_errors_suites(void) {
  static const suite_test tests[] = {{"valid call", test_valid_call},
                                     {"pointers", test_pointers},
                                     {"numbers", test_numbers},
                                     {NULL, NULL}};
  suite_add("api errors", SUITE_DEVICES, tests);
}
