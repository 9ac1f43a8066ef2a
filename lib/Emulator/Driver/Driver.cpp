//===- Driver.cpp - The CUDA driver's functions, emulated -----------------===//
//
// As much of the driver's interface as lib/Runtime uses. Everything happens at
// once: a launch has run when the call returns. Kernels are not those of the
// PTX it is given but the same in MLIR, read from the file that the environment
// variable QUANTMLIR_EMULATOR_KERNELS names; findings go to standard error and
// make the next synchronisation fail.
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "quantmlir/Emulator/TensorMap.h"

using namespace quantmlir::emulator;

// The driver's binary interface; names and numbers are cuda.h's.
using CUresult = int;
using CUdeviceptr = unsigned long long;
enum : CUresult {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_INVALID_IMAGE = 200,
  CUDA_ERROR_NOT_FOUND = 500,
  CUDA_ERROR_LAUNCH_FAILED = 719
};
enum : int { computeMajor = 75, computeMinor = 76, sharedOptin = 97 };
enum : int { maxThreadsPerBlock = 0 };
enum : int { errorLogBuffer = 5, errorLogSize = 6 };
enum : int { clusterDimension = 4, dependentLaunch = 6 };

namespace {
struct LaunchAttribute {
  int id;
  char pad[4];
  union {
    char pad[64];
    struct {
      unsigned x, y, z;
    } clusterDim;
    int dependentLaunchAllowed;
  } value;
};
struct LaunchConfig {
  unsigned grid[3], block[3];
  unsigned sharedMemBytes;
  void *stream;
  LaunchAttribute *attributes;
  unsigned attributeCount;
};
} // namespace

static CUresult launch(void *function, const LaunchShape &shape,
                       void **parameters) {
  return Device::get().launch(*static_cast<Function *>(function), shape,
                              parameters)
             ? CUDA_SUCCESS
             : CUDA_ERROR_LAUNCH_FAILED;
}

