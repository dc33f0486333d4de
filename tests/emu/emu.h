// Force-included before every .cu file that a host compiler builds (-x c++ -include emu.h).
//
// NVIDIA's headers supply the types, the arithmetic of half and bfloat16 and the prototypes of the
// runtime API. The headers below supply what exists on the device only. The engine behind them runs
// every CUDA thread as a fiber; it is linked instead of the CUDA runtime.
#pragma once

#ifdef __CUDACC__
#error "emu.h is for host compilers; nvcc must not see it"
#endif

#define CUBN_EMULATED 1

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <math.h>  // the C header: it puts isnan and the float overloads into the global namespace

#include <cmath>
#include <cstdint>
#include <cstring>

#include "device_async.h"
#include "device_atomics.h"
#include "device_core.h"
#include "device_groups.h"
#include "device_integers.h"
#include "device_launch.h"
#include "device_math.h"
#include "device_memory.h"
#include "device_shared.h"
#include "device_sync.h"
