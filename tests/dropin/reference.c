/* The formulas, in long double, one value after the other. */
#include <math.h>

#include "dropin.h"

static long double sum(const arrays *a, int channel, const double *v, const double *w, int *count) {
  long double total = 0;
  *count = 0;
  for (int i = 0; i < a->count; ++i) {
    if (a->channel[i] != channel) continue;
    total += (long double)v[i] * (w ? (long double)w[i] : 1.0L);
    ++*count;
  }
  return total;
}

/* Computes y, and dz, which is the part of dy that passes the activation. */
static void apply(arrays *a, int channel, long double mean, long double inv_std, int fused) {
  for (int i = 0; i < a->count; ++i) {
    if (a->channel[i] != channel) continue;
    long double p = (long double)a->scale[channel] * ((long double)a->x[i] - mean) * inv_std +
                    (long double)a->bias[channel];
    if (fused & IS_FUSED_ADD) p += (long double)a->z[i];
    const int is_stopped = (fused & IS_FUSED_RELU) && p <= 0;
    a->y[i] = is_stopped ? 0 : (double)p;
    a->dz[i] = is_stopped ? 0 : a->dy[i];
  }
}

static void differentiate(arrays *a, int channel, long double mean, long double inv_std) {
  int m;
  const long double dbias = sum(a, channel, a->dz, NULL, &m);
  const long double dscale =
      (sum(a, channel, a->dz, a->x, &m) - mean * sum(a, channel, a->dz, NULL, &m)) * inv_std;
  a->dbias[channel] = (double)dbias;
  a->dscale[channel] = (double)dscale;
  for (int i = 0; i < a->count; ++i) {
    if (a->channel[i] != channel) continue;
    const long double x_hat = ((long double)a->x[i] - mean) * inv_std;
    a->dx[i] = (double)((long double)a->scale[channel] * inv_std *
                        ((long double)a->dz[i] - dbias / m - x_hat * dscale / m));
  }
}

void reference_train(arrays *a, double factor, double epsilon, int fused) {
  for (int c = 0; c < a->channels; ++c) {
    int m;
    const long double mean = sum(a, c, a->x, NULL, &m) / m;
    long double var = 0;
    for (int i = 0; i < a->count; ++i)
      if (a->channel[i] == c) var += powl((long double)a->x[i] - mean, 2) / m;
    const long double inv_std = 1 / sqrtl(var + (long double)epsilon);
    apply(a, c, mean, inv_std, fused);
    differentiate(a, c, mean, inv_std);
    a->saved_mean[c] = (double)mean;
    a->saved_inv_std[c] = (double)inv_std;
    a->running_mean[c] = (1 - factor) * a->running_mean[c] + factor * (double)mean;
    a->running_var[c] = (1 - factor) * a->running_var[c] + factor * (double)(var * m / (m - 1));
  }
}

void reference_infer(arrays *a, double epsilon) {
  for (int c = 0; c < a->channels; ++c)
    apply(a, c, a->running_mean[c], 1 / sqrtl((long double)(a->running_var[c] + epsilon)), 0);
}
