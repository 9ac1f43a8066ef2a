//===- Elementwise.cpp - quantize, dequantize, requantize, repack ---------===//

#include "Patterns.h"

#include "quantmlir/Conversion/QuantTensorToLinalg/CodeAccess.h"
#include "quantmlir/Conversion/QuantTensorToLinalg/ScalarArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

Value quantmlir::quant_tensor::buildElementwise(ImplicitLocOpBuilder &b,
                                                RankedTensorType type,
                                                ArrayRef<OpFoldResult> sizes,
                                                ValueRange inputs,
                                                ArrayRef<AffineMap> maps,
                                                BodyBuilder body) {
  Value empty = createEmpty(b, b.getLoc(), type, sizes);
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, TypeRange(type), inputs, ValueRange(empty), allMaps, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        ImplicitLocOpBuilder inner(loc, builder);
        linalg::YieldOp::create(inner, body(inner, args.drop_back()));
      });
  return generic.getResult(0);
}

Value quantmlir::quant_tensor::buildFilled(ImplicitLocOpBuilder &b,
                                           RankedTensorType type,
                                           ArrayRef<OpFoldResult> sizes,
                                           TypedAttr value) {
  Value empty = createEmpty(b, b.getLoc(), type, sizes);
  Value scalar = arith::ConstantOp::create(b, value);
  return linalg::FillOp::create(b, ValueRange(scalar), ValueRange(empty))
      .getResult(0);
}

/// All loop indices of the linalg.generic that `b` is in.
static SmallVector<Value> buildIndices(ImplicitLocOpBuilder &b, unsigned rank) {
  SmallVector<Value> indices;
  for (unsigned dim = 0; dim < rank; ++dim)
    indices.push_back(linalg::IndexOp::create(b, dim));
  return indices;
}

//===----------------------------------------------------------------------===//
// dequantize
//===----------------------------------------------------------------------===//

Value quantmlir::quant_tensor::buildDequantize(OpBuilder &builder, Location loc,
                                               const EncodedParts &parts,
                                               FloatType elementType) {
  ImplicitLocOpBuilder b(loc, builder);
  EncodingAttr encoding = parts.getEncoding();
  SmallVector<OpFoldResult> sizes = parts.getMixedSizes(b, loc);
  unsigned rank = parts.type.getRank();
  auto type = RankedTensorType::get(parts.type.getShape(), elementType);
  bool elementCodes = hasElementCodes(encoding);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  if (elementCodes) {
    inputs.push_back(parts.codes);
    maps.push_back(b.getMultiDimIdentityMap(rank));
  }
  inputs.push_back(parts.scales);
  if (parts.zeroPoints)
    inputs.push_back(parts.zeroPoints);
  maps.resize(inputs.size(), encoding.getBlockMap());
  return buildElementwise(
      b, type, sizes, inputs, maps,
      [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
        Value bits;
        if (elementCodes) {
          bits = buildElementBits(body, args.front());
          args = args.drop_front();
        } else {
          bits = buildReadCode(body, parts, sizes, buildIndices(body, rank));
        }
        Value zeroPoint = parts.zeroPoints ? args[1] : Value();
        Value value = buildDecode(body, encoding, bits, args[0], zeroPoint,
                                  elementType.isF64());
        return buildFromFloat(body, value, elementType);
      });
}

//===----------------------------------------------------------------------===//
// quantize and requantize
//===----------------------------------------------------------------------===//

