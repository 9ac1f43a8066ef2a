//===- QuantizeModel.cpp - Float linalg to encoded tensors ----------------===//

#include "ArgumentChain.h"
#include "KnownCodes.h"
#include "PassOptions.h"
#include "quantmlir/Calibration/Algorithms/SmoothQuant.h"
#include "quantmlir/Calibration/Layers.h"
#include "quantmlir/Calibration/Passes.h"
#include "quantmlir/Calibration/Smoothing.h"
#include "quantmlir/Calibration/StaticParameters.h"
#include "quantmlir/Calibration/Statistics.h"
#include "quantmlir/Dialect/QuantTensor/IR/BufferNames.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"

#include <cmath>

namespace quantmlir::calibration {
#define GEN_PASS_DEF_QUANTIZEMODEL
#include "quantmlir/Calibration/Passes.h.inc"
} // namespace quantmlir::calibration

using namespace mlir;
using namespace quantmlir;
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

/// Makes the layer read `quantized` in place of its weight, of `type`. An
/// encoded argument is what it reads already.
static void replaceWeight(ImplicitLocOpBuilder &b, Layer layer,
                          RankedTensorType type, Value quantized) {
  if (isa<BlockArgument>(quantized))
    layer.contraction.rhs.value = quantized;
  // What stands in between moves dense values.
  if (layer.isWeightSeenThrough())
    quantized = DequantizeOp::create(b, type, quantized);
  layer.replaceWeight(b, quantized);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct QuantizeModel
    : quantmlir::calibration::impl::QuantizeModelBase<QuantizeModel> {
  using QuantizeModelBase::QuantizeModelBase;

  void runOnOperation() override {
    bool done = succeeded(readOptions()) && succeeded(protectChannels()) &&
                succeeded(quantizeLayers());
    for (Operation *op : replaced)
      op->erase();
    if (!done || failed(writeCodes()))
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
    /// What the argument goes through before it is quantized.
    ArgumentChain::Copy chain;
  };

  LogicalResult readOptions();
  LogicalResult protectChannels();
  LogicalResult quantizeLayers();
  LogicalResult writeCodes();
  LogicalResult quantizeActivation(const Layer &layer, const Scheme &scheme,
                                   std::string &remark);
  LogicalResult quantizeWeight(const Layer &layer, const TensorScheme &scheme,
                               bool asArgument, std::string &remark);
  LogicalResult quantizeByGPTQ(const Layer &layer, const TensorScheme &scheme,
                               bool asArgument, std::string &remark);
  LogicalResult quantizeWithOutliers(const Layer &layer, const Scheme &scheme,
                                     bool asArgument, std::string &remark);
  FailureOr<const TensorStatistics *> getStatistics(const Layer &layer,
                                                    StringRef what);
  Value encodeArgument(Value value, EncodingAttr encoding,
                       const TensorScheme &scheme);
  bool canBeArgument(const Layer &layer, const Scheme &scheme, WhyNot &whyNot);
  void createQuantizer(Operation *function,
                       MutableArrayRef<EncodedArgument> encoded);

  InFlightDiagnostic fail() { return emitError(getOperation().getLoc()); }

  Scheme baseScheme;
  std::vector<SchemeOverride> schemeOverrides;
  std::optional<Statistics> statistics;
  /// Whether codes come from GPTQ, and channels are scaled by AWQ before.
  bool usesGPTQ = false, usesAWQ = false;
  WeightValues weightValues;
  /// What GPTQ made of arguments, by name.
  io::ArrayMap argumentParts;
  llvm::MapVector<Operation *, SmallVector<EncodedArgument>> encoded;
  llvm::SmallPtrSet<Operation *, 4> quantizers;
  /// Contractions that others stand for: what is known of the layer behind one
  /// refers to its result until all are quantized.
  SmallVector<Operation *> replaced;
};

} // namespace

