//===- HostExpression.cpp - Index arithmetic and views --------------------===//

#include "HostFunction.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quantmlir;

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/// `name` of two integers, or nothing where it overflows or divides by zero.
static std::optional<int64_t> fold(StringRef name, int64_t lhs, int64_t rhs) {
  int64_t result;
  if (name == "add")
    return llvm::AddOverflow(lhs, rhs, result) ? std::nullopt
                                               : std::optional(result);
  if (name == "sub")
    return llvm::SubOverflow(lhs, rhs, result) ? std::nullopt
                                               : std::optional(result);
  if (name == "mul")
    return llvm::MulOverflow(lhs, rhs, result) ? std::nullopt
                                               : std::optional(result);
  if (name == "eq")
    return lhs == rhs;
  if (name == "min")
    return std::min(lhs, rhs);
  if (name == "max")
    return std::max(lhs, rhs);
  // Sizes are not negative; anything else is left to the runtime to refuse.
  if (rhs <= 0 || lhs < 0)
    return std::nullopt;
  if (name == "floordiv")
    return lhs / rhs;
  if (name == "ceildiv")
    return llvm::divideCeil(lhs, rhs);
  if (name == "mod")
    return lhs % rhs;
  return std::nullopt;
}

Expression quantmlir::makeExpression(StringRef name, Expression lhs,
                                     Expression rhs) {
  std::optional<int64_t> left = lhs.getAsInteger(), right = rhs.getAsInteger();
  if (left && right)
    if (std::optional<int64_t> result = fold(name, *left, *right))
      return *result;
  if (name == "eq" && lhs == rhs)
    return 1;
  if (name == "or") {
    if (left == 0 || implies(lhs, rhs))
      return rhs;
    if (right == 0 || implies(rhs, lhs))
      return lhs;
  }
  if (name == "mul" && (left == 1 || right == 1))
    return left == 1 ? rhs : lhs;
  if (name == "add" && (left == 0 || right == 0))
    return left == 0 ? rhs : lhs;
  return llvm::json::Array{name, std::move(lhs), std::move(rhs)};
}

Expression quantmlir::makeNegation(Expression operand) {
  // Anything but 0 is true, so twice not changes no condition.
  if (const llvm::json::Array *list = operand.getAsArray();
      list && list->size() == 2 && (*list)[0] == "not")
    return (*list)[1];
  return llvm::json::Array{"not", std::move(operand)};
}

/// A condition on a size: up to `limit`, or more than it.
struct Bound {
  const Expression *size;
  int64_t limit;
  bool isUpper;
};

/// The bound that `condition` is: `["le", size, limit]`, or not that.
static std::optional<Bound> getBound(const Expression &condition) {
  const llvm::json::Array *list = condition.getAsArray();
  bool isUpper = true;
  if (list && list->size() == 2 && (*list)[0] == "not") {
    list = (*list)[1].getAsArray();
    isUpper = false;
  }
  if (!list || list->size() != 3 || (*list)[0] != "le")
    return std::nullopt;
  std::optional<int64_t> limit = (*list)[2].getAsInteger();
  if (!limit)
    return std::nullopt;
  return Bound{&(*list)[1], *limit, isUpper};
}

bool quantmlir::implies(const Expression &condition,
                        const Expression &conclusion) {
  if (condition == conclusion)
    return true;
  std::optional<Bound> known = getBound(condition),
                       asked = getBound(conclusion);
  return known && asked && known->isUpper == asked->isUpper &&
         *known->size == *asked->size &&
         (known->isUpper ? known->limit <= asked->limit
                         : known->limit >= asked->limit);
}

void quantmlir::addCondition(SmallVectorImpl<Expression> &conditions,
                             Expression next) {
  for (Expression &known : conditions) {
    if (implies(known, next))
      return;
    if (implies(next, known)) {
      known = std::move(next);
      return;
    }
  }
  conditions.push_back(std::move(next));
}

SmallVector<Expression>
quantmlir::getRowMajorStrides(ArrayRef<Expression> sizes) {
  SmallVector<Expression> strides(sizes.size(), Expression(1));
  for (int64_t axis = static_cast<int64_t>(sizes.size()) - 2; axis >= 0; --axis)
    strides[axis] = makeExpression("mul", strides[axis + 1], sizes[axis + 1]);
  return strides;
}

