//===- LaneReduction.cpp - A reduction shared among threads ---------------===//

#include "LaneReduction.h"
#include "DynamicSharedMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quantmlir;

static constexpr int64_t kWarp = 32;
/// Warps whose partial results each thread combines by itself: of more of them
/// a warp takes one in each lane.
static constexpr int64_t kFewWarps = 8;

Value quantmlir::combinePair(OpBuilder &builder, Operation *combiner, Value lhs,
                             Value rhs) {
  Operation *clone = builder.clone(*combiner);
  clone->setOperands({lhs, rhs});
  return clone->getResult(0);
}

/// The value of the lane whose number differs in bit `distance`. The hardware
/// moves 32 bits: narrower values ride in the low half, wider ones go in two.
static Value shuffle(OpBuilder &builder, Location loc, Value value,
                     int64_t distance) {
  Type type = value.getType();
  unsigned bits = type.getIntOrFloatBitWidth();
  Type integer = builder.getIntegerType(bits);
  Type word = builder.getI32Type();
  auto shuffleWord = [&](Value moved) -> Value {
    return gpu::ShuffleOp::create(builder, loc, moved,
                                  static_cast<int32_t>(distance), kWarp,
                                  gpu::ShuffleMode::XOR)
        .getShuffleResult();
  };
  Value moved = value;
  if (isa<FloatType>(type))
    moved = arith::BitcastOp::create(builder, loc, integer, moved);
  if (bits == 64) {
    Value half = arith::ConstantIntOp::create(builder, loc, integer, 32);
    Value high = arith::ShRUIOp::create(builder, loc, moved, half);
    Value low = shuffleWord(arith::TruncIOp::create(builder, loc, word, moved));
    high = shuffleWord(arith::TruncIOp::create(builder, loc, word, high));
    low = arith::ExtUIOp::create(builder, loc, integer, low);
    high = arith::ExtUIOp::create(builder, loc, integer, high);
    high = arith::ShLIOp::create(builder, loc, high, half);
    moved = arith::OrIOp::create(builder, loc, low, high);
  } else {
    if (bits < 32)
      moved = arith::ExtUIOp::create(builder, loc, word, moved);
    moved = shuffleWord(moved);
    if (bits < 32)
      moved = arith::TruncIOp::create(builder, loc, integer, moved);
  }
  if (isa<FloatType>(type))
    moved = arith::BitcastOp::create(builder, loc, type, moved);
  return moved;
}

/// What combines the integers of a warp in one instruction, if there is one.
static std::optional<NVVM::ReduxKind> getReduxKind(Operation *combiner) {
  using Kind = std::optional<NVVM::ReduxKind>;
  if (!combiner->getResult(0).getType().isInteger(32))
    return std::nullopt;
  return llvm::TypeSwitch<Operation *, Kind>(combiner)
      .Case([](arith::AddIOp) { return NVVM::ReduxKind::ADD; })
      .Case([](arith::AndIOp) { return NVVM::ReduxKind::AND; })
      .Case([](arith::OrIOp) { return NVVM::ReduxKind::OR; })
      .Case([](arith::XOrIOp) { return NVVM::ReduxKind::XOR; })
      .Case([](arith::MaxSIOp) { return NVVM::ReduxKind::MAX; })
      .Case([](arith::MinSIOp) { return NVVM::ReduxKind::MIN; })
      .Case([](arith::MaxUIOp) { return NVVM::ReduxKind::UMAX; })
      .Case([](arith::MinUIOp) { return NVVM::ReduxKind::UMIN; })
      .Default([](Operation *) { return std::nullopt; });
}

/// `value` of all lanes of a warp, combined.
static Value combineWarp(OpBuilder &builder, Location loc, Value value,
                         Operation *combiner) {
  if (std::optional<NVVM::ReduxKind> kind = getReduxKind(combiner)) {
    Value all =
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(-1));
    return NVVM::ReduxOp::create(builder, loc, value.getType(), value, *kind,
                                 all);
  }
  for (int64_t distance = kWarp / 2; distance > 0; distance /= 2)
    value = combinePair(builder, combiner, value,
                        shuffle(builder, loc, value, distance));
  return value;
}

int64_t LaneExchange::getBytes(Type type, int64_t warps) {
  return llvm::alignTo(warps * type.getIntOrFloatBitWidth() / 8, 16);
}

namespace {

/// Partial results of `count` warps: for each value that is combined, a buffer
/// of them, or a pointer to the first.
struct Partials {
  int64_t count;
  SmallVector<Value> places;
};

} // namespace

