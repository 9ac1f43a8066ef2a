//===- MmaSyncKernel.cpp - Tensor cores through mma.sync ------------------===//
//
// Yᵀ = W·Xᵀ: weights are the A operand, activations the B operand.
// Activations go through a ring of shared-memory stages filled by cp.async.
// Encoded weights come from global memory in fragment order, straight into
// the registers of the lane that decodes them, one stage ahead; plain weights
// go through the ring too. Decoded codes are exact but for those of a codebook,
// and each group's sum is scaled on the f32 accumulator; scales of groups that
// are no multiple of 32 columns are multiplied with the weights, which rounds
// them. Warps along k sum their own columns of each
// stage and are added up at the end in a fixed order.
//
//===----------------------------------------------------------------------===//

#include "SharedTile.h"
#include "StepWeights.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;

namespace {

constexpr int64_t kSegment = FragmentLayout::segmentColumns;

/// Bytes of one stage of the ring.
int64_t getStageBytes(const MatmulProblem &problem) {
  ScheduleAttr schedule = problem.schedule;
  int64_t rows =
      schedule.getTileM() + (problem.encoding ? 0 : schedule.getTileN());
  return SharedTile::getBytes(rows, schedule.getTileK(), problem.lhsElement);
}

class MmaSyncKernel {
public:
  explicit MmaSyncKernel(MatmulEmitter &b);
  void emit();

private:
  /// The part of a stage's weights that a warp keeps in registers.
  StepWeights loadWeights(Value step);
  SmallVector<Value> decodeStep(const StepWeights &weights, int64_t rowTile,
                                int64_t segment, int64_t step);
  void compute(const StepWeights &weights, Value stage,
               SmallVector<Value> &accumulators);
  void reduceWarps(SmallVector<Value> &accumulators, Value shared);
  void finish(ArrayRef<Value> accumulators);

