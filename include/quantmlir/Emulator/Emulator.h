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
#include "quantmlir/Emulator/Report.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace quantmlir::emulator {

class Kernel;
struct Buffer;

/// How an emulator runs.
struct EmulatorOptions {
  /// OS threads that run blocks; 0 means one per core.
  unsigned workers = 0;
  /// Bytes of stack of each emulated thread.
  size_t stackSize = 256 * 1024;
  /// Findings after which a launch stops looking for more.
  unsigned maxFindings = 100;
};

/// What a kernel may do with a registered buffer.
enum class BufferRole {
  Input,     ///< holds data; writing is a fault
  InOut,     ///< holds data; may be written
  Output,    ///< holds nothing yet; every byte must be written
  Temporary, ///< holds nothing yet; reading before writing is a fault
};

/// The shape of a launch, as the CUDA driver takes it.
struct LaunchShape {
  std::array<uint32_t, 3> grid = {1, 1, 1};
  std::array<uint32_t, 3> block = {1, 1, 1};
  std::array<uint32_t, 3> cluster = {1, 1, 1};
  uint32_t dynamicSharedMemory = 0;
};

class Emulator {
public:
  /// Takes a copy of `module`. The context must have had
  /// `registerEmulationModels` applied.
  static llvm::Expected<std::unique_ptr<Emulator>>
  create(mlir::gpu::GPUModuleOp module, const EmulatorOptions &options = {});
  ~Emulator();

  /// Makes `data` global memory and returns its device address. Addresses of
  /// different buffers are far apart, so any overrun is seen and blamed on the
  /// right buffer. `data` must outlive the emulator's launches.
  uint64_t registerBuffer(llvm::StringRef name,
                          llvm::MutableArrayRef<char> data, BufferRole role);
  /// Forgets a buffer, given its device address.
  void unregisterBuffer(uint64_t address);

  /// Runs kernel `name`. `arguments` holds the bits of each parameter: device
  /// addresses and integers, zero-extended. An error says that the launch could
  /// not be made (unknown kernel or instruction, wrong number of arguments);
  /// what the kernel does wrong is in the report.
  llvm::Expected<Report> launch(llvm::StringRef name, const LaunchShape &shape,
                                llvm::ArrayRef<uint64_t> arguments);

  /// One finding for each Output buffer with bytes that no launch has written.
  Report checkOutputs() const;

private:
  Emulator(mlir::gpu::GPUModuleOp module, const EmulatorOptions &options);

  mlir::OwningOpRef<mlir::gpu::GPUModuleOp> module;
  EmulatorOptions options;
  llvm::StringMap<std::unique_ptr<Kernel>> kernels;
  std::vector<std::unique_ptr<Buffer>> buffers;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_EMULATOR_H
