//===- Executable.h - Kernels on a device -----------------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_EXECUTABLE_H
#define QUANTMLIR_LIB_RUNTIME_EXECUTABLE_H

#include "CudaDriver.h"
#include "Plan.h"

#include <mutex>

namespace quantmlir::runtime {

/// A device and its primary context.
class Context {
public:
  static Status create(int ordinal, std::shared_ptr<const Context> &result);
  Context() = default;
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;
  ~Context();

  const CudaDriver &getDriver() const { return *driver; }
  CUcontext getHandle() const { return handle; }
  const std::string &getName() const { return name; }
  int getComputeCapability() const { return computeCapability; }
  uint32_t getMaxSharedMemory() const { return maxSharedMemory; }

private:
  const CudaDriver *driver = nullptr;
  CUdevice device = 0;
  CUcontext handle = nullptr;
  std::string name;
  /// major * 10 + minor.
  int computeCapability = 0;
  /// Bytes a block may have at most.
  uint32_t maxSharedMemory = 0;
};

/// Whether code for `chip` runs on a device of this compute capability: exactly
/// that one for sm_90a, the same major for sm_100f, and this or a newer one
/// otherwise (for PTX; a cubin needs the same major).
bool canRunChip(std::string_view chip, int computeCapability, ImageKind kind);

/// The loaded module of an artifact.
class Executable {
public:
  static Status create(std::shared_ptr<const Context> context,
                       std::shared_ptr<const Artifact> artifact,
                       QuantmlirRtImage image,
                       std::shared_ptr<const Executable> &result);
  Executable() = default;
  Executable(const Executable &) = delete;
  Executable &operator=(const Executable &) = delete;
  ~Executable();

  /// Enqueues the plan; see quantmlirRtLaunch.
  Status launch(const Plan &plan, const QuantmlirRtBuffer *buffers,
                size_t numBuffers, QuantmlirRtBuffer workspace,
                CUstream stream) const;

private:
  Status loadModule(QuantmlirRtImage image);
  Status loadKernel(const Kernel &kernel);
  /// `mayOverlap`: a kernel that can start before the one ahead of it has ended
  /// may do so.
  Status enqueue(const PlannedLaunch &launch, const Plan &plan,
                 const QuantmlirRtBuffer *buffers, QuantmlirRtBuffer workspace,
                 CUstream stream, bool mayOverlap) const;
  /// Forgets that the last launch on `stream` was one of a prepare function;
  /// returns whether it was.
  bool takePrepared(CUstream stream) const;

  std::shared_ptr<const Context> context;
  std::shared_ptr<const Artifact> artifact;
  CUmodule module = nullptr;
  /// In the order of Manifest::kernels.
  std::vector<CUfunction> functions;
  /// By function: whether it is some function's prepare function.
  std::vector<bool> prepares;
  /// Streams on which a prepare function was launched last.
  mutable std::mutex preparedMutex;
  mutable std::vector<CUstream> preparedStreams;
};

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_EXECUTABLE_H
