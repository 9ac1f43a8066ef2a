//===- SmoothActivations.cpp - Outliers move into weights -----------------===//
//
// Y = (X diag(s)^-1) (W diag(s))^T, for all layers that read one X. Where X
// comes from a norm's gain and bias or from another layer, 1/s goes into these.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Calibration/Algorithms/SmoothQuant.h"
#include "quantmlir/Calibration/Layers.h"
#include "quantmlir/Calibration/Passes.h"
#include "quantmlir/Calibration/Statistics.h"
#include "quantmlir/Runtime/ArrayIO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>
#include <cstring>

namespace quantmlir::calibration {
#define GEN_PASS_DEF_SMOOTHACTIVATIONS
#include "quantmlir/Calibration/Passes.h.inc"
} // namespace quantmlir::calibration

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-smooth-activations";

/// `value` with each element multiplied by the factor of its index along `dim`,
/// in f32 where its type is narrower.
static Value multiplyAlong(ImplicitLocOpBuilder &b, Value value, unsigned dim,
                           ArrayRef<float> factors) {
  auto type = cast<RankedTensorType>(value.getType());
  unsigned rank = type.getRank();
  MLIRContext *context = b.getContext();
  Value vector = arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             RankedTensorType::get({int64_t(factors.size())}, b.getF32Type()),
             factors));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), value);
  Value empty = tensor::EmptyOp::create(b, sizes, type.getElementType());
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<AffineMap> maps = {
      identity,
      AffineMap::get(rank, 0, {getAffineDimExpr(dim, context)}, context),
      identity};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, TypeRange(empty.getType()), ValueRange{value, vector},
             ValueRange(empty), maps, iterators,
             [&](OpBuilder &builder, Location loc, ValueRange args) {
               ImplicitLocOpBuilder inner(loc, builder);
               Type element = type.getElementType();
               Value x = args[0], factor = args[1];
               bool isNarrow = element.getIntOrFloatBitWidth() < 32;
               if (isNarrow)
                 x = arith::ExtFOp::create(inner, inner.getF32Type(), x);
               else if (element.isF64())
                 factor = arith::ExtFOp::create(inner, element, factor);
               Value product = arith::MulFOp::create(inner, x, factor);
               if (isNarrow)
                 product = arith::TruncFOp::create(inner, element, product);
               linalg::YieldOp::create(inner, ValueRange(product));
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Folding a factor into what makes a value
//===----------------------------------------------------------------------===//

namespace {

/// Finds operands of earlier ops that, multiplied by a factor along one
/// dimension, multiply a value by it. Changes nothing until all are found.
class FactorFolder {
public:
  FactorFolder(ArrayRef<Layer> layers) : layers(layers) {}

  /// Whether `value` can be multiplied along `dim`, where only `users` and
  /// queries of its size see the difference.
  bool find(Value value, unsigned dim,
            function_ref<bool(OpOperand &)> isExpectedUse, WhyNot &whyNot);

  /// Multiplies all that `find` found.
  void apply(ArrayRef<float> factors) const;

  /// Whether it ended in a layer, a gain, or both.
  std::string describe() const;

private:
  bool findInElementwise(linalg::LinalgOp op, unsigned dim, WhyNot &whyNot);
  bool findInBody(linalg::LinalgOp op, unsigned loop, Value value,
                  WhyNot &whyNot);

  struct Target {
    /// A layer whose weight has `dim`, or an operand.
    const Layer *layer = nullptr;
    OpOperand *operand = nullptr;
    unsigned dim = 0;
  };
  ArrayRef<Layer> layers;
  SmallVector<Target> targets;
};

} // namespace

bool FactorFolder::find(Value value, unsigned dim,
                        function_ref<bool(OpOperand &)> isExpectedUse,
                        WhyNot &whyNot) {
  for (OpOperand &use : value.getUses())
    if (!isExpectedUse(use) && !isa<tensor::DimOp>(use.getOwner()))
      return succeeded(whyNot("something else reads the activations"));
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  if (!op || op->getNumResults() != 1)
    return succeeded(whyNot("what makes them is no linalg op"));
  const Layer *layer = llvm::find_if(layers, [&](const Layer &candidate) {
    return candidate.contraction.op == op;
  });
  if (layer != layers.end()) {
    const Contraction &contraction = layer->contraction;
    if (!contraction.n || contraction.resultLoops[dim] != *contraction.n)
      return succeeded(whyNot("they come from a layer along its rows"));
    if (!isZeroTensor(contraction.init))
      return succeeded(whyNot("they come from a layer that adds to its init"));
    ArrayRef<unsigned> loops = contraction.rhs.loops;
    unsigned weightDim = llvm::find(loops, *contraction.n) - loops.begin();
    targets.push_back({layer, nullptr, weightDim});
    return true;
  }
  return findInElementwise(op, dim, whyNot);
}

bool FactorFolder::findInElementwise(linalg::LinalgOp op, unsigned dim,
                                     WhyNot &whyNot) {
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (op.getNumParallelLoops() != op.getNumLoops() || !out.isPermutation() ||
      op.getNumDpsInits() != 1)
    return succeeded(whyNot("what makes them is neither a layer nor "
                            "elementwise"));
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  return findInBody(op, out.getDimPosition(dim), yielded, whyNot);
}

static bool isZeroConstant(Value value) {
  FloatAttr attr;
  return matchPattern(value, m_Constant(&attr)) && attr.getValue().isZero();
}

/// Multiplying `value` of the body by a positive factor that depends on `loop`.
bool FactorFolder::findInBody(linalg::LinalgOp op, unsigned loop, Value value,
                              WhyNot &whyNot) {
  if (isZeroConstant(value))
    return true;
  if (!value.hasOneUse())
    return succeeded(whyNot("a value on the way is used twice"));
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() != op.getBlock() ||
        argument.getArgNumber() >= op.getNumDpsInputs())
      return succeeded(whyNot("a value on the way comes from outside"));
    OpOperand *operand = op.getDpsInputOperand(argument.getArgNumber());
    AffineMap map = op.getMatchingIndexingMap(operand);
    std::optional<unsigned> dim =
        map.getResultPosition(getAffineDimExpr(loop, op->getContext()));
    if (!dim || !map.isProjectedPermutation())
      return succeeded(whyNot("a term does not vary along the channels"));
    auto type = dyn_cast<RankedTensorType>(operand->get().getType());
    if (type && isWeightValue(operand->get())) {
      targets.push_back({nullptr, operand, *dim});
      return true;
    }
    return find(
        operand->get(), *dim, [&](OpOperand &use) { return &use == operand; },
        whyNot);
  }
  Operation *inner = value.getDefiningOp();
  auto recurse = [&](Value operand) {
    return findInBody(op, loop, operand, whyNot);
  };
  if (isa<arith::AddFOp, arith::SubFOp>(inner))
    return recurse(inner->getOperand(0)) && recurse(inner->getOperand(1));
  if (isa<arith::ExtFOp, arith::TruncFOp, arith::NegFOp, arith::DivFOp>(inner))
    return recurse(inner->getOperand(0));
  if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MinimumFOp,
          arith::MinNumFOp>(inner) &&
      (isZeroConstant(inner->getOperand(0)) ||
       isZeroConstant(inner->getOperand(1))))
    return recurse(inner->getOperand(0)) && recurse(inner->getOperand(1));
  if (isa<arith::MulFOp>(inner)) {
    // Either factor will do; a weight is the cheaper one.
    for (unsigned side : {1u, 0u}) {
      auto saved = targets;
      WhyNot ignored;
      auto argument = dyn_cast<BlockArgument>(inner->getOperand(side));
      bool isWeight =
          argument && argument.getOwner() == op.getBlock() &&
          argument.getArgNumber() < op.getNumDpsInputs() &&
          isWeightValue(op.getDpsInputOperand(argument.getArgNumber())->get());
      if (isWeight && findInBody(op, loop, inner->getOperand(side), ignored))
        return true;
      targets = saved;
    }
    for (unsigned side : {0u, 1u}) {
      auto saved = targets;
      WhyNot ignored;
      if (findInBody(op, loop, inner->getOperand(side), ignored))
        return true;
      targets = saved;
    }
    return succeeded(whyNot("neither factor of a product can take the scales"));
  }
  return succeeded(
      whyNot("'{0}' stands in between", inner->getName().getStringRef()));
}

