//===- QuantizeModel.cpp - Float linalg to encoded tensors ----------------===//

#include "quantmlir/Calibration/Layers.h"
#include "quantmlir/Calibration/Passes.h"
#include "quantmlir/Calibration/StaticParameters.h"
#include "quantmlir/Calibration/Statistics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"

namespace quantmlir::calibration {
#define GEN_PASS_DEF_QUANTIZEMODEL
#include "quantmlir/Calibration/Passes.h.inc"
} // namespace quantmlir::calibration

using namespace mlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-quantize-model";

//===----------------------------------------------------------------------===//
// Quantizing one tensor
//===----------------------------------------------------------------------===//

static RankedTensorType withEncoding(RankedTensorType type,
                                     EncodingAttr encoding) {
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               encoding);
}

/// Quantizes `value` with parameters chosen from itself.
static Value quantizeFromData(ImplicitLocOpBuilder &b, Value value,
                              EncodingAttr encoding,
                              const TensorScheme &scheme) {
  auto type = cast<RankedTensorType>(value.getType());
  RankedTensorType result = withEncoding(type, encoding);
  ParamMethod method = getParamMethod(scheme.method);
  ParamMethod usual =
      encoding.hasZeroPoint() ? ParamMethod::MinMax : ParamMethod::AbsMax;
  if (method == usual)
    return QuantizeOp::create(b, result, value, Value(), Value(),
                              ParamMethodAttr());
  SmallVector<Type> types = {encoding.getScalesType(type.getShape())};
  if (encoding.hasZeroPoint())
    types.push_back(encoding.getZeroPointsType(type.getShape()));
  auto params = ChooseParamsOp::create(
      b, types, value, ParamMethodAttr::get(b.getContext(), method), encoding,
      b.getF64FloatAttr(scheme.percent),
      b.getI64IntegerAttr(scheme.candidates));
  return QuantizeOp::create(b, result, value, params.getScales(),
                            params.getZeroPoints(), ParamMethodAttr());
}

/// Quantizes `value` with parameters known now.
static Value quantizeStatically(ImplicitLocOpBuilder &b, Value value,
                                EncodingAttr encoding,
                                const StaticParameters &parameters) {
  auto type = cast<RankedTensorType>(value.getType());
  RankedTensorType scalesType = encoding.getScalesType(type.getShape());
  auto scaleType = cast<FloatType>(scalesType.getElementType());
  Value scales = arith::ConstantOp::create(
      b, DenseElementsAttr::get(scalesType,
                                b.getFloatAttr(scaleType, parameters.scale)));
  Value zeroPoints;
  if (encoding.hasZeroPoint()) {
    RankedTensorType pointsType = encoding.getZeroPointsType(type.getShape());
    zeroPoints = arith::ConstantOp::create(
        b, DenseElementsAttr::get(pointsType,
                                  b.getIntegerAttr(pointsType.getElementType(),
                                                   parameters.zeroPoint)));
  }
  return QuantizeOp::create(b, withEncoding(type, encoding), value, scales,
                            zeroPoints, ParamMethodAttr());
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct QuantizeModel
    : quantmlir::calibration::impl::QuantizeModelBase<QuantizeModel> {
  using QuantizeModelBase::QuantizeModelBase;

  void runOnOperation() override {
    if (failed(readOptions()) || failed(quantizeLayers()))
      return signalPassFailure();
    if (emit != "model")
      for (auto &[function, arguments] : encoded)
        createQuantizer(function, arguments);
    if (emit != "quantizer")
      return;
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (!quantizers.contains(function))
        function.erase();
  }

private:
  /// What became of a weight that is a function's argument.
  struct EncodedArgument {
    unsigned number;
    TensorScheme scheme;
    RankedTensorType floatType, encodedType;
  };

  LogicalResult readOptions();
  LogicalResult quantizeLayers();
  LogicalResult quantizeActivation(const Layer &layer, const Scheme &scheme,
                                   std::string &remark);
  void quantizeWeight(const Layer &layer, const TensorScheme &scheme,
                      bool asArgument);
  bool canBeArgument(const Layer &layer, WhyNot &whyNot);
  void createQuantizer(Operation *function, ArrayRef<EncodedArgument> encoded);

  InFlightDiagnostic fail() { return emitError(getOperation().getLoc()); }

  Scheme baseScheme;
  std::vector<SchemeOverride> schemeOverrides;
  std::optional<Statistics> statistics;
  llvm::MapVector<Operation *, SmallVector<EncodedArgument>> encoded;
  llvm::SmallPtrSet<Operation *, 4> quantizers;
};

} // namespace

