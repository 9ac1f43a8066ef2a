//===- PlainKernel.h - The parts of a plain kernel ------------------------===//
//
// PlainKernel.cpp finds out what a linalg.generic reads and writes, and how it
// is launched; PlainKernelBody.cpp writes the work of one thread;
// LaneReduction.cpp shares a reduction among threads.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_PLAINKERNEL_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_PLAINKERNEL_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "llvm/ADT/SetVector.h"

namespace quantmlir {

/// What a linalg.generic needs from outside of its kernel.
struct PlainKernelPlan {
  mlir::linalg::GenericOp op;
  quant_tile::PlainScheduleAttr schedule;
  /// Tensors (or memrefs) that the kernel takes as parameters.
  llvm::SetVector<mlir::Value> buffers;
  /// Where each init is written.
  llvm::SmallVector<mlir::Value> outs;
  /// `index` values that the host computes.
  llvm::SetVector<mlir::Value> scalars;
  /// Dense constants that become part of the kernel's module.
  llvm::SetVector<mlir::Value> constants;
  /// Scalars from outside that the region uses.
  llvm::SmallVector<mlir::Value> captured;
  /// For each operand a scalar that stands for all of its elements, or null.
  llvm::SmallVector<mlir::Value> splats;
  /// Parallel loops from the slowest to the fastest varying, and reductions.
  llvm::SmallVector<unsigned> parallel, reductions;
  /// The op that combines partial results of each out, where it may be
  /// reordered; as many as outs where several lanes share it.
  llvm::SmallVector<mlir::Operation *> combiners;
  /// Some init's contents are read.
  bool accumulates = false;

  /// An operand dimension that is as long as `loop`.
  std::pair<mlir::Value, int64_t> findExtent(unsigned loop);

  /// Collects all of the above.
  mlir::LogicalResult collect();

private:
  mlir::LogicalResult collectScalar(mlir::Value value);
  void collectBuffer(mlir::Value value);
  void collectOperands();
  mlir::LogicalResult readSchedule();
};

/// Writes the body of the kernel of `plan`.
class PlainKernelBody {
public:
  PlainKernelBody(PlainKernelPlan &plan, mlir::OpBuilder &builder,
                  mlir::gpu::GPUFuncOp kernel);
  mlir::LogicalResult emit();

private:
  mlir::Value constant(int64_t value);
  mlir::Value threadId();
  mlir::Value blockId();
  /// Makes the memrefs, scalars and constants of the plan available.
  mlir::LogicalResult bindParameters();
  mlir::LogicalResult bindConstant(mlir::Value value);
  mlir::Value scalar(mlir::Value value);
  mlir::Value buffer(mlir::Value value) { return buffers.lookup(value); }
  /// Element of `operand` at the current loop indices.
  mlir::SmallVector<mlir::Value> indicesOf(mlir::OpOperand &operand);
  mlir::Value load(mlir::OpOperand &operand);
  /// Computes and stores the output element that `linear` counts.
  void emitElement(mlir::Value linear, mlir::Value lane);
  /// One step of the op's region; returns what it yields for each out.
  mlir::SmallVector<mlir::Value> emitStep(mlir::ValueRange accumulators);
  mlir::SmallVector<mlir::Value> emitLoops(unsigned depth, mlir::Value lane,
                                           mlir::ValueRange accumulators);

  PlainKernelPlan &plan;
  mlir::OpBuilder &builder;
  mlir::gpu::GPUFuncOp kernel;
  mlir::Location loc;
  /// Parameters by what they stand for, and those of the plan's outs by number.
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
  llvm::SmallVector<mlir::Value> outs;
  mlir::IRMapping values;
  llvm::SmallVector<mlir::Value> extents, indices;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_PLAINKERNEL_H
