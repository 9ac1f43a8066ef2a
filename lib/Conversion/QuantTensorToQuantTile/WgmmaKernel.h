//===- WgmmaKernel.h - The warpgroup main loop of sm_90a ------------------===//
//
// Y = X·Wᵀ: activations are the A operand, weights the B operand, both K-major
// in swizzled shared memory, filled by the tensor memory accelerator. One to
// three warpgroups multiply.
//
// With split K, the blocks of a cluster that share a tile along K each multiply
// some of its steps. Each then finishes some chunks of the result: it gets the
// others' sums of these through distributed shared memory and adds them in a
// fixed order.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMAKERNEL_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMAKERNEL_H

#include "WarpgroupBlock.h"

namespace quantmlir {

/// Emits one kernel. Values are i32 where nothing else is said.
class WgmmaKernel : public WarpgroupBlock {
public:
  explicit WgmmaKernel(MatmulEmitter &b);

private:
  void divideSteps();

  // The loader.
  void prepareSharedMemory() override;
  int64_t getLoadedBytes() const;
  void produce() override;
  void load(mlir::Value map, mlir::Value to, mlir::Value barrier,
            mlir::Value column, mlir::Value row, int64_t tileRows, bool isLhs);
  /// Loads the activations, the weights or both of a step of a tile.
  void loadStage(Ring ring, mlir::Value step, mlir::Value row,
                 mlir::Value column, bool lhs, bool rhs);

  // The consumers.
  void consume() override;
  /// Blocks of 64 rows of a consumer's part of a tile that multiply a run of
  /// steps together. The first blocks wait for the stages of the run, the last
  /// ones release them.
  struct Rows {
    int64_t first, count;
  };
  void issue(llvm::SmallVectorImpl<mlir::Value> &accumulators,
             mlir::Value stage, bool isFirst, Rows rows);
  mlir::Value issueSteps(llvm::SmallVectorImpl<mlir::Value> &accumulators,
                         Ring &ring, mlir::Value first, mlir::Value end,
                         Rows rows, bool isOne = false);
  void handOver();
  void drain(llvm::SmallVectorImpl<mlir::Value> &accumulators,
             mlir::Value stage, Rows rows);
  /// Calls `whileWaiting` where the multiplications are all under way.
  llvm::SmallVector<mlir::Value>
  multiply(Ring &ring, llvm::function_ref<void()> whileWaiting);
  // WgmmaPromotion.cpp.
  llvm::SmallVector<mlir::Value> multiplyPromoting(Ring &ring, Ring &scales);
  llvm::SmallVector<mlir::Value> addPromoted(mlir::Value accumulators,
                                             mlir::ValueRange products,
                                             mlir::ValueRange sums);
  mlir::Value toAccumulators(mlir::ValueRange sums);
  llvm::SmallVector<mlir::Value> settle(mlir::ValueRange sums);

  // Scales that change along K: WgmmaScales.cpp.
  void clearScales();
  void produceScales();
  void fillRowScales(mlir::Value start, mlir::Value row, mlir::Value k);
  void fillWeightScales(mlir::Value start, mlir::Value column, mlir::Value k);
  mlir::Value scalesOf(mlir::Value slot, mlir::Value step);
  mlir::Value awaitScales(Ring ring, mlir::Value step);
  llvm::SmallVector<mlir::Value>
  multiplyScales(mlir::Value slot, mlir::Value turn, int64_t block);
  void releaseScales(Ring &ring, mlir::Value turn, mlir::Value step);

  // The epilogue: WgmmaEpilogue.cpp.
  /// A row and a column of the result, of which two columns of a tile make one
  /// where rows of weights are pairs.
  struct Place {
    mlir::Value row, column;
  };
  /// What the epilogue reads for four accumulators: two of a row, and two eight
  /// rows down; of pairs for the first of each two.
  using Operands = std::array<MatmulEmitter::PairOperands, 2>;
  bool loadsAhead();
  Operands loadOperands(mlir::Value firstRow, mlir::Value firstColumn,
                        int64_t column8);
  llvm::SmallVector<Operands> loadChunkOperands(Place place);
  llvm::SmallVector<Operands> loadFirstOperands(Place tile);
  Place locateChunk(Place tile, mlir::Value chunk);
  void finish(llvm::ArrayRef<mlir::Value> accumulators, Place start,
              llvm::SmallVector<Operands> first, mlir::Value parity,
              mlir::Value tile);
  void finishChunk(llvm::ArrayRef<mlir::Value> accumulators, int64_t chunk,
                   Place place, llvm::ArrayRef<Operands> operands);
  llvm::SmallVector<mlir::Value>
  getChunk(llvm::ArrayRef<mlir::Value> accumulators, int64_t chunk);
  void stage(int64_t buffer, int64_t column8, llvm::ArrayRef<mlir::Value> left,
             llvm::ArrayRef<mlir::Value> right);
  llvm::SmallVector<mlir::Value>
  results(llvm::ArrayRef<mlir::Value> accumulators, const Operands &operands);

  quantmlir::schedule::WgmmaSplit split;
  /// Columns of a stage, steps of a tile along K, blocks of 64 rows and columns
  /// of a consumer's part of a tile.
  int64_t tileK, steps, blocks, columns;
  mlir::Type accumulatorType;
  /// Rows of a tile of activations that are loaded.
  int64_t loadedRows;
  // Tensor maps; the last of quarters of a tile of activations, if any.
  mlir::Value lhsMap, rhsMap, quarterMap;
  mlir::Value firstStep, endStep; // of this block along K
  // Where a consumer's part of a tile starts.
  mlir::Value partRow, partColumn;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMAKERNEL_H