void FactorFolder::apply(ArrayRef<float> factors) const {
  for (const Target &target : targets) {
    Operation *op = target.layer ? target.layer->contraction.op
                                 : target.operand->getOwner();
    ImplicitLocOpBuilder b(op->getLoc(), op);
    Value value =
        target.layer ? target.layer->getWeight() : target.operand->get();
    value = multiplyAlong(b, value, target.dim, factors);
    if (target.layer)
      target.layer->replaceWeight(b, value);
    else
      target.operand->set(value);
  }
}

std::string FactorFolder::describe() const {
  std::string text;
  for (const Target &target : targets)
    if (target.layer)
      text += (text.empty() ? "'" : ", '") + target.layer->name + "'";
  size_t vectors = llvm::count_if(
      targets, [](const Target &target) { return !target.layer; });
  if (vectors != 0)
    text += (text.empty() ? "" : " and ") + std::to_string(vectors) +
            (vectors == 1 ? " vector" : " vectors");
  return text;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct SmoothActivations
    : quantmlir::calibration::impl::SmoothActivationsBase<SmoothActivations> {
  using SmoothActivationsBase::SmoothActivationsBase;

  void runOnOperation() override {
    if (failed(readOptions()))
      return signalPassFailure();
    // Names outlast the rewriting; what they name is looked up again each time.
    std::vector<std::string> names;
    for (const Layer &layer : findLayers(getOperation(), passName))
      names.push_back(layer.name);
    llvm::StringSet<> done;
    for (const std::string &name : names) {
      if (done.contains(name))
        continue;
      std::vector<Layer> layers = findLayers(getOperation(), "");
      SmallVector<const Layer *> group = findGroup(layers, name);
      for (const Layer *layer : group)
        done.insert(layer->name);
      if (failed(smooth(layers, group)))
        return signalPassFailure();
    }
  }

private:
  InFlightDiagnostic fail() { return emitError(getOperation().getLoc()); }

  LogicalResult readOptions();
  SmallVector<const Layer *> findGroup(ArrayRef<Layer> layers, StringRef name);
  FailureOr<std::vector<float>> chooseScales(ArrayRef<const Layer *> group);
  FailureOr<std::vector<float>> readScales(ArrayRef<const Layer *> group);
  LogicalResult smooth(ArrayRef<Layer> layers, ArrayRef<const Layer *> group);

  Scheme baseScheme;
  std::vector<SchemeOverride> schemeOverrides;
  std::optional<Statistics> statistics;
  std::optional<io::ArrayMap> given;
};

} // namespace

