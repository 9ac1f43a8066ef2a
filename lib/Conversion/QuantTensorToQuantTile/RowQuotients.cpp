//===- RowQuotients.cpp - Rounded quotients by a row's scale --------------===//

#include "RowQuotients.h"

#include "mlir/Dialect/Math/IR/Math.h"

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

RowQuotients::RowQuotients(linalg::GenericOp op,
                           function_ref<bool(BlockArgument)> isUniform) {
  for (auto division : op.getBody()->getOps<arith::DivFOp>()) {
    auto divisor = dyn_cast<BlockArgument>(division.getRhs());
    if (division.getType().isF32() && divisor &&
        divisor.getOwner() == op.getBody() && isUniform(divisor) &&
        isOnlyRounded(division))
      divisions.insert(division);
  }
}

static Value number(OpBuilder &builder, Location loc, float value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(value));
}

void RowQuotients::start(OpBuilder &builder, Location loc) {
  poison = number(builder, loc, 0.0f);
}

RowQuotients::Reciprocal
RowQuotients::getReciprocal(OpBuilder &builder, Location loc, Value divisor) {
  auto found = reciprocals.find(divisor);
  if (found != reciprocals.end())
    return found->second;
  Value size = math::AbsFOp::create(builder, loc, divisor);
  auto compare = [&](arith::CmpFPredicate predicate, float bound) -> Value {
    return arith::CmpFOp::create(builder, loc, predicate, size,
                                 number(builder, loc, bound));
  };
  Reciprocal result{
      arith::DivFOp::create(builder, loc, number(builder, loc, 1.0f), divisor),
      arith::AndIOp::create(builder, loc,
                            compare(arith::CmpFPredicate::OGE, 0x1p-60f),
                            compare(arith::CmpFPredicate::OLE, 0x1p60f))};
  reciprocals[divisor] = result;
  return result;
}

bool RowQuotients::emit(OpBuilder &builder, Operation &inner,
                        IRMapping &mapping) {
  Location loc = inner.getLoc();
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
  Value x = mapping.lookup(inner.getOperand(0));
  Value divisor = mapping.lookup(inner.getOperand(1));
  Value reciprocal = getReciprocal(builder, loc, divisor).value;
  auto fma = [&](Value a, Value b, Value c) -> Value {
    return math::FmaOp::create(builder, loc, a, b, c);
  };
  Value minus = arith::NegFOp::create(builder, loc, divisor);
  Value quotient = arith::MulFOp::create(builder, loc, x, reciprocal);
  for (int64_t step = 0; step < 2; ++step)
    quotient = fma(fma(quotient, minus, x), reciprocal, quotient);
  poison = fma(quotient, number(builder, loc, 0.0f), poison);
  mapping.map(inner.getResult(0), quotient);
  return true;
}

Value RowQuotients::emitFailed(OpBuilder &builder, Location loc) {
  Value failed = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO,
                                       poison, poison);
  Value yes =
      arith::ConstantOp::create(builder, loc, builder.getBoolAttr(true));
  for (auto &[divisor, reciprocal] : reciprocals)
    failed = arith::OrIOp::create(
        builder, loc, failed,
        arith::XOrIOp::create(builder, loc, reciprocal.isSafe, yes));
  return failed;
}
