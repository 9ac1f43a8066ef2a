//===- DecomposeOutliers.cpp - outlier_matmul as two contractions ---------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/EncodedParts.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORDECOMPOSEOUTLIERS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-decompose-outliers";

/// One linalg.generic, parallel over the elements of `type`.
static Value
createParallel(ImplicitLocOpBuilder &b, RankedTensorType type,
               ArrayRef<OpFoldResult> sizes, ValueRange inputs,
               ArrayRef<AffineMap> maps,
               function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  Value empty = createEmpty(b, b.getLoc(), type, sizes);
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, TypeRange(type), inputs, ValueRange(empty), allMaps, iterators,
             [&](OpBuilder &builder, Location loc, ValueRange args) {
               ImplicitLocOpBuilder inner(loc, builder);
               linalg::YieldOp::create(inner, body(inner, args));
             })
      .getResult(0);
}

static Value extend(ImplicitLocOpBuilder &b, Value value) {
  Type f32 = b.getF32Type();
  return value.getType() == f32 ? value : arith::ExtFOp::create(b, f32, value);
}

static Value createZero(ImplicitLocOpBuilder &b, Type type) {
  return arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(type)));
}

/// `sum_k lhs[.., m, k] * rhs[n, k]`, added to `init` in f32.
static Value createContraction(ImplicitLocOpBuilder &b, Value lhs, Value rhs,
                               Value init) {
  unsigned rank = cast<RankedTensorType>(lhs.getType()).getRank();
  MLIRContext *context = b.getContext();
  AffineExpr n = getAffineDimExpr(rank - 1, context);
  AffineExpr k = getAffineDimExpr(rank, context);
  SmallVector<AffineExpr> lhsExprs, outExprs;
  for (unsigned dim = 0; dim + 1 < rank; ++dim)
    lhsExprs.push_back(getAffineDimExpr(dim, context));
  outExprs = lhsExprs;
  lhsExprs.push_back(k);
  outExprs.push_back(n);
  SmallVector<AffineMap> maps = {
      AffineMap::get(rank + 1, 0, lhsExprs, context),
      AffineMap::get(rank + 1, 0, {n, k}, context),
      AffineMap::get(rank + 1, 0, outExprs, context)};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  return linalg::GenericOp::create(
             b, TypeRange(init.getType()), ValueRange{lhs, rhs},
             ValueRange(init), maps, iterators,
             [](OpBuilder &builder, Location loc, ValueRange args) {
               ImplicitLocOpBuilder inner(loc, builder);
               Value product = arith::MulFOp::create(
                   inner, extend(inner, args[0]), extend(inner, args[1]));
               linalg::YieldOp::create(inner, ValueRange(arith::AddFOp::create(
                                                  inner, args[2], product)));
             })
      .getResult(0);
}

/// The map of a tensor of `rank` to its last dimension.
static AffineMap getColumnMap(ImplicitLocOpBuilder &b, unsigned rank) {
  MLIRContext *context = b.getContext();
  return AffineMap::get(rank, 0, {getAffineDimExpr(rank - 1, context)},
                        context);
}

/// `source` in the columns whose element of `tests` passes `isKept`, and zeros
/// in the others.
static Value
keepColumns(ImplicitLocOpBuilder &b, Value source, Value tests,
            function_ref<Value(ImplicitLocOpBuilder &, Value)> isKept) {
  auto type = cast<RankedTensorType>(source.getType());
  unsigned rank = type.getRank();
  return createParallel(
      b, type, tensor::getMixedSizes(b, b.getLoc(), source), {source, tests},
      {b.getMultiDimIdentityMap(rank), getColumnMap(b, rank)},
      [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
        return arith::SelectOp::create(body, isKept(body, args[1]), args[0],
                                       createZero(body, type.getElementType()));
      });
}

namespace {

/// The left-hand side in two: what is multiplied as floats, with the right-hand
/// side for it, and the rest. `outliers` is null where there are none.
struct Split {
  Value outliers, outlierRhs, rest;
};

} // namespace