namespace {

/// Scales and zero points given with an op, or chosen from `dense`.
struct Params {
  Value scales, zeroPoints;
};

/// Fills in what an op leaves out: parameters chosen from `dense()`, zero
/// points of zero beside given scales.
Params getParams(ImplicitLocOpBuilder &b, EncodingAttr encoding, Value scales,
                 Value zeroPoints, std::optional<ParamMethod> method,
                 ArrayRef<int64_t> shape, ArrayRef<OpFoldResult> sizes,
                 function_ref<Value()> dense) {
  if (!scales) {
    ParamMethod chosen = method.value_or(
        encoding.hasZeroPoint() ? ParamMethod::MinMax : ParamMethod::AbsMax);
    // The defaults of choose_params.
    auto [s, z] = buildChooseParams(b, b.getLoc(), dense(), encoding, chosen,
                                    /*percent=*/99.9, /*candidates=*/80);
    return {s, z};
  }
  if (encoding.hasZeroPoint() && !zeroPoints) {
    RankedTensorType type = encoding.getZeroPointsType(shape);
    zeroPoints =
        buildFilled(b, type, getScalesSizes(b, b.getLoc(), encoding, sizes),
                    cast<TypedAttr>(b.getZeroAttr(type.getElementType())));
  }
  return {scales, zeroPoints};
}

/// Codes of type `type` for values that `inputs` and `maps` (for element codes)
/// or `valueAt` (for packed ones) give.
Value buildQuantizedCodes(
    ImplicitLocOpBuilder &b, RankedTensorType type,
    ArrayRef<OpFoldResult> sizes, Params params, SmallVector<Value> inputs,
    SmallVector<AffineMap> maps, BodyBuilder value,
    function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> valueAt) {
  EncodingAttr encoding = getEncoding(type);
  if (!hasElementCodes(encoding))
    return buildCodes(
        b, type, sizes,
        [&](ImplicitLocOpBuilder &body, ValueRange indices) -> Value {
          Value zeroPoint =
              params.zeroPoints
                  ? buildReadBlockElement(body, encoding.getBlock(),
                                          params.zeroPoints, indices)
                  : Value();
          return buildEncode(body, encoding, valueAt(body, indices),
                             buildReadBlockElement(body, encoding.getBlock(),
                                                   params.scales, indices),
                             zeroPoint);
        });
  size_t count = inputs.size();
  inputs.push_back(params.scales);
  if (params.zeroPoints)
    inputs.push_back(params.zeroPoints);
  maps.resize(inputs.size(), encoding.getBlockMap());
  RankedTensorType codesType = encoding.getCodesType(type.getShape());
  return buildElementwise(
      b, codesType, sizes, inputs, maps,
      [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
        Value zeroPoint = params.zeroPoints ? args[count + 1] : Value();
        Value bits =
            buildEncode(body, encoding, value(body, args.take_front(count)),
                        args[count], zeroPoint);
        return buildBitsElement(body, bits, codesType.getElementType());
      });
}

struct ConvertQuantize : LinalgOpPattern<QuantizeOp> {
  using LinalgPattern::LinalgPattern;
  LogicalResult rewrite(QuantizeOp op,
                        PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value source = op.getSource();
    auto type = cast<RankedTensorType>(op.getResult().getType());
    EncodingAttr encoding = getEncoding(type);
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, op.getLoc(), source);
    Params params = getParams(b, encoding, op.getScales(), op.getZeroPoints(),
                              op.getMethod(), type.getShape(), sizes,
                              [&] { return source; });
    Value codes = buildQuantizedCodes(
        b, type, sizes, params, {source},
        {b.getMultiDimIdentityMap(type.getRank())},
        [](ImplicitLocOpBuilder &body, ValueRange args) {
          return buildToF32(body, args[0]);
        },
        [&](ImplicitLocOpBuilder &body, ValueRange indices) -> Value {
          return buildToF32(body,
                            tensor::ExtractOp::create(body, source, indices));
        });
    rewriter.replaceOp(
        op,
        EncodedParts{type, codes, params.scales, params.zeroPoints}.assemble(
            rewriter, op.getLoc()));
    return success();
  }
};

