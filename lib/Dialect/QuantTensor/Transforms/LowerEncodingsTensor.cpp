//===- LowerEncodingsTensor.cpp - Ops that work on the parts one by one ---===//

#include "LowerEncodings.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

/// The parts behind the converted operand `values`.
static EncodedParts getParts(Type type, ValueRange values) {
  return {cast<RankedTensorType>(type), values[0], values[1],
          values.size() > 2 ? values[2] : Value()};
}

std::string quantmlir::quant_tensor::findSliceObstacle(Operation *op) {
  auto slice = cast<tensor::ExtractSliceOp>(op);
  auto type = cast<RankedTensorType>(slice.getSource().getType());
  EncodingAttr encoding = getEncoding(type);
  if (encoding != getEncoding(slice.getType()) ||
      type.getRank() != slice.getType().getRank())
    return "drops or changes the encoding of a slice";
  if (!encoding.isRowMajor())
    return "slices codes that are not row major: repack them first";
  for (auto [dim, offset, size, stride] :
       llvm::enumerate(slice.getMixedOffsets(), slice.getMixedSizes(),
                       slice.getMixedStrides())) {
    if (getConstantIntValue(stride) != 1)
      return llvm::formatv("slices dimension #{0} with a stride", dim);
    int64_t block = encoding.getBlock()[dim];
    bool packed =
        dim + 1 == encoding.getBlock().size() && encoding.getStorageBits() != 8;
    if (block <= 1 && !packed)
      continue;
    std::optional<int64_t> start = getConstantIntValue(offset);
    std::optional<int64_t> extent = getConstantIntValue(size);
    if (!start || !extent)
      return llvm::formatv("slices dimension #{0} at a dynamic position, which "
                           "may cut a block or a byte",
                           dim);
    if (block > 1 && *start % block)
      return llvm::formatv("slice offset {0} cuts a block of {1} in dimension "
                           "#{2}",
                           *start, block, dim);
    if (packed && *start * encoding.getStorageBits() % 8)
      return llvm::formatv("slice offset {0} cuts a byte of codes in dimension "
                           "#{1}",
                           *start, dim);
  }
  return "";
}

