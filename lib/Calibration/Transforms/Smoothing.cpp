//===- Smoothing.cpp - Outliers move into weights -------------------------===//
//
// Y = (X diag(s)^-1) (W diag(s))^T, for all layers that read one X. Where X
// comes from a norm's gain and bias or from another layer, 1/s goes into these.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Calibration/Smoothing.h"
#include "ChannelFolder.h"
#include "quantmlir/Calibration/Algorithms/AWQ.h"
#include "quantmlir/Calibration/Algorithms/SmoothQuant.h"
#include "quantmlir/Calibration/Algorithms/WeightQuantizer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/Format.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

namespace {

class Smoother {
public:
  Smoother(ModuleOp module, const SmoothOptions &options, StringRef passName,
           Statistics *smoothed)
      : module(module), options(options), passName(passName),
        smoothed(smoothed),
        baseScheme(options.search ? *options.search
                                  : llvm::cantFail(Scheme::parse("int8"))) {}

  LogicalResult run();

private:
  FailureOr<const TensorStatistics *> getStatistics(const Layer &layer,
                                                    const std::string &name,
                                                    StatisticKind kind,
                                                    StringRef kindName);
  FailureOr<std::vector<float>> chooseScales(ArrayRef<const Layer *> group);
  FailureOr<std::vector<float>> searchScales(ArrayRef<const Layer *> group,
                                             std::string &remark);
  FailureOr<std::vector<float>>
  searchSmoothQuant(ArrayRef<const Layer *> group, ArrayRef<Scheme> schemes,
                    ArrayRef<std::vector<float>> weights, std::string &remark);
  FailureOr<std::vector<float>> searchAWQ(ArrayRef<const Layer *> group,
                                          ArrayRef<Scheme> schemes,
                                          ArrayRef<std::vector<float>> weights,
                                          std::string &remark);
  FailureOr<std::vector<float>> readScales(ArrayRef<const Layer *> group);
  void updateStatistics(ArrayRef<const Layer *> group,
                        ArrayRef<const Layer *> folded,
                        ArrayRef<float> smoothing);
  LogicalResult smooth(ArrayRef<Layer> layers, ArrayRef<const Layer *> group);

  ModuleOp module;
  const SmoothOptions &options;
  StringRef passName;
  Statistics *smoothed;
  /// Of layers that no override names.
  Scheme baseScheme;
};

} // namespace

