//===- FakeCuda.cpp - A CUDA driver that only takes notes -----------------===//

#include "FakeCuda.h"

#include "CudaDriver.h"
#include "PTXEntries.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

using namespace quantmlir::runtime;

namespace {
struct Function {
  std::string name;
  std::vector<PTXModule::Parameter> parameters;
};
struct Module {
  std::map<std::string, Function> functions;
};

struct State {
  std::recursive_mutex mutex;
  std::string log, taken;
  std::map<std::string, int> failures;
  std::string jitLog;
  int major = 9, minor = 0, sharedMemory = 232448;
};

/// QUANTMLIR_FAKE_CUDA_FAIL=function:code makes a function fail from the start,
/// for tests that run in another process.
State *makeState() {
  auto *state = new State;
  const char *failure = std::getenv("QUANTMLIR_FAKE_CUDA_FAIL");
  if (const char *colon = failure ? std::strchr(failure, ':') : nullptr)
    state->failures[std::string(failure, colon)] = std::atoi(colon + 1);
  return state;
}

State &state() {
  static State *instance = makeState();
  return *instance;
}

/// The contexts of each thread, as the driver keeps them.
thread_local std::vector<CUcontext> contexts;
char primaryContext;

std::string hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

/// Notes a call and tells whether it shall fail.
int note(const char *function, const std::string &details = "") {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  s.log += function;
  if (!details.empty())
    s.log += " " + details;
  s.log += "\n";
  auto it = s.failures.find(function);
  return it == s.failures.end() ? 0 : it->second;
}

template <typename T> std::string list(const T *values, size_t count) {
  std::string text = "[";
  for (size_t i = 0; i < count; ++i)
    text += (i ? "," : "") + std::to_string(values[i]);
  return text + "]";
}

/// Kernel parameters by their size in the PTX: pointers and i64 in hexadecimal,
/// i32 in decimal, of a tensor map the address inside.
std::string printParameters(const Function &function, void **parameters) {
  std::string text;
  for (size_t i = 0; i < function.parameters.size(); ++i) {
    uint64_t bytes = function.parameters[i].bytes;
    uint64_t value = 0;
    std::memcpy(&value, parameters[i], bytes < 8 ? bytes : 8);
    if (bytes == 128 && reinterpret_cast<uintptr_t>(parameters[i]) % 64 != 0)
      text += " MISALIGNED";
    text +=
        " " + std::string(bytes == 128 ? "map:" : "") +
        (bytes == 4 ? std::to_string(static_cast<int32_t>(value)) : hex(value));
  }
  return text;
}
} // namespace