LogicalResult QuantizeModel::readOptions() {
  if (scheme.empty())
    return fail() << "quantize-model needs a scheme, such as int8/int8";
  std::optional<bool> isRounding =
      llvm::StringSwitch<std::optional<bool>>(method)
          .Case("round", true)
          .Cases("gptq", "awq", "awq+gptq", false)
          .Default(std::nullopt);
  usesGPTQ = isRounding == false && StringRef(method).ends_with("gptq");
  usesAWQ = isRounding == false && StringRef(method).starts_with("awq");
  StringRef paramMethod = isRounding ? StringRef() : StringRef(method);
  auto base = takeOption(getOperation(), Scheme::parse(scheme, paramMethod));
  if (failed(base))
    return failure();
  baseScheme = *base;
  auto list = readOverrides(getOperation(), overrides, paramMethod);
  if (failed(list))
    return failure();
  schemeOverrides = *list;
  if (weights != "in-place" && weights != "arguments")
    return fail() << "weights=" << weights << " is neither in-place nor "
                  << "arguments";
  if (emit != "model" && emit != "quantizer" && emit != "both")
    return fail() << "emit=" << emit << " is not model, quantizer or both";
  if (emit != "model" && weights != "arguments")
    return fail() << "emit=" << emit << " goes with weights=arguments";
  if (!codes.empty() && !(usesGPTQ && weights == "arguments"))
    return fail() << "codes=file is for GPTQ's codes of weights=arguments";
  auto known = takeOption(getOperation(), WeightValues::read(values));
  if (failed(known))
    return failure();
  weightValues = std::move(*known);
  if (stats.empty()) {
    if (usesGPTQ || usesAWQ)
      return fail() << "method=" << method << " needs statistics (stats=file)";
    return success();
  }
  auto read = takeOption(getOperation(), Statistics::read(stats));
  if (failed(read))
    return failure();
  statistics = std::move(*read);
  return success();
}

/// AWQ's part: channels are scaled, and `statistics` follow.
LogicalResult QuantizeModel::protectChannels() {
  if (!usesAWQ)
    return success();
  SmoothOptions options;
  Statistics before = *statistics;
  options.statistics = &before;
  options.values = &weightValues;
  options.overrides = schemeOverrides;
  options.search = baseScheme;
  // What activations become is not AWQ's affair.
  options.search->activations.reset();
  for (SchemeOverride &entry : options.overrides)
    entry.scheme.activations.reset();
  return smoothActivations(getOperation(), options, passName, &*statistics);
}

/// Writes the parts of arguments that GPTQ made.
LogicalResult QuantizeModel::writeCodes() {
  std::string error;
  if (codes.empty() || io::writeArrays(codes, argumentParts, error))
    return success();
  return fail() << error;
}

LogicalResult QuantizeModel::quantizeLayers() {
  std::vector<Layer> layers = findLayers(getOperation(), passName);
  // Which layers read each argument is asked before anything changes.
  SmallVector<std::pair<const Layer *, Scheme>> chosen;
  SmallVector<bool> asArgument;
  for (const Layer &layer : layers) {
    Scheme own = chooseScheme(layer.name, baseScheme, schemeOverrides);
    WhyNot whyNot;
    if (!own.weights) {
      (void)whyNot("the scheme of '{0}' is none", layer.name);
      remarkMissed(layer.contraction.op, passName, "not quantized", whyNot);
      continue;
    }
    chosen.push_back({&layer, own});
    asArgument.push_back(weights == "arguments" &&
                         canBeArgument(layer, own, whyNot));
    if (weights == "arguments" && !asArgument.back())
      remarkMissed(layer.contraction.op, passName,
                   "the weight of '" + layer.name + "' is quantized in place",
                   whyNot);
  }
  if (chosen.empty() && baseScheme.weights)
    emitWarning(getOperation().getLoc())
        << "no layer is quantized: remarks (--remarks-filter=" << passName
        << ") say why";
  for (auto [entry, argument] : llvm::zip_equal(chosen, asArgument)) {
    const auto &[layer, own] = entry;
    std::string remark =
        "quantizes '" + layer->name + "': weights " + own.weights->toString();
    if (own.outliers) {
      if (failed(quantizeWithOutliers(*layer, own, argument, remark)))
        return failure();
      continue;
    }
    if (own.activations && failed(quantizeActivation(*layer, own, remark)))
      return failure();
    if (failed(quantizeWeight(*layer, *own.weights, argument, remark)))
      return failure();
    remarkPassed(layer->contraction.op, passName, remark);
  }
  return success();
}

