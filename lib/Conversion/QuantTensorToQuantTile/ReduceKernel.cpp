//===- ReduceKernel.cpp - One row of activations on CUDA cores ------------===//
//
// A warp owns 16 rows of the weights and reads them in fragment order, 16
// bytes a lane; warps along k take tiles of columns in turn. Weights of
// the next round are on their way while those of this one are multiplied, those
// of the first before the kernel in front has ended. Each lane multiplies and
// adds in f32; lanes, then warps, are summed at the end, in a fixed order.
//
//===----------------------------------------------------------------------===//

#include "MatmulEmitter.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir;
using quant_tensor::FragmentLayout;

namespace {

constexpr int64_t kRun = FragmentLayout::runColumns;

class ReduceKernel {
public:
  explicit ReduceKernel(MatmulEmitter &b)
      : b(b), problem(b.problem), schedule(problem.schedule),
        columns(schedule.getWeights().getTile()[1]),
        tiles(llvm::divideCeil(problem.k, columns)),
        fullTiles(problem.k / columns),
        perRound(schedule.getWarpsK() * schedule.getStages()),
        fullRounds(fullTiles / perRound), f32(b.getF32Type()),
        decoded(problem.encoding.getStorage().isInteger() &&
                        problem.encoding.getStorageBits() == 8
                    ? Type(b.getF16Type())
                    : Type(b.getBF16Type())) {}

  void emit();

private:
  /// Weights and activations of one tile of columns.
  struct Tile {
    Value column;
    SmallVector<Value> words;
    /// Eight activations per segment, f32.
    SmallVector<Value> x;
  };

  /// Words of a tile of weights, the same number in each.
  using Words = SmallVector<Value>;

  /// Whether each warp has a tile at `stage` of the round after the full ones.
  bool isLeftToAll(int64_t stage) const {
    return fullRounds * perRound + (stage + 1) * schedule.getWarpsK() <= tiles;
  }
  /// Number of the tile that this warp takes at `stage` of `round`; the last
  /// one where it has none.
  Value columnOf(Value round, int64_t stage, bool isFull);
  SmallVector<Words> loadRound(Value round, bool isFull);
  SmallVector<Value> computeRound(Value round, ArrayRef<Words> words,
                                  ValueRange carried, bool isFull);
  /// All full rounds but the last, of which `words` are afterwards.
  void computeRounds(SmallVector<Words> &words, SmallVector<Value> &sums);
  Tile makeTile(Value column, Words words, bool guarded);
  Value loadActivations(Value firstColumn, bool guarded);
  void accumulate(const Tile &tile, std::array<Value, 2> &sums);
  /// Sum of weight * activation over columns [first, last) of a lane's run.
  Value dot(const Tile &tile, int64_t segment, int64_t half, int64_t first,
            int64_t last, Value zeroPoint, Value sum);
  Value groupOf(Value column);
  void scaled(Value partial, int64_t half, Value group,
              std::array<Value, 2> &sums);
  Value zeroPoint(int64_t half, Value group);
  void finish(std::array<Value, 2> sums);