/// Words of one access.
static constexpr int64_t kAccessWords = 4;

static Value createWord(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
}

/// Waits for all lanes of the warp, and for what they did in memory.
static void syncWarp(OpBuilder &b, Location loc) {
  NVVM::SyncWarpOp::create(b, loc, createWord(b, loc, -1));
}

/// Waits for all `warps` warps of this block that combine something.
static void syncSet(OpBuilder &b, Location loc, const LaneExchange &exchange,
                    int64_t warps) {
  if (exchange.groups == 1) {
    gpu::BarrierOp::create(b, loc);
    return;
  }
  // The first barrier is the block's.
  NVVM::BarrierOp::create(
      b, loc, TypeRange(),
      arith::AddIOp::create(b, loc, exchange.group, createWord(b, loc, 1)),
      createWord(b, loc, warps * kWarp), NVVM::BarrierReductionAttr(), Value());
}

/// The address of word `index` (i32, or a number) of those at `first`.
static Value getWordAddress(OpBuilder &b, Location loc, Value first,
                            LLVM::GEPArg index) {
  return LLVM::GEPOp::create(b, loc, first.getType(), b.getI32Type(), first,
                             ArrayRef<LLVM::GEPArg>{index});
}

/// Each warp's first lane leaves its partial results in shared memory; after
/// the barrier every thread may read them.
static Partials sharePartials(OpBuilder &builder, Location loc,
                              gpu::GPUFuncOp kernel, ValueRange values,
                              const LaneExchange &exchange, int64_t warps,
                              Value warp, Value lane) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto space = gpu::AddressSpaceAttr::get(builder.getContext(),
                                          gpu::AddressSpace::Workgroup);
  SmallVector<Value> partials;
  Value place = exchange.place;
  for (Value value : values) {
    auto type = MemRefType::get({warps}, value.getType(),
                                MemRefLayoutAttrInterface(), space);
    if (!exchange.memory) {
      partials.push_back(kernel.addWorkgroupAttribution(type, loc));
      continue;
    }
    partials.push_back(memref::ViewOp::create(
        builder, loc, type, exchange.memory, place, ValueRange()));
    place = builder.createOrFold<arith::AddIOp>(
        loc, place, constant(LaneExchange::getBytes(value.getType(), warps)));
  }
  Value first = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      lane, constant(0));
  auto ifFirst = scf::IfOp::create(builder, loc, first, /*withElse=*/false);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(ifFirst.thenBlock());
    for (auto [value, partial] : llvm::zip_equal(values, partials))
      memref::StoreOp::create(builder, loc, value, partial, warp);
  }
  syncSet(builder, loc, exchange, warps);
  return {warps, partials};
}

/// The first lanes of each warp send its partial results, one to each block. A
/// thread waits for what the warps of all blocks send to its own.
static Partials sendPartials(OpBuilder &b, Location loc, ValueRange values,
                             const LaneExchange &exchange, int64_t warps,
                             Value thread, Value warp, Value lane) {
  const BlockExchange &blocks = *exchange.blocks;
  Type i32 = b.getI32Type();
  int64_t count = warps * blocks.blocks;
  auto toWord = [&](Value index) -> Value {
    return arith::IndexCastUIOp::create(b, loc, i32, index);
  };
  auto ifBelow = [&](Value index, int64_t end, function_ref<void()> body) {
    Value isBelow = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::ult, index,
        arith::ConstantIndexOp::create(b, loc, end).getResult());
    auto guarded = scf::IfOp::create(b, loc, isBelow, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(guarded.thenBlock()->getTerminator());
    body();
  };
  ifBelow(thread, 1, [&] {
    expectBytes(b, loc, blocks.barrier,
                createWord(b, loc, count * 4 * values.size()));
  });
  Partials partials = {count, {}};
  for (size_t out = 0; out < values.size(); ++out)
    partials.places.push_back(
        getWordAddress(b, loc, blocks.received,
                       static_cast<int32_t>(out * blocks.valueBytes / 4)));
  // Who gets this warp's values knows that all of its lanes have come here, and
  // that is all it knows: a message orders nothing before it.
  if (exchange.whenAllCame)
    syncSet(b, loc, exchange, warps);
  else
    syncWarp(b, loc);
  ifBelow(lane, blocks.blocks, [&] {
    Value sender = arith::AddIOp::create(
        b, loc,
        arith::MulIOp::create(b, loc, blocks.rank, createWord(b, loc, warps)),
        toWord(warp));
    Value receiver = toWord(lane);
    auto remote = [&](Value address) {
      return mapToBlock(b, loc, address, receiver);
    };
    Value counter = remote(blocks.barrier);
    for (auto [value, place] : llvm::zip_equal(values, partials.places))
      quant_tile::StoreAsyncOp::create(
          b, loc, value, remote(getWordAddress(b, loc, place, sender)),
          counter);
  });
  waitForBarrier(b, loc, blocks.barrier, blocks.parity,
                 NVVM::MemScopeKind::CLUSTER);
  return partials;
}

