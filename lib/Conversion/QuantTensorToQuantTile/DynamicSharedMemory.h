//===- DynamicSharedMemory.h - A block's dynamic shared memory --*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_DYNAMICSHAREDMEMORY_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_DYNAMICSHAREDMEMORY_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace quantmlir {

/// Address spaces of a block's shared memory, and of its cluster's.
inline constexpr unsigned kSharedSpace = 3, kSharedClusterSpace = 7;

/// The start of the dynamic shared memory of `kernel`'s blocks, aligned to 1024
/// bytes, as swizzled tiles want it.
mlir::Value getDynamicSharedMemory(mlir::OpBuilder &b, mlir::Location loc,
                                   mlir::gpu::GPUFuncOp kernel);

/// The same address in the shared memory of block `block` (i32) of the cluster.
mlir::Value mapToBlock(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::Value address, mlir::Value block);

/// Waits for all threads of the cluster, and for nothing that they wrote: an
/// arrival that releases waits for the device.
void synchronizeCluster(mlir::OpBuilder &b, mlir::Location loc);

/// Arrives at the mbarrier at `barrier`, where `bytes` (i32) more will come in
/// this phase.
void expectBytes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value barrier,
                 mlir::Value bytes);

/// Waits until the phase of the mbarrier at `barrier` that has this parity
/// (i32) is over.
void waitForBarrier(
    mlir::OpBuilder &b, mlir::Location loc, mlir::Value barrier,
    mlir::Value parity,
    mlir::NVVM::MemScopeKind scope = mlir::NVVM::MemScopeKind::CTA);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_DYNAMICSHAREDMEMORY_H