namespace {

struct LowerSelect : OpConversionPattern<arith::SelectOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(arith::SelectOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value condition = adaptor.getCondition().front();
    SmallVector<Value> results;
    for (auto [whenTrue, whenFalse] :
         llvm::zip_equal(adaptor.getTrueValue(), adaptor.getFalseValue()))
      results.push_back(arith::SelectOp::create(
          rewriter, op.getLoc(), condition, whenTrue, whenFalse));
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

struct LowerCast : OpConversionPattern<tensor::CastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(tensor::CastOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(typeConverter->convertType(op.getType(), types)))
      return rewriter.notifyMatchFailure(op, "result does not convert");
    SmallVector<Value> results;
    for (auto [type, part] : llvm::zip_equal(types, adaptor.getSource()))
      results.push_back(part.getType() == type
                            ? part
                            : Value(tensor::CastOp::create(
                                  rewriter, op.getLoc(), type, part)));
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

struct LowerDim : OpConversionPattern<tensor::DimOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(tensor::DimOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<OpFoldResult> sizes =
        getParts(op.getSource().getType(), adaptor.getSource())
            .getMixedSizes(rewriter, op.getLoc());
    std::optional<int64_t> dim = op.getConstantIndex();
    if (dim && (*dim < 0 || *dim >= static_cast<int64_t>(sizes.size())))
      return rewriter.notifyMatchFailure(op, "index is out of range");
    auto getSize = [&](unsigned dim) {
      return getValueOrCreateConstantIndexOp(rewriter, op.getLoc(), sizes[dim]);
    };
    if (dim) {
      rewriter.replaceOp(op, getSize(*dim));
      return success();
    }
    Value result = getSize(0);
    for (unsigned i = 1; i < sizes.size(); ++i) {
      Value constant = arith::ConstantIndexOp::create(rewriter, op.getLoc(), i);
      Value isDim =
          arith::CmpIOp::create(rewriter, op.getLoc(), arith::CmpIPredicate::eq,
                                adaptor.getIndex().front(), constant);
      result = arith::SelectOp::create(rewriter, op.getLoc(), isDim, getSize(i),
                                       result);
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct LowerEmpty : OpConversionPattern<tensor::EmptyOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(tensor::EmptyOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    EncodingAttr encoding = getEncoding(op.getType());
    ArrayRef<int64_t> shape = op.getType().getShape();
    SmallVector<OpFoldResult> sizes = op.getMixedSizes();
    SmallVector<OpFoldResult> scaleSizes =
        getScalesSizes(rewriter, loc, encoding, sizes);
    SmallVector<Value> parts = {
        createEmpty(rewriter, loc, encoding.getCodesType(shape),
                    getCodesSizes(rewriter, loc, encoding, sizes)),
        createEmpty(rewriter, loc, encoding.getScalesType(shape), scaleSizes)};
    if (RankedTensorType type = encoding.getZeroPointsType(shape))
      parts.push_back(createEmpty(rewriter, loc, type, scaleSizes));
    rewriter.replaceOpWithMultiple(op, {parts});
    return success();
  }
};

struct LowerExtractSlice : OpConversionPattern<tensor::ExtractSliceOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(tensor::ExtractSliceOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    if (std::string obstacle = findSliceObstacle(op); !obstacle.empty())
      return rewriter.notifyMatchFailure(op, obstacle);
    EncodedParts parts =
        getParts(op.getSource().getType(), adaptor.getSource());
    EncodingAttr encoding = parts.getEncoding();
    ArrayRef<int64_t> shape = op.getType().getShape();
    unsigned rank = shape.size();
    SmallVector<OpFoldResult> offsets = op.getMixedOffsets();
    SmallVector<OpFoldResult> strides(rank, rewriter.getIndexAttr(1));

    SmallVector<OpFoldResult> codeOffsets = offsets;
    if (encoding.getStorageBits() != 8)
      codeOffsets.back() = rewriter.getIndexAttr(
          *getConstantIntValue(offsets.back()) * encoding.getStorageBits() / 8);
    SmallVector<OpFoldResult> scaleOffsets;
    for (auto [offset, block] : llvm::zip_equal(offsets, encoding.getBlock()))
      scaleOffsets.push_back(block == 0 ? OpFoldResult(rewriter.getIndexAttr(0))
                             : block == 1
                                 ? offset
                                 : OpFoldResult(rewriter.getIndexAttr(
                                       *getConstantIntValue(offset) / block)));
    SmallVector<OpFoldResult> codeSizes =
        getCodesSizes(rewriter, loc, encoding, op.getMixedSizes());
    SmallVector<OpFoldResult> scaleSizes =
        getScalesSizes(rewriter, loc, encoding, op.getMixedSizes());
    auto slice = [&](RankedTensorType type, Value source,
                     ArrayRef<OpFoldResult> offsets,
                     ArrayRef<OpFoldResult> sizes) -> Value {
      return tensor::ExtractSliceOp::create(rewriter, loc, type, source,
                                            offsets, sizes, strides);
    };
    SmallVector<Value> results = {slice(encoding.getCodesType(shape),
                                        parts.codes, codeOffsets, codeSizes),
                                  slice(encoding.getScalesType(shape),
                                        parts.scales, scaleOffsets,
                                        scaleSizes)};
    if (parts.zeroPoints)
      results.push_back(slice(encoding.getZeroPointsType(shape),
                              parts.zeroPoints, scaleOffsets, scaleSizes));
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

} // namespace

void quantmlir::quant_tensor::populateLowerTensorPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerSelect, LowerCast, LowerDim, LowerEmpty, LowerExtractSlice>(
      converter, patterns.getContext());
}
