// The functions of dlib's layers bn_con_, with C linkage for libraries/dlib.py. An exception of
// dlib's becomes the result 1.
#include <dlib/cuda/tensor_tools.h>

#include <algorithm>
#include <exception>

namespace {

struct shape {
  long n, c, h, w;

  long channel_count() const { return c; }
  long count() const { return n * c * h * w; }
};

dlib::resizable_tensor of_channels(const shape &s, const float *values) {
  dlib::resizable_tensor made(1, s.c);
  std::copy(values, values + s.channel_count(), made.host());
  return made;
}

dlib::resizable_tensor of_images(const shape &s, const float *values) {
  dlib::resizable_tensor made(s.n, s.c, s.h, s.w);
  std::copy(values, values + s.count(), made.host());
  return made;
}

void copy_out(const dlib::tensor &from, float *to) {
  std::copy(from.begin(), from.end(), to);
}

}  // namespace

// saved: mean and 1 / standard deviation, one array behind the other.
extern "C" int facts_train(const long *dims, const float *x, const float *scale, const float *bias,
                           float *mean, float *var, double factor, double epsilon, float *y,
                           float *saved) try {
  const shape s{dims[0], dims[1], dims[2], dims[3]};
  dlib::resizable_tensor result, means(1, s.c), inv_stds(1, s.c);
  auto running_mean = of_channels(s, mean), running_var = of_channels(s, var);
  dlib::tt::batch_normalize_conv(epsilon, result, means, inv_stds, factor, running_mean,
                                 running_var, of_images(s, x), of_channels(s, scale),
                                 of_channels(s, bias));
  copy_out(result, y);
  copy_out(running_mean, mean);
  copy_out(running_var, var);
  copy_out(means, saved);
  copy_out(inv_stds, saved + s.channel_count());
  return 0;
} catch (const std::exception &) {
  return 1;
}

extern "C" int facts_infer(const long *dims, const float *x, const float *scale, const float *bias,
                           const float *mean, const float *var, double epsilon, float *y) try {
  const shape s{dims[0], dims[1], dims[2], dims[3]};
  dlib::resizable_tensor result;
  dlib::tt::batch_normalize_conv_inference(epsilon, result, of_images(s, x), of_channels(s, scale),
                                           of_channels(s, bias), of_channels(s, mean),
                                           of_channels(s, var));
  copy_out(result, y);
  return 0;
} catch (const std::exception &) {
  return 1;
}

extern "C" int facts_backward(const long *dims, const float *x, const float *dy, const float *scale,
                              const float *saved, double epsilon, float *dx) try {
  const shape s{dims[0], dims[1], dims[2], dims[3]};
  dlib::resizable_tensor result(s.n, s.c, s.h, s.w), dscale(1, s.c), dbias(1, s.c);
  result = 0;
  dlib::tt::batch_normalize_conv_gradient(
      epsilon, of_images(s, dy), of_channels(s, saved), of_channels(s, saved + s.channel_count()),
      of_images(s, x), of_channels(s, scale), result, dscale, dbias);
  copy_out(result, dx);
  return 0;
} catch (const std::exception &) {
  return 1;
}
