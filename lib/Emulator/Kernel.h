//===- Kernel.h - A kernel compiled for the emulator ----------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_KERNEL_H
#define QUANTMLIR_LIB_EMULATOR_KERNEL_H

#include "Site.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "quantmlir/Emulator/Emulator.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace mlir {
class ExecutionEngine;
}

namespace quantmlir::emulator {

/// A statically allocated piece of a kernel's shared memory.
struct SharedVariable {
  std::string name;
  uint32_t offset;
  uint32_t size;
};

/// A constant of the module, in host memory.
struct Constant {
  std::string name;
  uint64_t size;
  const char *data;
};

/// One kernel with all that it calls, as host code whose accesses and
/// instructions call the emulator.
class Kernel {
public:
  /// Compiles `name` of `module`, which is left alone, for threads that have
  /// `stackSize` bytes of stack.
  static llvm::Expected<std::unique_ptr<Kernel>>
  compile(mlir::gpu::GPUModuleOp module, llvm::StringRef name,
          size_t stackSize);
  ~Kernel();

  /// The parameters of `function`, or nothing after an error.
  static llvm::FailureOr<std::vector<Parameter>>
  getParameters(mlir::LLVM::LLVMFuncOp function);

  using Entry = void (*)(void **);
  Entry entry = nullptr;
  std::vector<Parameter> parameters;
  std::string name;
  std::vector<Site> sites;
  mlir::Location location;
  /// In order of offset, with gaps so that an overrun of one is seen.
  std::vector<SharedVariable> shared;
  /// Where dynamic shared memory starts; static memory lies below.
  uint32_t dynamicOffset = 0;
  std::vector<Constant> constants;
  /// Whether blocks may wait for each other in global memory.
  bool blocksMayMeet = false;

private:
  explicit Kernel(mlir::Location location);
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_KERNEL_H
