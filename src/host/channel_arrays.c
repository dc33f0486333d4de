#include "host/channel_arrays.h"

#include "core/check.h"
#include "host/descriptor.h"

cubnStatus_t cubn_channel_arrays_init(cubn_channel_arrays *arrays, const cubn_exchange *exchange,
                                      cubnTensorDescriptor_t params, const char *function) {
  int64_t last = 0;
  for (int d = 0; d < params->rank; ++d) last += (params->dims[d] - 1) * params->strides[d];
  if (last >= exchange->channels)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "param_desc has gaps: %lld channels reach over %lld elements; describe arrays "
                     "without, for a descriptor with a communicator",
                     (long long)exchange->channels, (long long)(last + 1));
  *arrays = (cubn_channel_arrays){exchange, params, cubn_element_bytes(params->type)};
  return CUBN_STATUS_SUCCESS;
}

int64_t cubn_channel_place(const cubn_channel_arrays *arrays, int64_t channel) {
  const struct cubnTensorStruct *const params = arrays->params;
  int64_t place = 0;
  for (int d = params->rank - 1; d > 0; --d) {
    place += channel % params->dims[d] * params->strides[d];
    channel /= params->dims[d];
  }
  return place;
}

static size_t bytes_of(const cubn_channel_arrays *arrays) {
  return (size_t)arrays->exchange->channels * arrays->element_bytes;
}

void *cubn_device_array(const cubn_channel_arrays *arrays, int index) {
  return arrays->exchange->device + (size_t)index * bytes_of(arrays);
}

void *cubn_host_array(const cubn_channel_arrays *arrays, int index) {
  return arrays->exchange->host + (size_t)index * bytes_of(arrays);
}

double cubn_get_value(const cubn_channel_arrays *arrays, int index, int64_t place) {
  const void *const array = cubn_host_array(arrays, index);
  return arrays->element_bytes == sizeof(double) ? ((const double *)array)[place]
                                                 : (double)((const float *)array)[place];
}

void cubn_set_value(const cubn_channel_arrays *arrays, int index, int64_t place, double value) {
  void *const array = cubn_host_array(arrays, index);
  if (arrays->element_bytes == sizeof(double))
    ((double *)array)[place] = value;
  else
    ((float *)array)[place] = (float)value;
}

static cubnStatus_t download(const cubn_channel_arrays *arrays, void *to, const void *from,
                             size_t bytes) {
  const cubnHandle_t handle = arrays->exchange->handle;
  return handle->backend->download(handle->device, to, from, bytes);
}

static cubnStatus_t upload(const cubn_channel_arrays *arrays, void *to, const void *from,
                           size_t bytes) {
  const cubnHandle_t handle = arrays->exchange->handle;
  return handle->backend->upload(handle->device, to, from, bytes);
}

cubnStatus_t cubn_download_arrays(const cubn_channel_arrays *arrays, int first, int count) {
  return download(arrays, cubn_host_array(arrays, first), cubn_device_array(arrays, first),
                  (size_t)count * bytes_of(arrays));
}

cubnStatus_t cubn_upload_arrays(const cubn_channel_arrays *arrays, int first, int count) {
  return upload(arrays, cubn_device_array(arrays, first), cubn_host_array(arrays, first),
                (size_t)count * bytes_of(arrays));
}

cubnStatus_t cubn_download_array(const cubn_channel_arrays *arrays, int index, const void *from) {
  if (!from) return CUBN_STATUS_SUCCESS;
  return download(arrays, cubn_host_array(arrays, index), from, bytes_of(arrays));
}

cubnStatus_t cubn_upload_array(const cubn_channel_arrays *arrays, int index, void *to) {
  if (!to) return CUBN_STATUS_SUCCESS;
  return upload(arrays, to, cubn_host_array(arrays, index), bytes_of(arrays));
}
