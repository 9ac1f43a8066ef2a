//===- QuantToQuantTensor.cpp - Upstream quant types to encodings ---------===//
//
// Upstream keeps scales and zero points as literals in the type; ours are
// values. A value of a quantized type becomes an encoded tensor whose scales
// are constants where it is made. Across a function's boundary go the codes
// alone: the literals are put back on the other side, so that no caller can
// supply others.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Import/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"

namespace quantmlir {
#define GEN_PASS_DEF_CONVERTQUANTTOQUANTTENSOR
#include "quantmlir/Import/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

/// The quantized element type of a value's type, null where it has none.
static quant::QuantizedType getQuantized(Type type) {
  return dyn_cast<quant::QuantizedType>(getElementTypeOrSelf(type));
}

namespace {

/// A quantized tensor type in our terms.
struct Translated {
  RankedTensorType type;
  DenseElementsAttr scales;
  /// Null where all zero points are 0.
  DenseElementsAttr zeroPoints;
};

} // namespace

/// Scales, zero points and blocks of any of the three uniform types; fails
/// where a quantized dimension is none of the tensor's, which only casts check.
static LogicalResult getParameters(quant::QuantizedType quantized,
                                   RankedTensorType type,
                                   SmallVectorImpl<double> &scales,
                                   SmallVectorImpl<int64_t> &zeroPoints,
                                   SmallVectorImpl<int64_t> &block) {
  block.assign(type.getRank(), 0);
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(quantized)) {
    scales.push_back(uniform.getScale());
    zeroPoints.push_back(uniform.getZeroPoint());
    return success();
  }
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(quantized)) {
    llvm::append_range(scales, perAxis.getScales());
    llvm::append_range(zeroPoints, perAxis.getZeroPoints());
    if (perAxis.getQuantizedDimension() >= type.getRank())
      return failure();
    block[perAxis.getQuantizedDimension()] = 1;
    return success();
  }
  auto subChannel = cast<quant::UniformQuantizedSubChannelType>(quantized);
  for (APFloat scale : subChannel.getScales().getValues<APFloat>()) {
    bool losesInfo;
    scale.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    scales.push_back(scale.convertToDouble());
  }
  for (APInt zeroPoint : subChannel.getZeroPoints().getValues<APInt>())
    zeroPoints.push_back(subChannel.isSigned() ? zeroPoint.getSExtValue()
                                               : zeroPoint.getZExtValue());
  for (auto [dim, extent] : subChannel.getBlockSizeInfo()) {
    if (dim < 0 || dim >= type.getRank())
      return failure();
    block[dim] = extent;
  }
  return success();
}

static FailureOr<Translated>
translate(Type type, function_ref<InFlightDiagnostic()> emitError) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  quant::QuantizedType quantized = getQuantized(type);
  if (!tensor || tensor.getRank() == 0)
    return emitError() << "only ranked tensors of rank 1 or more have an "
                          "encoding, got "
                       << type;
  if (tensor.getEncoding())
    return emitError() << "has an encoding beside its quantized type: " << type;
  // Those of upstream's dialect that have no scale may lack a storage type too.
  if (!isa<quant::UniformQuantizedType, quant::UniformQuantizedPerAxisType,
           quant::UniformQuantizedSubChannelType>(quantized))
    return emitError() << "has no uniform scale: " << type;
  auto storage = dyn_cast<IntegerType>(quantized.getStorageType());
  unsigned bits = quantized.getStorageTypeIntegralWidth();
  if (!storage || bits < 2 || bits > 8)
    return emitError() << "codes have 2 to 8 bits, got storage "
                       << quantized.getStorageType() << " in " << type;
  Type expressed = quantized.getExpressedType();
  if (!isa_and_nonnull<Float32Type, Float16Type, BFloat16Type, Float64Type>(
          expressed))
    return emitError() << "values must be f16, bf16, f32 or f64 in " << type;
  SmallVector<double> scales;
  SmallVector<int64_t> zeroPoints, block, range;
  if (failed(getParameters(quantized, tensor, scales, zeroPoints, block)))
    return emitError() << "quantizes a dimension that the tensor lacks: "
                       << type;
  MLIRContext *context = type.getContext();
  Type code = IntegerType::get(context, bits,
                               quantized.isSigned() ? IntegerType::Signless
                                                    : IntegerType::Unsigned);
  if (quantized.hasStorageTypeBounds())
    range = {quantized.getStorageTypeMin(), quantized.getStorageTypeMax()};
  bool hasZeroPoint =
      llvm::any_of(zeroPoints, [](int64_t value) { return value != 0; });
  Type zeroPointType =
      hasZeroPoint ? IntegerType::get(context, 32) : IntegerType();
  Type scaleType = Float32Type::get(context);
  auto encoding = EncodingAttr::getChecked(
      emitError, context, code, ArrayRef<int64_t>(block), scaleType,
      zeroPointType, ArrayRef<int64_t>(range), Rounding::NearestEven,
      Overflow::Saturate, CodebookAttr(), LayoutAttr());
  if (!encoding ||
      failed(encoding.verifyEncoding(tensor.getShape(), expressed, emitError)))
    return failure();
  Translated result;
  result.type = RankedTensorType::get(tensor.getShape(), expressed, encoding);
  RankedTensorType scalesType = encoding.getScalesType(tensor.getShape());
  if (!scalesType.hasStaticShape() ||
      scalesType.getNumElements() != static_cast<int64_t>(scales.size()))
    return emitError() << "has " << scales.size()
                       << " scales, but its shape needs " << scalesType;
  SmallVector<float> narrow = llvm::map_to_vector(
      scales, [](double scale) { return static_cast<float>(scale); });
  result.scales = DenseElementsAttr::get(scalesType, ArrayRef<float>(narrow));
  if (hasZeroPoint) {
    SmallVector<int32_t> values = llvm::map_to_vector(
        zeroPoints, [](int64_t value) { return static_cast<int32_t>(value); });
    result.zeroPoints =
        DenseElementsAttr::get(encoding.getZeroPointsType(tensor.getShape()),
                               ArrayRef<int32_t>(values));
  }
  return result;
}

