//===- MmaStreamKernel.cpp - Few rows, at the speed of memory -------------===//
//
// Yᵀ = W·Xᵀ with W streaming once from global memory, in fragment order,
// straight into the registers of the lane that decodes it: several steps are
// always on their way, the first ones before the kernel in front has ended.
// The warps of a block divide K, so that no two of them share weights or
// activations, and nothing but the final sum goes through shared memory.
//
// Codes are decoded with a bias (`DecodeOp::getBias`), which costs no
// subtraction per weight. A group's sum is `d - (bias + zero point) Σx`, where
// Σx comes from the tensor core too: the same activations times a matrix of
// biases. Those of one row are spread over the lanes of a warp, which are as
// many columns of that product, so that one is enough for 128 columns of
// weights. Without zero points, narrow codes are decoded where they lie in
// their words (`DecodeOp::getBiasInPlace`), with a bias by place. Of several
// rows it is one product more for every few, so that where codes can be decoded
// shrunk (`DecodeOp::getShrinkage`), which takes their bias away, they are; in
// f16 it is subtracted. So are 4-bit integers for one row. Where the schedule
// says so, weights are scaled as they are decoded instead: there is one sum of
// all groups then.
//
//===----------------------------------------------------------------------===//

#include "StepWeights.h"

#include "quantmlir/Schedule/MatmulSchedule.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;

namespace {

constexpr int64_t kSegment = FragmentLayout::segmentColumns;
constexpr int64_t kRows = FragmentLayout::rows;
/// Instructions (m16n8k16) in the columns of a segment.
constexpr int64_t kSegmentSteps = kSegment / 16;

/// Columns that the lanes of a warp have four activations each of.
constexpr int64_t kSpreadRun = 4, kSpread = kSpreadRun * FragmentLayout::lanes;

/// Rounds, or parts of them, up to which there is no loop.
constexpr int64_t kStraightRounds = 6;

/// Floats between two rows of partial sums: 4 modulo 16, so that the lanes of a
/// warp, whose rows of activations differ by two, write to different banks.
int64_t getPitch(ScheduleAttr schedule) { return schedule.getTileN() + 4; }

class MmaStreamKernel {
public:
  explicit MmaStreamKernel(MatmulEmitter &b);
  void emit();

private:
  /// Activations of a part of a step: four registers of each segment of each
  /// column tile and, where sums are of spread ones, two of each `kSpread`
  /// columns.
  struct Activations {
    SmallVector<SmallVector<SmallVector<Value>>> tiles; // [column][segment]
    SmallVector<SmallVector<Value>> spread;
  };
  /// Sums of a group (or of all columns), of each [row][column] tile, and those
  /// of the activations, of each [column].
  struct Sums {
    SmallVector<SmallVector<Value>> products, activations;
  };

  Value stepOf(Value round) { return b.add(b.mul(round, warpsK), warpK); }
  bool isFull(int64_t round) const {
    return (round + 1) * warpsK * stepColumns <= problem.k;
  }
  StepWeights loadWeights(Value round, bool inBounds);
  Activations loadActivations(Value round, int64_t part, bool guarded);
  SmallVector<Value> decode(const StepWeights &weights, int64_t row,
                            int64_t segment, int64_t step);
  Sums zeroSums();
  double getBiasAt(int64_t segment, int64_t step, int64_t p) const;
  Value getFactor(int64_t segment, int64_t step, int64_t p);
  SmallVector<Value> getBiases(int64_t segment, int64_t step);
  SmallVector<Value> getSpreadBiases(int64_t segment);
  void multiply(const StepWeights &weights, const Activations &x,
                int64_t segment, Sums &sums);
  /// `sums` without the bias and zero points.
  Value correct(const Sums &sums, int64_t row, int64_t column, int64_t element,
                Value zeroPoint);
  void compute(const StepWeights &weights, const Activations &x, int64_t part,
               Sums &state);
  Value addOfRow(Value value);
  void writePartials(ArrayRef<SmallVector<Value>> tiles);
  void loadLastScales();
  void finish();

