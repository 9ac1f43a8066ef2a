//===- ShapeInference.cpp - Result types and shapes of the ops ------------===//

#include "VerifyUtils.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// Inferred types hold where each agrees with the actual one.
static bool areAgreeing(TypeRange inferred, TypeRange actual) {
  return inferred.size() == actual.size() &&
         llvm::all_of_zip(inferred, actual, [](Type a, Type b) {
           return getElementTypeOrSelf(a) == getElementTypeOrSelf(b) &&
                  succeeded(verifyCompatibleShape(a, b));
         });
}

/// Appends the types of scales and zero points for a tensor of `shape`.
static void appendParamTypes(EncodingAttr encoding, ArrayRef<int64_t> shape,
                             SmallVectorImpl<Type> &types) {
  types.push_back(encoding.getScalesType(shape));
  if (RankedTensorType zeroPoints = encoding.getZeroPointsType(shape))
    types.push_back(zeroPoints);
}

LogicalResult DisassembleOp::inferReturnTypes(MLIRContext *context,
                                              std::optional<Location> location,
                                              Adaptor adaptor,
                                              SmallVectorImpl<Type> &types) {
  auto source = dyn_cast<RankedTensorType>(adaptor.getSource().getType());
  EncodingAttr encoding = source ? getEncoding(source) : EncodingAttr();
  if (!encoding)
    return emitOptionalError(location, "source must be an encoded tensor, got ",
                             adaptor.getSource().getType());
  if (failed(encoding.verifyEncoding(
          source.getShape(), source.getElementType(), [&] {
            return mlir::emitError(location.value_or(UnknownLoc::get(context)));
          })))
    return failure();
  types.push_back(encoding.getCodesType(source.getShape()));
  appendParamTypes(encoding, source.getShape(), types);
  return success();
}

bool DisassembleOp::isCompatibleReturnTypes(TypeRange inferred,
                                            TypeRange actual) {
  return areAgreeing(inferred, actual);
}

LogicalResult ChooseParamsOp::inferReturnTypes(MLIRContext *context,
                                               std::optional<Location> location,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &types) {
  auto source = dyn_cast<RankedTensorType>(adaptor.getSource().getType());
  EncodingAttr encoding = adaptor.getEncoding();
  if (!source || !encoding)
    return emitOptionalError(location, "needs a ranked source and an encoding");
  if (failed(encoding.verifyEncoding(
          source.getShape(), source.getElementType(), [&] {
            return mlir::emitError(location.value_or(UnknownLoc::get(context)));
          })))
    return failure();
  appendParamTypes(encoding, source.getShape(), types);
  return success();
}

