//===- MatmulEmitter.h - What every matmul kernel is made of --------------===//
//
// A kernel is one decode, one main loop and one epilogue. This holds what the
// main loops share: the operands, index arithmetic, decoded weights, scales
// and the epilogue.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_MATMULEMITTER_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_MATMULEMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Schedule/MatmulSchedule.h"

namespace quantmlir {

class KernelTable;
struct KernelCall;

/// A scheduled contraction, as its kernel sees it.
struct MatmulProblem : schedule::Contraction {
  quant_tensor::ScaledMatmulOp op;
  quant_tile::ScheduleAttr schedule;
  mlir::Type accumulator;
  /// The error bound that the kernel declares.
  quant_tile::ContractAttr contract;
  /// The schedule's.
  const schedule::Chip *chip = nullptr;

  /// Rows that share a scale.
  int64_t getRowGroup() const;
  /// Number of groups along K.
  int64_t getGroups() const { return llvm::divideCeil(k, getGroup()); }
  /// Of kernels of warpgroups: rows of weights that the blocks of a cluster,
  /// side by side, have a tile of; how many times that covers all of them; and
  /// whether the last time takes in more, so that a part of a tile, or all of
  /// one, lies past the last row.
  int64_t getClusterTileN() const;
  int64_t getClusterTilesN() const {
    return llvm::divideCeil(n, getClusterTileN());
  }
  bool hasRaggedN() const { return n % getClusterTileN(); }
};

/// How a pair of codes comes out of `MatmulEmitter::decode`: with
/// `DecodeOp::getBias` left on them where `biased`, `getBiasInPlace` where
/// `inPlace` as well, and `DecodeOp::getShrinkage` where `shrunk`; times
/// `scale`, or less `minus`, a pair of equal ones, where there is one.
struct DecodeForm {
  bool biased = false, shrunk = false, inPlace = false;
  mlir::Value scale, minus;
  std::optional<uint32_t> row = {};
};

/// Emits into the body of one kernel. Index values are `index`, offsets count
/// elements.
class MatmulEmitter : public mlir::ImplicitLocOpBuilder {
public:
  MatmulEmitter(mlir::OpBuilder &builder, mlir::Location loc,
                const MatmulProblem &problem, mlir::gpu::GPUFuncOp kernel);

  const MatmulProblem &problem;
  mlir::gpu::GPUFuncOp kernel;
  /// Memrefs: activations and plain weights flattened to one dimension, codes
  /// of encoded weights as they are.
  mlir::Value lhs, codes;
  /// Rows of activations, all leading dimensions but batch ones together; rows
  /// and columns of the weights; columns of the result.
  mlir::Value rows, n, k, outColumns;
  /// Which of the batch of products this block works on; none where there is
  /// only one. Rows of a batch lie behind one another, in `lhs` and in `codes`.
  mlir::Value batch;
  /// This block's number along x within its product.
  mlir::Value blockX;
  /// Pointers to the tensor maps, the last parameters.
  llvm::SmallVector<mlir::Value> tensorMaps;
  /// With `stream_k`, sums that blocks give each other, and flags that say so.
  mlir::Value givenSums, givenFlags;
  /// Thread in the block, lane in the warp, and the lane's place in the
  /// fragment layout: row `g`, column run `t`.
  mlir::Value thread, lane, warp, g, t;