/// The statistics of the layer's activations, checked against the layer; `what`
/// wants them.
FailureOr<const TensorStatistics *>
QuantizeModel::getStatistics(const Layer &layer, StringRef what) {
  Operation *op = layer.contraction.op;
  std::string name = layer.getActivationName();
  if (!statistics)
    return op->emitOpError() << "of '" << layer.name << "' is to have " << what
                             << ", and no statistics are given (stats=file)";
  llvm::Expected<const TensorStatistics *> seen = statistics->get(name);
  if (!seen)
    return op->emitOpError()
           << "of '" << layer.name << "': " << llvm::toString(seen.takeError());
  int64_t extent = layer.contraction.getContractedExtent();
  if (!ShapedType::isDynamic(extent) && (*seen)->channels != extent)
    return op->emitOpError() << "of '" << layer.name << "' contracts " << extent
                             << " channels, and the statistics of '" << name
                             << "' are of " << (*seen)->channels;
  return *seen;
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
  EncodingAttr encoding =
      makeEncoding(type, axis, activations, /*isWeight=*/false);
  remark += "; activations " + activations.toString();
  if (!own.isStatic) {
    remark += ", dynamic";
    op->setOperand(layer.activation,
                   quantizeFromData(b, value, encoding, activations));
    return success();
  }
  FailureOr<const TensorStatistics *> seen =
      getStatistics(layer, "static activations");
  if (failed(seen))
    return failure();
  llvm::Expected<StaticParameters> parameters =
      chooseStaticParameters(encoding, activations, **seen);
  if (!parameters)
    return op->emitOpError() << "of '" << layer.name << "': statistics of '"
                             << layer.getActivationName()
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
bool QuantizeModel::canBeArgument(const Layer &layer, const Scheme &own,
                                  WhyNot &whyNot) {
  FailureOr<ArgumentChain> chain =
      ArgumentChain::match(layer.getWeight(), whyNot);
  if (failed(chain))
    return false;
  auto function = cast<func::FuncOp>(chain->argument.getOwner()->getParentOp());
  if (own.outliers && layer.contraction.isRhsTransposed())
    return succeeded(whyNot("with outliers it has to be N×K"));
  if (own.hasStaticOutliers)
    return succeeded(whyNot("its outlier columns stay float"));
  if (!SymbolTable::symbolKnownUseEmpty(function, getOperation()))
    return succeeded(whyNot("the function is called"));
  return true;
}

/// Makes the function take, in place of the argument that `value` is computed
/// from, `value` encoded.
Value QuantizeModel::encodeArgument(Value value, EncodingAttr encoding,
                                    const TensorScheme &own) {
  auto type = cast<RankedTensorType>(value.getType());
  WhyNot whyNot;
  ArgumentChain chain = *ArgumentChain::match(value, whyNot);
  BlockArgument argument = chain.argument;
  auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  RankedTensorType encodedType = withEncoding(type, encoding);
  encoded[function].push_back({argument.getArgNumber(), own,
                               cast<RankedTensorType>(argument.getType()),
                               encodedType, chain.copy(value)});
  // The reader first, so that what is in between has none.
  if (!chain.ops.empty()) {
    value.replaceAllUsesWith(argument);
    chain.erase();
  }
  argument.setType(encodedType);
  SmallVector<Type> inputs(function.getArgumentTypes());
  inputs[argument.getArgNumber()] = encodedType;
  function.setType(
      FunctionType::get(&getContext(), inputs, function.getResultTypes()));
  return argument;
}

/// Codes that make up for each other's errors, now.
LogicalResult QuantizeModel::quantizeByGPTQ(const Layer &layer,
                                            const TensorScheme &own,
                                            bool asArgument,
                                            std::string &remark) {
  Operation *op = layer.contraction.op;
  auto fail = [&](const Twine &why) {
    return op->emitOpError() << "of '" << layer.name << "': " << why;
  };
  FailureOr<const TensorStatistics *> seen = getStatistics(layer, "GPTQ");
  if (failed(seen))
    return failure();
  Value value = layer.getWeight();
  auto type = cast<RankedTensorType>(value.getType());
  WhyNot whyNot;
  FailureOr<ArgumentChain> chain = ArgumentChain::match(value, whyNot);
  if (succeeded(chain) && (asArgument ? codes.empty() : weights != "arguments"))
    return fail("GPTQ's codes of an argument are another file: "
                "weights=arguments codes=file");
  GPTQReport report;
  auto parts = quantizeLayerByGPTQ(layer, own, weightValues, **seen, report);
  if (!parts)
    return fail(llvm::toString(parts.takeError()));
  llvm::raw_string_ostream stream(remark);
  stream << ", GPTQ's loss " << llvm::format("%.4f", report.getRatio())
         << " of rounding's";
  if (report.dampingSteps)
    stream << ", damping raised to " << llvm::format("%g", report.damping);
  EncodingAttr encoding = makeEncoding(type, layer.getWeightAxis(), own);
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value quantized;
  if (asArgument) {
    quantized = encodeArgument(value, encoding, own);
    auto argument = cast<BlockArgument>(quantized);
    auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    for (auto &[part, array] : *parts)
      argumentParts[getArgumentBufferName(function, argument.getArgNumber()) +
                    "." + part] = array;
  } else {
    auto assembled =
        assembleConstants(b, b.getLoc(), withEncoding(type, encoding), *parts);
    if (!assembled)
      return fail(llvm::toString(assembled.takeError()));
    quantized = *assembled;
  }
  replaceWeight(b, layer, type, quantized);
  return success();
}

LogicalResult QuantizeModel::quantizeWeight(const Layer &layer,
                                            const TensorScheme &own,
                                            bool asArgument,
                                            std::string &remark) {
  if (usesGPTQ)
    return quantizeByGPTQ(layer, own, asArgument, remark);
  Operation *op = layer.contraction.op;
  Value value = layer.getWeight();
  auto type = cast<RankedTensorType>(value.getType());
  EncodingAttr encoding = makeEncoding(type, layer.getWeightAxis(), own);
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value quantized;
  if (asArgument) {
    quantized = encodeArgument(value, encoding, own);
  } else {
    quantized = quantizeFromData(b, value, encoding, own);
  }
  replaceWeight(b, layer, type, quantized);
  return success();
}

LogicalResult QuantizeModel::quantizeWithOutliers(const Layer &layer,
                                                  const Scheme &own,
                                                  bool asArgument,
                                                  std::string &remark) {
  const Contraction &contraction = layer.contraction;
  auto op = cast<linalg::LinalgOp>(contraction.op);
  auto fail = [&](StringRef why) {
    return op->emitOpError()
           << "of '" << layer.name << "' has no form with outliers: " << why;
  };
  RankedTensorType resultType = contraction.getResultType();
  auto isKernelFloat = [](Type type) {
    return isa<Float16Type, BFloat16Type, Float32Type>(type);
  };
  auto lhsType = cast<RankedTensorType>(layer.getActivation().getType());
  SmallVector<unsigned> wanted = contraction.m;
  wanted.push_back(contraction.k);
  if (usesGPTQ)
    return fail("GPTQ does not know of them");
  if (contraction.numBatch || !contraction.hasRows() || !contraction.n ||
      !contraction.isResultInOrder() || layer.getActivationLoops() != wanted)
    return fail("it is not [.., M, K] times a matrix in this order");
  if (!isKernelFloat(lhsType.getElementType()) ||
      !isKernelFloat(resultType.getElementType()))
    return fail("activations and results have to be f16, bf16 or f32");
  if (ShapedType::isDynamic(contraction.getContractedExtent()) &&
      own.hasStaticOutliers)
    return fail("K is dynamic");

  ImplicitLocOpBuilder b(op->getLoc(), op);
  FloatAttr threshold;
  DenseI64ArrayAttr columns;
  remark += "; activations " + own.activations->toString() + ", dynamic; ";
  if (own.hasStaticOutliers) {
    FailureOr<const TensorStatistics *> seen =
        getStatistics(layer, "static outliers");
    if (failed(seen))
      return failure();
    if (!((*seen)->getKinds() & MinMaxStatistic))
      return fail("the statistic minmax was not kept");
    std::vector<float> absMax;
    for (auto [low, high] : llvm::zip_equal((*seen)->min, (*seen)->max))
      absMax.push_back(
          (*seen)->count == 0 ? 0 : std::max(std::fabs(low), std::fabs(high)));
    std::vector<int64_t> found = chooseOutlierColumns(absMax, *own.outliers);
    columns = b.getDenseI64ArrayAttr(found);
    remark += std::to_string(found.size()) + " columns stay float";
  } else {
    threshold = b.getF64FloatAttr(*own.outliers);
    llvm::raw_string_ostream(remark)
        << "columns that reach " << llvm::format("%g", *own.outliers)
        << " stay float";
  }

  // The op wants N×K.
  Value weight = layer.getWeight();
  auto type = cast<RankedTensorType>(weight.getType());
  if (!asArgument && contraction.isRhsTransposed()) {
    Value empty = tensor::EmptyOp::create(
        b, ArrayRef<int64_t>{type.getDimSize(1), type.getDimSize(0)},
        type.getElementType());
    weight =
        linalg::TransposeOp::create(b, weight, empty, ArrayRef<int64_t>{1, 0})
            ->getResult(0);
    type = cast<RankedTensorType>(weight.getType());
  }
  EncodingAttr encoding = makeEncoding(type, /*k=*/1, *own.weights);
  // Weights of columns that are known stay float with them, and leave all codes
  // of their rows to the others.
  Value outlierWeights;
  if (columns && !columns.empty() && !asArgument) {
    outlierWeights = gatherColumns(b, b.getLoc(), weight, columns);
    weight = zeroColumns(b, b.getLoc(), weight, columns);
  }
  weight = asArgument ? encodeArgument(weight, encoding, *own.weights)
                      : quantizeFromData(b, weight, encoding, *own.weights);

  Value init = op.getDpsInitOperand(0)->get();
  Value result =
      OutlierMatmulOp::create(b, resultType, layer.getActivation(), weight,
                              outlierWeights, init, threshold, columns);
  if (!isZeroTensor(init))
    result = arith::AddFOp::create(b, result, init);
  remarkPassed(op, passName, remark);
  op->getResult(0).replaceAllUsesWith(result);
  replaced.push_back(op);
  return success();
}

void QuantizeModel::createQuantizer(
    Operation *op, MutableArrayRef<EncodedArgument> arguments) {
  auto function = cast<func::FuncOp>(op);
  llvm::sort(arguments, [](const EncodedArgument &a, const EncodedArgument &b) {
    return a.number < b.number;
  });
  SmallVector<Type> inputs, results;
  for (const EncodedArgument &argument : arguments) {
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
  for (auto [index, argument] : llvm::enumerate(arguments)) {
    auto name =
        b.getStringAttr(getArgumentBufferName(function, argument.number));
    quantizer.setArgAttr(index, nameAttr, name);
    quantizer.setResultAttr(index, nameAttr, name);
    Value value = argument.chain.build(b, block->getArgument(index));
    values.push_back(quantizeFromData(
        b, value, getEncoding(argument.encodedType), argument.scheme));
  }
  func::ReturnOp::create(b, values);
  quantizers.insert(quantizer);
}