/// The partial result at `place` of warp `index` (`index`).
static Value loadPartial(OpBuilder &b, Location loc, Value place, Type type,
                         Value index) {
  if (isa<MemRefType>(place.getType()))
    return memref::LoadOp::create(b, loc, place, index);
  Value word =
      arith::IndexCastUIOp::create(b, loc, b.getI32Type(), index).getResult();
  return LLVM::LoadOp::create(b, loc, type, getWordAddress(b, loc, place, word),
                              /*alignment=*/4);
}

/// The partial results at `place` of all of `count` warps.
static SmallVector<Value> loadPartials(OpBuilder &b, Location loc, Value place,
                                       Type type, int64_t count) {
  SmallVector<Value> values;
  if (isa<MemRefType>(place.getType())) {
    for (int64_t i = 0; i < count; ++i)
      values.push_back(memref::LoadOp::create(
          b, loc, place,
          arith::ConstantIndexOp::create(b, loc, i).getResult()));
    return values;
  }
  auto vector = VectorType::get({kAccessWords}, type);
  for (int64_t i = 0; i < count; i += kAccessWords) {
    Value four = LLVM::LoadOp::create(
        b, loc, vector, getWordAddress(b, loc, place, static_cast<int32_t>(i)),
        /*alignment=*/4 * kAccessWords);
    for (int64_t j = 0; j < std::min(kAccessWords, count - i); ++j)
      values.push_back(vector::ExtractOp::create(b, loc, four, j));
  }
  return values;
}

SmallVector<Value> quantmlir::combineLanes(OpBuilder &builder, Location loc,
                                           gpu::GPUFuncOp kernel,
                                           ValueRange accumulators,
                                           ArrayRef<Operation *> combiners,
                                           int64_t lanes,
                                           const LaneExchange &exchange) {
  SmallVector<Value> values(accumulators);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  for (auto [value, combiner] : llvm::zip_equal(values, combiners))
    value = combineWarp(builder, loc, value, combiner);
  if (lanes == kWarp) {
    if (exchange.whenAllCame) {
      syncWarp(builder, loc);
      exchange.whenAllCame();
    }
    return values;
  }

  int64_t warps = lanes / kWarp;
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  if (exchange.groups > 1)
    thread = arith::RemUIOp::create(builder, loc, thread, constant(lanes));
  Value warp = arith::DivUIOp::create(builder, loc, thread, constant(kWarp));
  Value lane = arith::RemUIOp::create(builder, loc, thread, constant(kWarp));
  Partials partials = exchange.blocks
                          ? sendPartials(builder, loc, values, exchange, warps,
                                         thread, warp, lane)
                          : sharePartials(builder, loc, kernel, values,
                                          exchange, warps, warp, lane);
  if (exchange.whenAllCame)
    exchange.whenAllCame();
  for (auto [value, combiner, place] :
       llvm::zip_equal(values, combiners, partials.places)) {
    Type type = value.getType();
    if (partials.count <= kFewWarps) {
      // In pairs, which do not wait for each other.
      SmallVector<Value> left =
          loadPartials(builder, loc, place, type, partials.count);
      while (left.size() > 1) {
        SmallVector<Value> halved;
        for (size_t i = 0; i + 1 < left.size(); i += 2)
          halved.push_back(
              combinePair(builder, combiner, left[i], left[i + 1]));
        if (left.size() % 2)
          halved.push_back(left.back());
        left = halved;
      }
      value = left[0];
      continue;
    }
    Value last = constant(partials.count - 1);
    Value mine = loadPartial(
        builder, loc, place, type,
        arith::MinUIOp::create(builder, loc, lane, last).getResult());
    if (partials.count < kWarp) {
      Value exists = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::ule, lane, last);
      Value neutral = arith::ConstantOp::create(
          builder, loc, *arith::getNeutralElement(combiner));
      mine = arith::SelectOp::create(builder, loc, exists, mine, neutral);
    }
    value = combineWarp(builder, loc, mine, combiner);
  }
  return values;
}