  // Index arithmetic that folds.
  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, index(b)); }
  mlir::Value sub(mlir::Value a, int64_t b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b) { return mul(a, index(b)); }
  mlir::Value div(mlir::Value a, int64_t b);
  mlir::Value rem(mlir::Value a, int64_t b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value less(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value c, mlir::Value a, mlir::Value b);
  mlir::Value floatConstant(mlir::Type type, double value);
  mlir::Value wordConstant(uint32_t value);
  /// a * b + c in f32, rounded once.
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);

  /// `if (condition) body(); else otherwise();`
  void ifThen(mlir::Value condition, llvm::function_ref<void()> body,
              llvm::function_ref<void()> otherwise = nullptr);
  /// A loop from `first` by `step` while below `end`; `body` gets the
  /// induction variable and the carried values and returns the next ones.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value first, mlir::Value end, mlir::Value step,
       mlir::ValueRange carried,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                         mlir::ValueRange)>
           body);

  /// Element `position` of a vector.
  mlir::Value element(mlir::Value vector, int64_t position);
  /// The same bits as another scalar or vector type.
  mlir::Value bitcast(mlir::Type type, mlir::Value value);

  /// A read of constant memory, aligned to `alignment` bytes or, by default,
  /// to the size of what is read.
  mlir::Value load(mlir::Type type, mlir::Value memref,
                   mlir::ValueRange indices, int64_t alignment = 0);

  /// The number of the first of `rowsOfBatch` rows that belong to this block's
  /// product.
  mlir::Value firstRowOfBatch(mlir::Value rowsOfBatch);

  /// Eight activations, or `run`, of `row` from `column` on, as they are
  /// stored. Where `guarded`, those past K are zero; else none may be. `row` is
  /// in bounds.
  mlir::Value
  loadActivations(mlir::Value row, mlir::Value column, bool guarded,
                  int64_t run = quant_tensor::FragmentLayout::runColumns);

  /// `FragmentLayout::getVectorPosition` of lane 4 g + t.
  mlir::Value getVectorPosition(mlir::Value g, mlir::Value t);
  /// Words of the weights' tile (tileRow, tileColumn) that this lane owns, as
  /// vectors of `FragmentLayout::getVectorWords()` words. Tiles past the end
  /// read the last one, unless the caller knows that there are none.
  llvm::SmallVector<mlir::Value> loadWeights(mlir::Value tileRow,
                                             mlir::Value tileColumn,
                                             bool inBounds = false);
  /// Where in memory each of these vectors is.
  llvm::SmallVector<mlir::Value> getWeightAddresses(mlir::Value tileRow,
                                                    mlir::Value tileColumn,
                                                    bool inBounds = false);
  /// The pair of codes at `register` p of step `step` of segment `segment` of
  /// a lane's words, as floats of `element`.
  mlir::Value decode(llvm::ArrayRef<mlir::Value> words, int64_t segment,
                     int64_t step, int64_t p, mlir::Type element,
                     const DecodeForm &form = {});
  /// The pair of codes that is in `pieces` of the words that `wordAt` gives.
  mlir::Value decode(llvm::ArrayRef<quant_tensor::FragmentPiece> pieces,
                     llvm::function_ref<mlir::Value(int64_t)> wordAt,
                     mlir::Type element, const DecodeForm &form = {});
  /// Fills the table of pairs at `pointer`, in shared memory, with values of
  /// `element`, and has pairs looked up there from now on. Threads `member` of
  /// `count` share the work; nothing may be decoded before all of them met at a
  /// barrier.
  void fillPairTable(mlir::Value pointer, mlir::Type element,
                     mlir::Value member, int64_t count);

  /// The layout of the encoded weights.
  const quant_tensor::FragmentLayout &getCodesLayout() const { return *layout; }
  /// Whether scales and zero points lie as `FragmentLayout` says.
  bool hasTiledParameters() const;
  /// Of those: the ones of this lane's two rows of the weights' tiles of row
  /// `tileRow`, of `count` groups from `group` on, as a vector. `count` divides
  /// `group` and `FragmentLayout::getTileGroups`.
  mlir::Value loadTiledParameters(mlir::Value memref, mlir::Value tileRow,
                                  mlir::Value group, int64_t count);
  /// Of others: `count` consecutive scales or zero points of `memref`, of
  /// weight `row` and column groups from `group` on, which is a multiple of
  /// `count`, as are rows; a vector where there are several.
  mlir::Value loadParameters(mlir::Value memref, mlir::Value row,
                             mlir::Value group, int64_t count);
  /// Where both operands have scales that change along K: those, in f32, of
  /// `row` of the activations (or the weights), from `column` on.
  mlir::Value loadBlockScale(bool isLhs, mlir::Value row, mlir::Value column);
  /// Starts the copy of such a scale of activations, which is an f32, to `to`
  /// in shared memory, by this thread.
  void copyBlockScale(mlir::Value row, mlir::Value column, mlir::Value to);
  mlir::Value getScales() const { return scales; }
  mlir::Value getZeroPoints() const { return zeroPoints; }
  /// The stored scale (zero point) of weight `row` and column group `group`.
  mlir::Value loadScale(mlir::Value row, mlir::Value group);
  mlir::Value loadZeroPoint(mlir::Value row, mlir::Value group);
  /// A stored scale as f32, and a zero point with `bias` added, which is
  /// rounded where the zero point is a float.
  mlir::Value scaleToF32(mlir::Value scale);
  mlir::Value zeroPointToF32(mlir::Value zeroPoint, double bias = 0.0);
  /// Two stored zero points, the low bytes of both halves of `both`, as a pair
  /// of `element`, shrunk as the codes that they are taken from in their decode
  /// (`schedule::decodesZeroPoints`).
  mlir::Value zeroPointsToPair(mlir::Value both, mlir::Type element,
                               bool shrunk);
  /// The bias of codes decoded to `element` that `subtractZeroPoint` can take
  /// away with the zero point, at no cost; 0 where it can take none away.
  double getBiasOfZeroPoints(mlir::Type element) const;
  /// `values`, a pair of decoded codes, without `zeroPoint` and `bias`, which
  /// is 0 or what `getBiasOfZeroPoints` says. Exact where zero points are
  /// integers of up to 8 bits, else rounded. `factor`, a power of two: what the
  /// values, but not the zero point, were multiplied by.
  mlir::Value subtractZeroPoint(mlir::Value values, mlir::Value zeroPoint,
                                double bias, double factor = 1.0);
  bool hasZeroPoint() const {
    return problem.encoding && problem.encoding.hasZeroPoint();
  }

  /// Lets the next kernel start, and waits for the one before. Nothing that
  /// another kernel may write is read or written ahead of this: of the
  /// operands, only weights, scales and zero points.
  void waitForDependencies();

  /// A register as the type that mma.sync takes: pairs of f16, words otherwise.
  mlir::Value mmaOperand(mlir::Value word);
  /// The four elements of c + a * b, one mma.sync of m16n8k16, or m16n8k32 of
  /// 8-bit integers: four registers of a (weights), two of b (activations).
  llvm::SmallVector<mlir::Value> mma(llvm::ArrayRef<mlir::Value> a,
                                     llvm::ArrayRef<mlir::Value> b,
                                     llvm::ArrayRef<mlir::Value> c);

  /// Where rows of weights are pairs, and a lane has the sums of rows g and
  /// g + 8 of sixteen: the two sums of one pair, `getPairOfLane`. Lanes of rows
  /// that follow each other exchange a sum, so all of a warp take part.
  llvm::SmallVector<mlir::Value> exchangePair(mlir::Value sum,
                                              mlir::Value sumEightOn);
  /// Which of the eight pairs of sixteen rows.
  mlir::Value getPairOfLane();

  /// The epilogue's result for the accumulator, or both of a pair, at output
  /// (row, column), both within bounds.
  mlir::Value epilogue(llvm::ArrayRef<mlir::Value> accumulators,
                       mlir::Value row, mlir::Value column);
  /// What the epilogue reads for that result.
  llvm::SmallVector<mlir::Value> loadEpilogue(mlir::Value row,
                                              mlir::Value column);
  /// The epilogue's region on `accumulators` and one element of each operand.
  mlir::Value runEpilogue(llvm::ArrayRef<mlir::Value> accumulators,
                          llvm::ArrayRef<mlir::Value> operands);
  /// What the epilogue reads for the results of two columns of a row.
  using PairOperands = std::array<llvm::SmallVector<mlir::Value>, 2>;
  /// Reads it for `row` at `columns`, all within bounds. Where N is even, the
  /// columns are an even one and the next.
  PairOperands loadEpiloguePair(mlir::Value row,
                                llvm::ArrayRef<mlir::Value> columns);
  /// The epilogue's results for two accumulators and what was read for them.
  llvm::SmallVector<mlir::Value>
  runEpiloguePair(llvm::ArrayRef<mlir::Value> accumulators,
                  const PairOperands &operands);
  /// Whether the epilogue reads nothing but values for a row and values for a
  /// column, so that what it reads for many results takes few registers.
  bool readsVectors();
  /// Asks for the epilogue's operands that are the same for all rows or for all
  /// columns, in a part of `height` x `width` results from (row, column) on.
  /// Threads `member`, of at least as many as lines that a part has, share the
  /// work.
  void prefetchEpilogue(mlir::Value row, mlir::Value column, int64_t height,
                        int64_t width, mlir::Value member);
  /// Element type of the result.
  mlir::Type getOutElement();
  /// Writes one element of the result.
  void store(mlir::Value value, mlir::Value row, mlir::Value column);