  MatmulEmitter &b;
  const MatmulProblem &problem;
  ScheduleAttr schedule;
  bool isInteger;
  /// Row tiles (16 weights) and column tiles (8 activations) of a warp,
  /// columns of a stage that a warp sums, and columns between two changes of
  /// the scale.
  int64_t rowTiles, columnTiles, warpK, unit;
  Type accumulatorType;
  Value warpM, warpN, warpAlongK, firstM, firstN;
  /// One past the last row of activations of this block's product.
  Value limitM;
  SharedTile *lhsTile = nullptr, *rhsTile = nullptr;
};

MmaSyncKernel::MmaSyncKernel(MatmulEmitter &b)
    : b(b), problem(b.problem), schedule(problem.schedule),
      isInteger(problem.lhsElement.isInteger()),
      rowTiles(schedule.getTileN() / schedule.getWarpsN() / 16),
      columnTiles(schedule.getTileM() / schedule.getWarpsM() / 8),
      warpK(schedule.getTileK() / schedule.getWarpsK()),
      unit(problem.hasOneGroup()     ? warpK
           : problem.scalesDecoded() ? kSegment
                                     : std::gcd(problem.getGroup(), warpK)),
      accumulatorType(problem.accumulator) {}

//===----------------------------------------------------------------------===//
// Weights in registers
//===----------------------------------------------------------------------===//

StepWeights MmaSyncKernel::loadWeights(Value step) {
  if (!problem.encoding)
    return {};
  StepShape shape = {rowTiles,
                     warpK,
                     unit,
                     /*hasScales=*/!problem.hasOneGroup(),
                     /*hasZeroPoints=*/b.hasZeroPoint(),
                     /*rowsInside=*/false,
                     /*wordsInside=*/false,
                     /*groupsInside=*/false};
  return StepWeights::load(
      b, shape, b.add(firstN, b.mul(warpN, rowTiles * 16)),
      b.add(b.mul(step, schedule.getTileK()), b.mul(warpAlongK, warpK)));
}

SmallVector<Value> MmaSyncKernel::decodeStep(const StepWeights &weights,
                                             int64_t rowTile, int64_t segment,
                                             int64_t step) {
  SmallVector<Value> registers;
  for (int64_t p = 0; p < 4; ++p)
    registers.push_back(
        b.mmaOperand(weights.decodeWhole(b, rowTile, segment, step, p)));
  return registers;
}

//===----------------------------------------------------------------------===//
// Main loop
//===----------------------------------------------------------------------===//

void MmaSyncKernel::compute(const StepWeights &weights, Value stage,
                            SmallVector<Value> &accumulators) {
  int64_t panel =
      SharedTile::panelBytes / (problem.lhsElement.getIntOrFloatBitWidth() / 8);
  Value firstPanel = b.mul(warpAlongK, warpK / panel);
  lhsTile->beginReads(stage, b.add(b.mul(warpM, columnTiles * 8), b.g),
                      firstPanel);
  if (rhsTile)
    rhsTile->beginReads(stage, b.add(b.mul(warpN, rowTiles * 16), b.g),
                        firstPanel);
  // Sums of the current group, or the accumulators themselves.
  bool scales =
      problem.encoding && !problem.hasOneGroup() && !problem.scalesDecoded();
  Value zero = scales ? b.floatConstant(accumulatorType, 0.0) : Value();
  SmallVector<Value> sums = accumulators;
  // An instruction takes 32 columns of bytes, and 16 of floats.
  int64_t steps = problem.lhsElement.getIntOrFloatBitWidth() == 8 ? 1 : 2;
  for (int64_t s = 0; s < warpK / kSegment; ++s) {
    if (scales && s * kSegment % unit == 0)
      sums.assign(accumulators.size(), zero);
    SmallVector<SmallVector<SmallVector<Value>>> a(rowTiles);
    for (int64_t r = 0; r < rowTiles; ++r) {
      SmallVector<Value> low, high;
      if (rhsTile) {
        low = rhsTile->read(s, r * 16);
        high = rhsTile->read(s, r * 16 + 8);
      }
      for (int64_t i = 0; i < steps; ++i) {
        if (!rhsTile)
          a[r].push_back(decodeStep(weights, r, s, i));
        else
          a[r].push_back({b.mmaOperand(low[2 * i]), b.mmaOperand(high[2 * i]),
                          b.mmaOperand(low[2 * i + 1]),
                          b.mmaOperand(high[2 * i + 1])});
      }
    }
    for (int64_t c = 0; c < columnTiles; ++c) {
      SmallVector<Value> words = lhsTile->read(s, c * 8);
      for (int64_t i = 0; i < steps; ++i)
        for (int64_t r = 0; r < rowTiles; ++r) {
          auto sum = MutableArrayRef(sums).slice((r * columnTiles + c) * 4, 4);
          llvm::copy(b.mma(a[r][i],
                           {b.mmaOperand(words[2 * i]),
                            b.mmaOperand(words[2 * i + 1])},
                           sum),
                     sum.begin());
        }
    }
    if (!scales || (s + 1) * kSegment % unit)
      continue;
    // Registers 0, 1 of a tile are row g, registers 2, 3 row g + 8.
    int64_t u = s * kSegment / unit;
    for (int64_t r = 0; r < rowTiles; ++r)
      for (int64_t half = 0; half < 2; ++half) {
        Value scale = weights.getScale(b, r, u, half);
        for (int64_t c = 0; c < columnTiles; ++c)
          for (int64_t e = 2 * half; e < 2 * half + 2; ++e) {
            int64_t at = (r * columnTiles + c) * 4 + e;
            accumulators[at] = b.fma(sums[at], scale, accumulators[at]);
          }
      }
  }
  if (!scales)
    accumulators = sums;
}

//===----------------------------------------------------------------------===//
// After the main loop
//===----------------------------------------------------------------------===//

void MmaSyncKernel::reduceWarps(SmallVector<Value> &accumulators,
                                Value shared) {
  int64_t warpsK = schedule.getWarpsK();
  if (warpsK == 1)
    return;
  // The ring is free now. Each lane's values lie a warp's width apart.
  int64_t count = accumulators.size();
  int64_t others = schedule.getWarpsM() * schedule.getWarpsN();
  auto type = cast<MemRefType>(shared.getType());
  Value partials = memref::ViewOp::create(
      b,
      MemRefType::get({(warpsK - 1) * others * count * 32}, accumulatorType,
                      MemRefLayoutAttrInterface(), type.getMemorySpace()),
      shared, b.index(0), ValueRange());
  Value place =
      b.add(b.mul(b.add(b.mul(warpM, schedule.getWarpsN()), warpN), count * 32),
            b.lane);
  gpu::BarrierOp::create(b);
  b.ifThen(b.less(b.index(0), warpAlongK), [&] {
    Value first = b.add(
        place, b.mul(b.createOrFold<arith::SubIOp>(warpAlongK, b.index(1)),
                     others * count * 32));
    for (auto [i, value] : llvm::enumerate(accumulators))
      memref::StoreOp::create(b, value, partials,
                              ValueRange{b.add(first, i * 32)});
  });
  gpu::BarrierOp::create(b);
  // Other warps add too, in vain: they write nothing.
  for (int64_t w = 0; w + 1 < warpsK; ++w)
    for (auto [i, value] : llvm::enumerate(accumulators)) {
      Value part = memref::LoadOp::create(
          b, partials, ValueRange{b.add(place, (w * others * count + i) * 32)});
      value = isInteger ? arith::AddIOp::create(b, value, part).getResult()
                        : arith::AddFOp::create(b, value, part).getResult();
    }
}

void MmaSyncKernel::finish(ArrayRef<Value> accumulators) {
  Value writes = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, warpAlongK,
                                       b.index(0));
  bool scaleLast = problem.encoding && problem.hasOneGroup();
  b.ifThen(writes, [&] {
    Value lastM = b.sub(limitM, 1);
    Value lastN = b.sub(b.n, 1), lastColumn = b.sub(b.outColumns, 1);
    bool guardN =
        ShapedType::isDynamic(problem.n) || problem.n % schedule.getTileN();
    for (int64_t c = 0; c < columnTiles; ++c)
      for (int64_t odd = 0; odd < 2; ++odd) {
        Value m = b.add(b.add(firstM, b.mul(warpM, columnTiles * 8)),
                        b.add(b.mul(b.t, 2), c * 8 + odd));
        // Reads are clamped so that they need no guard and equal ones merge.
        Value mRead = b.min(m, lastM);
        SmallVector<std::pair<Value, Value>> results; // column, value
        for (int64_t r = 0; r < rowTiles; ++r) {
          Value first =
              b.add(b.add(firstN, b.mul(warpN, rowTiles * 16)), r * 16);
          SmallVector<Value> sums, weights; // of rows g and g + 8
          for (int64_t half = 0; half < 2; ++half) {
            Value n = b.add(first, b.add(b.g, half * 8));
            Value sum =
                accumulators[(r * columnTiles + c) * 4 + half * 2 + odd];
            if (scaleLast)
              sum = arith::MulFOp::create(
                  b, sum,
                  b.scaleToF32(
                      b.loadScale(guardN ? b.min(n, lastN) : n, b.index(0))));
            sums.push_back(sum);
            weights.push_back(n);
          }
          auto finish = [&](ArrayRef<Value> sums, Value column) {
            Value read = guardN ? b.min(column, lastColumn) : column;
            results.push_back({column, b.epilogue(sums, mRead, read)});
          };
          if (problem.numSums == 2) {
            finish(b.exchangePair(sums[0], sums[1]),
                   b.add(b.div(first, 2), b.getPairOfLane()));
            continue;
          }
          for (int64_t half = 0; half < 2; ++half)
            finish(sums[half], weights[half]);
        }
        b.ifThen(b.less(m, limitM), [&] {
          for (auto [n, value] : results) {
            if (!guardN)
              b.store(value, m, n);
            else
              b.ifThen(b.less(n, b.outColumns),
                       [&, n = n, value = value] { b.store(value, m, n); });
          }
        });
      }
  });
}

