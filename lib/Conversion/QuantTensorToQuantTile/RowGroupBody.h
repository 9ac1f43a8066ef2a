//===- RowGroupBody.h - The body of a kernel of row-local ops ---*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWGROUPBODY_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWGROUPBODY_H

#include "LaneReduction.h"
#include "RowGroupPlan.h"
#include "RowQuotients.h"
#include "RowStages.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

namespace quantmlir {

/// Writes the body of a group's kernel. A row is spread over the registers of
/// one or several warps: vector v of a row's columns belongs to lane v mod
/// lanes. Each value between the ops is, in a thread, either one scalar for
/// each of its columns or one for its row.
class RowGroupBody {
public:
  RowGroupBody(const RowGroupPlan &plan, mlir::OpBuilder &builder,
               mlir::gpu::GPUFuncOp kernel)
      : plan(plan), schedule(*quant_tile::RowGroupOp(plan.group).getSchedule()),
        b(builder), kernel(kernel), loc(kernel.getLoc()) {}
  void emit();

private:
  mlir::Value constant(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, loc, value);
  }
  mlir::Value add(mlir::Value x, mlir::Value y) {
    return b.createOrFold<mlir::arith::AddIOp>(loc, x, y);
  }
  mlir::Value mul(mlir::Value x, int64_t y) {
    return b.createOrFold<mlir::arith::MulIOp>(loc, x, constant(y));
  }
  mlir::Value flatten(mlir::Value memref);
  int64_t getAlignment(mlir::Type element) const;
  /// Elements in memory: a buffer of one dimension, or an address in shared
  /// memory.
  struct Source {
    mlir::Value place;
    mlir::Type element;
    /// What is added to an index of this block's part of a row; null where it
    /// has all, or nothing else is there.
    mlir::Value shift;
    explicit operator bool() const { return bool(place); }
  };
  /// Where to read `value`, a tensor from outside, or the row of it that is in
  /// shared memory; nowhere if the kernel has no such operand.
  Source findSource(mlir::Value value);
  /// As many elements as the schedule's vectors have, from `first` on: one
  /// vector, or several where it would be too wide for one access.
  llvm::SmallVector<mlir::Value> loadVector(const Source &source,
                                            mlir::Value first);
  /// Vectors of this thread from `source`, at its columns of a row that starts
  /// at element `first`.
  llvm::SmallVector<mlir::Value> loadColumns(const Source &source,
                                             mlir::Value first);
  void storeColumns(mlir::Value memref, llvm::ArrayRef<mlir::Value> elements);
  /// The first column of this block's part of a row; null where it has all.
  mlir::Value getFirstColumn();
  /// The operand's value for each column of this thread; a single one where
  /// it is the same for all.
  llvm::SmallVector<mlir::Value> read(mlir::Value operand,
                                      quant_tile::RowAccess access);
  /// Fills in `isKept` and `isLazy`.
  void chooseMode();
  /// From here on takes columns from the vectors that were loaded once more,
  /// and casts them again.
  void forgetColumns();
  /// Elements of a value of the group, computed (again) where they are not
  /// there.
  llvm::ArrayRef<mlir::Value> get(mlir::Value value);
  /// Which columns this thread has.
  void placeColumns();
  /// Loads this thread's columns of the row.
  void loadRow();
  /// Brings the row that the schedule names into L2, once for all threads that
  /// share this one's.
  void prefetchRow();
  /// Rows of the first result.
  mlir::Value countRows();
  /// Computes row after row, with the next ones on their way.
  void emitRows(mlir::Value step);
  /// Where the warps of a row exchange what they reduce in this turn.
  void placeExchange();
  void emitRow();
  /// Combines `values` over the threads that share a row; the first time, all
  /// have read it when they come here, and another takes its place.
  llvm::SmallVector<mlir::Value>
  combine(mlir::ValueRange values, llvm::ArrayRef<mlir::Operation *> combiners);
  void emitOp(mlir::linalg::GenericOp op, const quant_tile::RowOp &info);
  using Elements = llvm::SmallVector<llvm::SmallVector<mlir::Value>>;
  /// What an op reads: `values` of this thread's columns, a single one where it
  /// is the same for all; or `source`, to load them from, starting at element
  /// `first`; or `computed`, a value of the group that is computed where it is
  /// used.
  struct Operand {
    Source source;
    llvm::SmallVector<mlir::Value> values;
    mlir::Value first, computed;
  };
  llvm::SmallVector<Operand> getOperands(mlir::linalg::GenericOp op,
                                         const quant_tile::RowOp &info);
  /// Values of the inits that the region of `op` reads.
  llvm::SmallVector<mlir::Value> getInitial(mlir::linalg::GenericOp op);
  /// Element `index` of this thread of what is not loaded.
  mlir::Value getElement(const Operand &operand, int64_t index);
  /// Clones the region of `op` for its elements [first, end) of this thread,
  /// by input; `carried` are the values of its inits, if any. Appends what it
  /// yields to `results`, or to `carried` where it reduces.
  void emitElements(mlir::linalg::GenericOp op, const quant_tile::RowOp &info,
                    llvm::ArrayRef<Operand> operands,
                    llvm::SmallVectorImpl<mlir::Value> &carried, int64_t first,
                    int64_t end, RowQuotients *quotients, Elements &results);