private:
  /// The weights' tile (row, column), or the last one there is.
  std::pair<mlir::Value, mlir::Value> clampTile(mlir::Value row,
                                                mlir::Value column);
  /// The pair of codes at place `pair` of `word` (`quant_tile.decode`), from
  /// the table where there is one.
  mlir::Value decodePair(mlir::Value word, uint32_t pair, mlir::Type element,
                         const DecodeForm &form = {});
  /// Where the scale of `row` of the activations from `column` on lies.
  mlir::Value getBlockScaleIndex(mlir::Value row, mlir::Value column);
  /// Address of element `index` of `memref`, of one dimension, in global
  /// memory.
  mlir::Value getAddress(mlir::Value memref, mlir::Value index);
  /// The same of a contiguous `memref` of any rank.
  mlir::Value getAddress(mlir::Value memref, mlir::ValueRange indices);
  /// One scale or zero point.
  mlir::Value loadParameter(mlir::Value memref, mlir::Value row,
                            mlir::Value group);
  /// Asks for the line of `memref` that holds the element, if any is in reach.
  void prefetch(mlir::Value memref, mlir::ValueRange indices);
  /// A read of what other kernels write. It may not go through the read-only
  /// cache where they run at the same time.
  mlir::Value loadShared(mlir::Type type, mlir::Value memref,
                         mlir::ValueRange indices, int64_t alignment = 0);
  /// Output position [.., m, n] of flattened `row` and `column`.
  llvm::SmallVector<mlir::Value> outputPosition(mlir::Value row,
                                                mlir::Value column);

  std::optional<quant_tensor::FragmentLayout> layout;
  /// The table of pairs, if any, and the byte of this lane's column (i32).
  mlir::Value pairTable, pairColumn;
  mlir::Value scales, zeroPoints, out;
  /// Scales of activations, of one dimension.
  mlir::Value lhsScales;
  llvm::SmallVector<mlir::Value> epilogueArgs;
};