void MmaSyncKernel::emit() {
  int64_t warpsM = schedule.getWarpsM(), warpsN = schedule.getWarpsN();
  int64_t stages = schedule.getStages(), tileK = schedule.getTileK();
  warpM = b.rem(b.warp, warpsM);
  warpN = b.rem(b.div(b.warp, warpsM), warpsN);
  warpAlongK = b.div(b.warp, warpsM * warpsN);
  firstN = b.mul(b.blockX, schedule.getTileN());
  Value firstOfBatch = b.firstRowOfBatch(b.rows);
  limitM = b.add(firstOfBatch, b.rows);
  firstM =
      b.add(firstOfBatch, b.mul(gpu::BlockIdOp::create(b, gpu::Dimension::y),
                                schedule.getTileM()));

  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto dynamic = MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                                 MemRefLayoutAttrInterface(), space);
  int64_t stageBytes = getStageBytes(problem);
  int64_t ringBytes = stageBytes * stages;
  Value base = gpu::DynamicSharedMemoryOp::create(b, dynamic);
  Value ring = memref::ViewOp::create(
      b,
      MemRefType::get({ringBytes}, b.getI8Type(), MemRefLayoutAttrInterface(),
                      space),
      base, b.index(0), ValueRange());
  SharedTile lhs(b, b.lhs, limitM, firstM, schedule.getTileM(), tileK, ring,
                 stageBytes, /*offset=*/0);
  lhsTile = &lhs;
  std::optional<SharedTile> rhs;
  if (!problem.encoding) {
    Value firstWeight = b.firstRowOfBatch(b.n);
    rhs.emplace(
        b, b.codes, b.add(firstWeight, b.n), b.add(firstWeight, firstN),
        schedule.getTileN(), tileK, ring, stageBytes,
        SharedTile::getBytes(schedule.getTileM(), tileK, problem.lhsElement));
    rhsTile = &*rhs;
  }

  Value steps = b.div(b.add(b.k, tileK - 1), tileK);
  Type token = nvgpu::DeviceAsyncTokenType::get(b.getContext());
  auto copyStep = [&](Value step, Value stage) {
    Value firstColumn = b.mul(step, tileK);
    lhs.copy(firstColumn, stage);
    if (rhs)
      rhs->copy(firstColumn, stage);
  };
  Value group;
  for (int64_t s = 0; s + 1 < stages; ++s) {
    if (ShapedType::isDynamic(problem.k))
      b.ifThen(b.less(b.index(s), steps),
               [&] { copyStep(b.index(s), b.index(s)); });
    else if (s * tileK < problem.k)
      copyStep(b.index(s), b.index(s));
    group = nvgpu::DeviceAsyncCreateGroupOp::create(b, token, ValueRange());
  }

  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(accumulatorType));
  SmallVector<Value> carried(rowTiles * columnTiles * 4, zero);
  size_t count = carried.size();
  StepWeights weights = loadWeights(b.index(0));
  llvm::append_range(carried, weights.flatten());
  // Stage to read, and stage to fill.
  carried.push_back(b.index(0));
  carried.push_back(b.index(stages - 1));
  auto advance = [&](Value stage) {
    Value next = b.add(stage, 1);
    return b.select(b.less(next, b.index(stages)), next, b.index(0));
  };
  carried = b.loop(
      b.index(0), steps, b.index(1), carried,
      [&](Value step, ValueRange state) {
        Value readStage = state[state.size() - 2], fillStage = state.back();
        nvgpu::DeviceAsyncWaitOp::create(b, group,
                                         b.getI32IntegerAttr(stages - 2));
        // Everyone's copies are in, and everyone is done with the stage that
        // is filled next.
        gpu::BarrierOp::create(b);
        Value fillStep = b.add(step, stages - 1);
        b.ifThen(b.less(fillStep, steps),
                 [&] { copyStep(fillStep, fillStage); });
        nvgpu::DeviceAsyncCreateGroupOp::create(b, token, ValueRange());
        StepWeights next = loadWeights(b.min(b.add(step, 1), b.sub(steps, 1)));
        StepWeights current = next;
        current.unflatten(state.slice(count, next.flatten().size()));
        SmallVector<Value> sums(state.take_front(count));
        compute(current, readStage, sums);
        llvm::append_range(sums, next.flatten());
        sums.push_back(advance(readStage));
        sums.push_back(advance(fillStage));
        return sums;
      });
  carried.truncate(count);
  reduceWarps(carried, base);
  finish(carried);
}

} // namespace

void quantmlir::emitMmaSyncKernel(MatmulEmitter &emitter) {
  MmaSyncKernel(emitter).emit();
}