/// Columns that a threshold finds: both parts keep all columns, with zeros for
/// those of the other.
static Split splitByThreshold(ImplicitLocOpBuilder &b, OutlierMatmulOp op) {
  Value lhs = op.getLhs();
  auto type = cast<RankedTensorType>(lhs.getType());
  unsigned rank = type.getRank();

  auto magnitudeType =
      RankedTensorType::get({type.getShape().back()}, b.getF32Type());
  Value empty = createEmpty(b, b.getLoc(), magnitudeType,
                            tensor::getMixedSizes(b, b.getLoc(), lhs).back());
  Value init =
      linalg::FillOp::create(b, ValueRange(createZero(b, b.getF32Type())),
                             ValueRange(empty))
          .getResult(0);
  SmallVector<utils::IteratorType> iterators(rank - 1,
                                             utils::IteratorType::reduction);
  iterators.push_back(utils::IteratorType::parallel);
  // maximumf: a NaN makes its column an outlier.
  Value magnitudes =
      linalg::GenericOp::create(
          b, TypeRange(magnitudeType), ValueRange(lhs), ValueRange(init),
          ArrayRef<AffineMap>{b.getMultiDimIdentityMap(rank),
                              getColumnMap(b, rank)},
          iterators,
          [](OpBuilder &builder, Location loc, ValueRange args) {
            ImplicitLocOpBuilder inner(loc, builder);
            Value magnitude =
                math::AbsFOp::create(inner, extend(inner, args[0]));
            linalg::YieldOp::create(inner, ValueRange(arith::MaximumFOp::create(
                                               inner, magnitude, args[1])));
          })
          .getResult(0);
  double threshold = op.getThreshold()->convertToDouble();
  // Of a NaN the first holds and the second does not.
  auto keep = [&](arith::CmpFPredicate predicate) {
    return keepColumns(
        b, lhs, magnitudes, [&](ImplicitLocOpBuilder &body, Value magnitude) {
          Value bound =
              arith::ConstantOp::create(body, body.getF32FloatAttr(threshold));
          return arith::CmpFOp::create(body, predicate, magnitude, bound)
              .getResult();
        });
  };
  return {keep(arith::CmpFPredicate::UGE), op.getRhs(),
          keep(arith::CmpFPredicate::OLT)};
}

Value quantmlir::quant_tensor::zeroColumns(OpBuilder &builder, Location loc,
                                           Value value,
                                           ArrayRef<int64_t> columns) {
  ImplicitLocOpBuilder b(loc, builder);
  int64_t count = cast<RankedTensorType>(value.getType()).getShape().back();
  SmallVector<int8_t> isListed(count, 0);
  for (int64_t index : columns)
    isListed[index] = 1;
  Value mask = arith::ConstantOp::create(
      b, DenseElementsAttr::get(RankedTensorType::get({count}, b.getI8Type()),
                                ArrayRef<int8_t>(isListed)));
  return keepColumns(
      b, value, mask, [](ImplicitLocOpBuilder &body, Value isListed) {
        return arith::CmpIOp::create(body, arith::CmpIPredicate::eq, isListed,
                                     createZero(body, body.getI8Type()))
            .getResult();
      });
}

Value quantmlir::quant_tensor::gatherColumns(OpBuilder &builder, Location loc,
                                             Value value,
                                             ArrayRef<int64_t> columns) {
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<RankedTensorType>(value.getType());
  unsigned rank = type.getRank();
  int64_t count = columns.size();
  SmallVector<int32_t> indices(columns.begin(), columns.end());
  Value table = arith::ConstantOp::create(
      b, DenseElementsAttr::get(RankedTensorType::get({count}, b.getI32Type()),
                                ArrayRef<int32_t>(indices)));
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = count;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value);
  sizes.back() = b.getIndexAttr(count);
  return createParallel(
      b, RankedTensorType::get(shape, type.getElementType()), sizes, {table},
      {getColumnMap(b, rank)},
      [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
        SmallVector<Value> indices;
        for (unsigned dim = 0; dim + 1 < rank; ++dim)
          indices.push_back(linalg::IndexOp::create(body, dim));
        indices.push_back(
            arith::IndexCastOp::create(body, body.getIndexType(), args[0]));
        return tensor::ExtractOp::create(body, value, indices);
      });
}

