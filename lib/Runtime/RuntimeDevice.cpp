//===- RuntimeDevice.cpp - C interface: contexts, launches, memory --------===//

#include "Handles.h"

using namespace quantmlir::runtime;

static Status nullArgument() { return invalidArgument("a null argument"); }

QuantmlirRtStatus quantmlirRtContextCreate(int ordinal,
                                           QuantmlirRtContext **context) {
  return guarded([&] {
    if (!context)
      return nullArgument();
    return makeHandle(context, [&](std::shared_ptr<const Context> &object) {
      return Context::create(ordinal, object);
    });
  });
}

void quantmlirRtContextDestroy(QuantmlirRtContext *context) { delete context; }

const char *quantmlirRtContextGetDeviceName(const QuantmlirRtContext *context) {
  return context ? context->object->getName().c_str() : nullptr;
}

int quantmlirRtContextGetComputeCapability(const QuantmlirRtContext *context) {
  return context ? context->object->getComputeCapability() : 0;
}

QuantmlirRtStatus quantmlirRtExecutableCreate(
    const QuantmlirRtContext *context, const QuantmlirRtArtifact *artifact,
    QuantmlirRtImage image, QuantmlirRtExecutable **executable) {
  return guarded([&] {
    if (!context || !artifact || !executable)
      return nullArgument();
    if (image != QUANTMLIR_RT_IMAGE_AUTO && image != QUANTMLIR_RT_IMAGE_PTX &&
        image != QUANTMLIR_RT_IMAGE_CUBIN)
      return invalidArgument("there is no image kind ", int(image));
    return makeHandle(executable,
                      [&](std::shared_ptr<const Executable> &object) {
                        return Executable::create(
                            context->object, artifact->object, image, object);
                      });
  });
}

void quantmlirRtExecutableDestroy(QuantmlirRtExecutable *executable) {
  delete executable;
}

QuantmlirRtStatus quantmlirRtLaunch(const QuantmlirRtExecutable *executable,
                                    const QuantmlirRtPlan *plan,
                                    const QuantmlirRtBuffer *buffers,
                                    size_t numBuffers,
                                    QuantmlirRtBuffer workspace, void *stream) {
  return guarded([&] {
    if (!executable || !plan || (numBuffers != 0 && !buffers))
      return nullArgument();
    return executable->object->launch(*plan->object, buffers, numBuffers,
                                      workspace, static_cast<CUstream>(stream));
  });
}

/// Runs `body(driver)` with the context current.
template <typename Body>
static QuantmlirRtStatus withContext(const QuantmlirRtContext *context,
                                     Body body) {
  return guarded([&] {
    if (!context)
      return nullArgument();
    const CudaDriver &driver = context->object->getDriver();
    ScopedContext scope(driver, context->object->getHandle());
    if (!scope.getStatus().ok())
      return scope.getStatus();
    return body(driver);
  });
}

QuantmlirRtStatus quantmlirRtMemoryAllocate(const QuantmlirRtContext *context,
                                            size_t bytes,
                                            QuantmlirRtBuffer *buffer) {
  return withContext(context, [&](const CudaDriver &driver) {
    if (!buffer)
      return nullArgument();
    CUdeviceptr address = 0;
    // The driver refuses to allocate nothing.
    if (bytes != 0)
      if (Status status =
              driver.check(driver.cuMemAlloc(&address, bytes),
                           concat("cuMemAlloc of ", bytes, " bytes"));
          !status.ok())
        return status;
    *buffer = {address, bytes};
    return Status();
  });
}

QuantmlirRtStatus quantmlirRtMemoryFree(const QuantmlirRtContext *context,
                                        QuantmlirRtBuffer buffer) {
  return withContext(context, [&](const CudaDriver &driver) {
    if (buffer.address == 0)
      return Status();
    return driver.check(driver.cuMemFree(buffer.address), "cuMemFree");
  });
}

QuantmlirRtStatus
quantmlirRtMemoryCopyToDevice(const QuantmlirRtContext *context,
                              QuantmlirRtBuffer to, const void *from,
                              size_t bytes, void *stream) {
  return withContext(context, [&](const CudaDriver &driver) {
    if (bytes > to.bytes)
      return invalidArgument("copying ", bytes, " bytes into ", to.bytes);
    if (bytes == 0)
      return Status();
    if (!from || to.address == 0)
      return nullArgument();
    auto *cuStream = static_cast<CUstream>(stream);
    if (Status status = driver.check(
            driver.cuMemcpyHtoDAsync(to.address, from, bytes, cuStream),
            "cuMemcpyHtoDAsync");
        !status.ok())
      return status;
    return driver.check(driver.cuStreamSynchronize(cuStream),
                        "cuStreamSynchronize");
  });
}

QuantmlirRtStatus quantmlirRtMemoryCopyToHost(const QuantmlirRtContext *context,
                                              void *to, QuantmlirRtBuffer from,
                                              size_t bytes, void *stream) {
  return withContext(context, [&](const CudaDriver &driver) {
    if (bytes > from.bytes)
      return invalidArgument("copying ", bytes, " bytes out of ", from.bytes);
    if (bytes == 0)
      return Status();
    if (!to || from.address == 0)
      return nullArgument();
    auto *cuStream = static_cast<CUstream>(stream);
    if (Status status = driver.check(
            driver.cuMemcpyDtoHAsync(to, from.address, bytes, cuStream),
            "cuMemcpyDtoHAsync");
        !status.ok())
      return status;
    return driver.check(driver.cuStreamSynchronize(cuStream),
                        "cuStreamSynchronize");
  });
}

QuantmlirRtStatus quantmlirRtStreamCreate(const QuantmlirRtContext *context,
                                          void **stream) {
  return withContext(context, [&](const CudaDriver &driver) {
    if (!stream)
      return nullArgument();
    // CU_STREAM_NON_BLOCKING: independent of the default stream.
    CUstream created = nullptr;
    if (Status status =
            driver.check(driver.cuStreamCreate(&created, 1), "cuStreamCreate");
        !status.ok())
      return status;
    *stream = created;
    return Status();
  });
}

QuantmlirRtStatus quantmlirRtStreamDestroy(const QuantmlirRtContext *context,
                                           void *stream) {
  return withContext(context, [&](const CudaDriver &driver) {
    if (!stream)
      return Status();
    return driver.check(driver.cuStreamDestroy(static_cast<CUstream>(stream)),
                        "cuStreamDestroy");
  });
}

QuantmlirRtStatus
quantmlirRtStreamSynchronize(const QuantmlirRtContext *context, void *stream) {
  return withContext(context, [&](const CudaDriver &driver) {
    return driver.check(
        driver.cuStreamSynchronize(static_cast<CUstream>(stream)),
        "cuStreamSynchronize");
  });
}