  MatmulEmitter &b;
  const MatmulProblem &problem;
  quant_tile::ScheduleAttr schedule;
  /// Columns of a tile, tiles of a row, and those without padding.
  int64_t columns, tiles, fullTiles;
  /// Tiles of a round, and the rounds in which every warp has one without
  /// padding at each stage. What is left is a shorter round.
  int64_t perRound, fullRounds;
  /// Codes are decoded to a type that holds each exactly: bf16, which is half
  /// of an f32 already, but for eight bits of integers f16, whose mantissa has
  /// room for them. Values of a codebook are rounded to it, as the contract
  /// says.
  Type f32, decoded;
  /// This warp's tile row, its place along k, the row of activations, and the
  /// lane's two rows of weights.
  Value tileRow, warpN, warpK, rowM;
  std::array<Value, 2> weightRow;
};

Value ReduceKernel::groupOf(Value column) {
  if (problem.hasOneGroup())
    return b.index(0);
  // Padding columns belong to the last group; their activations are zero.
  return b.min(b.div(column, problem.getGroup()),
               b.index(problem.getGroups() - 1));
}

Value ReduceKernel::loadActivations(Value firstColumn, bool guarded) {
  Value values = b.loadActivations(rowM, firstColumn, guarded);
  if (problem.lhsElement == f32)
    return values;
  return arith::ExtFOp::create(b, VectorType::get({kRun}, f32), values);
}

ReduceKernel::Tile ReduceKernel::makeTile(Value column, Words words,
                                          bool guarded) {
  Tile tile;
  tile.column = b.mul(column, columns);
  tile.words = std::move(words);
  Value first = b.add(tile.column, b.mul(b.t, kRun));
  for (int64_t s = 0; s < columns; s += FragmentLayout::segmentColumns)
    tile.x.push_back(loadActivations(b.add(first, s), guarded));
  return tile;
}

Value ReduceKernel::dot(const Tile &tile, int64_t segment, int64_t half,
                        int64_t first, int64_t last, Value zeroPoint,
                        Value sum) {
  auto pair = VectorType::get({2}, f32);
  for (int64_t column = first; column < last; ++column) {
    int64_t step = column / 4, p = 2 * (column % 4 / 2) + half;
    // Equal decodes are merged later.
    Value values = arith::ExtFOp::create(
        b, pair, b.decode(tile.words, segment, step, p, decoded));
    Value weight = b.element(values, column % 2);
    if (zeroPoint)
      weight = arith::SubFOp::create(b, weight, zeroPoint);
    Value x = b.element(tile.x[segment], column);
    sum = sum ? b.fma(weight, x, sum)
              : arith::MulFOp::create(b, weight, x).getResult();
  }
  return sum;
}

Value ReduceKernel::zeroPoint(int64_t half, Value group) {
  if (!b.hasZeroPoint())
    return {};
  return b.zeroPointToF32(b.loadZeroPoint(weightRow[half], group));
}

void ReduceKernel::scaled(Value partial, int64_t half, Value group,
                          std::array<Value, 2> &sums) {
  Value scale = b.scaleToF32(b.loadScale(weightRow[half], group));
  sums[half] = b.fma(partial, scale, sums[half]);
}

void ReduceKernel::accumulate(const Tile &tile, std::array<Value, 2> &sums) {
  int64_t segments = columns / FragmentLayout::segmentColumns;
  int64_t group = problem.getGroup();
  Value firstColumn = b.add(tile.column, b.mul(b.t, kRun));
  for (int64_t half = 0; half < 2; ++half) {
    // The whole tile in one group (or the scale left for the end).
    if (problem.hasOneGroup() || group % columns == 0) {
      Value index = groupOf(tile.column);
      Value zero = zeroPoint(half, index);
      Value partial;
      for (int64_t s = 0; s < segments; ++s)
        partial = dot(tile, s, half, 0, kRun, zero, partial);
      if (problem.hasOneGroup())
        sums[half] = arith::AddFOp::create(b, sums[half], partial);
      else
        scaled(partial, half, index, sums);
      continue;
    }
    // Runs of columns that no group boundary cuts.
    int64_t run = std::gcd(group, kRun);
    for (int64_t s = 0; s < segments; ++s)
      for (int64_t first = 0; first < kRun; first += run) {
        Value index = groupOf(
            b.add(firstColumn, s * FragmentLayout::segmentColumns + first));
        Value partial = dot(tile, s, half, first, first + run,
                            zeroPoint(half, index), Value());
        scaled(partial, half, index, sums);
      }
  }
}

void ReduceKernel::finish(std::array<Value, 2> sums) {
  // The four lanes of a row, then the warps along k.
  Value width = b.wordConstant(32);
  for (Value &sum : sums)
    for (int32_t distance : {1, 2}) {
      Value other = gpu::ShuffleOp::create(b, sum, b.wordConstant(distance),
                                           width, gpu::ShuffleMode::XOR)
                        .getShuffleResult();
      sum = arith::AddFOp::create(b, sum, other);
    }
  int64_t warpsK = schedule.getWarpsK(), tileN = schedule.getTileN();
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Value partials = b.kernel.addWorkgroupAttribution(
      MemRefType::get({warpsK, tileN}, f32, MemRefLayoutAttrInterface(), space),
      b.getLoc());
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, b.t, b.index(0));
  b.ifThen(isFirst, [&] {
    Value row = b.add(b.mul(warpN, FragmentLayout::rows), b.g);
    for (int64_t half = 0; half < 2; ++half)
      memref::StoreOp::create(b, sums[half], partials,
                              ValueRange{warpK, b.add(row, 8 * half)});
  });
  gpu::BarrierOp::create(b);
  // A thread for each column of the result, of which `numSums` rows of weights
  // make one.
  int64_t numSums = problem.numSums, outN = tileN / numSums;
  Value column = b.add(
      b.mul(gpu::BlockIdOp::create(b, gpu::Dimension::y), outN), b.thread);
  Value writes = arith::AndIOp::create(b, b.less(b.thread, b.index(outN)),
                                       b.less(column, b.outColumns));
  b.ifThen(writes, [&] {
    SmallVector<Value> finished;
    for (int64_t s = 0; s < numSums; ++s) {
      Value sum, place = b.add(b.mul(b.thread, numSums), s);
      for (int64_t i = 0; i < warpsK; ++i) {
        Value part =
            memref::LoadOp::create(b, partials, ValueRange{b.index(i), place});
        sum = sum ? arith::AddFOp::create(b, sum, part).getResult() : part;
      }
      if (problem.hasOneGroup()) {
        Value row = b.add(b.mul(column, numSums), s);
        sum = arith::MulFOp::create(b, sum,
                                    b.scaleToF32(b.loadScale(row, b.index(0))));
      }
      finished.push_back(sum);
    }
    b.store(b.epilogue(finished, rowM, column), rowM, column);
  });
}

