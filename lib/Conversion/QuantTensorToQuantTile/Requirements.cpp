//===- Requirements.cpp - Extents that an op takes for equal --------------===//
//
// Two dynamic dimensions of a function are independent as far as types go, but
// a kernel that indexes both with one loop reads past the shorter one. The
// assertions made here become conditions of the launch plan.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"

using namespace mlir;
using namespace quantmlir;

namespace {

/// A size: dimension `dim` of the tensor `value`, the index `value` where `dim`
/// is negative, or the constant `dim` where there is no value.
struct Extent {
  Value value;
  int64_t dim = 0;

  bool operator==(const Extent &other) const {
    return value == other.value && dim == other.dim;
  }
  bool operator!=(const Extent &other) const { return !(*this == other); }

  Value materialize(OpBuilder &builder, Location loc) const {
    if (!value)
      return arith::ConstantIndexOp::create(builder, loc, dim);
    if (dim < 0)
      return value;
    return tensor::DimOp::create(builder, loc, value, dim);
  }
};

} // namespace

/// The extent of dimension `dim` of `tensor`, followed to where it comes from,
/// so that equal extents compare equal and no op is kept alive for its shape.
static Extent getExtent(Value tensor, int64_t dim) {
  while (true) {
    auto type = cast<RankedTensorType>(tensor.getType());
    if (!type.isDynamicDim(dim))
      return {Value(), type.getDimSize(dim)};
    Operation *op = tensor.getDefiningOp();
    if (auto style = dyn_cast_or_null<DestinationStyleOpInterface>(op)) {
      tensor = style.getTiedOpOperand(cast<OpResult>(tensor))->get();
    } else if (auto castOp = dyn_cast_or_null<tensor::CastOp>(op);
               castOp && isa<RankedTensorType>(castOp.getSource().getType())) {
      tensor = castOp.getSource();
    } else if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op)) {
      Value size = empty.getDynamicSize(dim);
      auto dimOp = size.getDefiningOp<tensor::DimOp>();
      std::optional<int64_t> index =
          dimOp ? dimOp.getConstantIndex() : std::nullopt;
      if (!index || !isa<RankedTensorType>(dimOp.getSource().getType()))
        return {size, -1};
      tensor = dimOp.getSource();
      dim = *index;
    } else {
      return {tensor, dim};
    }
  }
}

/// Each operand of `op` with the map from loops to its dimensions.
static SmallVector<std::pair<Value, AffineMap>> getAccesses(Operation *op) {
  SmallVector<std::pair<Value, AffineMap>> accesses;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    for (OpOperand &operand : op->getOpOperands())
      accesses.push_back(
          {operand.get(), linalgOp.getMatchingIndexingMap(&operand)});
    return accesses;
  }
  auto matmul = cast<quant_tensor::ScaledMatmulOp>(op);
  // Loops: those of the output [.., m, n], then k.
  MLIRContext *context = op->getContext();
  int64_t rank = matmul.getInit().getType().getRank();
  SmallVector<AffineExpr> out;
  for (int64_t i = 0; i < rank; ++i)
    out.push_back(getAffineDimExpr(i, context));
  SmallVector<AffineExpr> lhs(out);
  AffineExpr n = out.back(), k = getAffineDimExpr(rank, context);
  lhs.back() = k;
  SmallVector<AffineExpr> rhs(out.begin(),
                              out.begin() + matmul.getNumBatchDims());
  // Of a pair, the second row is the further one.
  rhs.append({matmul.getPaired() ? n * 2 + 1 : n, k});
  accesses = {
      {matmul.getInit(), AffineMap::get(rank + 1, 0, out, context)},
      {matmul.getLhs(), AffineMap::get(rank + 1, 0, lhs, context)},
      {matmul.getRhs(), AffineMap::get(rank + 1, 0, rhs, context)},
  };
  for (auto [value, map] :
       llvm::zip_equal(matmul.getEpilogueArgs(),
                       matmul.getMaps().getAsValueRange<AffineMapAttr>()))
    accesses.push_back({value, map});
  return accesses;
}

static void assertEqual(RewriterBase &rewriter, Operation *op, Extent a,
                        Extent b, StringRef message) {
  if (a == b)
    return;
  Location loc = op->getLoc();
  rewriter.setInsertionPoint(op);
  Value equal = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq,
                                      a.materialize(rewriter, loc),
                                      b.materialize(rewriter, loc));
  cf::AssertOp::create(rewriter, loc, equal, message);
}

