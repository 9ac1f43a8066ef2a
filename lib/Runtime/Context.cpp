//===- Context.cpp - A device and its primary context ---------------------===//

#include "Executable.h"

using namespace quantmlir::runtime;

Status Context::create(int ordinal, std::shared_ptr<const Context> &result) {
  auto context = std::make_shared<Context>();
  if (Status status = CudaDriver::get(context->driver); !status.ok())
    return status;
  const CudaDriver &driver = *context->driver;
  int count = 0;
  if (Status status =
          driver.check(driver.cuDeviceGetCount(&count), "cuDeviceGetCount");
      !status.ok())
    return status;
  if (ordinal < 0 || ordinal >= count)
    return Status(QUANTMLIR_RT_NO_DEVICE,
                  concat("there is no CUDA device ", ordinal,
                         "; this machine has ", count));
  if (Status status = driver.check(
          driver.cuDeviceGet(&context->device, ordinal), "cuDeviceGet");
      !status.ok())
    return status;
  char name[256] = {};
  if (Status status = driver.check(
          driver.cuDeviceGetName(name, sizeof(name) - 1, context->device),
          "cuDeviceGetName");
      !status.ok())
    return status;
  context->name = name;
  auto getAttribute = [&](CUdevice_attribute attribute, int &value) {
    return driver.check(
        driver.cuDeviceGetAttribute(&value, attribute, context->device),
        "cuDeviceGetAttribute");
  };
  int major = 0, minor = 0, sharedMemory = 0;
  if (Status status =
          getAttribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, major);
      !status.ok())
    return status;
  if (Status status =
          getAttribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, minor);
      !status.ok())
    return status;
  if (Status status = getAttribute(
          CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, sharedMemory);
      !status.ok())
    return status;
  context->computeCapability = major * 10 + minor;
  context->maxSharedMemory = static_cast<uint32_t>(sharedMemory);
  // Last, so that the destructor releases it exactly if it was retained.
  if (Status status = driver.check(
          driver.cuDevicePrimaryCtxRetain(&context->handle, context->device),
          "cuDevicePrimaryCtxRetain");
      !status.ok()) {
    context->handle = nullptr;
    return status;
  }
  result = std::move(context);
  return Status();
}

Context::~Context() {
  if (handle)
    driver->cuDevicePrimaryCtxRelease(device);
}