LogicalResult SmoothActivations::readOptions() {
  if (stats.empty() == scales.empty())
    return fail() << "smooth-activations takes stats=file or scales=file";
  if (!(alpha >= 0 && alpha <= 1))
    return fail() << "alpha = " << alpha << " is not in [0, 1]";
  llvm::Expected<Scheme> base = Scheme::parse("int8");
  baseScheme = llvm::cantFail(std::move(base));
  auto list = parseOverrides(overrides);
  if (!list)
    return fail() << llvm::toString(list.takeError());
  schemeOverrides = *list;
  if (!stats.empty()) {
    llvm::Expected<Statistics> read = Statistics::read(stats);
    if (!read)
      return fail() << llvm::toString(read.takeError());
    statistics = std::move(*read);
    return success();
  }
  io::ArrayMap arrays;
  std::string error;
  if (!io::readArrays(scales, arrays, error))
    return fail() << error;
  given = std::move(arrays);
  return success();
}

/// The layers that read what the layer `name` reads, and are not left out.
SmallVector<const Layer *> SmoothActivations::findGroup(ArrayRef<Layer> layers,
                                                        StringRef name) {
  const Layer *first = llvm::find_if(
      layers, [&](const Layer &layer) { return layer.name == name; });
  SmallVector<const Layer *> group;
  for (const Layer &layer : layers)
    if (layer.getActivation() == first->getActivation() &&
        layer.getActivationAxis() == first->getActivationAxis() &&
        llvm::cantFail(chooseScheme(layer.name, baseScheme, schemeOverrides))
            .weights)
      group.push_back(&layer);
  return group;
}

/// max|x| of each channel.
static std::vector<float> getAbsMax(const TensorStatistics &statistics) {
  std::vector<float> result(statistics.channels, 0.0f);
  for (auto [absMax, low, high] :
       llvm::zip_equal(result, statistics.min, statistics.max))
    if (statistics.count != 0)
      absMax = std::max(std::fabs(low), std::fabs(high));
  return result;
}

