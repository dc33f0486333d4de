// Launches kernels: records the parameter types of each kernel, so that the engine can call it from
// the untyped argument list of the runtime API.
#pragma once

#include <tuple>
#include <utility>

#include "device_core.h"

namespace emu {

struct KernelRecord {
  const void *function;
  void (*call)(const void *function, void **arguments);
  unsigned argument_count;
  const size_t *argument_sizes;
};

void register_kernel(const KernelRecord &record);

template <class... Parameters>
struct KernelSignature {
  using Function = void (*)(Parameters...);

  template <size_t... I>
  EMU_NO_TSAN static void call_indexed(const void *function, void **arguments,
                                       std::index_sequence<I...>) {
    (void)arguments;
    reinterpret_cast<Function>(const_cast<void *>(function))(
        *static_cast<std::remove_reference_t<Parameters> *>(arguments[I])...);
  }

  EMU_NO_TSAN static void call(const void *function, void **arguments) {
    call_indexed(function, arguments, std::index_sequence_for<Parameters...>{});
  }

  static const void *remember(Function kernel) {
    static const size_t sizes[] = {sizeof(Parameters)..., 0};
    const void *function = reinterpret_cast<const void *>(kernel);
    register_kernel({function, &KernelSignature::call, sizeof...(Parameters), sizes});
    return function;
  }
};

template <class... Parameters>
const void *remember_kernel(void (*kernel)(Parameters...)) {
  return KernelSignature<Parameters...>::remember(kernel);
}

template <class... Parameters, class... Arguments>
cudaError_t launch_kernel_ex(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...),
                             Arguments &&...arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "wrong number of arguments");
  std::tuple<std::decay_t<Parameters>...> values(
      static_cast<Parameters>(std::forward<Arguments>(arguments))...);
  const void *function = remember_kernel(kernel);
  return std::apply(
      [&](auto &...value) {
        void *pointers[] = {const_cast<void *>(static_cast<const void *>(&value))..., nullptr};
        return ::cudaLaunchKernelExC(config, function, pointers);
      },
      values);
}

}  // namespace emu

// NVIDIA's template of this name does not know the parameter types on the side of the engine.
#define cudaLaunchKernelEx ::emu::launch_kernel_ex

// The overloads below are more specialised than NVIDIA's templates over T *, and so preferred.

template <class... Parameters>
inline cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block,
                                    void **arguments, size_t shared_bytes = 0,
                                    cudaStream_t stream = nullptr) {
  return ::cudaLaunchKernel(emu::remember_kernel(kernel), grid, block, arguments, shared_bytes,
                            stream);
}

template <class... Parameters>
inline cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block,
                                               void **arguments, size_t shared_bytes = 0,
                                               cudaStream_t stream = nullptr) {
  return ::cudaLaunchCooperativeKernel(emu::remember_kernel(kernel), grid, block, arguments,
                                       shared_bytes, stream);
}

template <class... Parameters>
inline cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute attribute,
                                        int value) {
  return ::cudaFuncSetAttribute(emu::remember_kernel(kernel), attribute, value);
}

template <class... Parameters>
inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes,
                                         void (*kernel)(Parameters...)) {
  return ::cudaFuncGetAttributes(attributes, emu::remember_kernel(kernel));
}
