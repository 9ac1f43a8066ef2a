//===- WgmmaDecodeLoader.cpp - What the loader's warps ask memory for -----===//

#include "WgmmaDecodeKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;
using quantmlir::schedule::WgmmaLayout;

static constexpr int64_t kSegment = FragmentLayout::segmentColumns;
static constexpr int64_t kRows = FragmentLayout::rows;
/// 16-bit activations of a row of a panel.
static constexpr int64_t kPanel = WgmmaLayout::panelColumns;
/// Warps that load.
static constexpr int64_t kWarps = 4;

/// Starts this warp's copies of `segments` segments of step `step` of the tile
/// at (row, column) into `stage`. Where activations come later than weights,
/// these tell the stage of both.
void WgmmaDecodeKernel::loadStep(Value row, Value column, Value step,
                                 Value stage, int64_t segments,
                                 Operand operand) {
  step = add(step, firstStep);
  // Whole panels of activations, and whole tiles of codes. A warp that has a
  // panel has one of each step, past K as well, where it has no codes.
  int64_t columns = codesMap ? tileK : segments * kSegment;
  int64_t panels = llvm::divideCeil(columns, kPanel);
  int64_t panelBytes = tileM * WgmmaLayout::rowBytes;
  int64_t tileColumns = schedule.getWeights().getTile()[1];
  int64_t tileBytes = kRows * tileColumns * width / 8;
  int64_t copyBytes = llvm::divideCeil(columns, tileColumns) * tileBytes;
  int64_t rowTiles = schedule.getTileN() / kRows;
  Value barrier = full(stage), stageByte = mul(stage, layout.getStageBytes());
  if (operand != Operand::Activations)
    b.ifThen(equal(warp, word(0)), [&] {
      expect(barrier, panels * panelBytes + rowTiles * copyBytes);
    });
  // Blocks of a cluster multiply the same activations: each loads some rows
  // into all of them, so that L2 is asked once.
  int64_t size = groups.getClusterN(), share = tileM / size;
  Value mask;
  if (size > 1)
    mask = arith::ConstantOp::create(b, b.getI16IntegerAttr((1 << size) - 1));
  if (operand != Operand::Weights)
    for (int64_t first = 0; first < panels; first += kWarps) {
      Value panel = add(warp, first);
      auto load = [&] {
        Value byte = add(stageByte, mul(panel, panelBytes)), firstRow = row;
        if (size > 1) {
          byte = add(byte, mul(rank, share * WgmmaLayout::rowBytes));
          firstRow = add(row, mul(rank, share));
        }
        loadBox(lhsMap, shared(0, byte), barrier,
                {add(mul(step, tileK), mul(panel, kPanel)), firstRow}, mask);
      };
      if (first + kWarps <= panels)
        load();
      else
        b.ifThen(b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, panel,
                                               word(panels)),
                 load);
    }
  if (operand == Operand::Activations)
    return;
  Value firstTile = div(column, word(kRows)),
        firstOfK = mul(step, tileK / tileColumns);
  if (codesMap) {
    // What is past the last row of weights or past K is zero, and not stored.
    b.ifThen(equal(warp, word(getLoadingWarps() - 1)), [&] {
      loadBox(codesMap, shared(layout.lhsBytes, stageByte), barrier,
              {word(0), firstOfK, firstTile});
    });
    return;
  }
  auto type = cast<MemRefType>(b.codes.getType());
  Value global = LLVM::IntToPtrOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), /*addressSpace=*/1),
      b.createOrFold<arith::IndexCastUIOp>(
          b.getI64Type(),
          memref::ExtractAlignedPointerAsIndexOp::create(b, b.codes)));
  for (int64_t first = 0; first < rowTiles; first += kWarps) {
    Value number = add(warp, first);
    // Past the last row of weights, others stand in: what they give is not
    // stored.
    Value rowTile = add(firstTile, number);
    if (problem.hasRaggedN())
      rowTile =
          b.createOrFold<arith::MinUIOp>(rowTile, word(type.getDimSize(0) - 1));
    // Where there are no activations, some weights that exist.
    Value weightStep = step;
    if (sharesK() && steps * split.parts * tileK > problem.k)
      weightStep =
          b.createOrFold<arith::MinUIOp>(step, word(problem.k / tileK - 1));
    Value tile = b.createOrFold<arith::ExtUIOp>(
        b.getI64Type(), add(mul(rowTile, type.getDimSize(1)),
                            mul(weightStep, tileK / tileColumns)));
    Value from = LLVM::GEPOp::create(
        b, global.getType(), LLVM::LLVMArrayType::get(b.getI8Type(), tileBytes),
        global, ArrayRef<LLVM::GEPArg>{tile});
    Value to = shared(layout.lhsBytes,
                      add(stageByte, mul(number, kRows * tileK * width / 8)));
    NVVM::CpAsyncBulkGlobalToSharedClusterOp::create(
        b, toCluster(to), from, barrier, word(copyBytes),
        /*multicastMask=*/Value(), /*l2CacheHint=*/Value());
  }
}

