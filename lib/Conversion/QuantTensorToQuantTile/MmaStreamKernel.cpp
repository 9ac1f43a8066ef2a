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
// f16 it is subtracted. So are 4-bit integers for one row. Zero points of these
// are taken away as they are decoded, at no cost (`DecodeOp` with `minus`), if
// they are integers. Where the schedule says so, weights are scaled as they are
// decoded instead: there is one sum of all groups then.
//
//===----------------------------------------------------------------------===//

#include "MmaStreamKernel.h"
#include "DynamicSharedMemory.h"

#include "quantmlir/Schedule/MatmulSchedule.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;

/// Whether the sums of activations that take a bias away cost more than
/// decoding weights without one. They are a product for each eight rows of
/// activations.
static bool avoidsActivationSums(const MatmulProblem &problem) {
  return problem.schedule.getTileM() > 1 ||
         quantmlir::schedule::decodesStreamedExactly(problem);
}

/// Whether zero points are taken from weights as they are decoded.
static bool takesZeroPoints(const MatmulProblem &problem) {
  return problem.encoding.hasZeroPoint() &&
         quantmlir::schedule::decodesStreamedExactly(problem);
}

/// What decoded weights are multiplied by.
static double getShrinkage(const MatmulProblem &problem) {
  bool isScaled = false;
  if (problem.schedule.getScaleDecoded()) {
    isScaled = quantmlir::schedule::decodesScaled(problem);
    if (!isScaled && !quantmlir::schedule::decodesZeroPoints(problem))
      return 1.0;
  } else if (!avoidsActivationSums(problem) || problem.scalesDecoded() ||
             (problem.encoding.hasZeroPoint() && !takesZeroPoints(problem))) {
    return 1.0;
  }
  return DecodeOp::getShrinkage(problem.encoding.getStorage(),
                                problem.lhsElement,
                                problem.encoding.getCodebook(), isScaled);
}

/// What is added to decoded weights. f16's mantissa has room for codes at
/// several bits: what subtracts the bias saves moving them.
static double getBias(const MatmulProblem &problem, double shrinkage,
                      bool isExact) {
  Type storage = problem.encoding.getStorage();
  bool isCheap =
      problem.lhsElement.isF16() && isa<IntegerType>(storage) &&
      storage.getIntOrFloatBitWidth() <= 4 &&
      (!problem.encoding.hasZeroPoint() || takesZeroPoints(problem)) &&
      avoidsActivationSums(problem);
  if (shrinkage != 1.0 || isExact || isCheap)
    return 0.0;
  return DecodeOp::getBias(storage, problem.lhsElement,
                           problem.encoding.getCodebook());
}

MmaStreamKernel::MmaStreamKernel(MatmulEmitter &b)
    : b(b), problem(b.problem), schedule(problem.schedule),
      exchange(problem, schedule), warpsN(schedule.getWarpsN()),
      warpsK(schedule.getWarpsK()),
      rowTiles(schedule.getTileN() / warpsN / kRows),
      columnTiles(llvm::divideCeil(schedule.getTileM(), 8)),
      numSums(problem.numSums), outN(schedule.getTileN() / numSums),
      stepColumns(schedule.getTileK() / warpsK),
      partColumns(quantmlir::schedule::getColumnsOfActivations(
          problem, schedule.getTileM(), stepColumns)),
      unit(problem.hasOneGroup() ? stepColumns
           : problem.scalesDecoded()
               ? kSegment
               : std::gcd(problem.getGroup(), partColumns)),
      unitOfScales(problem.hasOneGroup() || problem.scalesDecoded()
                       ? unit
                       : std::gcd(problem.getGroup(), stepColumns)),
      steps(llvm::divideCeil(problem.k, stepColumns)),
      rounds(llvm::divideCeil(steps, warpsK * exchange.parts)),
      rowsAtOnce(partColumns <
                         quantmlir::schedule::getColumnsOfDecode(
                             stepColumns, problem.encoding.getStorageBits())
                     ? 1
                     : rowTiles),
      looksUp(quantmlir::schedule::getPairTableBytes(problem) != 0),
      scalesWeights(problem.scalesDecoded() || schedule.getScaleDecoded()),
      decodesZeroPoints(!scalesWeights && takesZeroPoints(problem)),
      shrinkage(getShrinkage(problem)),
      bias(getBias(problem, shrinkage, looksUp || scalesWeights)) {
  assert(stepColumns % partColumns == 0 && "a step is a number of parts");
}

//===----------------------------------------------------------------------===//
// Reads
//===----------------------------------------------------------------------===//

std::pair<Value, Value> MmaStreamKernel::getFirst(Value round, bool inBounds) {
  Value step = stepOf(round);
  if (!inBounds)
    step = b.min(step, b.index(steps - 1));
  return {b.add(firstN, b.mul(warpN, rowTiles * kRows)),
          b.mul(step, stepColumns)};
}