LogicalResult QuantizeModel::readOptions() {
  if (scheme.empty())
    return fail() << "quantize-model needs a scheme, such as int8/int8";
  llvm::Expected<Scheme> base = Scheme::parse(scheme, method);
  if (!base)
    return fail() << llvm::toString(base.takeError());
  baseScheme = *base;
  auto list = parseOverrides(overrides);
  if (!list)
    return fail() << llvm::toString(list.takeError());
  schemeOverrides = *list;
  if (weights != "in-place" && weights != "arguments")
    return fail() << "weights=" << weights << " is neither in-place nor "
                  << "arguments";
  if (emit != "model" && emit != "quantizer" && emit != "both")
    return fail() << "emit=" << emit << " is not model, quantizer or both";
  if (emit != "model" && weights != "arguments")
    return fail() << "emit=" << emit << " goes with weights=arguments";
  if (stats.empty())
    return success();
  llvm::Expected<Statistics> read = Statistics::read(stats);
  if (!read)
    return fail() << llvm::toString(read.takeError());
  statistics = std::move(*read);
  return success();
}

LogicalResult QuantizeModel::quantizeLayers() {
  std::vector<Layer> layers = findLayers(getOperation(), passName);
  // Which layers read each argument is asked before anything changes.
  SmallVector<std::pair<const Layer *, Scheme>> chosen;
  SmallVector<bool> asArgument;
  for (const Layer &layer : layers) {
    Scheme own =
        llvm::cantFail(chooseScheme(layer.name, baseScheme, schemeOverrides));
    WhyNot whyNot;
    if (!own.weights) {
      (void)whyNot("the scheme of '{0}' is none", layer.name);
      remarkMissed(layer.contraction.op, passName, "not quantized", whyNot);
      continue;
    }
    chosen.push_back({&layer, own});
    asArgument.push_back(weights == "arguments" &&
                         canBeArgument(layer, whyNot));
    if (weights == "arguments" && !asArgument.back())
      remarkMissed(layer.contraction.op, passName,
                   "the weight of '" + layer.name + "' is quantized in place",
                   whyNot);
  }
  for (auto [entry, argument] : llvm::zip_equal(chosen, asArgument)) {
    const auto &[layer, own] = entry;
    std::string remark =
        "quantizes '" + layer->name + "': weights " + own.weights->toString();
    if (own.activations && failed(quantizeActivation(*layer, own, remark)))
      return failure();
    quantizeWeight(*layer, *own.weights, argument);
    remarkPassed(layer->contraction.op, passName, remark);
  }
  return success();
}

LogicalResult QuantizeModel::quantizeActivation(const Layer &layer,
                                                const Scheme &own,
                                                std::string &remark) {
  Operation *op = layer.contraction.op;
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value value = layer.getActivation();
  auto type = cast<RankedTensorType>(value.getType());
  unsigned axis = layer.getActivationAxis();
  const TensorScheme &activations = *own.activations;
  EncodingAttr encoding = makeEncoding(type, axis, activations);
  remark += "; activations " + activations.toString();
  if (!own.isStatic) {
    remark += ", dynamic";
    op->setOperand(layer.activation,
                   quantizeFromData(b, value, encoding, activations));
    return success();
  }
  std::string name = layer.getActivationName();
  if (!statistics)
    return op->emitOpError()
           << "of '" << layer.name
           << "' is to have static activations, and no statistics are given "
           << "(stats=file)";
  llvm::Expected<const TensorStatistics *> seen = statistics->get(name);
  if (!seen)
    return op->emitOpError()
           << "of '" << layer.name << "': " << llvm::toString(seen.takeError());
  int64_t extent = type.getDimSize(axis);
  if (!ShapedType::isDynamic(extent) && (*seen)->channels != extent)
    return op->emitOpError() << "of '" << layer.name << "' contracts " << extent
                             << " channels, and the statistics of '" << name
                             << "' are of " << (*seen)->channels;
  llvm::Expected<StaticParameters> parameters =
      chooseStaticParameters(encoding, activations, **seen);
  if (!parameters)
    return op->emitOpError()
           << "of '" << layer.name << "': statistics of '" << name
           << "': " << llvm::toString(parameters.takeError());
  llvm::raw_string_ostream(remark)
      << ", static: scale " << llvm::format("%.6g", parameters->scale)
      << ", zero point " << parameters->zeroPoint;
  op->setOperand(layer.activation,
                 quantizeStatically(b, value, encoding, *parameters));
  return success();
}