extern "C" {
void fakeCudaReset() {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  s.log.clear();
  s.failures.clear();
  s.jitLog.clear();
  s.major = 9;
  s.minor = 0;
  s.sharedMemory = 232448;
}
const char *fakeCudaTakeLog() {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  s.taken = std::move(s.log);
  s.log.clear();
  return s.taken.c_str();
}
void fakeCudaFail(const char *function, int code) {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  s.failures[function] = code;
}
void fakeCudaSetJITLog(const char *text) { state().jitLog = text; }
void fakeCudaSetDevice(int major, int minor, int sharedMemory) {
  State &s = state();
  s.major = major;
  s.minor = minor;
  s.sharedMemory = sharedMemory;
}

CUresult cuInit(unsigned) { return note("cuInit"); }
CUresult cuDriverGetVersion(int *version) {
  *version = 13000;
  return note("cuDriverGetVersion");
}
CUresult cuGetErrorName(CUresult, const char **text) {
  *text = "CUDA_ERROR_FAKE";
  return 0;
}
CUresult cuGetErrorString(CUresult, const char **text) {
  *text = "a failure the test asked for";
  return 0;
}
CUresult cuDeviceGetCount(int *count) {
  *count = 1;
  return note("cuDeviceGetCount");
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  *device = ordinal;
  return note("cuDeviceGet");
}
CUresult cuDeviceGetName(char *name, int size, CUdevice) {
  std::snprintf(name, size, "Fake GPU");
  return note("cuDeviceGetName");
}
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute,
                              CUdevice) {
  State &s = state();
  *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? s.major
           : attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
               ? s.minor
               : s.sharedMemory;
  return note("cuDeviceGetAttribute");
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  *context = reinterpret_cast<CUcontext>(&primaryContext);
  return note("cuDevicePrimaryCtxRetain");
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  return note("cuDevicePrimaryCtxRelease");
}
CUresult cuCtxGetCurrent(CUcontext *context) {
  *context = contexts.empty() ? nullptr : contexts.back();
  return note("cuCtxGetCurrent");
}
CUresult cuCtxPushCurrent_v2(CUcontext context) {
  contexts.push_back(context);
  return note("cuCtxPushCurrent");
}
CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  *context = contexts.back();
  contexts.pop_back();
  return note("cuCtxPopCurrent");
}
CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count,
                            CUjit_option *options, void **values) {
  std::string text(static_cast<const char *>(image));
  if (int code = note("cuModuleLoadDataEx",
                      text.substr(0, text.find('\n')).substr(0, 4))) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
        std::strcpy(static_cast<char *>(values[i]), state().jitLog.c_str());
    return code;
  }
  auto *result = new Module;
  PTXModule scanned;
  if (scanPTX(text, scanned).ok())
    for (auto &[name, parameters] : scanned.entries)
      result->functions[name] = {name, parameters};
  *module = reinterpret_cast<CUmodule>(result);
  return 0;
}
CUresult cuModuleUnload(CUmodule module) {
  delete reinterpret_cast<Module *>(module);
  return note("cuModuleUnload");
}
CUresult cuModuleGetFunction(CUfunction *function, CUmodule module,
                             const char *name) {
  if (int code = note("cuModuleGetFunction", name))
    return code;
  auto &functions = reinterpret_cast<Module *>(module)->functions;
  // A cubin's kernels are taken on trust; only PTX tells their parameters.
  Function &found = functions[name];
  found.name = name;
  *function = reinterpret_cast<CUfunction>(&found);
  return 0;
}
CUresult cuFuncLoad(CUfunction function) {
  return note("cuFuncLoad", reinterpret_cast<Function *>(function)->name);
}
CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute,
                            CUfunction) {
  *value = attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 256 : 1024;
  return note("cuFuncGetAttribute");
}
CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute,
                            int value) {
  return note("cuFuncSetAttribute",
              reinterpret_cast<Function *>(function)->name + " " +
                  std::to_string(int(attribute)) + "=" + std::to_string(value));
}
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned,
                        unsigned, unsigned, unsigned, CUstream, void **,
                        void **) {
  return note("cuLaunchKernel");
}
CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction handle,
                          void **parameters, void **extra) {
  auto &function = *reinterpret_cast<Function *>(handle);
  unsigned grid[] = {config->gridDimX, config->gridDimY, config->gridDimZ};
  unsigned block[] = {config->blockDimX, config->blockDimY, config->blockDimZ};
  std::string text =
      function.name + " grid=" + list(grid, 3) + " block=" + list(block, 3) +
      " shared=" + std::to_string(config->sharedMemBytes) +
      " stream=" + hex(reinterpret_cast<uintptr_t>(config->hStream));
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const CUlaunchAttribute &attribute = config->attrs[i];
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
      unsigned cluster[] = {attribute.value.clusterDim.x,
                            attribute.value.clusterDim.y,
                            attribute.value.clusterDim.z};
      text += " cluster=" + list(cluster, 3);
    } else if (attribute.id ==
               CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION) {
      text += " dependent=" +
              std::to_string(
                  attribute.value.programmaticStreamSerializationAllowed);
    } else {
      text += " attribute?";
    }
  }
  if (extra)
    text += " extra?";
  return note("cuLaunchKernelEx",
              text + " :" + printParameters(function, parameters));
}
CUresult cuTensorMapEncodeTiled(CUtensorMap *map, int type, uint32_t rank,
                                void *address, const uint64_t *sizes,
                                const uint64_t *strides, const uint32_t *box,
                                const uint32_t *elementStrides, int interleave,
                                int swizzle, int l2Promotion, int fill) {
  *map = {};
  map->opaque[0] = reinterpret_cast<uintptr_t>(address);
  int modes[] = {interleave, swizzle, l2Promotion, fill};
  return note(
      "cuTensorMapEncodeTiled",
      "type=" + std::to_string(type) +
          " address=" + hex(reinterpret_cast<uintptr_t>(address)) +
          " sizes=" + list(sizes, rank) +
          " strides=" + list(strides, rank - 1) + " box=" + list(box, rank) +
          " steps=" + list(elementStrides, rank) + " modes=" + list(modes, 4));
}
CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  if (int code = note("cuMemAlloc", std::to_string(bytes)))
    return code;
  *address = reinterpret_cast<uintptr_t>(
      std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  return 0;
}
CUresult cuMemFree_v2(CUdeviceptr address) {
  std::free(reinterpret_cast<void *>(address));
  return note("cuMemFree");
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                              CUstream) {
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return note("cuMemcpyHtoDAsync", std::to_string(bytes));
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                              CUstream) {
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return note("cuMemcpyDtoHAsync", std::to_string(bytes));
}
CUresult cuStreamCreate(CUstream *stream, unsigned) {
  *stream = reinterpret_cast<CUstream>(uintptr_t(0x5000));
  return note("cuStreamCreate");
}
CUresult cuStreamDestroy_v2(CUstream) { return note("cuStreamDestroy"); }
CUresult cuStreamSynchronize(CUstream stream) {
  return note("cuStreamSynchronize", hex(reinterpret_cast<uintptr_t>(stream)));
}
}