/// Warps that have a copy of each stage, so that none is late for its next
/// phase: nobody would wait for one that has none. A box of codes is the last
/// one's, which has no panel where these are few.
int64_t WgmmaDecodeKernel::getLoadingWarps() const {
  int64_t panels = llvm::divideCeil(tileK, kPanel);
  return codesMap ? std::min(panels + 1, kWarps) : kWarps;
}

/// One thread of each warp issues copies. That it is one, ptxas sees from how
/// it is picked; of any other condition it makes a loop over lanes around each
/// copy, whose operands are in uniform registers.
void WgmmaDecodeKernel::produce() {
  // The same in all lanes, as ptxas sees of a shuffle.
  warp = NVVM::ShflOp::create(b, b.getI32Type(), word(-1),
                              div(thread, word(FragmentLayout::lanes)), word(0),
                              word(31), NVVM::ShflKind::idx, UnitAttr());
  auto load = [&] {
    Value isPicked = NVVM::ElectSyncOp::create(b, b.getI1Type(), Value());
    b.ifThen(isPicked, [&] { loadTiles(); });
  };
  int64_t warps = getLoadingWarps();
  if (warps == kWarps)
    return load();
  b.ifThen(b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, warp,
                                         word(warps)),
           load);
}

/// This warp's copies of all tiles, issued by one thread.
void WgmmaDecodeKernel::loadTiles() {
  firstStep = mul(part, steps);
  divideTiles();
  bool isWhole = lastSegments == tileK / kSegment;
  int64_t whole = isWhole ? steps : steps - 1;
  // Where there are fewer tiles than blocks, and they are not divided, some
  // have none.
  auto whereTiles = [&](function_ref<void()> body) {
    if (!streams())
      return body();
    b.ifThen(
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, turns, word(0)),
        body);
  };
  // The first phase of an empty barrier counts as over.
  Ring start = {word(0), word(1)};
  int64_t count = 0;
  // Weights do not depend on the kernel before this one, activations do.
  if (schedule.getDependentLaunch()) {
    count = std::min(layout.stages, streams() ? together : whole);
    auto loadAhead = [&] {
      Work work = getWork(word(0));
      auto [row, column] = locate(work.tile);
      for (Operand operand : {Operand::Weights, Operand::Activations}) {
        for (int64_t stage = 0; stage < count; ++stage)
          loadStep(row, column, getStep(work, stage), word(stage),
                   tileK / kSegment, operand);
        if (operand == Operand::Weights)
          b.waitForDependencies();
      }
    };
    whereTiles(loadAhead);
    if (count == layout.stages)
      start.phase = word(0);
    else
      start.stage = word(count);
  }
  auto load = [&](Value row, Value column, Value step, ValueRange state,
                  int64_t segments) {
    Ring ring = {state[0], state[1]};
    waitFor(empty(ring.stage), ring.phase);
    loadStep(row, column, step, ring.stage, segments);
    ring = advance(ring);
    return SmallVector<Value>{ring.stage, ring.phase};
  };
  SmallVector<Value> end =
      workLoop({start.stage, start.phase, word(count)}, [&](Work work,
                                                            ValueRange state) {
        auto [row, column] = locate(work.tile);
        Value first = state[2], end = word(whole);
        if (streams()) {
          first = add(first, getStep(work, 0));
          end = mul(work.end, together);
        }
        SmallVector<Value> next = b.loop(
            first, end, word(1), state.take_front(2),
            [&, row = row, column = column](Value step, ValueRange state) {
              return load(row, column, step, state, tileK / kSegment);
            });
        if (!isWhole)
          next = load(row, column, word(steps - 1), next, lastSegments);
        next.push_back(word(0));
        return next;
      });
  if (groups.getClusterSize() > 1)
    whereTiles([&] { waitForReleases({end[0], end[1]}); });
}
