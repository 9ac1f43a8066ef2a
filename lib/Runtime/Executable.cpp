//===- Executable.cpp - Loading kernels onto a device ---------------------===//

#include "Executable.h"

#include <cstdlib>

using namespace quantmlir::runtime;

bool quantmlir::runtime::canRunChip(std::string_view chip,
                                    int computeCapability, ImageKind kind) {
  // The manifest's reader has checked the form: sm_<digits>[a|f].
  std::string digits(chip.substr(3));
  char suffix = digits.back();
  int wanted = std::atoi(digits.c_str());
  if (suffix == 'a')
    return computeCapability == wanted;
  bool sameMajor = computeCapability / 10 == wanted / 10;
  if (suffix == 'f' || kind == ImageKind::Cubin)
    return sameMajor && computeCapability >= wanted;
  return computeCapability >= wanted;
}

Status Executable::create(std::shared_ptr<const Context> context,
                          std::shared_ptr<const Artifact> artifact,
                          QuantmlirRtImage image,
                          std::shared_ptr<const Executable> &result) {
  auto executable = std::make_shared<Executable>();
  executable->context = std::move(context);
  executable->artifact = std::move(artifact);
  const Context &device = *executable->context;
  ScopedContext scope(device.getDriver(), device.getHandle());
  if (!scope.getStatus().ok())
    return scope.getStatus();
  const Manifest &manifest = executable->artifact->getManifest();
  // A function may need no kernel at all; such an artifact has no image.
  if (!manifest.kernels.empty())
    if (Status status = executable->loadModule(image); !status.ok())
      return status;
  for (const Kernel &kernel : manifest.kernels)
    if (Status status = executable->loadKernel(kernel); !status.ok())
      return status;
  executable->prepares.resize(manifest.functions.size());
  for (const Function &function : manifest.functions)
    if (function.prepare)
      executable->prepares[*function.prepare] = true;
  result = std::move(executable);
  return Status();
}

Executable::~Executable() {
  if (!module)
    return;
  ScopedContext scope(context->getDriver(), context->getHandle());
  context->getDriver().cuModuleUnload(module);
}

Status Executable::loadModule(QuantmlirRtImage image) {
  const Manifest &manifest = artifact->getManifest();
  int capability = context->getComputeCapability();
  const std::string *code = nullptr;
  ImageKind kind = ImageKind::Cubin;
  if (image != QUANTMLIR_RT_IMAGE_PTX)
    code = artifact->getImage(ImageKind::Cubin);
  if (image == QUANTMLIR_RT_IMAGE_CUBIN && !code)
    return Status(QUANTMLIR_RT_NOT_FOUND, "the artifact has no cubin");
  // A cubin cannot move to a newer architecture; its PTX can.
  if (image == QUANTMLIR_RT_IMAGE_AUTO &&
      !canRunChip(manifest.chip, capability, ImageKind::Cubin))
    code = nullptr;
  if (!code) {
    kind = ImageKind::PTX;
    code = artifact->getImage(ImageKind::PTX);
  }
  if (!canRunChip(manifest.chip, capability, kind))
    return unsupported("the artifact is compiled for ", manifest.chip, "; ",
                       context->getName(), " has compute capability ",
                       capability / 10, ".", capability % 10);

  const CudaDriver &driver = context->getDriver();
  std::string log(16 << 10, '\0');
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER,
                            CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {&log[0], reinterpret_cast<void *>(log.size() - 1)};
  // std::string ends in the zero byte that PTX needs.
  CUresult result =
      driver.cuModuleLoadDataEx(&module, code->c_str(), 2, options, values);
  if (result == CUDA_SUCCESS)
    return Status();
  module = nullptr;
  Status status = driver.check(result, "cuModuleLoadDataEx");
  log.resize(log.find('\0'));
  if (log.empty())
    return status;
  return Status(status.code(), concat(status.message(), "\n", log));
}

Status Executable::loadKernel(const Kernel &kernel) {
  const CudaDriver &driver = context->getDriver();
  auto fail = [&](const Status &status) {
    return Status(status.code(),
                  concat("kernel '", kernel.name, "': ", status.message()));
  };
  if ((kernel.hasCluster() || kernel.dependentLaunch) &&
      !driver.cuLaunchKernelEx)
    return unsupported("kernel '", kernel.name,
                       "' needs cuLaunchKernelEx, which this driver lacks");
  for (ParameterKind kind : kernel.parameters)
    if (kind == ParameterKind::TensorMap && !driver.cuTensorMapEncodeTiled)
      return unsupported(
          "kernel '", kernel.name,
          "' needs cuTensorMapEncodeTiled, which this driver lacks");
  if (kernel.hasCluster() && context->getComputeCapability() < 90)
    return unsupported("kernel '", kernel.name, "' needs clusters, which ",
                       context->getName(), " lacks");

  CUfunction function = nullptr;
  if (Status status = driver.check(
          driver.cuModuleGetFunction(&function, module, kernel.name.c_str()),
          "cuModuleGetFunction");
      !status.ok())
    return fail(status);
  // With lazy loading the first launch would load the kernel, which allocates
  // and synchronizes: do it now.
  if (driver.cuFuncLoad)
    if (Status status = driver.check(driver.cuFuncLoad(function), "cuFuncLoad");
        !status.ok())
      return fail(status);

  int staticShared = 0, maxThreads = 0;
  if (Status status = driver.check(
          driver.cuFuncGetAttribute(
              &staticShared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function),
          "cuFuncGetAttribute");
      !status.ok())
    return fail(status);
  if (Status status = driver.check(
          driver.cuFuncGetAttribute(
              &maxThreads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function),
          "cuFuncGetAttribute");
      !status.ok())
    return fail(status);
  uint64_t shared = uint64_t(staticShared) + kernel.dynamicSharedMemory;
  if (shared > context->getMaxSharedMemory())
    return unsupported("kernel '", kernel.name, "' needs ", shared,
                       " bytes of shared memory; ", context->getName(), " has ",
                       context->getMaxSharedMemory());
  uint32_t threads = kernel.block[0] * kernel.block[1] * kernel.block[2];
  if (threads > uint32_t(maxThreads))
    return unsupported("kernel '", kernel.name, "' is launched with ", threads,
                       " threads but runs with at most ", maxThreads);

  auto setAttribute = [&](CUfunction_attribute attribute, int value) {
    return driver.check(driver.cuFuncSetAttribute(function, attribute, value),
                        "cuFuncSetAttribute");
  };
  // Above 48 KiB dynamic shared memory must be asked for.
  if (kernel.dynamicSharedMemory > 0)
    if (Status status =
            setAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                         static_cast<int>(kernel.dynamicSharedMemory));
        !status.ok())
      return fail(status);
  // So must clusters of more than eight blocks.
  if (kernel.cluster[0] * kernel.cluster[1] * kernel.cluster[2] > 8)
    if (Status status = setAttribute(
            CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1);
        !status.ok())
      return fail(status);
  functions.push_back(function);
  return Status();
}
