/* Per-channel arrays of a synchronized call, on the device and copied to the host. */
#ifndef CUBN_HOST_CHANNEL_ARRAYS_H
#define CUBN_HOST_CHANNEL_ARRAYS_H

#include "core/handle.h"
#include "host/exchange.h"

typedef struct cubn_channel_arrays {
  const cubn_exchange *exchange;
  cubnTensorDescriptor_t params; /* describes each: packed, in any order of its dimensions */
  size_t element_bytes;          /* 8: double, 4: float */
} cubn_channel_arrays;

/* NOT_SUPPORTED if the arrays have gaps, for which the exchange has no memory. */
cubnStatus_t cubn_channel_arrays_init(cubn_channel_arrays *arrays, const cubn_exchange *exchange,
                                      cubnTensorDescriptor_t params, const char *function);

/* Where a channel is in an array. Channels count in the order of the descriptor's dimensions, which
 * is the same on all ranks. */
int64_t cubn_channel_place(const cubn_channel_arrays *arrays, int64_t channel);

/* The index'th array of the exchange, on the device and on the host. */
void *cubn_device_array(const cubn_channel_arrays *arrays, int index);
void *cubn_host_array(const cubn_channel_arrays *arrays, int index);

/* A value of a host array. One that a float cannot hold becomes infinite. */
double cubn_get_value(const cubn_channel_arrays *arrays, int index, int64_t place);
void cubn_set_value(const cubn_channel_arrays *arrays, int index, int64_t place, double value);

/* Copies `count` arrays from `first` on, from the device to the host or back; they wait. */
cubnStatus_t cubn_download_arrays(const cubn_channel_arrays *arrays, int first, int count);
cubnStatus_t cubn_upload_arrays(const cubn_channel_arrays *arrays, int first, int count);
/* The same with an array of the caller; nothing if that is NULL. */
cubnStatus_t cubn_download_array(const cubn_channel_arrays *arrays, int index, const void *from);
cubnStatus_t cubn_upload_array(const cubn_channel_arrays *arrays, int index, void *to);

#endif /* CUBN_HOST_CHANNEL_ARRAYS_H */