  bool needsActivationSums() const {
    return !scalesWeights && (bias != 0.0 || b.hasZeroPoint());
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
  ScheduleAttr schedule;
  int64_t warpsN, warpsK, rowTiles, columnTiles;
  /// Sums of a result, and columns of the result in a block's tile.
  int64_t numSums, outN;
  /// Columns that a warp takes in one step, those that it has activations of at
  /// once, columns between two changes of the scale within these, steps of all
  /// K, and rounds in which all warps take one.
  int64_t stepColumns, partColumns, unit, steps, rounds;
  /// Whether codes are looked up in a table, where sums are later.
  bool looksUp;
  /// Whether weights are scaled, not sums.
  bool scalesWeights;
  /// What is left on decoded weights: a factor, or what is added to them.
  double shrinkage, bias;
  Value warpN, warpK, firstM, firstN, lastM, zero, partials;
  /// Each column tile's row of activations.
  SmallVector<Value> activationRows;
  /// With one group, the scales of the sums of this thread's outputs, asked for
  /// early.
  SmallVector<SmallVector<Value>> lastScales;
};

/// Whether the sums of activations that take a bias away cost more than
/// decoding weights without one. They are a product for each eight rows of
/// activations.
static bool avoidsActivationSums(const MatmulProblem &problem) {
  return problem.schedule.getTileM() > 1 ||
         quantmlir::schedule::decodesStreamedExactly(problem);
}

/// What decoded weights are multiplied by.
static double getShrinkage(const MatmulProblem &problem) {
  bool scales = problem.schedule.getScaleDecoded();
  if (scales ? !quantmlir::schedule::decodesScaled(problem)
             : !avoidsActivationSums(problem) ||
                   problem.encoding.hasZeroPoint() || problem.scalesDecoded())
    return 1.0;
  return DecodeOp::getShrinkage(problem.encoding.getStorage(),
                                problem.lhsElement,
                                problem.encoding.getCodebook(), scales);
}

/// What is added to decoded weights. f16's mantissa has room for codes at
/// several bits: what subtracts the bias saves moving them.
static double getBias(const MatmulProblem &problem, double shrinkage,
                      bool isExact) {
  Type storage = problem.encoding.getStorage();
  bool isCheap = problem.lhsElement.isF16() && isa<IntegerType>(storage) &&
                 storage.getIntOrFloatBitWidth() <= 4 &&
                 !problem.encoding.hasZeroPoint() &&
                 avoidsActivationSums(problem);
  if (shrinkage != 1.0 || isExact || isCheap)
    return 0.0;
  return DecodeOp::getBias(storage, problem.lhsElement,
                           problem.encoding.getCodebook());
}

MmaStreamKernel::MmaStreamKernel(MatmulEmitter &b)
    : b(b), problem(b.problem), schedule(problem.schedule),
      warpsN(schedule.getWarpsN()), warpsK(schedule.getWarpsK()),
      rowTiles(schedule.getTileN() / warpsN / kRows),
      columnTiles(llvm::divideCeil(schedule.getTileM(), 8)),
      numSums(problem.numSums), outN(schedule.getTileN() / numSums),
      stepColumns(schedule.getTileK() / warpsK),
      partColumns(quantmlir::schedule::getColumnsOfDecode(
          stepColumns, problem.encoding.getStorageBits())),
      unit(problem.hasOneGroup() ? stepColumns
           : problem.scalesDecoded()
               ? kSegment
               : std::gcd(problem.getGroup(), partColumns)),
      steps(llvm::divideCeil(problem.k, stepColumns)),
      rounds(llvm::divideCeil(steps, warpsK)),
      looksUp(quantmlir::schedule::getPairTableBytes(problem) != 0),
      scalesWeights(problem.scalesDecoded() || schedule.getScaleDecoded()),
      shrinkage(getShrinkage(problem)),
      bias(getBias(problem, shrinkage, looksUp || scalesWeights)) {}

//===----------------------------------------------------------------------===//
// Reads
//===----------------------------------------------------------------------===//

StepWeights MmaStreamKernel::loadWeights(Value round, bool inBounds) {
  int64_t columns = schedule.getWeights().getTile()[1];
  Value step = stepOf(round);
  if (!inBounds)
    step = b.min(step, b.index(steps - 1));
  // A step may reach past the last tile, and blocks past the last row.
  bool rowsInside = problem.n % schedule.getTileN() == 0;
  bool wordsInside =
      steps * stepColumns <= int64_t(llvm::alignTo(problem.k, columns));
  bool hasGroups = !problem.hasOneGroup();
  StepShape shape = {rowTiles,
                     stepColumns,
                     unit,
                     /*hasScales=*/hasGroups,
                     /*hasZeroPoints=*/hasGroups && b.hasZeroPoint(),
                     rowsInside,
                     wordsInside && rowsInside,
                     /*groupsInside=*/steps * stepColumns <=
                         problem.getGroups() * problem.getGroup()};
  return StepWeights::load(b, shape,
                           b.add(firstN, b.mul(warpN, rowTiles * kRows)),
                           b.mul(step, stepColumns));
}

MmaStreamKernel::Activations
MmaStreamKernel::loadActivations(Value round, int64_t part, bool guarded) {
  Activations x;
  Value first = b.add(b.mul(stepOf(round), stepColumns), part * partColumns);
  auto load = [&](Value row, Value column, int64_t run) {
    auto type = VectorType::get({run / 2}, b.getI32Type());
    Value values =
        b.bitcast(type, b.loadActivations(row, column, guarded, run));
    SmallVector<Value> registers;
    for (int64_t i = 0; i < run / 2; ++i)
      registers.push_back(b.element(values, i));
    return registers;
  };
  for (int64_t c = 0; c < columnTiles; ++c) {
    auto &segments = x.tiles.emplace_back();
    for (int64_t s = 0; s < partColumns; s += kSegment)
      segments.push_back(load(activationRows[c],
                              b.add(first, b.add(b.mul(b.t, 8), s)),
                              FragmentLayout::runColumns));
  }
  if (spreads())
    for (int64_t s = 0; s < partColumns; s += kSpread) {
      // Segment t of these, as `getSpreadBiases` has it.
      Value inSpread = b.add(b.mul(b.t, kSegment), b.mul(b.g, kSpreadRun));
      x.spread.push_back(load(activationRows[0],
                              b.add(first, b.add(inSpread, s)), kSpreadRun));
    }
  return x;
}

//===----------------------------------------------------------------------===//
// One step
//===----------------------------------------------------------------------===//

SmallVector<Value> MmaStreamKernel::decode(const StepWeights &weights,
                                           int64_t row, int64_t segment,
                                           int64_t step) {
  SmallVector<Value> registers;
  for (int64_t p = 0; p < 4; ++p)
    registers.push_back(b.mmaOperand(
        scalesWeights ? weights.decodeWhole(b, row, segment, step, p)
                      : weights.decode(b, row, segment, step, p,
                                       /*biased=*/bias != 0.0,
                                       /*shrunk=*/shrinkage != 1.0,
                                       /*scale=*/{}, isInPlace())));
  return registers;
}

MmaStreamKernel::Sums MmaStreamKernel::zeroSums() {
  Sums sums;
  sums.products.assign(rowTiles * columnTiles, SmallVector<Value>(4, zero));
  if (needsActivationSums())
    sums.activations.assign(columnTiles, SmallVector<Value>(4, zero));
  return sums;
}

/// The bias of register `p` of a step of a segment.
double MmaStreamKernel::getBiasAt(int64_t segment, int64_t step,
                                  int64_t p) const {
  if (!isInPlace())
    return bias;
  const FragmentLayout &layout = b.getCodesLayout();
  auto pieces = layout.getRegister(segment, step, p);
  // Codes that straddle words are put together where those of pair 0 are.
  int64_t pair =
      pieces.size() > 1 ? 0 : pieces[0].first / layout.getPairStride();
  return DecodeOp::getBiasInPlace(problem.encoding.getStorage(),
                                  problem.lhsElement, pair);
}

/// What the activations that meet register `p` are multiplied by, to be added
/// to the products: less the bias or, with zero points, which differ by row,
/// once.
Value MmaStreamKernel::getFactor(int64_t segment, int64_t step, int64_t p) {
  double factor = b.hasZeroPoint() ? 1.0 : -getBiasAt(segment, step, p);
  return b.mmaOperand(
      b.floatConstant(VectorType::get({2}, problem.lhsElement), factor));
}

/// The same for all registers of a step.
SmallVector<Value> MmaStreamKernel::getBiases(int64_t segment, int64_t step) {
  SmallVector<Value> registers;
  for (int64_t p = 0; p < 4; ++p)
    registers.push_back(getFactor(segment, step, p));
  return registers;
}

/// The same for the spread activations of four segments, of which lane t has
/// those of the t-th. All pairs of a row in a segment lie alike.
SmallVector<Value> MmaStreamKernel::getSpreadBiases(int64_t segment) {
  constexpr int64_t step = 0;
  SmallVector<Value> registers = getBiases(segment, step);
  for (int64_t s = 1; s < kSpread / kSegment; ++s)
    for (int64_t p = 0; p < 4; ++p)
      if (getBiasAt(segment + s, step, p) !=
          getBiasAt(segment + s - 1, step, p))
        registers[p] = b.select(b.less(b.t, b.index(s)), registers[p],
                                getFactor(segment + s, step, p));
  return registers;
}

void MmaStreamKernel::multiply(const StepWeights &weights, const Activations &x,
                               int64_t segment, Sums &sums) {
  int64_t inPart = segment % (partColumns / kSegment);
  for (int64_t i = 0; i < kSegmentSteps; ++i) {
    SmallVector<std::array<Value, 2>> columns;
    for (int64_t c = 0; c < columnTiles; ++c) {
      ArrayRef<Value> registers = x.tiles[c][inPart];
      columns.push_back(
          {b.mmaOperand(registers[2 * i]), b.mmaOperand(registers[2 * i + 1])});
    }
    if (needsActivationSums() && !spreads()) {
      SmallVector<Value> a = getBiases(segment, i);
      for (int64_t c = 0; c < columnTiles; ++c)
        sums.activations[c] = b.mma(a, columns[c], sums.activations[c]);
    }
    for (int64_t r = 0; r < rowTiles; ++r) {
      SmallVector<Value> a = decode(weights, r, segment, i);
      for (int64_t c = 0; c < columnTiles; ++c) {
        auto &tile = sums.products[r * columnTiles + c];
        tile = b.mma(a, columns[c], tile);
      }
    }
  }
  // Last, when the registers of weights are free.
  constexpr int64_t perSpread = kSpread / kSegment;
  if (spreads() && (inPart + 1) % perSpread == 0) {
    SmallVector<Value> column;
    for (Value value : x.spread[inPart / perSpread])
      column.push_back(b.mmaOperand(value));
    sums.activations[0] = b.mma(getSpreadBiases(segment + 1 - perSpread),
                                column, sums.activations[0]);
  }
}

Value MmaStreamKernel::correct(const Sums &sums, int64_t row, int64_t column,
                               int64_t element, Value zeroPoint) {
  Value product = sums.products[row * columnTiles + column][element];
  if (!needsActivationSums())
    return product;
  Value activation = sums.activations[column][element];
  if (spreads()) {
    activation = arith::AddFOp::create(b, activation,
                                       sums.activations[column][element + 1]);
    product =
        arith::MulFOp::create(b, product, b.floatConstant(b.getF32Type(), 0.25),
                              arith::FastMathFlags::contract);
  }
  if (!zeroPoint)
    return arith::AddFOp::create(b, product, activation,
                                 arith::FastMathFlags::contract);
  Value shift = b.zeroPointToF32(zeroPoint, bias);
  return b.fma(arith::NegFOp::create(b, shift), activation, product);
}

void MmaStreamKernel::compute(const StepWeights &weights, const Activations &x,
                              int64_t part, Sums &state) {
  int64_t firstColumn = part * partColumns, end = firstColumn + partColumns;
  if (problem.hasOneGroup() || scalesWeights) {
    for (int64_t s = firstColumn; s < end; s += kSegment)
      multiply(weights, x, s / kSegment, state);
    return;
  }
  for (int64_t u = firstColumn / unit; u < end / unit; ++u) {
    Sums sums = zeroSums();
    for (int64_t s = 0; s < unit / kSegment; ++s)
      multiply(weights, x, u * (unit / kSegment) + s, sums);
    for (int64_t r = 0; r < rowTiles; ++r)
      for (int64_t half = 0; half < 2; ++half) {
        Value scale = weights.getScale(b, r, u, half);
        Value zeroPoint = weights.getZeroPoint(b, r, u, half);
        for (int64_t c = 0; c < columnTiles; ++c)
          for (int64_t e = 0; e < 2; e += elementStride()) {
            int64_t element = 2 * half + e;
            Value &total = state.products[r * columnTiles + c][element];
            total =
                b.fma(correct(sums, r, c, element, zeroPoint), scale, total);
          }
      }
  }
}

//===----------------------------------------------------------------------===//
// After the last step
//===----------------------------------------------------------------------===//

/// The sum of `value` of the four lanes that share a row of weights.
Value MmaStreamKernel::addOfRow(Value value) {
  for (int64_t distance : {1, 2}) {
    Value other = gpu::ShuffleOp::create(b, value, b.wordConstant(distance),
                                         b.wordConstant(FragmentLayout::lanes),
                                         gpu::ShuffleMode::XOR)
                      .getShuffleResult();
    value = arith::AddFOp::create(b, value, other);
  }
  return value;
}

void MmaStreamKernel::writePartials(ArrayRef<SmallVector<Value>> tiles) {
  int64_t pitch = getPitch(schedule);
  Value column = b.add(b.mul(warpN, rowTiles * kRows), b.g);
  for (int64_t c = 0; c < columnTiles; ++c)
    for (int64_t e = 0; e < 2; e += elementStride()) {
      // Rows that are padding are written too: a condition here would let reads
      // that belong to the start move down into it.
      Value m = b.add(b.mul(b.t, 2), 8 * c + e);
      Value line = b.add(b.mul(warpK, columnTiles * 8), m);
      Value first = b.add(b.mul(line, pitch), column);
      for (int64_t r = 0; r < rowTiles; ++r)
        for (int64_t half = 0; half < 2; ++half)
          memref::StoreOp::create(
              b, tiles[r * columnTiles + c][2 * half + e], partials,
              ValueRange{b.add(first, r * kRows + 8 * half)});
    }
}

/// Asks for the scales of the sums that `finish` adds up.
void MmaStreamKernel::loadLastScales() {
  int64_t total = schedule.getTileM() * outN;
  for (int64_t first = 0; first < total; first += schedule.getThreads()) {
    Value row =
        b.add(firstN, b.mul(b.rem(b.add(b.thread, first), outN), numSums));
    auto &scales = lastScales.emplace_back();
    for (int64_t s = 0; s < numSums; ++s) {
      Value n = b.add(row, s);
      if (problem.n % schedule.getTileN())
        n = b.min(n, b.index(problem.n - 1));
      scales.push_back(b.scaleToF32(b.loadScale(n, b.index(0))));
    }
  }
}

void MmaStreamKernel::finish() {
  int64_t tileM = schedule.getTileM();
  int64_t threads = schedule.getThreads(), total = tileM * outN;
  bool isGuarded = problem.n % schedule.getTileN();
  int64_t pitch = getPitch(schedule), line = columnTiles * 8 * pitch;
  for (int64_t first = 0, i = 0; first < total; first += threads, ++i) {
    Value id = b.add(b.thread, first);
    // Threads without an output compute one all the same, for the reason above.
    Value place = first + threads > total ? b.min(id, b.index(total - 1)) : id;
    Value inM = b.div(place, outN), inN = b.rem(place, outN);
    // The sums of a pair lie next to each other.
    Value at = b.add(b.mul(inM, pitch), b.mul(inN, numSums));
    SmallVector<Value> sums;
    for (int64_t s = 0; s < numSums; ++s) {
      Value sum;
      for (int64_t w = 0; w < warpsK; ++w) {
        Value part = memref::LoadOp::create(
            b, partials, ValueRange{b.add(at, w * line + s)});
        sum = sum ? arith::AddFOp::create(b, sum, part).getResult() : part;
      }
      if (shrinkage != 1.0)
        sum = arith::MulFOp::create(
            b, sum, b.floatConstant(b.getF32Type(), 1.0 / shrinkage));
      if (problem.hasOneGroup())
        sum = arith::MulFOp::create(b, sum, lastScales[i][s]);
      sums.push_back(sum);
    }
    Value m = b.add(firstM, inM), n = b.add(b.mul(b.blockX, outN), inN);
    Value result = b.epilogue(sums, b.min(m, lastM),
                              isGuarded ? b.min(n, b.sub(b.outColumns, 1)) : n);
    Value writes = b.less(m, b.rows);
    if (first + threads > total)
      writes =
          b.createOrFold<arith::AndIOp>(writes, b.less(id, b.index(total)));
    if (isGuarded)
      writes = b.createOrFold<arith::AndIOp>(writes, b.less(n, b.outColumns));
    b.ifThen(writes, [&] { b.store(result, m, n); });
  }
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void MmaStreamKernel::emit() {
  int64_t stages = schedule.getStages();
  int64_t tileM = schedule.getTileM(), tileN = schedule.getTileN();
  warpN = b.rem(b.warp, warpsN);
  warpK = b.div(b.warp, warpsN);
  firstN = b.mul(b.blockX, tileN);
  firstM = b.mul(gpu::BlockIdOp::create(b, gpu::Dimension::y), tileM);
  zero = b.floatConstant(b.getF32Type(), 0.0);
  // Rows past the end read the last one, and are not written.
  lastM = b.createOrFold<arith::SubIOp>(b.rows, b.index(1));
  for (int64_t c = 0; c < columnTiles; ++c)
    activationRows.push_back(
        tileM == 1 ? firstM : b.min(b.add(firstM, b.add(b.g, 8 * c)), lastM));
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Value shared = gpu::DynamicSharedMemoryOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                         MemRefLayoutAttrInterface(), space));
  partials = memref::ViewOp::create(
      b,
      MemRefType::get({warpsK * columnTiles * 8 * getPitch(schedule)},
                      b.getF32Type(), MemRefLayoutAttrInterface(), space),
      shared, b.index(0), ValueRange());