struct ConvertRequantize : LinalgOpPattern<RequantizeOp> {
  using LinalgPattern::LinalgPattern;
  LogicalResult rewrite(RequantizeOp op,
                        PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    ImplicitLocOpBuilder b(loc, rewriter);
    EncodedParts source = EncodedParts::get(b, loc, op.getSource());
    EncodingAttr from = source.getEncoding();
    auto type = cast<RankedTensorType>(op.getResult().getType());
    EncodingAttr encoding = getEncoding(type);
    SmallVector<OpFoldResult> sizes = source.getMixedSizes(b, loc);
    unsigned rank = type.getRank();
    Params params =
        getParams(b, encoding, op.getScales(), op.getZeroPoints(),
                  op.getMethod(), type.getShape(), sizes, [&] {
                    return buildDequantize(b, loc, source, b.getF32Type());
                  });
    auto valueAt = [&](ImplicitLocOpBuilder &body,
                       ValueRange indices) -> Value {
      Value zeroPoint =
          source.zeroPoints
              ? buildReadParameter(body, from, source.zeroPoints, indices)
              : Value();
      return buildToF32(
          body,
          buildDecode(body, from, buildReadCode(body, source, sizes, indices),
                      buildReadParameter(body, from, source.scales, indices),
                      zeroPoint));
    };
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    if (hasElementCodes(from)) {
      inputs.push_back(source.codes);
      maps.push_back(b.getMultiDimIdentityMap(rank));
      inputs.push_back(source.scales);
      if (source.zeroPoints)
        inputs.push_back(source.zeroPoints);
      maps.resize(inputs.size(), from.getBlockMap());
    }
    Value codes = buildQuantizedCodes(
        b, type, sizes, params, inputs, maps,
        [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
          if (args.empty())
            return valueAt(body, buildIndices(body, rank));
          return buildToF32(
              body,
              buildDecode(body, from, buildElementBits(body, args[0]), args[1],
                          source.zeroPoints ? args[2] : Value()));
        },
        valueAt);
    rewriter.replaceOp(
        op,
        EncodedParts{type, codes, params.scales, params.zeroPoints}.assemble(
            rewriter, loc));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// dequantize, repack, choose_params, observe
//===----------------------------------------------------------------------===//

struct ConvertDequantize : LinalgOpPattern<DequantizeOp> {
  using LinalgPattern::LinalgPattern;
  LogicalResult rewrite(DequantizeOp op,
                        PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Value dense = buildDequantize(
        rewriter, op.getLoc(),
        EncodedParts::get(rewriter, op.getLoc(), op.getSource()),
        cast<FloatType>(type.getElementType()));
    if (dense.getType() != type)
      dense = tensor::CastOp::create(rewriter, op.getLoc(), type, dense);
    rewriter.replaceOp(op, dense);
    return success();
  }
};

/// One elementwise op that encodes and decodes: no codes in memory.
struct ConvertFakeQuantize : OpRewritePattern<FakeQuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(FakeQuantizeOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value source = op.getSource();
    RankedTensorType type = op.getSource().getType();
    EncodingAttr encoding = op.getEncoding();
    auto elementType = cast<FloatType>(type.getElementType());
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, op.getLoc(), source);
    Params params = getParams(b, encoding, op.getScales(), op.getZeroPoints(),
                              op.getMethod(), type.getShape(), sizes,
                              [&] { return source; });
    SmallVector<Value> inputs = {source, params.scales};
    if (params.zeroPoints)
      inputs.push_back(params.zeroPoints);
    SmallVector<AffineMap> maps = {b.getMultiDimIdentityMap(type.getRank())};
    maps.resize(inputs.size(), encoding.getBlockMap());
    rewriter.replaceOp(
        op, buildElementwise(
                b, RankedTensorType::get(type.getShape(), elementType), sizes,
                inputs, maps,
                [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
                  Value zeroPoint = params.zeroPoints ? args[2] : Value();
                  Value bits =
                      buildEncode(body, encoding, buildToF32(body, args[0]),
                                  args[1], zeroPoint);
                  Value value = buildDecode(body, encoding, bits, args[1],
                                            zeroPoint, elementType.isF64());
                  return buildFromFloat(body, value, elementType);
                }));
    return success();
  }
};

struct ConvertRepack : LinalgOpPattern<RepackOp> {
  using LinalgPattern::LinalgPattern;
  LogicalResult rewrite(RepackOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    EncodedParts source = EncodedParts::get(b, op.getLoc(), op.getSource());
    SmallVector<OpFoldResult> sizes = source.getMixedSizes(b, op.getLoc());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Value codes = buildCodes(
        b, type, sizes, [&](ImplicitLocOpBuilder &body, ValueRange indices) {
          return buildReadCode(body, source, sizes, indices);
        });
    Value scales =
        buildRepackedParameters(b, source.getEncoding(), source.scales, type);
    Value zeroPoints = source.zeroPoints
                           ? buildRepackedParameters(b, source.getEncoding(),
                                                     source.zeroPoints, type)
                           : Value();
    rewriter.replaceOp(op,
                       EncodedParts{type, codes, scales, zeroPoints}.assemble(
                           rewriter, op.getLoc()));
    return success();
  }
};

struct ConvertChooseParams : LinalgOpPattern<ChooseParamsOp> {
  using LinalgPattern::LinalgPattern;
  LogicalResult rewrite(ChooseParamsOp op,
                        PatternRewriter &rewriter) const override {
    auto [scales, zeroPoints] = buildChooseParams(
        rewriter, op.getLoc(), op.getSource(), op.getEncoding(), op.getMethod(),
        op.getPercent().convertToDouble(), op.getCandidates());
    SmallVector<Value> results = {scales};
    if (zeroPoints)
      results.push_back(zeroPoints);
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct ConvertObserve : OpRewritePattern<ObserveOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ObserveOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, op.getSource());
    return success();
  }
};

} // namespace

void quantmlir::quant_tensor::populateElementwisePatterns(
    RewritePatternSet &patterns) {
  patterns.add<ConvertQuantize, ConvertRequantize, ConvertDequantize,
               ConvertFakeQuantize, ConvertRepack, ConvertChooseParams,
               ConvertObserve>(patterns.getContext());
}
