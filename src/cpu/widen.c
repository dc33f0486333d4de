/* Conversion of half and bfloat16 to float, which is exact. */
#include "cpu/widen.h"

#include "cpu/common/arith.h"
#include "cpu/common/axes.h"
#include "cpu/common/convert.h"

enum { BUFFER_VALUES = 256 };

/* The offset of sample `sample` of channel `channel`. */
static int64_t get_offset(const cubn_problem *problem, cubn_array array, int64_t channel,
                          int64_t sample) {
  const cubn_axes *const channels = &problem->channels, *const samples = &problem->samples;
  return cubn_axes_offset(channels, channels->rank, array, channel) +
         cubn_axes_offset(samples, samples->rank, array, sample);
}

cubnStatus_t cubn_cpu_widen(cubn_device *device, const cubn_problem *problem, const void *x,
                            void *to) {
  const cubn_conversion *const narrow = cubn_conversion_of(problem->type);
  const cubn_conversion *const wide = cubn_conversion_of(CUBN_DATA_FLOAT);
  const cubn_axes *const samples = &problem->samples;
  const int last = samples->rank - 1;
  const int64_t row = last >= 0 ? samples->size[last] : 1, count = cubn_count(problem);
  const int64_t from_stride = last >= 0 ? samples->stride[CUBN_ARRAY_X][last] : 1;
  const int64_t to_stride = last >= 0 ? samples->stride[CUBN_ARRAY_OUTPUT][last] : 1;
  double values[BUFFER_VALUES];
  (void)device;
  for (int64_t c = 0; c < problem->c; ++c)
    for (int64_t done = 0, part; done < count; done += part) {
      part = cubn_min(row - done % row, BUFFER_VALUES);
      const int64_t from_offset = get_offset(problem, CUBN_ARRAY_X, c, done);
      const int64_t to_offset = get_offset(problem, CUBN_ARRAY_OUTPUT, c, done);
      narrow->load(x, (cubn_patch){from_offset, 1, 0, part, from_stride}, values);
      wide->store(values, (cubn_patch){to_offset, 1, 0, part, to_stride}, to);
    }
  return CUBN_STATUS_SUCCESS;
}