/// The manifest's name of a binary arith op on sizes, or an empty string.
/// Sizes are not negative, so signed and unsigned operations agree.
static StringRef getBinaryName(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](arith::AddIOp) { return "add"; })
      .Case([](arith::SubIOp) { return "sub"; })
      .Case([](arith::MulIOp) { return "mul"; })
      .Case<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(
          [](auto) { return "floordiv"; })
      .Case<arith::CeilDivUIOp, arith::CeilDivSIOp>(
          [](auto) { return "ceildiv"; })
      .Case<arith::RemUIOp, arith::RemSIOp>([](auto) { return "mod"; })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([](auto) { return "max"; })
      .Case<arith::MinSIOp, arith::MinUIOp>([](auto) { return "min"; })
      .Case([](arith::AndIOp op) {
        return op.getType().isInteger(1) ? "and" : "";
      })
      .Case(
          [](arith::OrIOp op) { return op.getType().isInteger(1) ? "or" : ""; })
      .Case([](arith::CmpIOp op) -> StringRef {
        switch (op.getPredicate()) {
        case arith::CmpIPredicate::eq:
          return "eq";
        case arith::CmpIPredicate::ne:
          return "ne";
        case arith::CmpIPredicate::slt:
        case arith::CmpIPredicate::ult:
          return "lt";
        case arith::CmpIPredicate::sle:
        case arith::CmpIPredicate::ule:
          return "le";
        case arith::CmpIPredicate::sgt:
        case arith::CmpIPredicate::ugt:
          return "gt";
        case arith::CmpIPredicate::sge:
        case arith::CmpIPredicate::uge:
          return "ge";
        }
        return "";
      })
      .Default([](Operation *) { return ""; });
}

FailureOr<Expression> HostFunction::evaluate(Operation *op, StringRef name) {
  FailureOr<Expression> lhs = evaluate(op->getOperand(0));
  FailureOr<Expression> rhs = evaluate(op->getOperand(1));
  if (failed(lhs) || failed(rhs))
    return failure();
  return makeExpression(name, *lhs, *rhs);
}

FailureOr<Expression> HostFunction::evaluate(AffineExpr expr, ValueRange dims,
                                             ValueRange symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Expression(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return evaluate(dims[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return evaluate(symbols[symbol.getPosition()]);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  FailureOr<Expression> lhs = evaluate(binary.getLHS(), dims, symbols);
  FailureOr<Expression> rhs = evaluate(binary.getRHS(), dims, symbols);
  if (failed(lhs) || failed(rhs))
    return failure();
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return makeExpression("add", *lhs, *rhs);
  case AffineExprKind::Mul:
    return makeExpression("mul", *lhs, *rhs);
  case AffineExprKind::Mod:
    return makeExpression("mod", *lhs, *rhs);
  case AffineExprKind::FloorDiv:
    return makeExpression("floordiv", *lhs, *rhs);
  case AffineExprKind::CeilDiv:
    return makeExpression("ceildiv", *lhs, *rhs);
  default:
    llvm_unreachable("not a binary expression");
  }
}

FailureOr<Expression> HostFunction::evaluateExtremum(StringRef name,
                                                     AffineMap map,
                                                     ValueRange dims,
                                                     ValueRange symbols) {
  FailureOr<Expression> result = evaluate(map.getResult(0), dims, symbols);
  for (AffineExpr expr : map.getResults().drop_front()) {
    FailureOr<Expression> next = evaluate(expr, dims, symbols);
    if (failed(result) || failed(next))
      return failure();
    result = makeExpression(name, *result, *next);
  }
  return result;
}

FailureOr<Expression> HostFunction::evaluate(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    // A condition is a number to the manifest: true is 1.
    return Expression(value.getType().isInteger(1) ? constant.getZExtValue()
                                                   : constant.getSExtValue());
  Operation *op = value.getDefiningOp();
  if (!op)
    return func.emitError() << "a launch depends on argument #"
                            << cast<BlockArgument>(value).getArgNumber()
                            << " of type " << value.getType()
                            << "; a launch plan knows the dimensions of its "
                               "buffers only";
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    std::optional<int64_t> axis = dim.getConstantIndex();
    FailureOr<Descriptor> source = describe(dim.getSource());
    if (failed(source))
      return failure();
    if (!axis || *axis < 0 ||
        *axis >= static_cast<int64_t>(source->sizes.size()))
      return dim.emitOpError() << "has no constant dimension in range";
    return source->sizes[*axis];
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp,
          arith::ExtUIOp, arith::TruncIOp>(op))
    return evaluate(op->getOperand(0));
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    AffineMap map = apply.getAffineMap();
    return evaluate(map.getResult(0), apply.getDimOperands(),
                    apply.getSymbolOperands());
  }
  if (auto least = dyn_cast<affine::AffineMinOp>(op))
    return evaluateExtremum("min", least.getMap(), least.getDimOperands(),
                            least.getSymbolOperands());
  if (auto greatest = dyn_cast<affine::AffineMaxOp>(op))
    return evaluateExtremum("max", greatest.getMap(), greatest.getDimOperands(),
                            greatest.getSymbolOperands());
  if (auto negation = dyn_cast<arith::XOrIOp>(op);
      negation && negation.getType().isInteger(1) &&
      matchPattern(negation.getRhs(), m_One())) {
    FailureOr<Expression> operand = evaluate(negation.getLhs());
    if (failed(operand))
      return failure();
    return makeNegation(*operand);
  }
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    FailureOr<Expression> condition = evaluate(select.getCondition());
    FailureOr<Expression> then = evaluate(select.getTrueValue());
    FailureOr<Expression> other = evaluate(select.getFalseValue());
    if (failed(condition) || failed(then) || failed(other))
      return failure();
    if (*then == *other)
      return then;
    // Conditions are 0 or 1.
    return makeExpression(
        "add", makeExpression("mul", *condition, *then),
        makeExpression("mul", makeNegation(*condition), *other));
  }
  StringRef name = getBinaryName(op);
  if (name.empty())
    return op->emitOpError() << "cannot be part of a launch plan";
  return evaluate(op, name);
}

