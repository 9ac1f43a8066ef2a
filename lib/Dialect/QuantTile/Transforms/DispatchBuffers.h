//===- DispatchBuffers.h - Buffers of what branches compute -----*- C++ -*-===//

#ifndef QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_DISPATCHBUFFERS_H
#define QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_DISPATCHBUFFERS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quantmlir::quant_tile {

/// Puts launches on buffers in each `scf.if` of `func` that has nothing to
/// decide about them: whose branches, however nested, compute one tensor into a
/// new one that they share, from arguments and what was computed before.
/// Buffers are aligned to `alignment` bytes. Other tests are left to
/// bufferization.
void allocateDispatches(mlir::func::FuncOp func, int64_t alignment);

} // namespace quantmlir::quant_tile

#endif // QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_DISPATCHBUFFERS_H