LogicalResult Smoother::run() {
  return forEachGroupOfReaders(
      module, passName, baseScheme, options.overrides,
      [&](ArrayRef<Layer> layers, ArrayRef<const Layer *> group) {
        return smooth(layers, group);
      });
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

/// The statistics `name` of a layer's activations or weight, which are of its
/// channels and have `kinds`.
FailureOr<const TensorStatistics *>
Smoother::getStatistics(const Layer &layer, const std::string &name,
                        StatisticKind kind, StringRef kindName) {
  Operation *op = layer.contraction.op;
  llvm::Expected<const TensorStatistics *> seen = options.statistics->get(name);
  if (!seen)
    return op->emitOpError()
           << "of '" << layer.name << "': " << llvm::toString(seen.takeError());
  int64_t channels = layer.contraction.getContractedExtent();
  if ((*seen)->channels != channels)
    return op->emitOpError() << "of '" << layer.name << "' contracts "
                             << channels << " channels, and the statistics of '"
                             << name << "' are of " << (*seen)->channels;
  if (!((*seen)->getKinds() & kind))
    return op->emitOpError() << "of '" << layer.name << "': the statistic "
                             << kindName << " of '" << name << "' was not kept";
  return *seen;
}

FailureOr<std::vector<float>>
Smoother::chooseScales(ArrayRef<const Layer *> group) {
  std::vector<float> inputs, weights;
  for (const Layer *layer : group) {
    auto add = [&](const std::string &name,
                   std::vector<float> &largest) -> LogicalResult {
      auto seen = getStatistics(*layer, name, MinMaxStatistic, "minmax");
      if (failed(seen))
        return failure();
      largest.resize((*seen)->channels, 0.0f);
      for (auto [all, one] : llvm::zip_equal(largest, getAbsMax(**seen)))
        all = std::max(all, one);
      return success();
    };
    if (failed(add(layer->getActivationName(), inputs)) ||
        failed(add(layer->getWeightName(), weights)))
      return failure();
  }
  return computeSmoothScales(inputs, weights, options.alpha);
}

/// Weights of the group's layers, each N×K.
static FailureOr<std::vector<std::vector<float>>>
evaluateWeights(ArrayRef<const Layer *> group, const WeightValues &values) {
  std::vector<std::vector<float>> weights;
  for (const Layer *layer : group) {
    auto fail = [&](StringRef what, llvm::Error error) -> LogicalResult {
      return layer->contraction.op->emitOpError()
             << "of '" << layer->name << "': " << what
             << llvm::toString(std::move(error));
    };
    llvm::Expected<std::vector<float>> found = values.evaluate(*layer);
    if (!found)
      return fail("its weight is not known: ", found.takeError());
    int64_t channels = layer->contraction.getContractedExtent();
    if (llvm::Error error = checkWeights(
            {found->data(), int64_t(found->size()) / channels, channels}))
      return fail("", std::move(error));
    weights.push_back(std::move(*found));
  }
  return weights;
}

/// Alpha is searched for under each layer's own scheme: SmoothQuant's where one
/// quantizes activations, or else AWQ's.
FailureOr<std::vector<float>>
Smoother::searchScales(ArrayRef<const Layer *> group, std::string &remark) {
  auto weights = evaluateWeights(group, *options.values);
  if (failed(weights))
    return failure();
  SmallVector<Scheme> schemes;
  for (const Layer *layer : group)
    schemes.push_back(chooseScheme(layer->name, baseScheme, options.overrides));
  bool seesInputs = llvm::any_of(
      schemes, [](const Scheme &scheme) { return scheme.activations; });
  return seesInputs ? searchSmoothQuant(group, schemes, *weights, remark)
                    : searchAWQ(group, schemes, *weights, remark);
}

FailureOr<std::vector<float>> Smoother::searchSmoothQuant(
    ArrayRef<const Layer *> group, ArrayRef<Scheme> schemes,
    ArrayRef<std::vector<float>> weights, std::string &remark) {
  const Layer &first = *group.front();
  Operation *op = first.contraction.op;
  int64_t channels = first.contraction.getContractedExtent();
  std::string name = first.getActivationName();
  auto seen = getStatistics(first, name, RowsStatistic, "rows");
  if (failed(seen) ||
      failed(seen = getStatistics(first, name, MinMaxStatistic, "minmax")))
    return failure();
  if ((*seen)->sample->getRows().empty())
    return op->emitOpError() << "of '" << first.name << "': no rows of '"
                             << name << "' were kept";
  std::vector<float> samples;
  for (const auto &[hash, row] : (*seen)->sample->getRows())
    samples.insert(samples.end(), row.begin(), row.end());
  std::vector<LayerToSmooth> layers;
  for (auto [scheme, matrix] : llvm::zip_equal(schemes, weights)) {
    LayerToSmooth layer{
        {matrix.data(), int64_t(matrix.size()) / channels, channels},
        WeightFormat::get(*scheme.weights),
        /*inputFormat=*/std::nullopt,
        scheme.isStatic};
    if (scheme.activations)
      layer.inputFormat = WeightFormat::get(*scheme.activations);
    layers.push_back(layer);
  }
  std::vector<float> absMax = getAbsMax(**seen);
  auto search = searchSmoothAlpha(
      {samples.data(), int64_t(samples.size()) / channels, channels}, layers,
      /*steps=*/20, absMax);
  if (!search)
    return op->emitOpError() << "of " << quoteNames(group) << ": "
                             << llvm::toString(search.takeError());
  llvm::raw_string_ostream(remark)
      << ", alpha " << llvm::format("%.2f", search->alpha) << " of SmoothQuant";
  return std::move(search->scales);
}

FailureOr<std::vector<float>>
Smoother::searchAWQ(ArrayRef<const Layer *> group, ArrayRef<Scheme> schemes,
                    ArrayRef<std::vector<float>> weights, std::string &remark) {
  const Layer &first = *group.front();
  int64_t channels = first.contraction.getContractedExtent();
  std::string name = first.getActivationName();
  auto seen = getStatistics(first, name, XtXStatistic, "xtx");
  if (failed(seen) ||
      failed(seen = getStatistics(first, name, AbsMeanStatistic, "absmean")))
    return failure();
  std::vector<double> absMean;
  for (int64_t channel = 0; channel < channels; ++channel)
    absMean.push_back((*seen)->getAbsMean(channel));
  std::vector<WeightsToSearch> layers;
  for (auto [scheme, matrix] : llvm::zip_equal(schemes, weights)) {
    int64_t rows = int64_t(matrix.size()) / channels;
    layers.push_back({{matrix.data(), rows, channels},
                      WeightFormat::get(*scheme.weights).fit(rows, channels)});
  }
  AWQOptions awq;
  awq.clip = false;
  auto search = searchChannelScales(
      layers, absMean, {(*seen)->xtx.data(), channels, channels}, awq);
  if (!search)
    return first.contraction.op->emitOpError()
           << "of " << quoteNames(group) << ": "
           << llvm::toString(search.takeError());
  llvm::raw_string_ostream(remark)
      << ", alpha " << llvm::format("%.2f", search->alpha) << " of AWQ";
  return std::move(search->scales);
}

/// The activations of the group are divided; weights of its layers, and of
/// those that the scales were folded into, are others.
void Smoother::updateStatistics(ArrayRef<const Layer *> group,
                                ArrayRef<const Layer *> folded,
                                ArrayRef<float> smoothing) {
  for (const Layer *layer : group) {
    auto it = smoothed->tensors.find(layer->getActivationName());
    if (it != smoothed->tensors.end())
      it->second.divide(smoothing);
    smoothed->tensors.erase(layer->getWeightName());
  }
  for (const Layer *layer : folded)
    smoothed->tensors.erase(layer->getWeightName());
}

FailureOr<std::vector<float>>
Smoother::readScales(ArrayRef<const Layer *> group) {
  std::vector<float> result;
  for (const Layer *layer : group) {
    Operation *op = layer->contraction.op;
    std::string name = layer->name + ".smooth";
    auto it = options.scales->find(name);
    if (it == options.scales->end())
      return op->emitOpError()
             << "of '" << layer->name << "': '" << options.scalesPath
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

LogicalResult Smoother::smooth(ArrayRef<Layer> layers,
                               ArrayRef<const Layer *> group) {
  const Layer &first = *group.front();
  Operation *op = first.contraction.op;
  if (ShapedType::isDynamic(first.contraction.getContractedExtent()))
    return op->emitOpError() << "of '" << first.name
                             << "' contracts a dynamic number of channels";
  std::string how;
  FailureOr<std::vector<float>> found = options.scales ? readScales(group)
                                        : options.search
                                            ? searchScales(group, how)
                                            : chooseScales(group);
  if (failed(found))
    return failure();
  ArrayRef<float> smoothing = *found;
  std::vector<float> inverse;
  for (float scale : smoothing)
    inverse.push_back(1 / scale);

  Value activation = first.getActivation();
  unsigned axis = first.getActivationAxis();
  ChannelFolder folder(layers, ChannelChange::Factors);
  WhyNot whyNot;
  auto isOfGroup = [&](OpOperand &use) { return isActivationOf(group, use); };
  bool folds = options.fold ? folder.find(activation, axis, isOfGroup, whyNot)
                            : succeeded(whyNot("folding is switched off"));
  std::string names = quoteNames(group);

  // The layers' own weights first: a fold may go into one of them as well.
  for (const Layer *layer : group) {
    ImplicitLocOpBuilder b(layer->contraction.op->getLoc(),
                           layer->contraction.op);
    layer->replaceWeight(b, multiplyAlong(b, b.getLoc(), layer->getWeight(),
                                          layer->getWeightAxis(), smoothing));
  }
  if (smoothed)
    updateStatistics(group,
                     folds ? folder.getLayers() : std::vector<const Layer *>(),
                     smoothing);
  if (folds) {
    folder.apply([&](OpBuilder &b, Location loc, Value value, unsigned dim) {
      return multiplyAlong(b, loc, value, dim, inverse);
    });
    remarkPassed(op, passName,
                 "smooths the input of " + names + how + ", folded into " +
                     folder.describe());
    return success();
  }
  ImplicitLocOpBuilder b(op->getLoc(), op);
  b.setInsertionPointAfterValue(activation);
  Value smoothed = multiplyAlong(b, b.getLoc(), activation, axis, inverse);
  for (const Layer *layer : group)
    layer->contraction.op->setOperand(layer->activation, smoothed);
  remarkPassed(op, passName, "smooths the input of " + names + how);
  remarkMissed(op, passName, "the scales are a multiplication of their own",
               whyNot);
  return success();
}

LogicalResult quantmlir::calibration::smoothActivations(
    ModuleOp module, const SmoothOptions &options, StringRef pass,
    Statistics *smoothed) {
  return Smoother(module, options, pass, smoothed).run();
}
