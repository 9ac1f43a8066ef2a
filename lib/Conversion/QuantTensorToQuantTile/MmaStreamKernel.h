//===- MmaStreamKernel.h - Few rows, at the speed of memory ---------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_MMASTREAMKERNEL_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_MMASTREAMKERNEL_H

#include "WeightRing.h"
#include "quantmlir/Schedule/MatmulSchedule.h"

namespace quantmlir {

/// Emits a kernel of `mma_stream`.
class MmaStreamKernel {
public:
  explicit MmaStreamKernel(MatmulEmitter &b);
  void emit();

private:
  static constexpr int64_t kSegment =
      quant_tensor::FragmentLayout::segmentColumns;
  static constexpr int64_t kRows = quant_tensor::FragmentLayout::rows;
  /// Instructions (m16n8k16) in the columns of a segment.
  static constexpr int64_t kSegmentSteps = kSegment / 16;
  /// Columns that the lanes of a warp have four activations each of.
  static constexpr int64_t kSpreadRun = 4,
                           kSpread =
                               kSpreadRun * quant_tensor::FragmentLayout::lanes;

  /// Activations of a part of a step: four registers of each segment of each
  /// column tile and, where sums are of spread ones, two of each `kSpread`
  /// columns.
  struct Activations {
    llvm::SmallVector<llvm::SmallVector<llvm::SmallVector<mlir::Value>>>
        tiles; // [column][segment]
    llvm::SmallVector<llvm::SmallVector<mlir::Value>> spread;
  };
  /// Sums of a group (or of all columns), of each [row][column] tile, and those
  /// of the activations, of each [column].
  struct Sums {
    llvm::SmallVector<llvm::SmallVector<mlir::Value>> products, activations;
  };

  /// Warps of all blocks that divide a tile take a step of a round each.
  int64_t getStepsOfRound() const { return warpsK * exchange.parts; }
  mlir::Value stepOf(mlir::Value round) {
    mlir::Value first = b.mul(round, getStepsOfRound());
    if (part)
      first = b.add(first, b.mul(part, warpsK));
    return b.add(first, warpK);
  }
  bool isFull(int64_t round) const {
    return (round + 1) * getStepsOfRound() * stepColumns <= problem.k;
  }
  /// The first row and column of what this warp takes in a round, kept within
  /// the weights where they may not be `inBounds`.
  std::pair<mlir::Value, mlir::Value> getFirst(mlir::Value round,
                                               bool inBounds);
  StepShape getStepShape() const;
  /// Asks for the weights of a round; of those that come through the ring, for
  /// scales and zero points only.
  StepWeights loadWeights(mlir::Value round, bool inBounds);
  void fetchCodes(mlir::Value round, bool inBounds);
  Activations loadActivations(mlir::Value round, int64_t part, bool guarded);
  llvm::SmallVector<mlir::Value> decode(const StepWeights &weights, int64_t row,
                                        int64_t segment, int64_t step);
  Sums zeroSums();
  double getBiasAt(int64_t segment, int64_t step, int64_t p) const;
  mlir::Value getFactor(int64_t segment, int64_t step, int64_t p);
  llvm::SmallVector<mlir::Value> getBiases(int64_t segment, int64_t step);
  llvm::SmallVector<mlir::Value> getSpreadBiases(int64_t segment);
  void multiply(const StepWeights &weights, const Activations &x,
                int64_t segment, int64_t firstRow, int64_t lastRow, Sums &sums);
  /// `sums` without the bias and zero points.
  mlir::Value correct(const Sums &sums, int64_t row, int64_t column,
                      int64_t element, mlir::Value zeroPoint);
  void compute(const StepWeights &weights, const Activations &x, int64_t part,
               Sums &state);

  // The epilogue: MmaStreamEpilogue.cpp.
  mlir::Value addOfRow(mlir::Value value);
  void writePartials(llvm::ArrayRef<llvm::SmallVector<mlir::Value>> tiles);
  mlir::Value getPart();
  mlir::Value sharedByte(mlir::Value offset, int64_t further);
  mlir::Value getBarrier();
  void initExchange();
  mlir::Value addWarps(llvm::function_ref<mlir::Value(int64_t)> load);
  void exchangeSums();
  mlir::Value getInShare(int64_t first);
  mlir::Value getPlace(mlir::Value inShare);
  void loadLastScales();
  mlir::Value getTotal(mlir::Value at, mlir::Value inShare);
  void finish();

  bool needsActivationSums() const {
    return !scalesWeights && !decodesZeroPoints &&
           (bias != 0.0 || b.hasZeroPoint());
  }
  /// Whether codes stay where they lie, so that biases differ: a zero point
  /// would take a sum without them as well. Of four bits f16 has room for two,
  /// but the constants of both take registers that are worth more.
  bool isInPlace() const {
    return bias != 0.0 && !b.hasZeroPoint() &&
           problem.encoding.getStorageBits() < 4;
  }
  /// Whether sums of activations are of spread ones. A sum of the weights'
  /// products is in all four lanes of its row then, each of which takes a
  /// quarter of it and what it has of the other.
  bool spreads() const {
    return schedule.getTileM() == 1 && needsActivationSums() &&
           partColumns % kSpread == 0 &&
           (problem.hasOneGroup() || unit % kSpread == 0);
  }
  /// Elements of an accumulator tile that are rows of activations at all.
  int64_t elementStride() const { return schedule.getTileM() == 1 ? 2 : 1; }

  MatmulEmitter &b;
  const MatmulProblem &problem;
  quant_tile::ScheduleAttr schedule;
  quantmlir::schedule::StreamExchange exchange;
  int64_t warpsN, warpsK, rowTiles, columnTiles;
  /// Sums of a result, and columns of the result in a block's tile.
  int64_t numSums, outN;
  /// Columns that a warp takes in one step, those that it has activations of at
  /// once, columns between two changes of the scale within these, and within a
  /// step, steps of all K, and rounds in which all warps take one.
  int64_t stepColumns, partColumns, unit, unitOfScales, steps, rounds;
  /// Row tiles that have sums of a unit at the same time.
  int64_t rowsAtOnce;
  /// Whether codes are looked up in a table, where sums are later.
  bool looksUp;
  /// Whether weights are scaled, not sums.
  bool scalesWeights;
  /// Whether weights are decoded without their zero points, which are not taken
  /// from sums.
  bool decodesZeroPoints;
  /// What is left on decoded weights: a factor, or what is added to them.
  double shrinkage, bias;
  mlir::Value warpN, warpK, firstM, firstN, lastM, zero, partials;
  /// The start of shared memory; which block this is of those that divide a
  /// tile, null where one has all of it.
  mlir::Value base, part;
  /// Each column tile's row of activations.
  llvm::SmallVector<mlir::Value> activationRows;
  /// Where codes come through shared memory.
  std::optional<WeightRing> ring;
  /// With one group, the scales of the sums of this thread's outputs, asked for
  /// early.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> lastScales;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_MMASTREAMKERNEL_H