StepShape MmaStreamKernel::getStepShape() const {
  int64_t columns = schedule.getWeights().getTile()[1];
  // A step may reach past the last tile, and blocks past the last row.
  bool rowsInside = problem.n % schedule.getTileN() == 0;
  bool wordsInside =
      steps * stepColumns <= int64_t(llvm::alignTo(problem.k, columns));
  bool hasGroups = !problem.hasOneGroup();
  return {rowTiles,
          stepColumns,
          unitOfScales,
          /*hasScales=*/hasGroups,
          /*hasZeroPoints=*/hasGroups && b.hasZeroPoint(),
          rowsInside,
          wordsInside && rowsInside,
          /*groupsInside=*/steps * stepColumns <=
              problem.getGroups() * problem.getGroup()};
}

StepWeights MmaStreamKernel::loadWeights(Value round, bool inBounds) {
  auto [row, column] = getFirst(round, inBounds);
  return ring ? StepWeights::loadParameters(b, getStepShape(), row, column)
              : StepWeights::load(b, getStepShape(), row, column);
}

void MmaStreamKernel::fetchCodes(Value round, bool inBounds) {
  auto [row, column] = getFirst(round, inBounds);
  ring->fetch(round, row, column);
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
      MemRefType::get({warpsK * columnTiles * 8 * exchange.pitch},
                      b.getF32Type(), MemRefLayoutAttrInterface(), space),
      shared, b.index(0), ValueRange());

  int64_t slots = schedule.getRing();
  if (looksUp || exchange.parts > 1 || slots)
    base = LLVM::IntToPtrOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext(), kSharedSpace),
        b.createOrFold<arith::IndexCastUIOp>(
            b.getI64Type(),
            memref::ExtractAlignedPointerAsIndexOp::create(b, shared)));
  if (exchange.parts > 1) {
    part = getPart();
    initExchange();
  }

  // Weights are constant: they may be asked for before the wait. A slot of the
  // ring is filled again in the round after it has been read.
  int64_t ahead = std::min(slots - 1, rounds);
  if (slots) {
    ring.emplace(b, getStepShape(), sharedByte(b.index(0), exchange.getRing()),
                 exchange.slotBytes);
    for (int64_t s = 0; s < ahead; ++s)
      fetchCodes(b.index(s), isFull(s));
  }
  SmallVector<StepWeights, 0> inFlight;
  for (int64_t s = 0; s < std::min(stages, rounds); ++s)
    inFlight.push_back(loadWeights(b.index(s), isFull(s)));
  if (problem.hasOneGroup())
    loadLastScales();
  if (looksUp) {
    b.fillPairTable(base, problem.lhsElement, b.thread, schedule.getThreads());
    gpu::BarrierOp::create(b);
  }
  b.waitForDependencies();

  int64_t parts = stepColumns / partColumns;
  // Parts of a step, as far as its codes go.
  int64_t decodes =
      stepColumns / quantmlir::schedule::getColumnsOfDecode(
                        stepColumns, problem.encoding.getStorageBits());
  // Many scales of a step take registers twice while the next is on its way;
  // words of parts that are decoded leave some.
  bool isCrowded = !problem.hasOneGroup() && stepColumns > 2 * unitOfScales;
  int64_t refillPart = isCrowded || parts > decodes ? parts - 1 : 0;
  Activations x = loadActivations(b.index(0), /*part=*/0, !isFull(0));
  Sums state = zeroSums();
  // One round: activations of the next part are asked for before one is
  // multiplied, weights of the round `stages` ahead after the multiplication
  // that frees their registers.
  auto round = [&](Value number, int64_t slot, std::optional<int64_t> known) {
    // In the loop, whose rounds are not known, all is there, and in full.
    auto exists = [&](int64_t further) {
      return !known || *known + further < rounds;
    };
    auto isWhole = [&](int64_t further) {
      return !known || isFull(*known + further);
    };
    StepWeights current = inFlight[slot];
    if (ring) {
      int64_t asked = known ? std::min(ahead, rounds - *known) : ahead;
      current.setWords(ring->read(number, /*pending=*/asked - 1));
      if (exists(ahead))
        fetchCodes(b.add(number, ahead), isWhole(ahead));
    }
    for (int64_t part = 0; part < parts; ++part) {
      Activations next;
      if (part + 1 < parts)
        next = loadActivations(number, part + 1, /*guarded=*/!isWhole(0));
      else if (exists(1))
        next = loadActivations(b.add(number, 1), /*part=*/0,
                               /*guarded=*/!isWhole(1));
      if (part == refillPart && exists(stages))
        inFlight[slot] = loadWeights(b.add(number, stages), isWhole(stages));
      compute(current, x, part, state);
      x = std::move(next);
    }
  };
  // The loop takes `stages` rounds at a time as long as all that it asks for is
  // there in full; what is left is straight-line code.
  // A few rounds need no loop at all, and fewer registers without.
  int64_t loops = 0;
  int64_t furthest = std::max(stages, ahead);
  while (rounds * decodes > quantmlir::schedule::kStraightRounds &&
         (loops + 1) * stages + furthest <= rounds &&
         isFull((loops + 1) * stages + furthest - 1))
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
                   round(b.add(b.mul(loop, stages), s), s, std::nullopt);
                 save();
                 return carried;
               });
    restore(results);
  }
  for (int64_t r = loops * stages; r < rounds; ++r)
    round(b.index(r), r % stages, r);

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

void quantmlir::emitMmaStreamKernel(MatmulEmitter &emitter) {
  MmaStreamKernel(emitter).emit();
}