FailureOr<Expression> HostFunction::evaluate(OpFoldResult value) {
  if (auto dynamic = dyn_cast<Value>(value))
    return evaluate(dynamic);
  return Expression(cast<IntegerAttr>(cast<Attribute>(value)).getInt());
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

FailureOr<Descriptor> HostFunction::describe(Value memref) {
  auto known = descriptors.find(memref);
  if (known != descriptors.end())
    return known->second;
  Operation *op = memref.getDefiningOp();
  if (!op)
    return func.emitError() << "a launch reads an argument of type "
                            << memref.getType() << ", which is no buffer";
  FailureOr<Descriptor> result = describeView(op);
  if (succeeded(result))
    descriptors[memref] = *result;
  return result;
}

FailureOr<Descriptor> HostFunction::describeView(Operation *op) {
  if (auto cast = dyn_cast<memref::CastOp>(op)) {
    FailureOr<Descriptor> result = describe(cast.getSource());
    // What the type says holds where the cast is executed.
    auto type = dyn_cast<MemRefType>(cast.getType());
    if (succeeded(result) && type)
      for (auto [axis, size] : llvm::enumerate(type.getShape()))
        if (!ShapedType::isDynamic(size))
          result->sizes[axis] = size;
    return result;
  }
  if (auto view = dyn_cast<memref::SubViewOp>(op)) {
    FailureOr<Descriptor> source = describe(view.getSource());
    if (failed(source))
      return failure();
    Descriptor result;
    result.buffer = source->buffer;
    result.offset = source->offset;
    llvm::SmallBitVector dropped = view.getDroppedDims();
    for (auto [axis, offset, size, stride] :
         llvm::enumerate(view.getMixedOffsets(), view.getMixedSizes(),
                         view.getMixedStrides())) {
      FailureOr<Expression> at = evaluate(offset), length = evaluate(size),
                            step = evaluate(stride);
      if (failed(at) || failed(length) || failed(step))
        return failure();
      result.offset =
          makeExpression("add", result.offset,
                         makeExpression("mul", *at, source->strides[axis]));
      if (dropped.test(axis))
        continue;
      result.sizes.push_back(*length);
      result.strides.push_back(
          makeExpression("mul", *step, source->strides[axis]));
    }
    return result;
  }
  if (auto expand = dyn_cast<memref::ExpandShapeOp>(op)) {
    // Splitting a dimension leaves its elements where they are.
    FailureOr<Descriptor> result = describe(expand.getSrc());
    if (failed(result))
      return failure();
    SmallVector<Expression> whole(std::move(result->strides));
    result->sizes.clear();
    for (OpFoldResult size : expand.getMixedOutputShape()) {
      FailureOr<Expression> length = evaluate(size);
      if (failed(length))
        return failure();
      result->sizes.push_back(*length);
    }
    if (expand.getSrcType().getLayout().isIdentity()) {
      result->strides = getRowMajorStrides(result->sizes);
      return result;
    }
    result->strides.assign(result->sizes.size(), Expression(0));
    for (auto [axis, group] :
         llvm::enumerate(expand.getReassociationIndices())) {
      Expression stride = whole[axis];
      for (int64_t part : llvm::reverse(group)) {
        result->strides[part] = stride;
        stride = makeExpression("mul", stride, result->sizes[part]);
      }
    }
    return result;
  }
  if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op)) {
    FailureOr<Descriptor> result = describe(collapse.getSrc());
    if (failed(result))
      return failure();
    MemRefType type = collapse.getSrcType();
    SmallVector<Expression> sizes, strides;
    for (const ReassociationIndices &group :
         collapse.getReassociationIndices()) {
      Expression size = 1;
      for (int64_t axis : group)
        size = makeExpression("mul", size, result->sizes[axis]);
      sizes.push_back(size);
      // What is joined is evenly spaced, or it would have been copied: as the
      // innermost dimension that has a second element.
      ArrayRef<int64_t> axes = group;
      while (axes.size() > 1 && type.getDimSize(axes.back()) == 1)
        axes = axes.drop_back();
      strides.push_back(axes.empty() ? Expression(1)
                                     : result->strides[axes.back()]);
    }
    result->sizes = sizes;
    result->strides =
        type.getLayout().isIdentity() ? getRowMajorStrides(sizes) : strides;
    return result;
  }
  return op->emitOpError() << "cannot be part of a launch plan";
}
