//===- Emulator.h - Kernels on the CPU, thread by thread ------------------===//
//
// Executes the kernels of a gpu.module in its LLVM + NVVM form, the last one
// before translation to LLVM IR, and reports what they do wrong.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_EMULATOR_EMULATOR_H
#define QUANTMLIR_EMULATOR_EMULATOR_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/OwningOpRef.h"
#include "quantmlir/Emulator/GlobalMemory.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace quantmlir::emulator {

class Kernel;

/// How an emulator runs.
struct EmulatorOptions {
  /// OS threads that run blocks; 0 means one per core.
  unsigned workers = 0;
  /// Blocks that can wait for each other: one on each multiprocessor of the
  /// smallest Hopper device.
  unsigned residentBlocks = 132;
  /// Bytes of stack of each emulated thread.
  size_t stackSize = 1024 * 1024;
  /// Findings after which a launch stops looking for more.
  unsigned maxFindings = 100;
  /// Backward branches and calls after which a thread is taken to run for ever.
  uint64_t maxSteps = 10'000'000;
  /// The same of all threads of a cluster, their waits included; 20 times
  /// `maxSteps` if that is more.
  uint64_t maxClusterSteps = 200'000'000;
  /// 0: threads take turns in the order of their numbers, and bulk copies come
  /// as late as they can. Else both in an order drawn from it, in which some
  /// warps fall far behind others.
  uint64_t seed = 0;
  /// Count what launches ask of memory and tensor cores (Report::profile).
  bool profile = false;
};

/// The shape of a launch, as the CUDA driver takes it.
struct LaunchShape {
  std::array<uint32_t, 3> grid = {1, 1, 1};
  std::array<uint32_t, 3> block = {1, 1, 1};
  std::array<uint32_t, 3> cluster = {1, 1, 1};
  uint32_t dynamicSharedMemory = 0;
  /// It may begin before the launch before it has ended, and has to wait for
  /// that (`griddepcontrol.wait`) before it touches what that one did.
  bool dependent = false;
};

/// A parameter of a kernel.
struct Parameter {
  uint32_t size; ///< in bytes
  /// The kernel gets a pointer to so many bytes of its own (`llvm.byval`).
  bool byValue;
};

/// Runs the kernels of a module on the CPU, thread by thread, and reports what
/// they did that hardware leaves undefined.
class Emulator {
public:
  /// Takes a copy of `module`. The context must have had
  /// `registerEmulationModels` applied. Emulators may share a memory; without
  /// one, a new one is made.
  static llvm::Expected<std::unique_ptr<Emulator>>
  create(mlir::gpu::GPUModuleOp module, const EmulatorOptions &options = {},
         std::shared_ptr<GlobalMemory> memory = nullptr);
  ~Emulator();

  GlobalMemory &getMemory() { return *memory; }
  /// Lets later launches work on other memory.
  void setMemory(std::shared_ptr<GlobalMemory> other) {
    memory = std::move(other);
  }

  bool hasKernel(llvm::StringRef name);
  /// The parameters of kernel `name`; empty if there is no such kernel.
  std::vector<Parameter> getParameters(llvm::StringRef name);

  /// Runs kernel `name`. `arguments` holds the bits of each parameter: device
  /// addresses and integers, zero-extended, and for what is passed by value
  /// (`llvm.byval`) the host address of its bytes. An error says that the
  /// launch could not be made (unknown kernel or instruction, wrong number of
  /// arguments); what the kernel does wrong is in the report.
  llvm::Expected<Report> launch(llvm::StringRef name, const LaunchShape &shape,
                                llvm::ArrayRef<uint64_t> arguments);

private:
  Emulator(mlir::gpu::GPUModuleOp module, const EmulatorOptions &options,
           std::shared_ptr<GlobalMemory> memory);

  mlir::OwningOpRef<mlir::gpu::GPUModuleOp> module;
  EmulatorOptions options;
  llvm::StringMap<std::unique_ptr<Kernel>> kernels;
  std::shared_ptr<GlobalMemory> memory;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_EMULATOR_H
