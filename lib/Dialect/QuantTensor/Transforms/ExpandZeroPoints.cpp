//===- ExpandZeroPoints.cpp - Zero points as sums of codes ----------------===//
//
//   Σ(x - zx)(w - zw) = Σxw - zw·Σx - zx·(Σw - K·zw)
//
// All of it in i32, where each term may wrap but the total cannot: int_matmul
// verifies that the left-hand side of the equation fits.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

/// Sums `codes` over its last dimension, in i32.
static Value sumRows(OpBuilder &builder, Location loc, Value codes,
                     bool isUnsigned) {
  auto type = cast<RankedTensorType>(codes.getType());
  unsigned rank = type.getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, codes);
  sizes.pop_back();
  Type i32 = builder.getI32Type();
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, i32);
  Value init = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  AffineMap in = builder.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  return linalg::GenericOp::create(
             builder, loc, init.getType(), codes, init,
             ArrayRef<AffineMap>{in, in.dropResult(rank - 1)}, iterators,
             [&](OpBuilder &inner, Location innerLoc, ValueRange arguments) {
               Value code = arguments[0];
               if (isUnsigned)
                 code = arith::ExtUIOp::create(inner, innerLoc, i32, code);
               else
                 code = arith::ExtSIOp::create(inner, innerLoc, i32, code);
               Value sum =
                   arith::AddIOp::create(inner, innerLoc, arguments[1], code);
               linalg::YieldOp::create(inner, innerLoc, sum);
             })
      .getResult(0);
}

/// Reads zero points [.., r, 1] (extents may be 1) at [.., r].
static AffineMap getZeroPointMap(Value zeroPoints, ArrayRef<unsigned> loops,
                                 unsigned numDims) {
  auto type = cast<RankedTensorType>(zeroPoints.getType());
  MLIRContext *context = type.getContext();
  SmallVector<AffineExpr> exprs;
  for (auto [dim, loop] : llvm::enumerate(loops))
    exprs.push_back(type.getDimSize(dim) == 1
                        ? getAffineConstantExpr(0, context)
                        : getAffineDimExpr(loop, context));
  exprs.push_back(getAffineConstantExpr(0, context));
  return AffineMap::get(numDims, 0, exprs, context);
}

/// Σw - K·zw for each row of the right-hand side.
static Value sumWeights(OpBuilder &builder, IntMatmulOp op) {
  Location loc = op.getLoc();
  Value sums = sumRows(builder, loc, op.getRhs(), op.getRhsUnsigned());
  if (!op.getRhsZeroPoints())
    return sums;
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, loc, op.getRhs());
  Value k = getValueOrCreateConstantIndexOp(builder, loc, sizes.pop_back_val());
  k = arith::IndexCastOp::create(builder, loc, builder.getI32Type(), k);
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, builder.getI32Type());
  unsigned rank = sizes.size();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  SmallVector<unsigned> rows = llvm::to_vector(llvm::seq<unsigned>(0, rank));
  return linalg::GenericOp::create(
             builder, loc, init.getType(),
             ValueRange{sums, op.getRhsZeroPoints()}, init,
             ArrayRef<AffineMap>{
                 identity, getZeroPointMap(op.getRhsZeroPoints(), rows, rank),
                 identity},
             SmallVector<utils::IteratorType>(rank,
                                              utils::IteratorType::parallel),
             [&](OpBuilder &inner, Location innerLoc, ValueRange arguments) {
               Value offset =
                   arith::MulIOp::create(inner, innerLoc, arguments[1], k);
               Value result =
                   arith::SubIOp::create(inner, innerLoc, arguments[0], offset);
               linalg::YieldOp::create(inner, innerLoc, result);
             })
      .getResult(0);
}

namespace {

struct ExpandZeroPoints : OpRewritePattern<IntMatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(IntMatmulOp op,
                                PatternRewriter &rewriter) const override {
    Value lhsZeroPoints = op.getLhsZeroPoints();
    Value rhsZeroPoints = op.getRhsZeroPoints();
    if (!lhsZeroPoints && !rhsZeroPoints)
      return rewriter.notifyMatchFailure(op, "no zero points");
    Location loc = op.getLoc();
    unsigned rank = op.getInit().getType().getRank();
    SmallVector<unsigned> rows =
        llvm::to_vector(llvm::seq<unsigned>(0, rank - 1));
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    SmallVector<unsigned> columns =
        llvm::to_vector(llvm::seq<unsigned>(0, op.getNumBatchDims()));
    columns.push_back(rank - 1);
    SmallVector<AffineExpr> columnExprs;
    for (unsigned dim : columns)
      columnExprs.push_back(rewriter.getAffineDimExpr(dim));

    Value product = IntMatmulOp::create(
        rewriter, loc, op.getType(), op.getLhs(), op.getRhs(),
        /*lhs_zero_points=*/Value(), /*rhs_zero_points=*/Value(), op.getInit(),
        op.getLhsUnsigned(), op.getRhsUnsigned());
    // Pairs of factors whose products are subtracted.
    SmallVector<Value> inputs{product};
    SmallVector<AffineMap> maps{identity};
    auto subtract = [&](Value zeroPoints, AffineMap zeroPointMap, Value sums,
                        AffineMap sumMap) {
      inputs.append({zeroPoints, sums});
      maps.append({zeroPointMap, sumMap});
    };
    if (rhsZeroPoints)
      subtract(rhsZeroPoints, getZeroPointMap(rhsZeroPoints, columns, rank),
               sumRows(rewriter, loc, op.getLhs(), op.getLhsUnsigned()),
               identity.dropResult(rank - 1));
    if (lhsZeroPoints)
      subtract(lhsZeroPoints, getZeroPointMap(lhsZeroPoints, rows, rank),
               sumWeights(rewriter, op),
               AffineMap::get(rank, 0, columnExprs, op.getContext()));
    maps.push_back(identity);
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, op.getInit());
    Value init =
        tensor::EmptyOp::create(rewriter, loc, sizes, rewriter.getI32Type());
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    auto corrected = linalg::GenericOp::create(
        rewriter, loc, init.getType(), inputs, init, maps, iterators,
        [&](OpBuilder &builder, Location innerLoc, ValueRange arguments) {
          Value result = arguments[0];
          for (unsigned i = 1; i + 1 < arguments.size(); i += 2) {
            Value term = arith::MulIOp::create(builder, innerLoc, arguments[i],
                                               arguments[i + 1]);
            result = arith::SubIOp::create(builder, innerLoc, result, term);
          }
          linalg::YieldOp::create(builder, innerLoc, result);
        });
    remarkPassed(op, "quant-tensor-decompose-contractions",
                 "expanded zero points into sums of codes");
    rewriter.replaceOp(op, corrected.getResults());
    return success();
  }
};

} // namespace

void quantmlir::quant_tensor::populateExpandZeroPointPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ExpandZeroPoints>(patterns.getContext());
}
