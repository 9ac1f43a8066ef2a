//===- QuantTensorToQuant.cpp - Encodings to upstream quant types ---------===//

#include "quantmlir/Import/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/IR/Matchers.h"

namespace quantmlir {
#define GEN_PASS_DEF_CONVERTQUANTTENSORTOQUANT
#include "quantmlir/Import/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

/// The upstream type of an encoded tensor with these parameters; emits at `op`
/// what upstream has no word for.
static Type translate(Operation *op, RankedTensorType type, Value scales,
                      Value zeroPoints) {
  EncodingAttr encoding = getEncoding(type);
  auto refuse = [&](const Twine &what) {
    op->emitOpError() << "cannot be expressed with quant types: " << what;
    return Type();
  };
  auto storage = dyn_cast<IntegerType>(encoding.getStorage());
  if (!storage)
    return refuse("codes are floats");
  if (encoding.getCodebook())
    return refuse("codes index a codebook");
  if (!encoding.isRowMajor())
    return refuse("codes are not row-major");
  if (encoding.getOverflow() != Overflow::Saturate)
    return refuse("codes wrap");
  if (encoding.getRounding() != Rounding::NearestEven)
    return refuse("rounding is given");
  if (isa_and_nonnull<FloatType>(encoding.getZeroPoint()))
    return refuse("zero points are floats");
  DenseElementsAttr scaleValues, zeroPointValues;
  if (!matchPattern(scales, m_Constant(&scaleValues)))
    return refuse("scales are not constant");
  if (zeroPoints && !matchPattern(zeroPoints, m_Constant(&zeroPointValues)))
    return refuse("zero points are not constant");

  MLIRContext *context = op->getContext();
  bool isSigned = encoding.isSignedStorage();
  unsigned flags = isSigned ? quant::QuantizationFlags::Signed : 0;
  Type code = IntegerType::get(context, storage.getWidth());
  Type expressed = type.getElementType();
  auto [low, high] = encoding.getCodeRange();
  SmallVector<double> scaleList;
  for (APFloat scale : scaleValues.getValues<APFloat>()) {
    bool losesInfo;
    scale.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    scaleList.push_back(scale.convertToDouble());
  }
  SmallVector<int64_t> zeroPointList(scaleList.size(), 0);
  if (zeroPointValues) {
    bool isUnsigned = encoding.getZeroPoint().isUnsignedInteger();
    zeroPointList.clear();
    for (APInt value : zeroPointValues.getValues<APInt>())
      zeroPointList.push_back(isUnsigned ? value.getZExtValue()
                                         : value.getSExtValue());
  }
  auto emitError = [&] { return op->emitOpError(); };
  auto result = [&](Type element) -> Type {
    if (!element)
      return {};
    return RankedTensorType::get(type.getShape(), element);
  };

  SmallVector<int32_t> dims;
  SmallVector<int64_t> sizes;
  for (auto [dim, extent] : llvm::enumerate(encoding.getBlock())) {
    if (extent == 0 || extent == type.getDimSize(dim))
      continue;
    if (type.isDynamicDim(dim))
      return refuse("a dynamic dimension has several scales");
    if (type.getDimSize(dim) % extent)
      return refuse("the last block of dimension " + Twine(dim) + " is short");
    dims.push_back(dim);
    sizes.push_back(extent);
  }
  if (dims.empty())
    return result(quant::UniformQuantizedType::getChecked(
        emitError, flags, code, expressed, scaleList.front(),
        zeroPointList.front(), low, high));
  if (dims.size() == 1 && sizes.front() == 1)
    return result(quant::UniformQuantizedPerAxisType::getChecked(
        emitError, flags, code, expressed, ArrayRef<double>(scaleList),
        ArrayRef<int64_t>(zeroPointList), dims.front(), low, high));
  // Upstream keeps the zero points of blocks in the type of the codes, and
  // their scales in the expressed type.
  if (llvm::any_of(zeroPointList, [&](int64_t value) {
        unsigned bits = storage.getWidth();
        return isSigned ? !llvm::isIntN(bits, value)
                        : !llvm::isUIntN(bits, value);
      }))
    return refuse("a zero point is no code");
  SmallVector<APFloat> exact;
  for (double scale : scaleList) {
    APFloat value(scale);
    bool losesInfo;
    value.convert(cast<FloatType>(expressed).getFloatSemantics(),
                  APFloat::rmNearestTiesToEven, &losesInfo);
    if (losesInfo)
      return refuse("a scale is not representable in the values' type");
    exact.push_back(value);
  }
  SmallVector<APInt> codes =
      llvm::map_to_vector(zeroPointList, [&](int64_t value) {
        return APInt(storage.getWidth(), value, /*isSigned=*/true,
                     /*implicitTrunc=*/true);
      });
  SmallVector<int64_t> shape = encoding.getScaleShape(type.getShape());
  return result(quant::UniformQuantizedSubChannelType::getChecked(
      emitError, flags, code, expressed,
      DenseElementsAttr::get(RankedTensorType::get(shape, expressed),
                             ArrayRef<APFloat>(exact)),
      DenseElementsAttr::get(RankedTensorType::get(shape, code),
                             ArrayRef<APInt>(codes)),
      ArrayRef<int32_t>(dims), ArrayRef<int64_t>(sizes), low, high));
}

namespace {

struct ConvertQuantTensorToQuant
    : quantmlir::impl::ConvertQuantTensorToQuantBase<
          ConvertQuantTensorToQuant> {
  void runOnOperation() override {
    SmallVector<Operation *> producers;
    WalkResult result = getOperation()->walk([&](Operation *op) {
      return failed(check(op, producers)) ? WalkResult::interrupt()
                                          : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (Operation *op : producers)
      if (failed(convert(op)))
        return signalPassFailure();
  }

private:
  /// Encoded values are made by quantize and assemble and read by dequantize
  /// and disassemble; upstream's casts say nothing else.
  static LogicalResult check(Operation *op,
                             SmallVectorImpl<Operation *> &producers) {
    auto isEncoded = [](Type type) { return getEncoding(type) != nullptr; };
    if (auto function = dyn_cast<FunctionOpInterface>(op))
      if (llvm::any_of(function.getArgumentTypes(), isEncoded) ||
          llvm::any_of(function.getResultTypes(), isEncoded))
        return op->emitOpError()
               << "cannot be expressed with quant types: an encoded argument "
                  "or result brings scales that are not known";
    bool touches = llvm::any_of(op->getOperandTypes(), isEncoded) ||
                   llvm::any_of(op->getResultTypes(), isEncoded);
    if (!touches)
      return success();
    if (isa<QuantizeOp, AssembleOp>(op)) {
      producers.push_back(op);
      return success();
    }
    if (isa<DequantizeOp, DisassembleOp>(op))
      return success();
    return op->emitOpError()
           << "cannot be expressed with quant types: it computes on an encoded "
              "tensor";
  }

  static LogicalResult convert(Operation *op) {
    Value value = op->getResult(0);
    auto type = cast<RankedTensorType>(value.getType());
    Location loc = op->getLoc();
    OpBuilder builder(op);
    Value scales, zeroPoints, quantized;
    if (auto quantize = dyn_cast<QuantizeOp>(op)) {
      if (!quantize.getScales())
        return op->emitOpError() << "cannot be expressed with quant types: its "
                                    "scales are chosen when it runs";
      scales = quantize.getScales();
      zeroPoints = quantize.getZeroPoints();
    } else {
      auto assemble = cast<AssembleOp>(op);
      scales = assemble.getScales();
      zeroPoints = assemble.getZeroPoints();
    }
    Type upstream = translate(op, type, scales, zeroPoints);
    if (!upstream)
      return failure();
    bool castsStorage =
        isa<AssembleOp>(op) ||
        llvm::any_of(op->getUsers(), llvm::IsaPred<DisassembleOp>);
    if (castsStorage && getEncoding(type).getStorageBits() != 8)
      return op->emitOpError()
             << "cannot be expressed with quant types: codes narrower than a "
                "byte are packed";
    if (isa<QuantizeOp>(op))
      quantized = quant::QuantizeCastOp::create(builder, loc, upstream,
                                                op->getOperand(0));
    else
      quantized = quant::StorageCastOp::create(builder, loc, upstream,
                                               op->getOperand(0));
    for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
      builder.setInsertionPoint(user);
      if (auto dequantize = dyn_cast<DequantizeOp>(user)) {
        // dcast gives the values' own type; any other rounds afterwards.
        if (dequantize.getType().getElementType() != type.getElementType())
          return user->emitOpError()
                 << "cannot be expressed with quant types: it also changes the "
                    "type of the values";
        Value result = quant::DequantizeCastOp::create(
            builder, user->getLoc(), user->getResult(0).getType(), quantized);
        user->replaceAllUsesWith(ValueRange{result});
      } else {
        auto disassemble = cast<DisassembleOp>(user);
        Value codes = quant::StorageCastOp::create(
            builder, user->getLoc(), disassemble.getCodes().getType(),
            quantized);
        disassemble.getCodes().replaceAllUsesWith(codes);
        disassemble.getScales().replaceAllUsesWith(scales);
        if (disassemble.getZeroPoints())
          disassemble.getZeroPoints().replaceAllUsesWith(zeroPoints);
      }
      user->erase();
    }
    op->erase();
    return success();
  }
};

} // namespace
