//===- RowQuotients.cpp - Rounded quotients by a row's scale --------------===//

#include "RowQuotients.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Dialect/QuantTile/Transforms/Rounding.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace quantmlir;

/// Whether `op` asks if its one operand is NaN.
static bool asksForNaN(Operation *op) {
  auto compare = dyn_cast<arith::CmpFOp>(op);
  return compare && compare.getPredicate() == arith::CmpFPredicate::UNO &&
         compare.getLhs() == compare.getRhs();
}

/// Whether `value` is only rounded to an integer, NaN perhaps replaced before.
static bool isOnlyRounded(Value value) {
  bool isRounded = false;
  for (Operation *user : value.getUsers()) {
    if (asksForNaN(user))
      continue;
    if (auto select = dyn_cast<arith::SelectOp>(user)) {
      Operation *condition = select.getCondition().getDefiningOp();
      if (!condition || !asksForNaN(condition) ||
          condition->getOperand(0) != value || !isOnlyRounded(select))
        return false;
    } else if (!isa<math::RoundEvenOp, math::RoundOp>(user)) {
      return false;
    }
    isRounded = true;
  }
  return isRounded;
}

/// The only user of `value`, if it is an `OpTy`.
template <typename OpTy> static OpTy getOnlyUser(Value value) {
  return value.hasOneUse() ? dyn_cast<OpTy>(*value.user_begin()) : OpTy();
}

bool RowQuotients::matchCode(arith::DivFOp division) {
  // fptosi(min(max(roundeven(x / s), low), high)), of x / s with zero for NaN.
  SmallVector<Operation *> ops = {division};
  Value rounded = division;
  if (!division->hasOneUse()) {
    for (Operation *user : division->getUsers()) {
      if (auto select = dyn_cast<arith::SelectOp>(user)) {
        FloatAttr zero;
        if (rounded != division.getResult() ||
            select.getFalseValue() != division.getResult() ||
            !matchPattern(select.getTrueValue(), m_Constant(&zero)) ||
            !zero.getValue().isZero())
          return false;
        rounded = select;
      } else if (!asksForNaN(user) ||
                 !getOnlyUser<arith::SelectOp>(user->getResult(0))) {
        return false;
      }
      ops.push_back(user);
    }
  }
  auto round = getOnlyUser<math::RoundEvenOp>(rounded);
  auto most = round ? getOnlyUser<arith::MaxNumFOp>(round) : arith::MaxNumFOp();
  auto least = most ? getOnlyUser<arith::MinNumFOp>(most) : arith::MinNumFOp();
  auto convert =
      least ? getOnlyUser<arith::FPToSIOp>(least) : arith::FPToSIOp();
  if (!convert || !convert.getType().isInteger(32))
    return false;
  std::optional<double> low = quant_tile::getRoundableInteger(most.getRhs()),
                        high = quant_tile::getRoundableInteger(least.getRhs());
  if (!low || !high)
    return false;
  // Codes of one sign would leave half of all quotients out of range.
  double limit = std::min(-*low, *high);
  if (limit < std::max(-*low, *high) / 2)
    return false;
  ops.append({round, most, least});
  skipped.insert(ops.begin(), ops.end());
  codes.try_emplace(convert, Code{division, limit});
  return true;
}

RowQuotients::RowQuotients(linalg::GenericOp op,
                           function_ref<Divisor(BlockArgument)> classify) {
  for (auto division : op.getBody()->getOps<arith::DivFOp>()) {
    auto divisor = dyn_cast<BlockArgument>(division.getRhs());
    if (!division.getType().isF32() || !divisor ||
        divisor.getOwner() != op.getBody())
      continue;
    Divisor known = classify(divisor);
    if (known == Divisor::Unknown || !isOnlyRounded(division))
      continue;
    if (known != Divisor::OfRow || !matchCode(division))
      divisions.insert(division);
  }
}

static Value number(OpBuilder &builder, Location loc, float value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(value));
}

bool RowQuotients::hasShortcuts(function_ref<bool(BlockArgument)> isComputed) {
  return llvm::any_of(codes, [&](const auto &entry) {
    Value x = Code(entry.second).division.getLhs();
    while (Operation *cast = x.getDefiningOp()) {
      if (!isa<arith::ExtFOp, arith::SIToFPOp, arith::UIToFPOp>(cast))
        return true;
      x = cast->getOperand(0);
    }
    return isComputed(cast<BlockArgument>(x));
  });
}

void RowQuotients::start(Way way, bool hidden) {
  this->way = way;
  this->hidden = hidden;
  poison = differences = Value();
  magnitudes.clear();
}

RowQuotients::Reciprocal &
RowQuotients::getReciprocal(OpBuilder &builder, Location loc, Value divisor) {
  Reciprocal &result = reciprocals[divisor];
  if (result.value)
    return result;
  Value size = math::AbsFOp::create(builder, loc, divisor);
  auto compare = [&](arith::CmpFPredicate predicate, float bound) -> Value {
    return arith::CmpFOp::create(builder, loc, predicate, size,
                                 number(builder, loc, bound));
  };
  result.value =
      arith::DivFOp::create(builder, loc, number(builder, loc, 1.0f), divisor);
  result.isSafe = arith::AndIOp::create(
      builder, loc, compare(arith::CmpFPredicate::OGE, 0x1p-60f),
      compare(arith::CmpFPredicate::OLE, 0x1p60f));
  return result;
}