namespace {

struct ConvertQuantToQuantTensor
    : quantmlir::impl::ConvertQuantToQuantTensorBase<
          ConvertQuantToQuantTensor> {
  void runOnOperation() override;

private:
  LogicalResult check(Operation *op);
  LogicalResult translateType(Type type, Operation *op);
  void convertSignature(func::FuncOp function);
  void convertOp(Operation *op);

  Value createAssemble(OpBuilder &builder, Location loc,
                       const Translated &translated, Value codes) {
    Value scales = arith::ConstantOp::create(builder, loc, translated.scales);
    Value zeroPoints;
    if (translated.zeroPoints)
      zeroPoints =
          arith::ConstantOp::create(builder, loc, translated.zeroPoints);
    return AssembleOp::create(builder, loc, translated.type, codes, scales,
                              zeroPoints);
  }
  static Type getCodesType(const Translated &translated) {
    return getEncoding(translated.type)
        .getCodesType(translated.type.getShape());
  }
  /// The translation of a quantized type, null for any other.
  const Translated *lookup(Type type) const {
    auto it = types.find(type);
    return it == types.end() ? nullptr : &it->second;
  }

  DenseMap<Type, Translated> types;
  /// Quantized operands of calls and returns, which become codes. By the time
  /// they do, their types no longer tell them from tensors that were encoded
  /// from the start and stay so.
  llvm::SmallPtrSet<OpOperand *, 8> crossings;
};

} // namespace

LogicalResult ConvertQuantToQuantTensor::translateType(Type type,
                                                       Operation *op) {
  if (!getQuantized(type) || types.count(type))
    return success();
  FailureOr<Translated> translated =
      translate(type, [&] { return op->emitOpError(); });
  if (failed(translated))
    return failure();
  types[type] = *translated;
  return success();
}

/// Translates every type of `op`, and refuses ops that would read an encoded
/// tensor otherwise than they read a quantized one.
LogicalResult ConvertQuantToQuantTensor::check(Operation *op) {
  SmallVector<Type> used(op->getOperandTypes());
  llvm::append_range(used, op->getResultTypes());
  if (auto function = dyn_cast<FunctionOpInterface>(op)) {
    llvm::append_range(used, function.getArgumentTypes());
    llvm::append_range(used, function.getResultTypes());
  }
  for (Region &region : op->getRegions())
    for (Block &block : region)
      llvm::append_range(used, block.getArgumentTypes());
  if (llvm::none_of(used, [](Type type) { return getQuantized(type); }))
    return success();
  bool carries =
      isa<quant::QuantizeCastOp, quant::DequantizeCastOp, quant::StorageCastOp,
          func::FuncOp, func::ReturnOp, func::CallOp, RegionBranchOpInterface,
          RegionBranchTerminatorOpInterface, BranchOpInterface,
          arith::SelectOp>(op);
  if (!carries)
    return op->emitOpError()
           << "computes on a quantized type; dequantize with quant.dcast first";
  for (Type type : used)
    if (failed(translateType(type, op)))
      return failure();
  if (auto cast = dyn_cast<quant::StorageCastOp>(op)) {
    quant::QuantizedType quantized = cast.getQuantizedType();
    if (quantized.getStorageTypeIntegralWidth() != 8)
      return op->emitOpError()
             << "reads " << quantized.getStorageType()
             << " elements one by one; encoded tensors hold narrow codes in "
                "bytes";
  }
  return success();
}