bool ChooseParamsOp::isCompatibleReturnTypes(TypeRange inferred,
                                             TypeRange actual) {
  return areAgreeing(inferred, actual);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// The extents of a result of type `type`: static ones as attributes, dynamic
/// ones by `getDynamic`.
static SmallVector<OpFoldResult>
reify(OpBuilder &builder, Type type,
      function_ref<OpFoldResult(int64_t)> getDynamic) {
  SmallVector<OpFoldResult> sizes;
  for (auto [dim, extent] :
       llvm::enumerate(cast<RankedTensorType>(type).getShape()))
    sizes.push_back(ShapedType::isDynamic(extent)
                        ? getDynamic(dim)
                        : OpFoldResult(builder.getIndexAttr(extent)));
  return sizes;
}

/// A result whose extents are those of `value`.
static LogicalResult reifyLike(OpBuilder &builder, Operation *op, Value value,
                               ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(reify(builder, op->getResult(0).getType(), [&](int64_t dim) {
    return tensor::getMixedSize(builder, op->getLoc(), value, dim);
  }));
  return success();
}

/// Scales and zero points: ceildiv(extent of `source`, block).
static void reifyParams(OpBuilder &builder, Location loc, EncodingAttr encoding,
                        Value source, ValueRange params,
                        ReifiedRankedShapedTypeDims &shapes) {
  AffineExpr extent = builder.getAffineDimExpr(0);
  for (Value param : params)
    shapes.push_back(
        reify(builder, param.getType(), [&](int64_t dim) -> OpFoldResult {
          int64_t block = encoding.getBlock()[dim];
          if (block == 0)
            return builder.getIndexAttr(1);
          return affine::makeComposedFoldedAffineApply(
              builder, loc, extent.ceilDiv(block),
              {tensor::getMixedSize(builder, loc, source, dim)});
        }));
}

/// The dimension of the tensor that dimension `dim` of its codes is. Fragment
/// codes have no such dimension, but no dynamic extents either.
static int64_t getTensorDim(EncodingAttr encoding, int64_t dim) {
  LayoutAttr layout = encoding.getLayoutOrDefault();
  return layout.getPermutation().empty() ? dim : layout.getPermutation()[dim];
}

LogicalResult
AssembleOp::reifyResultShapes(OpBuilder &builder,
                              ReifiedRankedShapedTypeDims &shapes) {
  EncodingAttr encoding = getEncoding(getType());
  shapes.push_back(reify(builder, getType(), [&](int64_t dim) -> OpFoldResult {
    for (int64_t codesDim = 0; codesDim < getType().getRank(); ++codesDim)
      if (getTensorDim(encoding, codesDim) == dim)
        return tensor::getMixedSize(builder, getLoc(), getCodes(), codesDim);
    return {};
  }));
  return success();
}

LogicalResult
DisassembleOp::reifyResultShapes(OpBuilder &builder,
                                 ReifiedRankedShapedTypeDims &shapes) {
  EncodingAttr encoding = getEncoding(getSource().getType());
  shapes.push_back(
      reify(builder, getCodes().getType(), [&](int64_t dim) -> OpFoldResult {
        // Static in the source, although not in this result: the extent of
        // packed codes is the encoding's to say.
        RankedTensorType codes =
            encoding.getCodesType(getSource().getType().getShape());
        if (!codes.isDynamicDim(dim))
          return builder.getIndexAttr(codes.getDimSize(dim));
        return tensor::getMixedSize(builder, getLoc(), getSource(),
                                    getTensorDim(encoding, dim));
      }));
  reifyParams(builder, getLoc(), encoding, getSource(),
              getResults().drop_front(), shapes);
  return success();
}

LogicalResult
ChooseParamsOp::reifyResultShapes(OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) {
  reifyParams(builder, getLoc(), getEncoding(), getSource(), getResults(),
              shapes);
  return success();
}

LogicalResult
QuantizeOp::reifyResultShapes(OpBuilder &builder,
                              ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getSource(), shapes);
}

LogicalResult
DequantizeOp::reifyResultShapes(OpBuilder &builder,
                                ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getSource(), shapes);
}

LogicalResult
RequantizeOp::reifyResultShapes(OpBuilder &builder,
                                ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getSource(), shapes);
}

LogicalResult RepackOp::reifyResultShapes(OpBuilder &builder,
                                          ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getSource(), shapes);
}

LogicalResult
DequantizeIndexedOp::reifyResultShapes(OpBuilder &builder,
                                       ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getSource(), shapes);
}

LogicalResult
PoisonScalesOp::reifyResultShapes(OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getSource(), shapes);
}

LogicalResult
FakeQuantizeOp::reifyResultShapes(OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getSource(), shapes);
}

LogicalResult
ObserveOp::reifyResultShapes(OpBuilder &builder,
                             ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getSource(), shapes);
}

LogicalResult
IntMatmulOp::reifyResultShapes(OpBuilder &builder,
                               ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getInit(), shapes);
}

LogicalResult
ScaledMatmulOp::reifyResultShapes(OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getInit(), shapes);
}

LogicalResult
OutlierMatmulOp::reifyResultShapes(OpBuilder &builder,
                                   ReifiedRankedShapedTypeDims &shapes) {
  return reifyLike(builder, *this, getInit(), shapes);
}
