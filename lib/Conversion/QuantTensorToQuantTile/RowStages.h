//===- RowStages.h - Rows on their way through shared memory ----*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWSTAGES_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWSTAGES_H

#include "LaneReduction.h"
#include "RowGroupPlan.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "quantmlir/Schedule/RowSchedule.h"

namespace quantmlir {

/// The rows that come next, in the shared memory of a block that computes row
/// after row: a ring for each row that it computes at a time. What all rows
/// read and the schedule calls resident is there as well.
class RowStages {
public:
  /// For threads that compute `row` first, then every `step`-th of `rows`, or,
  /// where blocks share rows, part `rank` (`index`) of each.
  RowStages(const RowGroupPlan &plan, mlir::OpBuilder &b,
            mlir::gpu::GPUFuncOp kernel, mlir::Value row, mlir::Value step,
            mlir::Value rows, mlir::Value rank);

  /// Asks for the first rows and for what is resident, which it waits for.
  /// `memrefs` has one dimension for each of the plan's inputs. All threads of
  /// the block come here.
  void start(const llvm::DenseMap<mlir::Value, mlir::Value> &memrefs);
  /// Waits for the rows that the threads compute in their turn `turn` (i32).
  void await(mlir::Value turn);
  /// Where in shared memory the awaited row of `value` is, or the resident
  /// `value`; null where neither is.
  mlir::Value find(mlir::Value value);
  /// Asks for a row in the place of `row`, the awaited one, which all threads
  /// that compute it have read, and know that all have.
  void refill(mlir::Value row);
  /// How the blocks that share this row exchange what they combine for the
  /// `number`-th time in their turn `turn`.
  BlockExchange getExchange(mlir::Value turn, int64_t number);

private:
  mlir::Value word(int64_t value);
  mlir::Value at(int64_t offset, mlir::Value scaled = {}, int64_t scale = 1);
  mlir::Value stageOf(mlir::Value turn);
  mlir::Value getFull(mlir::Value stage);
  /// Copies `bytes` from byte `from` of `memref`, in one thread.
  void copy(mlir::Value to, mlir::Value memref, mlir::Value from, int64_t bytes,
            mlir::Value barrier);
  /// Copies this block's part of a row of `value`, which starts at byte `from`.
  void copyPart(mlir::Value to, mlir::Value value, mlir::Value from,
                mlir::Value barrier);
  void expect(mlir::Value barrier, int64_t bytes);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> body);
  /// Asks for `row`, if it exists, in `stage`; one thread.
  void load(mlir::Value row, mlir::Value stage);
  /// Emits `body` for one of the threads that share a row.
  void ifPicked(llvm::function_ref<void()> body);

  const RowGroupPlan &plan;
  quant_tile::RowScheduleAttr schedule;
  schedule::RowLayout layout;
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Value row, step, rows;
  /// Which part of each row this block has; null where it has all.
  mlir::Value rank;
  mlir::Value base, thread;
  /// Number of this thread's ring, and its own among those that share it.
  mlir::Value ring, member;
  /// The stage that was awaited last.
  mlir::Value stage;
  llvm::DenseMap<mlir::Value, mlir::Value> memrefs;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWSTAGES_H
