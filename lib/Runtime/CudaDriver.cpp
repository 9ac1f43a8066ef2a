//===- CudaDriver.cpp - The CUDA driver, opened at run time ---------------===//

#include "CudaDriver.h"

#include <cstdlib>
#include <dlfcn.h>
#include <mutex>

using namespace quantmlir::runtime;

Status CudaDriver::get(const CudaDriver *&driver) {
  // A failure is not remembered: the caller may correct the environment.
  static std::mutex mutex;
  static CudaDriver instance;
  static bool opened = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (!opened) {
    const char *path = std::getenv("QUANTMLIR_LIBCUDA");
    CudaDriver candidate;
    if (Status status = candidate.open(path && *path ? path : "libcuda.so.1");
        !status.ok())
      return status;
    instance = candidate;
    opened = true;
  }
  driver = &instance;
  return Status();
}

Status CudaDriver::open(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    return Status(QUANTMLIR_RT_NO_DRIVER,
                  concat("cannot open the CUDA driver '", path,
                         "': ", why ? why : "unknown reason"));
  }
  const char *missing = nullptr;
#define X(entry, name, ...)                                                    \
  entry = reinterpret_cast<entry##Type>(dlsym(library, name));                 \
  if (!entry)                                                                  \
    missing = name;
  QUANTMLIR_CUDA_REQUIRED(X)
#undef X
  if (missing)
    return Status(
        QUANTMLIR_RT_NO_DRIVER,
        concat("the CUDA driver '", path, "' has no function ", missing));
#define X(entry, name, ...)                                                    \
  entry = reinterpret_cast<entry##Type>(dlsym(library, name));
  QUANTMLIR_CUDA_OPTIONAL(X)
#undef X
  CUresult result = cuInit(0);
  if (result == CUDA_ERROR_NO_DEVICE)
    return Status(QUANTMLIR_RT_NO_DEVICE,
                  "the CUDA driver finds no device on this machine");
  if (result != CUDA_SUCCESS) {
    Status status = check(result, "cuInit");
    return Status(QUANTMLIR_RT_NO_DRIVER, status.message());
  }
  return Status();
}

Status CudaDriver::check(CUresult result, std::string_view what) const {
  if (result == CUDA_SUCCESS)
    return Status();
  const char *name = nullptr;
  const char *description = nullptr;
  if (cuGetErrorName(result, &name) != CUDA_SUCCESS || !name)
    name = "unknown error";
  if (cuGetErrorString(result, &description) != CUDA_SUCCESS || !description)
    description = "no description";
  return Status(result == CUDA_ERROR_OUT_OF_MEMORY ? QUANTMLIR_RT_OUT_OF_MEMORY
                                                   : QUANTMLIR_RT_DRIVER_ERROR,
                concat(what, ": ", name, " (", result, "): ", description));
}

ScopedContext::ScopedContext(const CudaDriver &driver, CUcontext context)
    : driver(driver) {
  CUcontext current = nullptr;
  status = driver.check(driver.cuCtxGetCurrent(&current), "cuCtxGetCurrent");
  if (!status.ok() || current == context)
    return;
  status = driver.check(driver.cuCtxPushCurrent(context), "cuCtxPushCurrent");
  pushed = status.ok();
}

ScopedContext::~ScopedContext() {
  CUcontext popped = nullptr;
  if (pushed)
    driver.cuCtxPopCurrent(&popped);
}
