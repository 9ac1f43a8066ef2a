//===- WgmmaDecodeKernel.h - wgmma on decoded weights ---------------------===//
//
// Yᵀ = W·Xᵀ: encoded weights stream through shared memory as they are packed,
// are decoded in registers, and enter wgmma as its A operand. Activations are
// the B operand, in swizzled shared memory. While a step is multiplied, the
// next one is decoded, and its multiplications are in the tensor cores' queue
// before anything waits for those of the one before.
//
// A step is a stage of the ring. It is decoded in one or more *parts*. A *unit*
// is the columns of a step that share a scale: a part has several of them, or
// is a part of one. Where scales are of groups, either the sum of each unit is
// scaled in f32, or each weight when it is decoded; where they are of rows, the
// result is.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMADECODEKERNEL_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMADECODEKERNEL_H

#include "StepWeights.h"
#include "WarpgroupBlock.h"

namespace quantmlir {

/// Emits one kernel. Values are i32 where nothing else is said.
class WgmmaDecodeKernel : public WarpgroupBlock {
public:
  explicit WgmmaDecodeKernel(MatmulEmitter &b);

private:
  /// What a thread needs to know of the codes of a step beside these, of each
  /// block: of rows g and g + 8 of its 16.
  struct Parameters {
    llvm::SmallVector<StepParameters> scales, zeroPoints;
    llvm::SmallVector<mlir::Value> flatten() const;
    void unflatten(mlir::ValueRange values);
  };
  /// Decoded weights of a step: four registers of each instruction, by
  /// [block][instruction].
  using Weights = llvm::SmallVector<llvm::SmallVector<mlir::Value>>;
  /// Multiplications that were issued and are not waited for yet.
  struct Pending {
    bool exists = false;
    /// Where a unit ends whose sums are scaled, accumulators of each block, and
    /// its scales of rows g and g + 8.
    llvm::SmallVector<mlir::Value> sums, scales;
    /// The stage that is free once they are done; null where a later one
    /// reads it, too.
    mlir::Value stage;
  };
  /// One turn of a block's loop over tiles.
  struct Work {
    mlir::Value tile;
    /// With `stream_k`, the units of the tile along K, a round of the loop over
    /// steps each; whether their sums are another block's to finish (i1); the
    /// positions [first, end) of blocks that have sums for this one.
    mlir::Value begin, end, gives, firstGiver, endGiver;
  };
  /// What the loop over steps carries.
  struct State {
    /// Of each block: a struct of accumulators or, where sums are scaled, the
    /// elements of all blocks.
    llvm::SmallVector<mlir::Value> totals;
    /// Whether accumulators hold anything: the first multiplication of a tile
    /// that is not in a loop takes none in.
    bool hasTotals = true;
    Pending pending;
    /// Where sums are scaled, accumulators of the unit that is multiplied.
    llvm::SmallVector<mlir::Value> unitSums;
    /// Of the next step, and of those after it that are asked for.
    llvm::SmallVector<Parameters> parameters;
    Ring ring;
    /// Of alternating warpgroups, the parity of the next turn.
    mlir::Value turn;
    llvm::SmallVector<mlir::Value> flatten() const;
    void unflatten(mlir::ValueRange values);
  };

  bool alternates() const { return groups.isAlternating(); }
  bool scalesSums() const {
    return !problem.hasOneGroup() && !schedule.getScaleDecoded();
  }
  bool streams() const { return schedule.getStreamK() > 0; }
  /// Whether several blocks or warpgroups have parts of a tile along K.
  bool sharesK() const { return split.parts * split.sharers > 1; }
  /// Segments of 32 columns in step `step`, 0 where there is none.
  int64_t getSegments(int64_t step) const;

  // Who computes what: WgmmaDecodeStream.cpp.
  void divideTiles();
  Work getWork(mlir::Value number);
  /// Calls `body` with each of this block's turns; what it carried at last.
  llvm::SmallVector<mlir::Value> workLoop(
      llvm::SmallVector<mlir::Value> carried,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(Work, mlir::ValueRange)>
          body);
  mlir::Value globalByte(mlir::Value memref, mlir::Value byte);
  mlir::Value givingBlock(mlir::Value giver);
  mlir::Value givenByte(mlir::Value giver);
  mlir::Value givenFlag(mlir::Value giver);
  void giveSums(llvm::ArrayRef<mlir::Value> sums);
  void waitForFlag(mlir::Value flag);
  llvm::SmallVector<mlir::Value> takeSums(llvm::ArrayRef<mlir::Value> sums,
                                          const Work &work);