Value ReduceKernel::columnOf(Value round, int64_t stage, bool isFull) {
  Value column =
      b.add(b.add(b.mul(round, perRound), warpK), stage * schedule.getWarpsK());
  return isFull || isLeftToAll(stage) ? column
                                      : b.min(column, b.index(tiles - 1));
}

SmallVector<ReduceKernel::Words> ReduceKernel::loadRound(Value round,
                                                         bool isFull) {
  int64_t warpsK = schedule.getWarpsK(), stages = schedule.getStages();
  if (!isFull)
    stages = llvm::divideCeil(tiles - fullRounds * perRound, warpsK);
  SmallVector<Words> words;
  for (int64_t stage = 0; stage < stages; ++stage)
    words.push_back(b.loadWeights(tileRow, columnOf(round, stage, isFull)));
  return words;
}

SmallVector<Value> ReduceKernel::computeRound(Value round,
                                              ArrayRef<Words> words,
                                              ValueRange carried, bool isFull) {
  std::array<Value, 2> sums = {carried[0], carried[1]};
  SmallVector<Tile> loaded;
  for (auto [stage, tile] : llvm::enumerate(words))
    loaded.push_back(makeTile(columnOf(round, stage, isFull), tile,
                              /*guarded=*/!isFull && fullTiles != tiles));
  for (auto [stage, tile] : llvm::enumerate(loaded)) {
    std::array<Value, 2> before = sums;
    accumulate(tile, sums);
    if (isFull || isLeftToAll(stage))
      continue;
    Value first = b.add(b.mul(round, perRound), stage * schedule.getWarpsK());
    Value isMine = b.less(b.add(first, warpK), b.index(tiles));
    for (auto [sum, old] : llvm::zip_equal(sums, before))
      sum = b.select(isMine, sum, old);
  }
  return {sums[0], sums[1]};
}

void ReduceKernel::computeRounds(SmallVector<Words> &words,
                                 SmallVector<Value> &sums) {
  auto carry = [&](ArrayRef<Value> sums, ArrayRef<Words> words) {
    SmallVector<Value> values(sums);
    for (const Words &tile : words)
      llvm::append_range(values, tile);
    return values;
  };
  // Words of each stage, from the values behind the sums.
  auto restore = [&](ValueRange values) {
    values = values.drop_front(sums.size());
    for (Words &tile : words) {
      size_t count = tile.size();
      tile.assign(values.begin(), values.begin() + count);
      values = values.drop_front(count);
    }
  };
  SmallVector<Value> results = b.loop(
      b.index(0), b.index(fullRounds - 1), b.index(1), carry(sums, words),
      [&](Value round, ValueRange values) {
        restore(values);
        SmallVector<Words> next = loadRound(b.add(round, 1), /*isFull=*/true);
        return carry(computeRound(round, words, values, /*isFull=*/true), next);
      });
  restore(results);
  sums.assign(results.begin(), results.begin() + sums.size());
}

void ReduceKernel::emit() {
  int64_t warpsK = schedule.getWarpsK(), warpsN = schedule.getWarpsN();
  warpK = b.rem(b.warp, warpsK);
  warpN = b.div(b.warp, warpsK);
  tileRow =
      b.add(b.mul(gpu::BlockIdOp::create(b, gpu::Dimension::y), warpsN), warpN);
  rowM = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  Value lastRow = b.index(problem.n - 1);
  for (int64_t half = 0; half < 2; ++half)
    weightRow[half] =
        b.min(b.add(b.mul(tileRow, FragmentLayout::rows), b.add(b.g, 8 * half)),
              lastRow);

  // Weights are constant: they may be asked for before the wait.
  SmallVector<Words> words = loadRound(b.index(0), fullRounds > 0);
  b.waitForDependencies();

  Value zero = b.floatConstant(f32, 0.0);
  SmallVector<Value> sums = {zero, zero};
  if (fullRounds > 1)
    computeRounds(words, sums);
  if (fullRounds > 0) {
    Value last = b.index(fullRounds - 1);
    SmallVector<Words> left = loadRound(b.index(fullRounds), /*isFull=*/false);
    sums = computeRound(last, words, sums, /*isFull=*/true);
    words = std::move(left);
  }
  sums = computeRound(b.index(fullRounds), words, sums, /*isFull=*/false);
  finish({sums[0], sums[1]});
}

} // namespace

void quantmlir::emitReduceKernel(MatmulEmitter &emitter) {
  ReduceKernel(emitter).emit();
}