/// Columns that are known: only these are multiplied as floats.
static Split splitByColumns(ImplicitLocOpBuilder &b, OutlierMatmulOp op) {
  Value lhs = op.getLhs();
  ArrayRef<int64_t> columns = *op.getColumns();
  if (columns.empty())
    return {Value(), Value(), lhs};
  auto type = cast<RankedTensorType>(lhs.getType());
  RankedTensorType rhsType = op.getRhs().getType();
  // The verifier has found K on one side.
  if (type.isDynamicDim(type.getRank() - 1)) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = rhsType.getShape().back();
    lhs = tensor::CastOp::create(
        b, RankedTensorType::get(shape, type.getElementType()), lhs);
  }
  Split split;
  split.rest = zeroColumns(b, b.getLoc(), lhs, columns);
  if (type != lhs.getType())
    split.rest = tensor::CastOp::create(b, type, split.rest);
  split.outliers = gatherColumns(b, b.getLoc(), lhs, columns);
  split.outlierRhs = op.getOutlierRhs();
  if (split.outlierRhs)
    return split;
  EncodedParts parts = EncodedParts::get(b, b.getLoc(), op.getRhs());
  parts.codes = gatherColumns(b, b.getLoc(), parts.codes, columns);
  parts.type =
      RankedTensorType::get({rhsType.getDimSize(0), int64_t(columns.size())},
                            rhsType.getElementType(), rhsType.getEncoding());
  split.outlierRhs = parts.assemble(b, b.getLoc());
  return split;
}

Value quantmlir::quant_tensor::decomposeOutlierMatmul(OpBuilder &builder,
                                                      OutlierMatmulOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), builder);
  Split split =
      op.getColumns() ? splitByColumns(b, op) : splitByThreshold(b, op);
  auto lhsType = cast<RankedTensorType>(op.getLhs().getType());
  auto resultType = cast<RankedTensorType>(op.getResult().getType());
  unsigned rank = lhsType.getRank();

  SmallVector<int64_t> block(rank, 1);
  block.back() = 0;
  auto token = EncodingAttr::get(
      b.getContext(), b.getI8Type(), block, b.getF32Type(), /*zeroPoint=*/{},
      /*range=*/{}, Rounding::NearestEven, Overflow::Saturate, /*codebook=*/{},
      /*layout=*/{});
  Value quantized = QuantizeOp::create(
      b,
      RankedTensorType::get(lhsType.getShape(), lhsType.getElementType(),
                            token),
      split.rest, /*scales=*/Value(), /*zero_points=*/Value(),
      /*method=*/ParamMethodAttr());

  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), op.getInit());
  auto sumType = RankedTensorType::get(resultType.getShape(), b.getF32Type());
  Value sum = linalg::FillOp::create(
                  b, ValueRange(createZero(b, b.getF32Type())),
                  ValueRange(createEmpty(b, b.getLoc(), sumType, sizes)))
                  .getResult(0);
  sum = createContraction(b, quantized, op.getRhs(), sum);
  if (split.outliers)
    sum = createContraction(b, split.outliers, split.outlierRhs, sum);
  if (sumType == resultType)
    return sum;
  return createParallel(
      b, resultType, sizes, {sum}, {b.getMultiDimIdentityMap(rank)},
      [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
        return arith::TruncFOp::create(body, resultType.getElementType(),
                                       args[0]);
      });
}

namespace {

struct DecomposeOutliers
    : quantmlir::quant_tensor::impl::QuantTensorDecomposeOutliersBase<
          DecomposeOutliers> {
  void runOnOperation() override {
    SmallVector<OutlierMatmulOp> ops;
    getOperation()->walk([&](OutlierMatmulOp op) { ops.push_back(op); });
    for (OutlierMatmulOp op : ops) {
      OpBuilder builder(op);
      remarkPassed(op, passName,
                   op.getColumns()
                       ? llvm::formatv("multiplies {0} columns as floats",
                                       op.getColumns()->size())
                             .str()
                       : "multiplies columns over the threshold as floats");
      op.getResult().replaceAllUsesWith(decomposeOutlierMatmul(builder, op));
      op.erase();
    }
  }
};

} // namespace
