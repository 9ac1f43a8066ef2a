//===- Launch.cpp - Enqueueing a plan -------------------------------------===//
//
// On the path without errors nothing here allocates host or device memory or
// waits, so that a launch can be captured in a CUDA graph and costs little more
// than the driver's own time. (That of a prepare function notes its stream.)
//
//===----------------------------------------------------------------------===//

#include "Executable.h"

#include <algorithm>
#include <cstring>

using namespace quantmlir::runtime;

/// Compares what the caller brought with what the plan needs.
static Status checkBuffers(const Plan &plan, const QuantmlirRtBuffer *buffers,
                           size_t numBuffers, QuantmlirRtBuffer workspace) {
  const Function &function = plan.getFunction();
  if (numBuffers != function.buffers.size())
    return invalidArgument("function '", function.name, "' has ",
                           function.buffers.size(), " buffers, got ",
                           numBuffers);
  for (size_t i = 0; i < numBuffers; ++i) {
    const Buffer &buffer = function.buffers[i];
    const QuantmlirRtBuffer &given = buffers[i];
    if (buffer.role == QUANTMLIR_RT_TEMPORARY) {
      if (given.address != 0 || given.bytes != 0)
        return invalidArgument("temporary '", buffer.name,
                               "' lives in the workspace; its entry must be "
                               "{0, 0}");
      continue;
    }
    uint64_t bytes = plan.getBuffers()[i].bytes;
    if (given.bytes != bytes)
      return invalidArgument("buffer '", buffer.name, "' has ", given.bytes,
                             " bytes; its shape needs ", bytes);
    if (given.address == 0 && bytes != 0)
      return invalidArgument("buffer '", buffer.name, "' is null");
    if (given.address % buffer.alignment != 0)
      return invalidArgument("buffer '", buffer.name, "' is not aligned to ",
                             buffer.alignment, " bytes");
  }
  uint64_t needed = plan.getWorkspaceBytes();
  if (workspace.bytes < needed)
    return invalidArgument("the workspace has ", workspace.bytes,
                           " bytes; function '", function.name, "' needs ",
                           needed);
  if (needed == 0)
    return Status();
  if (workspace.address == 0)
    return invalidArgument("the workspace is null");
  if (workspace.address % QUANTMLIR_RT_WORKSPACE_ALIGNMENT != 0)
    return invalidArgument("the workspace is not aligned to ",
                           QUANTMLIR_RT_WORKSPACE_ALIGNMENT, " bytes");
  return Status();
}

static uint64_t getAddress(uint32_t index, const Plan &plan,
                           const QuantmlirRtBuffer *buffers,
                           QuantmlirRtBuffer workspace) {
  if (plan.getFunction().buffers[index].role == QUANTMLIR_RT_TEMPORARY)
    return workspace.address + plan.getBuffers()[index].workspaceOffset;
  return buffers[index].address;
}

Status Executable::launch(const Plan &plan, const QuantmlirRtBuffer *buffers,
                          size_t numBuffers, QuantmlirRtBuffer workspace,
                          CUstream stream) const {
  if (&plan.getArtifact() != artifact.get())
    return invalidArgument("the plan belongs to another artifact");
  if (Status status = checkBuffers(plan, buffers, numBuffers, workspace);
      !status.ok())
    return status;
  ScopedContext scope(context->getDriver(), context->getHandle());
  if (!scope.getStatus().ok())
    return scope.getStatus();
  // A kernel that starts early reads prepared buffers early, too.
  bool mayOverlap = !takePrepared(stream);
  for (const PlannedLaunch &launch : plan.getLaunches()) {
    if (Status status =
            enqueue(launch, plan, buffers, workspace, stream, mayOverlap);
        !status.ok())
      return status;
    mayOverlap = true;
  }
  if (prepares[plan.getFunctionIndex()]) {
    std::lock_guard<std::mutex> lock(preparedMutex);
    preparedStreams.push_back(stream);
  }
  return Status();
}

