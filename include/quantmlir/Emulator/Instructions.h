//===- Instructions.h - Which instructions kernels have ---------*- C++ -*-===//
//
// The list that recorded results of the hardware are held against
// (test/Emulator/conformance): whatever a kernel can contain has to be there.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_EMULATOR_INSTRUCTIONS_H
#define QUANTMLIR_EMULATOR_INSTRUCTIONS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/DenseSet.h"

namespace quantmlir::emulator {

/// Tells the instructions of kernels apart by what they are, not by what they
/// work on.
class InstructionList {
public:
  /// Writes a line for each op of `module` that is like none before: its name,
  /// attributes and types, "name|{attributes}|operand types|result types".
  /// Constants and terminators are none.
  void add(mlir::gpu::GPUModuleOp module, llvm::raw_ostream &os);

private:
  llvm::DenseSet<size_t> known;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_INSTRUCTIONS_H