  // The loader.
  int64_t getLoadingWarps() const;
  void produce() override;
  void loadTiles();
  /// What of a step is loaded.
  enum class Operand { Both, Activations, Weights };
  void loadStep(mlir::Value row, mlir::Value column, mlir::Value step,
                mlir::Value stage, int64_t segments,
                Operand operand = Operand::Both);

  // The consumers.
  void consume() override;
  mlir::Value getStep(const Work &work, int64_t step);
  void fillPairTable();
  Parameters loadParameters(mlir::Value step);
  Weights decode(mlir::Value stage, int64_t first, int64_t last,
                 const Parameters &parameters);
  void issue(llvm::SmallVectorImpl<mlir::Value> &accumulators,
             const Weights &weights, int64_t firstOfWeights, mlir::Value stage,
             int64_t first, int64_t last, bool accumulate);
  void scaleSums(llvm::SmallVectorImpl<mlir::Value> &totals,
                 llvm::ArrayRef<mlir::Value> sums,
                 llvm::ArrayRef<mlir::Value> scales);
  void releaseStage(mlir::Value stage);
  void settle(State &state, int64_t later);
  void multiplyStep(State &state, mlir::Value step, int64_t segments,
                    bool hasNext);
  void multiplyPart(State &state, int64_t first, int64_t last, bool isLast);
  void passTurn();
  llvm::SmallVector<mlir::Value> multiply(const Work &work, Ring &ring,
                                          mlir::Value &turn);

  // The epilogue: WgmmaDecodeEpilogue.cpp.
  void finish(llvm::ArrayRef<mlir::Value> totals, mlir::Value firstRow,
              mlir::Value firstColumn, mlir::Value parity, const Work &work);
  llvm::SmallVector<mlir::Value> getSums(llvm::ArrayRef<mlir::Value> totals);
  mlir::Value leftSums(int64_t number, int64_t shares);
  void leaveSums(llvm::ArrayRef<mlir::Value> sums);
  void takeLeftSums(llvm::SmallVectorImpl<mlir::Value> &sums);
  void finishPart(llvm::ArrayRef<mlir::Value> sums, mlir::Value firstRow,
                  mlir::Value firstColumn, mlir::Value parity,
                  const Work &work);
  llvm::SmallVector<mlir::Value> getChunk(llvm::ArrayRef<mlir::Value> sums,
                                          int64_t chunk);
  void finishChunk(llvm::ArrayRef<mlir::Value> values, int64_t chunk,
                   mlir::Value firstRow, mlir::Value firstColumn);
  llvm::SmallVector<mlir::Value> results(llvm::ArrayRef<mlir::Value> totals,
                                         int64_t block, mlir::Value firstRow);
  int64_t getWarpsOfPanel();
  void ofPanel(int64_t panel, llvm::function_ref<void()> body);
  void stage(int64_t buffer, int64_t row16, llvm::ArrayRef<mlir::Value> values);

  quantmlir::schedule::DecodeSplit split;
  int64_t tileM, tileK;
  /// Blocks of 64 weights of a consumer; steps of a block, and that parameters
  /// are asked for ahead; segments of the last step, columns of a unit, and
  /// segments of a part; bits of a code.
  int64_t blocks, steps, stepsAhead, lastSegments, unit, partSegments;
  unsigned width;
  /// Whether decoded weights are multiplied by their scales, and whether that
  /// is a part of their decode.
  bool scalesWeights, decodesScaled;
  /// Of a round of the loop over steps: how many it takes.
  int64_t together;
  // With `stream_k`: rounds of the loop that a tile takes; which block this is
  // of those that divide tiles; how many tiles they divide, and their units;
  // this block's of them, and parts of tiles that these are; its turns.
  int64_t units;
  mlir::Value position, sharedTiles, sharedUnits, firstUnit, endUnit, parts,
      turns;
  /// What decoded weights, and so all sums, are multiplied by.
  double shrinkage;
  mlir::Type accumulatorType;
  /// Tensor maps of activations and codes; without the latter, each row tile of
  /// codes is a copy of its own.
  mlir::Value lhsMap, codesMap;
  mlir::Value firstStep; // of this block along K
  /// Which of the warpgroups that share a tile along K this is: it takes every
  /// `split.sharers`-th step, from this one on. Whose weights it has, among
  /// those that share none.
  mlir::Value share, ofTile;
  /// Byte that this lane addresses for `ldmatrix`.
  mlir::Value matrixByte;
  /// The first row of weights of this warp, and the rows of this thread, as
  /// indices: [2 * block + half].
  mlir::Value warpRow;
  llvm::SmallVector<mlir::Value> weightRows;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WGMMADECODEKERNEL_H