  /// Emits `inner`, of an op that computes columns whose last bit means
  /// nothing, if it is a product of f32 that is added to something, or the
  /// addition: together they are one op, which rounds less. Says whether it
  /// did.
  bool emitFused(mlir::Operation &inner, mlir::IRMapping &mapping);
  /// Emits `inner`, of an op that reduces, if it adds up f32 or is a product
  /// that is added up, which becomes one op with the addition: a sum has no
  /// order that would say how it is rounded, and this rounds less. Says whether
  /// it did. The first element of a sum is the sum.
  bool emitSum(mlir::Operation &inner, const quant_tile::RowOp &info,
               mlir::IRMapping &mapping);

  /// The largest magnitude of this thread's columns of `of` that `op` finds,
  /// NaNs passed over; leaves one that is NaN where one of them is, in
  /// `magnitudes`.
  mlir::Value emitMagnitude(mlir::linalg::GenericOp op,
                            const quant_tile::RowOp &info,
                            llvm::ArrayRef<Operand> operands, mlir::Value of);

  const RowGroupPlan &plan;
  quant_tile::RowScheduleAttr schedule;
  mlir::OpBuilder &b;
  mlir::gpu::GPUFuncOp kernel;
  mlir::Location loc;
  /// Of a packed row: whether columns are computed where they are used, each
  /// time again, since a thread could not hold what is made of them; and
  /// whether it can hold them as they were loaded: narrow elements of one
  /// tensor, and nothing beside that all rows read. Others it loads each time
  /// again.
  bool isLazy = false, isKept = false;
  mlir::Value row, lane;
  /// Which part of each row this block has; null where it has all.
  mlir::Value rank;
  /// Which of the block's rows this thread computes; null where it has one.
  mlir::Value group;
  /// Where rows come through shared memory: these, the turn of the row that is
  /// computed, and whether another one has taken its place there.
  std::optional<RowStages> stages;
  mlir::Value turn;
  bool isRefilled = false;
  /// What the warps of a row exchange, where the next reduction's begins, and
  /// its number.
  LaneExchange exchange;
  int64_t exchanged = 0;
  /// Column of each vector of this thread, as read (never out of bounds), in
  /// this block's part of a row, and whether the vector exists; null where it
  /// surely does.
  llvm::SmallVector<mlir::Value> columns, inside;
  llvm::DenseMap<mlir::Value, mlir::Value> memrefs;
  llvm::SmallVector<mlir::Value> outMemrefs;
  /// Elements of values, by value and access: what is read twice is kept.
  llvm::DenseMap<std::pair<mlir::Value, unsigned>,
                 llvm::SmallVector<mlir::Value>>
      known;
  /// Of values, the largest magnitude of this thread's columns, or NaN where
  /// one is.
  llvm::DenseMap<mlir::Value, mlir::Value> magnitudes;
  /// The vectors that were loaded, likewise.
  llvm::MapVector<std::pair<mlir::Value, unsigned>,
                  llvm::SmallVector<mlir::Value>>
      loaded;
};

/// Whether each element of `op`'s results is a cast of one of its input.
bool isCast(mlir::linalg::GenericOp op, const quant_tile::RowOp &info);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWGROUPBODY_H
