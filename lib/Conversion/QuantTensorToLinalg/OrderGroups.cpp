//===- OrderGroups.cpp - Columns sorted by their groups -------------------===//

#include "Patterns.h"

#include "quantmlir/Conversion/QuantTensorToLinalg/CodeAccess.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

/// `sum_j body(i, j)` for each i of `type`, in i32. `inputs` are read at i and
/// at j as `maps` say. Every sum stands alone, so that it is a kernel as it is;
/// that makes sorting K columns K^2 comparisons, once for a weight.
Value buildSums(ImplicitLocOpBuilder &b, RankedTensorType type,
                ValueRange inputs, ArrayRef<AffineMap> maps, BodyBuilder body) {
  Value zeros = buildFilled(b, type, {}, b.getI32IntegerAttr(0));
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(
      AffineMap::get(2, 0, b.getAffineDimExpr(0), b.getContext()));
  utils::IteratorType iterators[] = {utils::IteratorType::parallel,
                                     utils::IteratorType::reduction};
  return linalg::GenericOp::create(
             b, TypeRange(type), inputs, ValueRange(zeros), allMaps, iterators,
             [&](OpBuilder &builder, Location loc, ValueRange args) {
               ImplicitLocOpBuilder inner(loc, builder);
               Value term = body(inner, args.drop_back());
               linalg::YieldOp::create(inner, ValueRange(arith::AddIOp::create(
                                                  inner, args.back(), term)));
             })
      .getResult(0);
}

/// How many columns come before each: those of lower groups, and those of its
/// own that are further left. A permutation, whatever the groups are.
Value buildPosition(ImplicitLocOpBuilder &b, RankedTensorType type,
                    Value groups) {
  AffineMap at[] = {
      AffineMap::get(2, 0, b.getAffineDimExpr(0), b.getContext()),
      AffineMap::get(2, 0, b.getAffineDimExpr(1), b.getContext())};
  return buildSums(
      b, type, {groups, groups}, at,
      [](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
        using Predicate = arith::CmpIPredicate;
        Value column = linalg::IndexOp::create(body, 0);
        Value other = linalg::IndexOp::create(body, 1);
        Value isLower =
            arith::CmpIOp::create(body, Predicate::slt, args[1], args[0]);
        Value isSame =
            arith::CmpIOp::create(body, Predicate::eq, args[1], args[0]);
        Value isLeft =
            arith::CmpIOp::create(body, Predicate::ult, other, column);
        Value isBefore = arith::OrIOp::create(
            body, isLower, arith::AndIOp::create(body, isSame, isLeft));
        return arith::ExtUIOp::create(body, body.getI32Type(), isBefore);
      });
}

/// The inverse of a permutation.
Value buildInverse(ImplicitLocOpBuilder &b, RankedTensorType type,
                   Value position) {
  AffineMap at[] = {
      AffineMap::get(2, 0, b.getAffineDimExpr(1), b.getContext())};
  return buildSums(
      b, type, position, at,
      [](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
        Value slot = arith::IndexCastOp::create(
            body, body.getI32Type(), linalg::IndexOp::create(body, 0));
        Value column = arith::IndexCastOp::create(
            body, body.getI32Type(), linalg::IndexOp::create(body, 1));
        Value isHere = arith::CmpIOp::create(body, arith::CmpIPredicate::eq,
                                             args[0], slot);
        Value zero = arith::ConstantOp::create(body, body.getI32IntegerAttr(0));
        return arith::SelectOp::create(body, isHere, column, zero);
      });
}

Value toIndex(ImplicitLocOpBuilder &b, Value value) {
  return arith::IndexCastOp::create(b, b.getIndexType(), value);
}

/// For each block of sorted columns, how many of them are of another group, in
/// i32.
Value buildStrangers(ImplicitLocOpBuilder &b, int64_t columns, int64_t extent,
                     Value groups, Value order) {
  auto type =
      RankedTensorType::get({(columns + extent - 1) / extent}, b.getI32Type());
  return buildElementwise(
      b, type, {}, {}, {},
      [&](ImplicitLocOpBuilder &body, ValueRange) -> Value {
        Value block = linalg::IndexOp::create(body, 0);
        Value expected =
            arith::IndexCastOp::create(body, body.getI32Type(), block);
        Value size = arith::ConstantIndexOp::create(body, columns);
        Value width = arith::ConstantIndexOp::create(body, extent);
        Value one = arith::ConstantIndexOp::create(body, 1);
        Value first = arith::MulIOp::create(body, block, width);
        Value end = arith::MinUIOp::create(
            body, arith::AddIOp::create(body, first, width), size);
        Value none = arith::ConstantOp::create(body, body.getI32IntegerAttr(0));
        auto loop = scf::ForOp::create(
            body, first, end, one, none,
            [&](OpBuilder &builder, Location loc, Value slot, ValueRange args) {
              ImplicitLocOpBuilder inner(loc, builder);
              Value column =
                  toIndex(inner, tensor::ExtractOp::create(inner, order, slot));
              Value group = tensor::ExtractOp::create(inner, groups, column);
              Value isStranger = arith::CmpIOp::create(
                  inner, arith::CmpIPredicate::ne, group, expected);
              Value count = arith::AddIOp::create(
                  inner, args[0],
                  arith::ExtUIOp::create(inner, inner.getI32Type(),
                                         isStranger));
              scf::YieldOp::create(inner, count);
            });
        return loop.getResult(0);
      });
}

struct ConvertOrderGroups : LinalgOpPattern<OrderGroupsOp> {
  using LinalgPattern::LinalgPattern;
  LogicalResult rewrite(OrderGroupsOp op,
                        PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    EncodedParts source = EncodedParts::get(b, op.getLoc(), op.getSource());
    SmallVector<OpFoldResult> sizes = source.getMixedSizes(b, op.getLoc());
    RankedTensorType type = op.getResult().getType();
    EncodingAttr encoding = getEncoding(type);
    Value groups = op.getGroups();
    auto indexType = cast<RankedTensorType>(groups.getType());
    Value position = buildPosition(b, indexType, groups);
    Value order = buildInverse(b, indexType, position);
    Value codes = buildCodes(
        b, type, sizes, [&](ImplicitLocOpBuilder &body, ValueRange indices) {
          Value column =
              toIndex(body, tensor::ExtractOp::create(body, order, indices[1]));
          return buildReadCode(body, source, sizes, {indices[0], column});
        });
    Value strangers = buildStrangers(b, type.getDimSize(1),
                                     encoding.getBlock().back(), groups, order);
    RankedTensorType scalesType = encoding.getScalesType(type.getShape());
    AffineMap maps[] = {
        b.getMultiDimIdentityMap(2),
        AffineMap::get(2, 0, b.getAffineDimExpr(1), b.getContext())};
    Value scales = buildElementwise(
        b, scalesType, {}, {source.scales, strangers}, maps,
        [](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
          Value zero =
              arith::ConstantOp::create(body, body.getI32IntegerAttr(0));
          Value isWrong = arith::CmpIOp::create(body, arith::CmpIPredicate::ne,
                                                args[1], zero);
          return buildPoisoned(body, isWrong, args[0]);
        });
    Value sorted =
        EncodedParts{type, codes, scales, source.zeroPoints}.assemble(
            rewriter, op.getLoc());
    rewriter.replaceOp(op, {sorted, order, position});
    return success();
  }
};

} // namespace

void quantmlir::quant_tensor::populateConvertOrderGroupsPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ConvertOrderGroups>(patterns.getContext());
}