using LoopExtents = llvm::SmallMapVector<unsigned, Extent, 4>;

/// Whether `expr` has no operator but those that never fall as a loop goes on.
static bool isMonotone(AffineExpr expr) {
  auto isConstant = [](AffineExpr expr) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    return constant && constant.getValue() >= 0;
  };
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return isa<AffineDimExpr, AffineConstantExpr>(expr);
  if (expr.getKind() == AffineExprKind::Add)
    return isMonotone(binary.getLHS()) && isMonotone(binary.getRHS());
  return expr.getKind() != AffineExprKind::Mod && isMonotone(binary.getLHS()) &&
         isConstant(binary.getRHS());
}

/// `expr` in the last iteration of each loop.
static Value emitLast(OpBuilder &builder, Location loc, AffineExpr expr,
                      const LoopExtents &loops) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return arith::ConstantIndexOp::create(builder, loc, constant.getValue());
  if (auto loop = dyn_cast<AffineDimExpr>(expr))
    return arith::SubIOp::create(
        builder, loc,
        loops.find(loop.getPosition())->second.materialize(builder, loc),
        arith::ConstantIndexOp::create(builder, loc, 1));
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = emitLast(builder, loc, binary.getLHS(), loops);
  Value rhs = emitLast(builder, loc, binary.getRHS(), loops);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return arith::AddIOp::create(builder, loc, lhs, rhs);
  case AffineExprKind::Mul:
    return arith::MulIOp::create(builder, loc, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return arith::FloorDivSIOp::create(builder, loc, lhs, rhs);
  case AffineExprKind::CeilDiv:
    return arith::CeilDivSIOp::create(builder, loc, lhs, rhs);
  default:
    llvm_unreachable("not monotone");
  }
}

/// Asserts that `expr`, an index such as a group's `k floordiv 32`, stays
/// within `extent`. Without iterations it is at most what it is at first.
static void assertWithin(RewriterBase &rewriter, Operation *op, AffineExpr expr,
                         Extent extent, const LoopExtents &loops) {
  bool isStatic = !extent.value, isKnown = isMonotone(expr);
  expr.walk([&](AffineExpr part) {
    if (auto loop = dyn_cast<AffineDimExpr>(part)) {
      const auto *it = loops.find(loop.getPosition());
      isKnown &= it != loops.end();
      isStatic &= it != loops.end() && !it->second.value;
    }
  });
  if (isStatic || !isKnown)
    return;
  Location loc = op->getLoc();
  rewriter.setInsertionPoint(op);
  Value within = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::slt,
                                       emitLast(rewriter, loc, expr, loops),
                                       extent.materialize(rewriter, loc));
  cf::AssertOp::create(rewriter, loc, within,
                       "an operand is smaller than its op reads");
}

/// A size of a slice, followed to where it comes from.
static Extent getExtent(OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return {Value(), *constant};
  Value value = cast<Value>(size);
  auto dimOp = value.getDefiningOp<tensor::DimOp>();
  std::optional<int64_t> index =
      dimOp ? dimOp.getConstantIndex() : std::nullopt;
  if (!index || !isa<RankedTensorType>(dimOp.getSource().getType()))
    return {value, -1};
  return getExtent(dimOp.getSource(), *index);
}