/// Codes go in and out; the tensor is assembled inside.
void ConvertQuantToQuantTensor::convertSignature(func::FuncOp function) {
  OpBuilder builder(function);
  auto convert = [&](TypeRange range) {
    return llvm::map_to_vector(range, [&](Type type) {
      const Translated *translated = lookup(type);
      return translated ? getCodesType(*translated) : type;
    });
  };
  FunctionType type = function.getFunctionType();
  SmallVector<Type> results = convert(type.getResults());
  if (!function.isExternal()) {
    builder.setInsertionPointToStart(&function.getBody().front());
    for (BlockArgument argument : function.getArguments()) {
      const Translated *translated = lookup(argument.getType());
      if (!translated)
        continue;
      argument.setType(getCodesType(*translated));
      Value assembled =
          createAssemble(builder, argument.getLoc(), *translated, argument);
      argument.replaceAllUsesExcept(assembled, assembled.getDefiningOp());
    }
  }
  function.setFunctionType(
      builder.getFunctionType(convert(type.getInputs()), results));
}

void ConvertQuantToQuantTensor::convertOp(Operation *op) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  // Operands have their new types already; results are looked up by the old.
  if (isa<quant::QuantizeCastOp>(op)) {
    const Translated *translated = lookup(op->getResult(0).getType());
    Value scales = arith::ConstantOp::create(builder, loc, translated->scales);
    Value zeroPoints;
    if (translated->zeroPoints)
      zeroPoints =
          arith::ConstantOp::create(builder, loc, translated->zeroPoints);
    Value result =
        QuantizeOp::create(builder, loc, translated->type, op->getOperand(0),
                           scales, zeroPoints, ParamMethodAttr());
    op->replaceAllUsesWith(ValueRange{result});
    return op->erase();
  }
  if (isa<quant::DequantizeCastOp>(op)) {
    Value result = DequantizeOp::create(
        builder, loc, op->getResult(0).getType(), op->getOperand(0));
    op->replaceAllUsesWith(ValueRange{result});
    return op->erase();
  }
  if (isa<quant::StorageCastOp>(op)) {
    const Translated *translated = lookup(op->getResult(0).getType());
    Value result =
        translated
            ? createAssemble(builder, loc, *translated, op->getOperand(0))
            : DisassembleOp::create(builder, loc, op->getOperand(0)).getCodes();
    op->replaceAllUsesWith(ValueRange{result});
    return op->erase();
  }
  if (isa<func::ReturnOp, func::CallOp>(op))
    for (OpOperand &operand : op->getOpOperands())
      if (crossings.contains(&operand))
        operand.set(
            DisassembleOp::create(builder, loc, operand.get()).getCodes());
  builder.setInsertionPointAfter(op);
  for (Value result : op->getResults()) {
    const Translated *translated = lookup(result.getType());
    if (!translated)
      continue;
    if (!isa<func::CallOp>(op)) {
      result.setType(translated->type);
      continue;
    }
    result.setType(getCodesType(*translated));
    Value assembled = createAssemble(builder, loc, *translated, result);
    result.replaceAllUsesExcept(assembled, assembled.getDefiningOp());
  }
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        if (const Translated *translated = lookup(argument.getType()))
          argument.setType(translated->type);
}

void ConvertQuantToQuantTensor::runOnOperation() {
  types.clear();
  crossings.clear();
  SmallVector<Operation *> ops;
  WalkResult result =
      getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (failed(check(op)))
          return WalkResult::interrupt();
        if (isa<func::ReturnOp, func::CallOp>(op))
          for (OpOperand &operand : op->getOpOperands())
            if (getQuantized(operand.get().getType()))
              crossings.insert(&operand);
        ops.push_back(op);
        return WalkResult::advance();
      });
  if (result.wasInterrupted())
    return signalPassFailure();
  for (Operation *op : ops) {
    if (auto function = dyn_cast<func::FuncOp>(op)) {
      // The entry block holds codes; the others are converted as any block.
      convertSignature(function);
      for (Block &block : function.getBody())
        for (BlockArgument argument : block.getArguments())
          if (const Translated *translated = lookup(argument.getType()))
            argument.setType(translated->type);
      continue;
    }
    convertOp(op);
  }
}