FailureOr<std::vector<float>>
SmoothActivations::chooseScales(ArrayRef<const Layer *> group) {
  std::vector<float> inputs, weights;
  for (const Layer *layer : group) {
    Operation *op = layer->contraction.op;
    int64_t channels = layer->contraction.getContractedExtent();
    auto add = [&](const std::string &name,
                   std::vector<float> &largest) -> LogicalResult {
      llvm::Expected<const TensorStatistics *> seen = statistics->get(name);
      if (!seen)
        return op->emitOpError() << "of '" << layer->name
                                 << "': " << llvm::toString(seen.takeError());
      if ((*seen)->channels != channels)
        return op->emitOpError()
               << "of '" << layer->name << "' contracts " << channels
               << " channels, and the statistics of '" << name << "' are of "
               << (*seen)->channels;
      if (!((*seen)->getKinds() & MinMaxStatistic))
        return op->emitOpError()
               << "of '" << layer->name << "': the statistic minmax of '"
               << name << "' was not kept";
      largest.resize(channels, 0.0f);
      for (auto [all, one] : llvm::zip_equal(largest, getAbsMax(**seen)))
        all = std::max(all, one);
      return success();
    };
    if (failed(add(layer->getActivationName(), inputs)) ||
        failed(add(layer->getWeightName(), weights)))
      return failure();
  }
  return computeSmoothScales(inputs, weights, alpha);
}

FailureOr<std::vector<float>>
SmoothActivations::readScales(ArrayRef<const Layer *> group) {
  std::vector<float> result;
  for (const Layer *layer : group) {
    Operation *op = layer->contraction.op;
    std::string name = layer->name + ".smooth";
    auto it = given->find(name);
    if (it == given->end())
      return op->emitOpError() << "of '" << layer->name << "': '" << scales
                               << "' has no '" << name << "'";
    const io::Array &array = it->second;
    int64_t channels = layer->contraction.getContractedExtent();
    if (array.element != "f32" || array.shape.size() != 1 ||
        array.shape[0] != channels)
      return op->emitOpError()
             << "of '" << layer->name << "': '" << name << "' is "
             << io::describe(array) << ", expected " << channels << "xf32";
    std::vector<float> own(channels);
    std::memcpy(own.data(), array.data.data, array.data.size);
    for (auto [index, scale] : llvm::enumerate(own))
      if (!(scale > 0) || !std::isfinite(scale) || !std::isfinite(1 / scale))
        return op->emitOpError()
               << "of '" << layer->name << "': '" << name << "' is " << scale
               << " at channel " << index << ", which no value can be divided "
               << "by";
    if (!result.empty() && result != own)
      return op->emitOpError()
             << "of '" << layer->name << "' reads the activations of '"
             << group.front()->name << "', whose scales differ";
    result = std::move(own);
  }
  return result;
}

LogicalResult SmoothActivations::smooth(ArrayRef<Layer> layers,
                                        ArrayRef<const Layer *> group) {
  if (group.empty())
    return success();
  const Layer &first = *group.front();
  Operation *op = first.contraction.op;
  if (ShapedType::isDynamic(first.contraction.getContractedExtent()))
    return op->emitOpError() << "of '" << first.name
                             << "' contracts a dynamic number of channels";
  FailureOr<std::vector<float>> found =
      statistics ? chooseScales(group) : readScales(group);
  if (failed(found))
    return failure();
  ArrayRef<float> smoothing = *found;
  std::vector<float> inverse;
  for (float scale : smoothing)
    inverse.push_back(1 / scale);

  Value activation = first.getActivation();
  unsigned axis = first.getActivationAxis();
  FactorFolder folder(layers);
  WhyNot whyNot;
  auto isOfGroup = [&](OpOperand &use) {
    return llvm::any_of(group, [&](const Layer *layer) {
      return use.getOwner() == layer->contraction.op &&
             use.getOperandNumber() == layer->activation;
    });
  };
  bool folds = fold ? folder.find(activation, axis, isOfGroup, whyNot)
                    : succeeded(whyNot("folding is switched off"));
  std::string names;
  for (const Layer *layer : group)
    names += (names.empty() ? "'" : ", '") + layer->name + "'";

  // The layers' own weights first: a fold may go into one of them as well.
  for (const Layer *layer : group) {
    ImplicitLocOpBuilder b(layer->contraction.op->getLoc(),
                           layer->contraction.op);
    layer->replaceWeight(b, multiplyAlong(b, layer->getWeight(),
                                          layer->getWeightAxis(), smoothing));
  }
  if (folds) {
    folder.apply(inverse);
    remarkPassed(op, passName,
                 "smooths the input of " + names + ", folded into " +
                     folder.describe());
    return success();
  }
  ImplicitLocOpBuilder b(op->getLoc(), op);
  b.setInsertionPointAfterValue(activation);
  Value smoothed = multiplyAlong(b, activation, axis, inverse);
  for (const Layer *layer : group)
    layer->contraction.op->setOperand(layer->activation, smoothed);
  remarkPassed(op, passName, "smooths the input of " + names);
  remarkMissed(op, passName, "the scales are a multiplication of their own",
               whyNot);
  return success();
}