/// Asserts that `slice` lies within `tensor`, which it is taken from or put
/// into.
static void assertSlice(RewriterBase &rewriter,
                        OffsetSizeAndStrideOpInterface slice, Value tensor) {
  Location loc = slice.getLoc();
  rewriter.setInsertionPoint(slice);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  };
  auto assertThat = [&](arith::CmpIPredicate predicate, Value lhs, Value rhs,
                        StringRef message) {
    Value holds = arith::CmpIOp::create(rewriter, loc, predicate, lhs, rhs);
    cf::AssertOp::create(rewriter, loc, holds, message);
  };
  for (auto [dim, offset, size, stride] :
       llvm::enumerate(slice.getMixedOffsets(), slice.getMixedSizes(),
                       slice.getMixedStrides())) {
    Extent within = getExtent(tensor, dim), count = getExtent(size);
    Extent start = getExtent(offset), step = getExtent(stride);
    bool isWhole = start == Extent() && step == Extent{Value(), 1};
    if ((isWhole && count == within) ||
        (!within.value && !count.value && !start.value && !step.value))
      continue;
    // What is no dimension may be negative.
    for (const Extent &number : {start, count})
      if (number.value && number.dim < 0)
        assertThat(arith::CmpIPredicate::sge, number.value, constant(0),
                   "a slice has a negative offset or size");
    Value steps = arith::SubIOp::create(
        rewriter, loc, count.materialize(rewriter, loc), constant(1));
    Value length = arith::MulIOp::create(rewriter, loc, steps,
                                         step.materialize(rewriter, loc));
    Value last = arith::AddIOp::create(
        rewriter, loc, start.materialize(rewriter, loc), length);
    assertThat(arith::CmpIPredicate::slt, last,
               within.materialize(rewriter, loc),
               "a slice exceeds the tensor that it is of");
  }
}

/// Asserts that each dimension which is split has as many elements as its
/// parts.
static void assertExpansion(RewriterBase &rewriter, tensor::ExpandShapeOp op) {
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
    Extent whole = getExtent(op.getSrc(), dim);
    SmallVector<Extent> parts;
    for (int64_t part : group)
      if (Extent extent = getExtent(sizes[part]); extent != Extent{Value(), 1})
        parts.push_back(extent);
    bool isStatic = !whole.value && llvm::none_of(parts, [](Extent part) {
      return bool(part.value);
    });
    if (isStatic || (parts.size() == 1 && parts.front() == whole))
      continue;
    Value product;
    for (const Extent &part : parts) {
      Value size = part.materialize(rewriter, loc);
      product =
          product ? arith::MulIOp::create(rewriter, loc, product, size) : size;
    }
    if (!product)
      product = arith::ConstantIndexOp::create(rewriter, loc, 1);
    Value equal =
        arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, product,
                              whole.materialize(rewriter, loc));
    cf::AssertOp::create(rewriter, loc, equal,
                         "a dimension is split into parts of another size");
  }
}

void quantmlir::assertExtents(FunctionOpInterface func,
                              RewriterBase &rewriter) {
  SmallVector<Operation *> ops;
  func->walk([&](Operation *op) {
    if (isa<linalg::LinalgOp, quant_tensor::ScaledMatmulOp, tensor::CastOp,
            tensor::ExtractSliceOp, tensor::InsertSliceOp,
            tensor::ExpandShapeOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
      assertSlice(rewriter, slice, slice.getSource());
      continue;
    }
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
      assertExpansion(rewriter, expand);
      continue;
    }
    if (auto slice = dyn_cast<tensor::InsertSliceOp>(op)) {
      assertSlice(rewriter, slice, slice.getDest());
      continue;
    }
    if (auto castOp = dyn_cast<tensor::CastOp>(op)) {
      auto source = dyn_cast<RankedTensorType>(castOp.getSource().getType());
      auto result = dyn_cast<RankedTensorType>(castOp.getType());
      if (!source || !result)
        continue;
      for (int64_t dim = 0; dim < source.getRank(); ++dim)
        if (source.isDynamicDim(dim) && !result.isDynamicDim(dim))
          assertEqual(rewriter, op, getExtent(castOp.getSource(), dim),
                      getExtent(castOp.getResult(), dim),
                      "a size is not what it is cast to");
      continue;
    }
    LoopExtents loops;
    SmallVector<std::pair<Value, AffineMap>> accesses = getAccesses(op);
    for (auto [value, map] : accesses) {
      if (!isa<RankedTensorType>(value.getType()))
        continue;
      for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
        auto loop = dyn_cast<AffineDimExpr>(expr);
        if (!loop)
          continue;
        Extent extent = getExtent(value, dim);
        auto [it, isFirst] = loops.insert({loop.getPosition(), extent});
        if (!isFirst)
          assertEqual(rewriter, op, it->second, extent,
                      "operands of one op have different sizes");
      }
    }
    for (auto [value, map] : accesses) {
      if (!isa<RankedTensorType>(value.getType()))
        continue;
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (!isa<AffineDimExpr>(expr))
          assertWithin(rewriter, op, expr, getExtent(value, dim), loops);
    }
  }
}
