// Runtime API: launches.
#include <cstring>

#include "runtime.h"

namespace emu {

namespace {

constexpr size_t kMaxArgumentBytes = 4096;
constexpr size_t kArgumentAlignment = 64;

// The values of the arguments, kept until the launch runs.
class PackedArguments {
 public:
  PackedArguments(const KernelRecord &kernel, void **arguments) {
    for (unsigned i = 0; i < kernel.argument_count; ++i) {
      offsets_.push_back(round_up(size_bytes_, kArgumentAlignment));
      size_bytes_ = offsets_.back() + kernel.argument_sizes[i];
    }
    bytes_.resize(size_bytes_ + kArgumentAlignment);
    for (unsigned i = 0; i < kernel.argument_count; ++i) {
      memcpy(aligned() + offsets_[i], arguments[i], kernel.argument_sizes[i]);
    }
  }

  std::vector<void *> pointers() {
    std::vector<void *> list;
    for (size_t offset : offsets_) list.push_back(aligned() + offset);
    list.push_back(nullptr);
    return list;
  }

 private:
  char *aligned() {
    const uintptr_t start = reinterpret_cast<uintptr_t>(bytes_.data());
    return bytes_.data() + (round_up(start, kArgumentAlignment) - start);
  }

  std::vector<char> bytes_;
  std::vector<size_t> offsets_;
  size_t size_bytes_ = 0;
};

cudaError_t launch(const void *function, dim3 grid, dim3 block, void **arguments,
                   size_t shared_bytes, cudaStream_t stream, const LaunchOptions &options) {
  if (null_device) return cudaSuccess;
  const KernelRecord *kernel = find_kernel(function);
  if (kernel == nullptr) {
    fail("emulator", "a kernel was launched by an untyped pointer; pass the function itself");
  }
  size_t argument_bytes = 0;
  for (unsigned i = 0; i < kernel->argument_count; ++i) argument_bytes += kernel->argument_sizes[i];
  if (argument_bytes > kMaxArgumentBytes) return cudaErrorInvalidValue;
  const LaunchRequest request = {kernel,
                                 grid,
                                 block,
                                 options.cluster,
                                 shared_bytes,
                                 shared_optin_bytes(),
                                 options.cooperative,
                                 options.overlaps,
                                 attributes_of(function).carveout};
  const cudaError_t error = check_limits(request);
  if (error != cudaSuccess) return error;
  load_function(function, true);
  auto packed = std::make_shared<PackedArguments>(*kernel, arguments);
  return enqueue(stream, [request, packed] { execute(request, packed->pointers().data()); });
}

}  // namespace

LaunchOptions read_launch_attributes(const cudaLaunchConfig_t &config) {
  LaunchOptions options;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute &attribute = config.attrs[i];
    switch (attribute.id) {
      case cudaLaunchAttributeCooperative:
        options.cooperative = attribute.val.cooperative != 0;
        break;
      case cudaLaunchAttributeClusterDimension:
        options.cluster = dim3(attribute.val.clusterDim.x, attribute.val.clusterDim.y,
                               attribute.val.clusterDim.z);
        break;
      case cudaLaunchAttributeProgrammaticStreamSerialization:
        options.overlaps = attribute.val.programmaticStreamSerializationAllowed != 0;
        break;
      // These affect speed only.
      case cudaLaunchAttributeIgnore:
      case cudaLaunchAttributeAccessPolicyWindow:
      case cudaLaunchAttributeSynchronizationPolicy:
      case cudaLaunchAttributeClusterSchedulingPolicyPreference:
      case cudaLaunchAttributePriority:
        break;
      default:
        fail("emulator", "launch attribute %d is not emulated", static_cast<int>(attribute.id));
    }
  }
  return options;
}

}  // namespace emu

using namespace emu;

extern "C" {

cudaError_t cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **arguments,
                             size_t shared_bytes, cudaStream_t stream) {
  return api_call("cudaLaunchKernel", [&] {
    return launch(function, grid, block, arguments, shared_bytes, stream, LaunchOptions());
  });
}

cudaError_t cudaLaunchCooperativeKernel(const void *function, dim3 grid, dim3 block,
                                        void **arguments, size_t shared_bytes,
                                        cudaStream_t stream) {
  return api_call("cudaLaunchCooperativeKernel", [&] {
    LaunchOptions options;
    options.cooperative = true;
    return launch(function, grid, block, arguments, shared_bytes, stream, options);
  });
}

// cudaLaunchKernelEx of C++ calls this.
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *function,
                                void **arguments) {
  return api_call("cudaLaunchKernelExC", [&] {
    return launch(function, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes,
                  config->stream, read_launch_attributes(*config));
  });
}

}  // extern "C"
