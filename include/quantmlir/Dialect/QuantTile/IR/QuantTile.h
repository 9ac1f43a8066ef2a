//===- QuantTile.h - The quant_tile dialect -------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTILE_IR_QUANTTILE_H
#define QUANTMLIR_DIALECT_QUANTTILE_IR_QUANTTILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "quantmlir/Dialect/QuantTile/IR/QuantTileEnums.h.inc"

#include "quantmlir/Dialect/QuantTile/IR/QuantTileDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "quantmlir/Dialect/QuantTile/IR/QuantTileAttrs.h.inc"

namespace quantmlir::quant_tile {
/// Whether `type` holds a thread's part of a warpgroup's accumulators: an LLVM
/// struct of 4 to 128 i32 or f32, all equal.
bool isAccumulatorStruct(mlir::Type type);
/// Whether `op` is an instruction: it stays as it is until translation to
/// LLVM IR makes assembly of it, so that the emulator knows its meaning.
bool isInstruction(mlir::Operation *op);
} // namespace quantmlir::quant_tile

#define GET_OP_CLASSES
#include "quantmlir/Dialect/QuantTile/IR/QuantTileOps.h.inc"

#endif // QUANTMLIR_DIALECT_QUANTTILE_IR_QUANTTILE_H