extern "C" {

CUresult cuInit(unsigned) { return CUDA_SUCCESS; }

CUresult cuDriverGetVersion(int *version) {
  *version = 13000;
  return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char **name) {
  switch (error) {
  case CUDA_SUCCESS:
    *name = "CUDA_SUCCESS";
    break;
  case CUDA_ERROR_OUT_OF_MEMORY:
    *name = "CUDA_ERROR_OUT_OF_MEMORY";
    break;
  case CUDA_ERROR_INVALID_IMAGE:
    *name = "CUDA_ERROR_INVALID_IMAGE";
    break;
  case CUDA_ERROR_NOT_FOUND:
    *name = "CUDA_ERROR_NOT_FOUND";
    break;
  case CUDA_ERROR_LAUNCH_FAILED:
    *name = "CUDA_ERROR_LAUNCH_FAILED";
    break;
  default:
    *name = "CUDA_ERROR_INVALID_VALUE";
  }
  return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  switch (error) {
  case CUDA_ERROR_INVALID_IMAGE:
    *text = "the emulator cannot read the kernels' MLIR";
    break;
  case CUDA_ERROR_NOT_FOUND:
    *text = "the kernels' MLIR has no such kernel";
    break;
  case CUDA_ERROR_LAUNCH_FAILED:
    *text = "the emulator found faults, printed to standard error";
    break;
  default:
    *text = "refused by the emulator";
  }
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
  *count = 1;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(int *device, int ordinal) {
  if (ordinal != 0)
    return CUDA_ERROR_INVALID_VALUE;
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int length, int) {
  snprintf(name, length, "quant-mlir emulator");
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, int attribute, int) {
  // It runs kernels of every chip that the compiler knows.
  switch (attribute) {
  case computeMajor:
    *value = 9;
    return CUDA_SUCCESS;
  case computeMinor:
    *value = 0;
    return CUDA_SUCCESS;
  case sharedOptin:
    *value = 227 * 1024;
    return CUDA_SUCCESS;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuDevicePrimaryCtxRetain(void **context, int) {
  *context = &Device::get();
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(int) { return CUDA_SUCCESS; }
CUresult cuCtxGetCurrent(void **context) {
  *context = &Device::get();
  return CUDA_SUCCESS;
}
CUresult cuCtxPushCurrent_v2(void *) { return CUDA_SUCCESS; }
CUresult cuCtxPopCurrent_v2(void **context) {
  *context = &Device::get();
  return CUDA_SUCCESS;
}

CUresult cuModuleLoadDataEx(void **module, const void *, unsigned count,
                            int *options, void **values) {
  std::string log;
  *module = Device::get().load(log);
  if (*module)
    return CUDA_SUCCESS;
  char *buffer = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == errorLogBuffer)
      buffer = static_cast<char *>(values[i]);
    else if (options[i] == errorLogSize)
      size = reinterpret_cast<size_t>(values[i]);
  }
  if (buffer && size)
    snprintf(buffer, size, "%s", log.c_str());
  return CUDA_ERROR_INVALID_IMAGE;
}

CUresult cuModuleUnload(void *module) {
  Device::get().unload(static_cast<Module *>(module));
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = static_cast<Module *>(module)->getFunction(name);
  return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

CUresult cuFuncGetAttribute(int *value, int attribute, void *) {
  // Static shared memory is counted when the kernel is compiled, at its first
  // launch; until then it is not known here.
  *value = attribute == maxThreadsPerBlock ? 1024 : 0;
  return CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(void *, int, int) { return CUDA_SUCCESS; }
CUresult cuFuncLoad(void *) { return CUDA_SUCCESS; }

CUresult cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz,
                        unsigned bx, unsigned by, unsigned bz, unsigned shared,
                        void *, void **parameters, void **) {
  LaunchShape shape;
  shape.grid = {gx, gy, gz};
  shape.block = {bx, by, bz};
  shape.dynamicSharedMemory = shared;
  return launch(function, shape, parameters);
}

CUresult cuLaunchKernelEx(const void *configuration, void *function,
                          void **parameters, void **) {
  const auto &config = *static_cast<const LaunchConfig *>(configuration);
  LaunchShape shape;
  llvm::copy(config.grid, shape.grid.begin());
  llvm::copy(config.block, shape.block.begin());
  shape.dynamicSharedMemory = config.sharedMemBytes;
  for (unsigned i = 0; i < config.attributeCount; ++i) {
    const LaunchAttribute &attribute = config.attributes[i];
    if (attribute.id == clusterDimension)
      shape.cluster = {attribute.value.clusterDim.x,
                       attribute.value.clusterDim.y,
                       attribute.value.clusterDim.z};
    else if (attribute.id == dependentLaunch)
      shape.dependent = attribute.value.dependentLaunchAllowed;
  }
  return launch(function, shape, parameters);
}

CUresult cuTensorMapEncodeTiled(void *encoded, int dataType, uint32_t rank,
                                void *address, const uint64_t *sizes,
                                const uint64_t *strides, const uint32_t *box,
                                const uint32_t *elementStrides, int interleave,
                                int swizzle, int, int oobFill) {
  TensorMap map;
  map.address = reinterpret_cast<uint64_t>(address);
  map.dataType = dataType;
  map.rank = rank;
  for (uint32_t d = 0; d < std::min(rank, TensorMap::maxRank); ++d) {
    map.sizes[d] = sizes[d];
    map.strides[d] = d ? strides[d - 1] : map.getElementBytes();
    map.box[d] = box[d];
    map.elementStrides[d] = elementStrides[d];
  }
  map.interleave = interleave;
  map.swizzle = swizzle;
  map.fillsWithNaN = oobFill;
  if (std::string why = map.check(); !why.empty()) {
    llvm::errs() << "emulator: cuTensorMapEncodeTiled: " << why << "\n";
    return CUDA_ERROR_INVALID_VALUE;
  }
  map.encode(encoded);
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
  if (!bytes)
    return CUDA_ERROR_INVALID_VALUE;
  uint64_t address = Device::get().allocate(bytes);
  if (!address)
    return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = address;
  return CUDA_SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return Device::get().free(pointer) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                              void *) {
  return Device::get().write(to, from, bytes) ? CUDA_SUCCESS
                                              : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                              void *) {
  return Device::get().read(to, from, bytes) ? CUDA_SUCCESS
                                             : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuStreamCreate(void **stream, unsigned) {
  *stream = &Device::get();
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy_v2(void *) { return CUDA_SUCCESS; }
CUresult cuStreamSynchronize(void *) {
  return Device::get().synchronize() ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED;
}

// What CUDA's driver has not (DriverExtensions.h).

void quantmlirEmulatorSetMaxSteps(uint64_t maxSteps) {
  Device::get().getOptions().maxSteps = maxSteps;
}
int quantmlirEmulatorDescribeBuffer(uint64_t address, const char *name,
                                    QuantmlirEmulatorRole role,
                                    unsigned elementBytes) {
  return Device::get().describe(address, name, static_cast<BufferRole>(role),
                                elementBytes);
}
void quantmlirEmulatorSetObserver(QuantmlirEmulatorObserver observer,
                                  void *user) {
  Device::get().setObserver(observer, user);
}

void quantmlirEmulatorSetProfile(int enable) {
  Device::get().getOptions().profile = enable;
}
int quantmlirEmulatorWriteProfile(int printTables, const char *jsonFile) {
  return Device::get().writeProfile(printTables, jsonFile ? jsonFile : "");
}

} // extern "C"