bool Executable::takePrepared(CUstream stream) const {
  std::lock_guard<std::mutex> lock(preparedMutex);
  auto found =
      std::remove(preparedStreams.begin(), preparedStreams.end(), stream);
  bool wasPrepared = found != preparedStreams.end();
  preparedStreams.erase(found, preparedStreams.end());
  return wasPrepared;
}

Status Executable::enqueue(const PlannedLaunch &launch, const Plan &plan,
                           const QuantmlirRtBuffer *buffers,
                           QuantmlirRtBuffer workspace, CUstream stream,
                           bool mayOverlap) const {
  const CudaDriver &driver = context->getDriver();
  const Kernel &kernel = artifact->getManifest().kernels[launch.kernel];
  // The driver copies the parameters before it returns.
  alignas(64) uint8_t values[Kernel::maxParameterBytes];
  void *parameters[Kernel::maxParameters];
  std::memcpy(values, launch.values.data(), launch.values.size());
  for (size_t i = 0; i < launch.offsets.size(); ++i)
    parameters[i] = values + launch.offsets[i];
  for (const PlannedLaunch::Pointer &pointer : launch.pointers) {
    uint64_t address = getAddress(pointer.buffer, plan, buffers, workspace);
    std::memcpy(values + pointer.offset, &address, sizeof(address));
  }
  for (const PlannedLaunch::Map &map : launch.tensorMaps) {
    const TensorMapDescription &d = map.description;
    uint64_t address = getAddress(map.buffer, plan, buffers, workspace);
    // Encoding is arithmetic on the host; no device is involved.
    CUresult result = driver.cuTensorMapEncodeTiled(
        reinterpret_cast<CUtensorMap *>(values + map.offset), d.dataType,
        d.rank, reinterpret_cast<void *>(address), d.sizes, d.strides + 1,
        d.box, d.elementStrides, /*interleave=*/0, d.swizzle, d.l2Promotion,
        /*oobFill=*/0);
    if (result != CUDA_SUCCESS)
      return driver.check(
          result, concat("kernel '", kernel.name, "': cuTensorMapEncodeTiled"));
  }

  CUfunction function = functions[launch.kernel];
  CUresult result;
  if (driver.cuLaunchKernelEx) {
    CUlaunchAttribute attributes[2];
    CUlaunchConfig config = {};
    config.gridDimX = launch.grid[0];
    config.gridDimY = launch.grid[1];
    config.gridDimZ = launch.grid[2];
    config.blockDimX = kernel.block[0];
    config.blockDimY = kernel.block[1];
    config.blockDimZ = kernel.block[2];
    config.sharedMemBytes = kernel.dynamicSharedMemory;
    config.hStream = stream;
    config.attrs = attributes;
    if (kernel.hasCluster()) {
      CUlaunchAttribute &attribute = attributes[config.numAttrs++];
      attribute = {};
      attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
      attribute.value.clusterDim = {kernel.cluster[0], kernel.cluster[1],
                                    kernel.cluster[2]};
    }
    if (kernel.dependentLaunch && mayOverlap) {
      CUlaunchAttribute &attribute = attributes[config.numAttrs++];
      attribute = {};
      attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
      attribute.value.programmaticStreamSerializationAllowed = 1;
    }
    result = driver.cuLaunchKernelEx(&config, function, parameters, nullptr);
  } else {
    // An older driver; kernels that need attributes were refused when loaded.
    result = driver.cuLaunchKernel(
        function, launch.grid[0], launch.grid[1], launch.grid[2],
        kernel.block[0], kernel.block[1], kernel.block[2],
        kernel.dynamicSharedMemory, stream, parameters, nullptr);
  }
  if (result != CUDA_SUCCESS)
    return driver.check(result, concat("launch of kernel '", kernel.name, "'"));
  return Status();
}
