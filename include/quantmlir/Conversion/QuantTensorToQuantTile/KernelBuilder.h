//===- KernelBuilder.h - One op, one kernel, one launch -------------------===//
//
// A kernel builder obeys an op's schedule: it asks the KernelTable for the
// kernel (which is generated the first time only) and says how to launch it.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CONVERSION_QUANTTENSORTOQUANTTILE_KERNELBUILDER_H
#define QUANTMLIR_CONVERSION_QUANTTENSORTOQUANTTILE_KERNELBUILDER_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "llvm/ADT/StringMap.h"

namespace quantmlir {

/// What a kernel builder answers: the kernel and how to launch it.
struct KernelCall {
  mlir::gpu::GPUFuncOp kernel;
  /// Operands in the order of the kernel's parameters: ins, outs, scalars.
  llvm::SmallVector<mlir::Value> ins, outs, scalars;
  /// Tensor maps, the last parameters, each of one operand (ins, then outs).
  llvm::SmallVector<std::pair<int64_t, quant_tile::TensorMapAttr>> tensorMaps;
  /// Blocks along x, y, z: `index` values before the op.
  std::array<mlir::Value, 3> grid;
  std::array<int64_t, 3> block = {1, 1, 1};
  /// Blocks of a cluster; none where the kernel uses no clusters.
  std::optional<std::array<int64_t, 3>> cluster;
  int64_t dynamicSharedMemory = 0;
  bool dependentLaunch = false;
  /// The kernel reads its outs before it writes them; which of them it reads,
  /// where it does not read all.
  bool accumulates = false;
  llvm::SmallVector<int64_t> readsOuts;
};

/// Fills the body of an empty kernel. Called with the insertion point before
/// the terminator.
using KernelBodyFn = llvm::function_ref<mlir::LogicalResult(
    mlir::OpBuilder &, mlir::gpu::GPUFuncOp)>;

/// The kernels of one module: `gpu.module @kernels`, made when first needed.
class KernelTable {
public:
  explicit KernelTable(mlir::ModuleOp module);

  /// The kernel with this canonical `signature`, which must tell everything
  /// that its body depends on. Where there is none yet, one is made with these
  /// parameter types and `body` fills it in. The symbol starts with `baseName`
  /// and is a valid PTX identifier.
  mlir::FailureOr<mlir::gpu::GPUFuncOp> getOrBuild(mlir::Location loc,
                                                   llvm::StringRef baseName,
                                                   llvm::StringRef signature,
                                                   mlir::TypeRange parameters,
                                                   KernelBodyFn body);

  /// As above for a kernel whose body is its only signature: builds it, and
  /// drops it again where an equal one exists.
  mlir::FailureOr<mlir::gpu::GPUFuncOp> getOrBuild(mlir::Location loc,
                                                   llvm::StringRef baseName,
                                                   mlir::TypeRange parameters,
                                                   KernelBodyFn body);

  /// `gpu.module @kernels`.
  mlir::gpu::GPUModuleOp getModule();

private:
  mlir::FailureOr<mlir::gpu::GPUFuncOp> build(mlir::Location loc,
                                              llvm::StringRef baseName,
                                              mlir::TypeRange parameters,
                                              KernelBodyFn body);

  mlir::ModuleOp module;
  mlir::gpu::GPUModuleOp kernels;
  llvm::StringMap<mlir::gpu::GPUFuncOp> bySignature;
  /// The number that the next kernel's name ends with.
  unsigned next = 0;
};

/// Makes the kernel of a linalg op that is elementwise, a reduction, or a
/// gather. The op's operands are tensors or memrefs. Errors are emitted at it.
mlir::FailureOr<KernelCall> buildPlainKernel(mlir::linalg::GenericOp op,
                                             KernelTable &table,
                                             mlir::RewriterBase &rewriter);

/// Makes the kernel of a group of row-local ops, as its schedule says. Errors
/// are emitted at the group or the op concerned.
mlir::FailureOr<KernelCall> buildRowGroupKernel(quant_tile::RowGroupOp group,
                                                KernelTable &table,
                                                mlir::RewriterBase &rewriter);

/// Makes the kernel that `op`'s `quant_tile.schedule` describes. Encoded
/// weights are already in the layout that it names. Errors are emitted at the
/// op.
mlir::FailureOr<KernelCall> buildMatmulKernel(quant_tensor::ScaledMatmulOp op,
                                              KernelTable &table,
                                              mlir::RewriterBase &rewriter);

/// Asserts, in front of each linalg op, scaled_matmul and cast of `func`, that
/// dynamic extents are what the op takes for granted: dimensions that one loop
/// indexes are equally long, other indices of loops (`k floordiv 32`) stay
/// within their dimension, and a cast's source has the static sizes of its
/// result. What follows from the IR alone is not asserted, nor are indices with
/// a `mod`.
void assertExtents(mlir::FunctionOpInterface func,
                   mlir::RewriterBase &rewriter);

/// The launch that `call` describes.
quant_tile::LaunchOp createLaunch(mlir::RewriterBase &rewriter,
                                  mlir::Location loc, const KernelCall &call);

/// Replaces `op` by the launch that `call` describes, whose first outs are
/// `op`'s results.
void replaceWithLaunch(mlir::RewriterBase &rewriter, mlir::Operation *op,
                       const KernelCall &call);

} // namespace quantmlir

#endif // QUANTMLIR_CONVERSION_QUANTTENSORTOQUANTTILE_KERNELBUILDER_H