/// Whether the weight is an argument that the function takes for this layer
/// alone.
bool QuantizeModel::canBeArgument(const Layer &layer, WhyNot &whyNot) {
  auto argument = dyn_cast<BlockArgument>(layer.getWeight());
  auto function =
      argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
               : func::FuncOp();
  if (!function)
    return succeeded(whyNot("it is not an argument of the function"));
  if (!argument.hasOneUse())
    return succeeded(whyNot("it has other uses"));
  if (!SymbolTable::symbolKnownUseEmpty(function, getOperation()))
    return succeeded(whyNot("the function is called"));
  return true;
}

void QuantizeModel::quantizeWeight(const Layer &layer, const TensorScheme &own,
                                   bool asArgument) {
  Operation *op = layer.contraction.op;
  Value value = layer.getWeight();
  auto type = cast<RankedTensorType>(value.getType());
  EncodingAttr encoding = makeEncoding(type, layer.getWeightAxis(), own);
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value quantized;
  if (asArgument) {
    auto argument = cast<BlockArgument>(value);
    auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    RankedTensorType encodedType = withEncoding(type, encoding);
    encoded[function].push_back(
        {argument.getArgNumber(), own, type, encodedType});
    argument.setType(encodedType);
    SmallVector<Type> inputs(function.getArgumentTypes());
    inputs[argument.getArgNumber()] = encodedType;
    function.setType(
        FunctionType::get(&getContext(), inputs, function.getResultTypes()));
    quantized = argument;
  } else {
    quantized = quantizeFromData(b, value, encoding, own);
  }
  // What stands in between moves dense values.
  if (layer.isWeightSeenThrough())
    quantized = DequantizeOp::create(b, type, quantized);
  layer.replaceWeight(b, quantized);
}

void QuantizeModel::createQuantizer(Operation *op,
                                    ArrayRef<EncodedArgument> arguments) {
  auto function = cast<func::FuncOp>(op);
  auto order = llvm::to_vector(arguments);
  llvm::sort(order, [](const EncodedArgument &a, const EncodedArgument &b) {
    return a.number < b.number;
  });
  SmallVector<Type> inputs, results;
  for (const EncodedArgument &argument : order) {
    inputs.push_back(argument.floatType);
    results.push_back(argument.encodedType);
  }
  ImplicitLocOpBuilder b(function.getLoc(), &getContext());
  b.setInsertionPointAfter(function);
  auto quantizer =
      func::FuncOp::create(b, (function.getName() + ".quantize").str(),
                           b.getFunctionType(inputs, results));
  Block *block = quantizer.addEntryBlock();
  b.setInsertionPointToStart(block);
  SmallVector<Value> values;
  StringRef nameAttr = QuantTensorDialect::getNameAttrName();
  for (auto [index, argument] : llvm::enumerate(order)) {
    auto name =
        function.getArgAttrOfType<StringAttr>(argument.number, nameAttr);
    if (!name)
      name = b.getStringAttr("arg" + Twine(argument.number));
    quantizer.setArgAttr(index, nameAttr, name);
    quantizer.setResultAttr(index, nameAttr, name);
    values.push_back(quantizeFromData(b, block->getArgument(index),
                                      getEncoding(argument.encodedType),
                                      argument.scheme));
  }
  func::ReturnOp::create(b, values);
  quantizers.insert(quantizer);
}
