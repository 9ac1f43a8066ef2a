//===- RowGroupPlan.h - What the kernel of a group of rows does -*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWGROUPPLAN_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWGROUPPLAN_H

#include "mlir/IR/PatternMatch.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Dialect/QuantTile/IR/RowAccess.h"
#include "quantmlir/Schedule/RowSchedule.h"
#include "llvm/ADT/SetVector.h"

namespace quantmlir {

/// What the kernel of a group reads and writes.
struct RowGroupPlan {
  quant_tile::RowGroupOp group;
  quant_tile::RowDomain domain;
  llvm::SmallVector<std::pair<mlir::linalg::GenericOp, quant_tile::RowOp>> ops;
  /// Tensors from outside; where each yielded value is written.
  llvm::SetVector<mlir::Value> ins;
  llvm::SmallVector<mlir::Value> outs;

  /// Those whose rows come through shared memory, and those that stay there.
  llvm::SmallVector<mlir::Value> staged, resident;

  /// Fills in what follows from `group`; what no kernel can do is an error at
  /// the op.
  mlir::LogicalResult collect();
  /// Whether yielded value `index` has a column for each of the row's.
  bool isFull(unsigned index) const;
  /// Whether an op reads `value`, a tensor from outside, like that.
  bool reads(mlir::Value value, quant_tile::RowAccess access) const;
  /// Bytes of a row of `value`, or of all of it where all rows read it.
  int64_t getRowBytes(mlir::Value value) const;
  /// The same for the block's part of the row, and its columns.
  int64_t getPartBytes(mlir::Value value) const;
  int64_t getPartColumns() const;
  /// Each time that something is combined over a row, how many values.
  llvm::SmallVector<int64_t> getExchanged() const;
  /// What a block's dynamic shared memory has.
  schedule::RowLayout getLayout() const;
  /// Blocks of the launch, `rows` rows each.
  mlir::Value emitBlocks(mlir::RewriterBase &rewriter, int64_t rows) const;
  bool isInside(mlir::Value value) const {
    return value.getParentBlock() == &group->getRegion(0).front();
  }

private:
  /// Fills in what the schedule wants in shared memory.
  mlir::LogicalResult collectShared();
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWGROUPPLAN_H