  // Weights are constant: they may be asked for before the wait.
  SmallVector<StepWeights, 0> inFlight;
  for (int64_t s = 0; s < std::min(stages, rounds); ++s)
    inFlight.push_back(loadWeights(b.index(s), isFull(s)));
  if (problem.hasOneGroup())
    loadLastScales();
  if (looksUp) {
    Value pointer = LLVM::IntToPtrOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext(), /*addressSpace=*/3),
        b.createOrFold<arith::IndexCastUIOp>(
            b.getI64Type(),
            memref::ExtractAlignedPointerAsIndexOp::create(b, shared)));
    b.fillPairTable(pointer, problem.lhsElement, b.thread,
                    schedule.getThreads());
    gpu::BarrierOp::create(b);
  }
  b.waitForDependencies();

  int64_t parts = stepColumns / partColumns;
  // Many scales of a step take registers twice while the next is on its way.
  int64_t refillPart =
      !problem.hasOneGroup() && stepColumns > 2 * unit ? parts - 1 : 0;
  Activations x = loadActivations(b.index(0), /*part=*/0, !isFull(0));
  Sums state = zeroSums();
  // One round: activations of the next part are asked for before one is
  // multiplied, weights of the round `stages` ahead after the multiplication
  // that frees their registers.
  auto round = [&](Value number, int64_t slot, bool guarded, bool hasNext,
                   bool nextGuarded, bool refills, bool refillsInBounds) {
    StepWeights current = inFlight[slot];
    for (int64_t part = 0; part < parts; ++part) {
      Activations next;
      if (part + 1 < parts)
        next = loadActivations(number, part + 1, guarded);
      else if (hasNext)
        next = loadActivations(b.add(number, 1), /*part=*/0, nextGuarded);
      if (part == refillPart && refills)
        inFlight[slot] = loadWeights(b.add(number, stages), refillsInBounds);
      compute(current, x, part, state);
      x = std::move(next);
    }
  };
  // The loop takes `stages` rounds at a time as long as all that it asks for is
  // there in full; what is left is straight-line code.
  // A few rounds need no loop at all, and fewer registers without.
  int64_t loops = 0;
  while (rounds * parts > kStraightRounds && (loops + 2) * stages <= rounds &&
         isFull((loops + 2) * stages - 1))
    ++loops;
  if (loops) {
    SmallVector<Value> carried;
    auto save = [&] {
      carried.clear();
      for (const StepWeights &weights : inFlight)
        llvm::append_range(carried, weights.flatten());
      for (const auto &column : x.tiles)
        for (const auto &segment : column)
          llvm::append_range(carried, segment);
      for (const auto &spread : x.spread)
        llvm::append_range(carried, spread);
      for (const auto *list : {&state.products, &state.activations})
        for (const auto &tile : *list)
          llvm::append_range(carried, tile);
    };
    auto restore = [&](ValueRange values) {
      for (StepWeights &weights : inFlight) {
        size_t count = weights.flatten().size();
        weights.unflatten(values.take_front(count));
        values = values.drop_front(count);
      }
      auto take = [&](Value &value) {
        value = values.front();
        values = values.drop_front();
      };
      for (auto &column : x.tiles)
        for (auto &segment : column)
          llvm::for_each(segment, take);
      for (auto &spread : x.spread)
        llvm::for_each(spread, take);
      for (auto *list : {&state.products, &state.activations})
        for (auto &tile : *list)
          llvm::for_each(tile, take);
    };
    save();
    SmallVector<Value> results =
        b.loop(b.index(0), b.index(loops), b.index(1), carried,
               [&](Value loop, ValueRange values) {
                 restore(values);
                 for (int64_t s = 0; s < stages; ++s)
                   round(b.add(b.mul(loop, stages), s), s, /*guarded=*/false,
                         /*hasNext=*/true, /*nextGuarded=*/false,
                         /*refills=*/true, /*refillsInBounds=*/true);
                 save();
                 return carried;
               });
    restore(results);
  }
  for (int64_t r = loops * stages; r < rounds; ++r)
    round(b.index(r), r % stages, !isFull(r), r + 1 < rounds, !isFull(r + 1),
          r + stages < rounds, isFull(r + stages));

  if (problem.hasOneGroup()) {
    Value lastRow = b.index(problem.n - 1);
    Value firstRow = b.add(firstN, b.mul(warpN, rowTiles * kRows));
    for (int64_t r = 0; r < rowTiles; ++r)
      for (int64_t half = 0; half < 2; ++half) {
        Value zeroPoint;
        if (b.hasZeroPoint())
          zeroPoint = b.loadZeroPoint(
              b.min(b.add(firstRow, b.add(b.g, r * kRows + 8 * half)), lastRow),
              b.index(0));
        for (int64_t c = 0; c < columnTiles; ++c)
          for (int64_t e = 2 * half; e < 2 * half + 2; e += elementStride())
            state.products[r * columnTiles + c][e] =
                correct(state, r, c, e, zeroPoint);
      }
  }
  if (spreads())
    for (auto &tile : state.products)
      for (int64_t half = 0; half < 2; ++half)
        tile[2 * half] = addOfRow(tile[2 * half]);
  // Sums take the place of the table.
  if (looksUp)
    gpu::BarrierOp::create(b);
  writePartials(state.products);
  gpu::BarrierOp::create(b);
  finish();
}

} // namespace

int64_t quantmlir::getMmaStreamSharedMemory(const MatmulProblem &problem) {
  return quantmlir::schedule::getMmaStreamSharedMemory(problem,
                                                       problem.schedule);
}

void quantmlir::emitMmaStreamKernel(MatmulEmitter &emitter) {
  MmaStreamKernel(emitter).emit();
}
