//===- PoisonScales.cpp - Codes that are not finite, told by the scales ---===//

#include "Patterns.h"

#include "quantmlir/Conversion/QuantTensorToLinalg/CodeAccess.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

Value quantmlir::quant_tensor::buildPoisoned(ImplicitLocOpBuilder &b,
                                             Value condition, Value scale) {
  auto type = cast<FloatType>(scale.getType());
  APFloat nan = APFloat::getNaN(type.getFloatSemantics());
  if (type.getWidth() > 8)
    return arith::SelectOp::create(
        b, condition, arith::ConstantOp::create(b, b.getFloatAttr(type, nan)),
        scale);
  // Narrow floats are their bits.
  Value bits = arith::ConstantOp::create(
      b, b.getI32IntegerAttr(nan.bitcastToAPInt().getZExtValue()));
  return buildBitsElement(
      b,
      arith::SelectOp::create(b, condition, bits, buildElementBits(b, scale)),
      type);
}

namespace {

/// The largest magnitude, its bits as i32, of the codes that share the scale at
/// `position`, which has a block's number for the last index.
Value buildLargestCode(ImplicitLocOpBuilder &b, const EncodedParts &source,
                       ArrayRef<OpFoldResult> sizes, ValueRange position) {
  Value size = getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes.back());
  Value lower = arith::ConstantIndexOp::create(b, 0), upper = size;
  Value one = arith::ConstantIndexOp::create(b, 1);
  if (int64_t block = source.getEncoding().getBlock().back()) {
    Value extent = arith::ConstantIndexOp::create(b, block);
    lower = arith::MulIOp::create(b, position.back(), extent);
    upper = arith::MinUIOp::create(b, arith::AddIOp::create(b, lower, extent),
                                   size);
  }
  unsigned bits = source.getEncoding().getStorageBits();
  Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  Value mask = arith::ConstantOp::create(
      b, b.getI32IntegerAttr(llvm::maskTrailingOnes<uint32_t>(bits - 1)));
  auto loop = scf::ForOp::create(
      b, lower, upper, one, none,
      [&](OpBuilder &builder, Location loc, Value index, ValueRange args) {
        ImplicitLocOpBuilder body(loc, builder);
        SmallVector<Value> indices(position);
        indices.back() = index;
        Value magnitude = arith::AndIOp::create(
            body, buildReadCode(body, source, sizes, indices), mask);
        scf::YieldOp::create(
            body, Value(arith::MaxUIOp::create(body, args[0], magnitude)));
      });
  return loop.getResult(0);
}

struct ConvertPoisonScales : LinalgOpPattern<PoisonScalesOp> {
  using LinalgPattern::LinalgPattern;
  LogicalResult rewrite(PoisonScalesOp op,
                        PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    EncodedParts source = EncodedParts::get(b, op.getLoc(), op.getSource());
    SmallVector<OpFoldResult> sizes = source.getMixedSizes(b, op.getLoc());
    RankedTensorType type = op.getResult().getType();
    EncodingAttr encoding = getEncoding(type);
    // By blocks; tiles of them are made of these.
    auto scalesType = RankedTensorType::get(
        encoding.getScaleShape(type.getShape()), encoding.getScale());
    Value init = createEmpty(b, op.getLoc(), scalesType,
                             getScalesSizes(b, op.getLoc(), encoding, sizes));
    auto storage = cast<FloatType>(encoding.getStorage());
    int64_t largest = APFloat::getLargest(storage.getFloatSemantics())
                          .bitcastToAPInt()
                          .getZExtValue();
    unsigned rank = type.getRank();
    auto scales = linalg::GenericOp::create(
        b, TypeRange(scalesType), ValueRange(), ValueRange(init),
        b.getMultiDimIdentityMap(rank),
        SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
        [&](OpBuilder &builder, Location loc, ValueRange) {
          ImplicitLocOpBuilder body(loc, builder);
          SmallVector<Value> position;
          for (unsigned dim = 0; dim < rank; ++dim)
            position.push_back(linalg::IndexOp::create(body, dim));
          Value isPoisoned = arith::CmpIOp::create(
              body, arith::CmpIPredicate::ugt,
              buildLargestCode(body, source, sizes, position),
              arith::ConstantOp::create(body, body.getI32IntegerAttr(largest)));
          // Rows may share a scale in the source; blocks of columns are the
          // same ones.
          Value scale;
          if (encoding.hasTiledParameters()) {
            SmallVector<Value> element(position);
            element.back() =
                arith::MulIOp::create(body, element.back(),
                                      arith::ConstantIndexOp::create(
                                          body, encoding.getBlock().back()));
            scale = buildReadParameter(body, source.getEncoding(),
                                       source.scales, element);
          } else {
            SmallVector<int64_t> block(source.getEncoding().getBlock());
            block.back() = std::min<int64_t>(block.back(), 1);
            scale = buildReadBlockElement(body, block, source.scales, position);
          }
          linalg::YieldOp::create(body, buildPoisoned(body, isPoisoned, scale));
        });
    rewriter.replaceOp(
        op, EncodedParts{type, source.codes,
                         buildRepackedParameters(b, encoding.withLayout({}),
                                                 scales.getResult(0), type),
                         Value()}
                .assemble(rewriter, op.getLoc()));
    return success();
  }
};

} // namespace

void quantmlir::quant_tensor::populatePoisonScalesPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ConvertPoisonScales>(patterns.getContext());
}
