//===- LaneReduction.cpp - A reduction shared among threads ---------------===//

#include "LaneReduction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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
      NVVM::SyncWarpOp::create(
          builder, loc,
          arith::ConstantOp::create(builder, loc,
                                    builder.getI32IntegerAttr(-1)));
      exchange.whenAllCame();
    }
    return values;
  }

  // Each warp's first lane leaves its partial result in shared memory; after
  // the barrier every thread adds up the few partial results in one order.
  int64_t warps = lanes / kWarp;
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
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  if (exchange.groups > 1)
    thread = arith::RemUIOp::create(builder, loc, thread, constant(lanes));
  Value warp = arith::DivUIOp::create(builder, loc, thread, constant(kWarp));
  Value lane = arith::RemUIOp::create(builder, loc, thread, constant(kWarp));
  Value first = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      lane, constant(0));
  auto ifFirst = scf::IfOp::create(builder, loc, first, /*withElse=*/false);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(ifFirst.thenBlock());
    for (auto [value, partial] : llvm::zip_equal(values, partials))
      memref::StoreOp::create(builder, loc, value, partial, warp);
  }
  if (exchange.groups > 1) {
    // The first barrier is the block's.
    auto word = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(builder, loc,
                                       builder.getI32IntegerAttr(value));
    };
    NVVM::BarrierOp::create(
        builder, loc, TypeRange(),
        arith::AddIOp::create(builder, loc, exchange.group, word(1)),
        word(lanes), NVVM::BarrierReductionAttr(), Value());
  } else {
    gpu::BarrierOp::create(builder, loc);
  }
  if (exchange.whenAllCame)
    exchange.whenAllCame();
  for (auto [out, partial] : llvm::enumerate(partials)) {
    Operation *combiner = combiners[out];
    auto load = [&, memory = partial](Value other) -> Value {
      return memref::LoadOp::create(builder, loc, memory, other);
    };
    if (warps <= kFewWarps) {
      values[out] = load(constant(0));
      for (int64_t other = 1; other < warps; ++other)
        values[out] =
            combinePair(builder, combiner, values[out], load(constant(other)));
      continue;
    }
    Value last = constant(warps - 1);
    Value mine = load(arith::MinUIOp::create(builder, loc, lane, last));
    if (warps < kWarp) {
      Value exists = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::ule, lane, last);
      Value neutral = arith::ConstantOp::create(
          builder, loc, *arith::getNeutralElement(combiner));
      mine = arith::SelectOp::create(builder, loc, exists, mine, neutral);
    }
    values[out] = combineWarp(builder, loc, mine, combiner);
  }
  return values;
}
