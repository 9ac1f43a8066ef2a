//===- WgmmaRegisters.h - Registers of asynchronous multiplications -------===//
//
// Values in registers have no addresses that the emulator could watch: what a
// kernel does with them around a wgmma is seen in its code.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_WGMMAREGISTERS_H
#define QUANTMLIR_LIB_EMULATOR_WGMMAREGISTERS_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/DenseMap.h"

namespace quantmlir::emulator {

/// An attribute of a wgmma, the location of an op that writes or reads one of
/// its register operands with no `wgmma.fence` between the two on some path.
constexpr const char *unfencedAttribute = "quantmlir.emulator.unfenced";

/// Sets `unfencedAttribute` where it applies.
void markUnfencedRegisters(mlir::LLVM::LLVMFuncOp function);

/// By op, the values it touches that may be accumulators of a wgmma under way;
/// of several ops in one block that touch a value, only the first.
llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value, 1>>
findTouchedAccumulators(mlir::LLVM::LLVMFuncOp function);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_WGMMAREGISTERS_H