/// The main loops. They fill the kernel's body.
void emitReduceKernel(MatmulEmitter &emitter);
void emitMmaSyncKernel(MatmulEmitter &emitter);
void emitMmaStreamKernel(MatmulEmitter &emitter);
void emitWgmmaKernel(MatmulEmitter &emitter);
void emitWgmmaDecodeKernel(MatmulEmitter &emitter);

/// Tensor maps of activations, weights, where tiles have rows that do not exist
/// parts of activations and, where it is stored through one, the result of
/// `outElement`, as `emitWgmmaKernel` expects them, each with the number of its
/// operand: the result's is `outOperand`.
llvm::SmallVector<std::pair<int64_t, quant_tile::TensorMapAttr>>
getWgmmaTensorMaps(const MatmulProblem &problem, mlir::Type outElement,
                   int64_t outOperand);

/// With `stream_k`, gives `call`, of a kernel that `emitWgmmaDecodeKernel`
/// makes of `problem`, places for sums that blocks give each other and for
/// flags, as its last outs, and makes the launch that clears the flags.
llvm::LogicalResult addGivenSums(const MatmulProblem &problem,
                                 KernelTable &table,
                                 mlir::RewriterBase &rewriter,
                                 KernelCall &call);

/// The same for `emitWgmmaDecodeKernel`: of activations, of codes where a box
/// has room for those of a step, and of the result.
llvm::SmallVector<std::pair<int64_t, quant_tile::TensorMapAttr>>
getWgmmaDecodeTensorMaps(const MatmulProblem &problem, mlir::Type outElement,
                         int64_t outOperand);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_MATMULEMITTER_H