Value RowQuotients::emitCode(OpBuilder &builder, const Code &code,
                             IRMapping &mapping) {
  arith::DivFOp division = code.division;
  Location loc = division.getLoc();
  Value x = mapping.lookup(division.getLhs());
  Value divisor = mapping.lookup(division.getRhs());
  auto scaled = [&](Value value, float factor) -> Value {
    return arith::MulFOp::create(builder, loc, value,
                                 number(builder, loc, factor));
  };
  Reciprocal &reciprocal = getReciprocal(builder, loc, divisor);
  if (!reciprocal.below) {
    reciprocal.below = scaled(reciprocal.value, 1 - 0x1p-22f);
    reciprocal.above = scaled(reciprocal.value, 1 + 0x1p-22f);
  }
  Value &largest = reciprocal.largest[static_cast<int64_t>(code.limit)];
  if (!largest)
    // A quarter beyond the last code is still rounded to it. No magnitude is
    // negative.
    largest = arith::SelectOp::create(
        builder, loc, reciprocal.isSafe,
        scaled(math::AbsFOp::create(builder, loc, divisor), code.limit + 0.25),
        number(builder, loc, -1.0f));
  constexpr float kMagic = quant_tile::roundingAddend;
  Type word = builder.getI32Type();
  Value magic = number(builder, loc, kMagic);
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI32IntegerAttr(value));
  };
  auto getBits = [&](Value sum) -> Value {
    return arith::BitcastOp::create(builder, loc, word, sum);
  };
  Value &magnitude = magnitudes[largest];
  if (Value all = known.lookup(division.getLhs())) {
    magnitude = all;
  } else {
    Value size = math::AbsFOp::create(builder, loc, x);
    magnitude = magnitude
                    ? arith::MaximumFOp::create(builder, loc, magnitude, size)
                          .getResult()
                    : size;
  }
  Value sum;
  auto round = [&](Value factor) -> Value {
    return getBits(math::FmaOp::create(builder, loc, x, factor, magic));
  };
  if (way == Way::Near) {
    sum = round(reciprocal.value);
  } else if (way == Way::Shortcut) {
    Value above = round(reciprocal.above);
    sum = round(reciprocal.below);
    // a | (b ^ c)
    constexpr int32_t kOrXor = 0xf6;
    differences = quant_tile::Lop3Op::create(
        builder, loc, word, differences ? differences : constant(0), sum, above,
        builder.getI32IntegerAttr(kOrXor));
  } else {
    Value quotient = emitQuotient(builder, loc, x, divisor);
    sum = getBits(arith::AddFOp::create(builder, loc, quotient, magic));
  }
  if (hidden) {
    constexpr int32_t kFirst = 0xf0;
    sum = quant_tile::Lop3Op::create(builder, loc, word, sum, constant(0),
                                     constant(0),
                                     builder.getI32IntegerAttr(kFirst));
  }
  return arith::SubIOp::create(builder, loc, sum,
                               constant(llvm::bit_cast<int32_t>(kMagic)));
}

Value RowQuotients::emitQuotient(OpBuilder &builder, Location loc, Value x,
                                 Value divisor) {
  Value reciprocal = getReciprocal(builder, loc, divisor).value;
  auto fma = [&](Value a, Value b, Value c) -> Value {
    return math::FmaOp::create(builder, loc, a, b, c);
  };
  Value minus = arith::NegFOp::create(builder, loc, divisor);
  Value quotient = arith::MulFOp::create(builder, loc, x, reciprocal);
  for (int64_t step = 0; step < 2; ++step)
    quotient = fma(fma(quotient, minus, x), reciprocal, quotient);
  return quotient;
}

bool RowQuotients::emit(OpBuilder &builder, Operation &inner,
                        IRMapping &mapping) {
  Location loc = inner.getLoc();
  if (skipped.contains(&inner))
    return true;
  if (auto code = codes.find(&inner); code != codes.end()) {
    mapping.map(inner.getResult(0), emitCode(builder, code->second, mapping));
    return true;
  }
  if (asksForNaN(&inner) &&
      divisions.contains(inner.getOperand(0).getDefiningOp())) {
    // Where one is, all of the run is computed again.
    mapping.map(
        inner.getResult(0),
        arith::ConstantOp::create(builder, loc, builder.getBoolAttr(false)));
    return true;
  }
  if (!divisions.contains(&inner))
    return false;
  Value quotient =
      emitQuotient(builder, loc, mapping.lookup(inner.getOperand(0)),
                   mapping.lookup(inner.getOperand(1)));
  Value zero = number(builder, loc, 0.0f);
  poison =
      math::FmaOp::create(builder, loc, quotient, zero, poison ? poison : zero);
  mapping.map(inner.getResult(0), quotient);
  return true;
}

Value RowQuotients::emitFailed(OpBuilder &builder, Location loc) {
  Value failed =
      arith::ConstantOp::create(builder, loc, builder.getBoolAttr(false));
  auto consider = [&](Value reason) {
    failed = builder.createOrFold<arith::OrIOp>(loc, failed, reason);
  };
  if (poison) {
    consider(arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO,
                                   poison, poison));
    Value yes =
        arith::ConstantOp::create(builder, loc, builder.getBoolAttr(true));
    for (auto &[divisor, reciprocal] : reciprocals)
      consider(arith::XOrIOp::create(builder, loc, reciprocal.isSafe, yes));
  }
  if (differences)
    consider(arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ne, differences,
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0))));
  for (auto &[largest, magnitude] : magnitudes)
    consider(arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UGT,
                                   magnitude, largest));
  return failed;
}
