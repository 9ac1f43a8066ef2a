//===- RotateActivations.cpp - Outliers spread over all channels ----------===//
//
// Y = (X Q) (W Q)^T for all layers that read one X, Q a Hadamard rotation: the
// product of a dense matrix and of small Sylvester matrices, one contraction
// each, along the factors of a reshaped dimension.
//
//===----------------------------------------------------------------------===//

#include "ChannelFolder.h"
#include "PassOptions.h"

#include "quantmlir/Calibration/Algorithms/Hadamard.h"
#include "quantmlir/Calibration/Layers.h"
#include "quantmlir/Calibration/Passes.h"
#include "quantmlir/Calibration/Statistics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

namespace quantmlir::calibration {
#define GEN_PASS_DEF_ROTATEACTIVATIONS
#include "quantmlir/Calibration/Passes.h.inc"
} // namespace quantmlir::calibration

using namespace mlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-rotate-activations";

//===----------------------------------------------------------------------===//
// Rotating one dimension
//===----------------------------------------------------------------------===//

namespace {
/// One factor of a rotation: a dense `order` x `order` matrix.
struct Factor {
  int64_t order;
  std::vector<float> elements;
};
} // namespace

/// The factors, outermost channel index first; the first holds 1 / sqrt(K).
static SmallVector<Factor> getFactors(const HadamardRotation &rotation) {
  // Larger ones cost more additions, smaller ones more passes over the data.
  constexpr int64_t maxSylvester = 64;
  SmallVector<Factor> factors;
  int64_t order = rotation.getDenseOrder();
  if (order > 1) {
    Factor dense{order, std::vector<float>(order * order)};
    for (int64_t i = 0; i < order; ++i)
      for (int64_t j = 0; j < order; ++j)
        dense.elements[i * order + j] = rotation.getDenseElement(i, j);
    factors.push_back(std::move(dense));
  }
  for (int64_t left = rotation.getSize() / order; left > 1;) {
    int64_t size = std::min(left, maxSylvester);
    Factor sylvester{size, std::vector<float>(size * size)};
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < size; ++j)
        sylvester.elements[i * size + j] =
            llvm::popcount(static_cast<uint64_t>(i & j)) % 2 ? -1.0f : 1.0f;
    factors.push_back(std::move(sylvester));
    left /= size;
  }
  if (factors.empty())
    factors.push_back({1, {1.0f}});
  auto scale = static_cast<float>(
      1.0 / std::sqrt(static_cast<double>(rotation.getSize())));
  for (float &element : factors.front().elements)
    element *= scale;
  return factors;
}

/// Sums of `value` along `dim` times the factor's columns, in f32.
static Value contract(ImplicitLocOpBuilder &b, Value value, unsigned dim,
                      const Factor &factor) {
  auto type = cast<RankedTensorType>(value.getType());
  unsigned rank = type.getRank();
  MLIRContext *context = b.getContext();
  Value matrix = arith::ConstantOp::create(
      b,
      DenseElementsAttr::get(
          RankedTensorType::get({factor.order, factor.order}, b.getF32Type()),
          ArrayRef<float>(factor.elements)));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), value);
  Value empty = tensor::EmptyOp::create(b, sizes, b.getF32Type());
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  Value init = linalg::FillOp::create(b, ValueRange(zero), ValueRange(empty))
                   .getResult(0);
  // The sum runs over the last loop.
  SmallVector<AffineExpr> source;
  for (unsigned i = 0; i < rank; ++i)
    source.push_back(getAffineDimExpr(i == dim ? rank : i, context));
  SmallVector<AffineMap> maps = {
      AffineMap::get(rank + 1, 0, source, context),
      AffineMap::get(
          rank + 1, 0,
          {getAffineDimExpr(rank, context), getAffineDimExpr(dim, context)},
          context),
      AffineMap::getMultiDimIdentityMap(rank + 1, context)
          .getMajorSubMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  auto op = linalg::GenericOp::create(
      b, TypeRange(init.getType()), ValueRange{value, matrix}, ValueRange(init),
      maps, iterators, [&](OpBuilder &builder, Location loc, ValueRange args) {
        ImplicitLocOpBuilder inner(loc, builder);
        Value x = args[0];
        if (type.getElementTypeBitWidth() < 32)
          x = arith::ExtFOp::create(inner, inner.getF32Type(), x);
        else if (type.getElementType().isF64())
          x = arith::TruncFOp::create(inner, inner.getF32Type(), x);
        Value product = arith::MulFOp::create(inner, x, args[1]);
        linalg::YieldOp::create(
            inner, ValueRange(arith::AddFOp::create(inner, args[2], product)));
      });
  op->setAttr(rotationAttrName, b.getUnitAttr());
  return op.getResult(0);
}

/// `value` of f32 as `type`'s elements.
static Value castElements(ImplicitLocOpBuilder &b, Value value, Type element) {
  if (element.isF32())
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  Value empty = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), value), element);
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, TypeRange(empty.getType()), ValueRange(value),
             ValueRange(empty), ArrayRef<AffineMap>{identity, identity},
             iterators,
             [&](OpBuilder &builder, Location loc, ValueRange args) {
               ImplicitLocOpBuilder inner(loc, builder);
               Value result =
                   element.isF64()
                       ? arith::ExtFOp::create(inner, element, args[0])
                             .getResult()
                       : arith::TruncFOp::create(inner, element, args[0])
                             .getResult();
               linalg::YieldOp::create(inner, ValueRange(result));
             })
      .getResult(0);
}

/// `value` with its dimension `dim`, of static extent, multiplied by Q.
static Value rotateAlong(OpBuilder &builder, Location loc, Value value,
                         unsigned dim, const HadamardRotation &rotation) {
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<Factor> factors = getFactors(rotation);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value);
  SmallVector<ReassociationIndices> groups;
  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> expanded;
  for (auto [index, extent] : llvm::enumerate(type.getShape())) {
    ReassociationIndices group;
    auto add = [&](int64_t part, OpFoldResult size) {
      group.push_back(shape.size());
      shape.push_back(part);
      expanded.push_back(size);
    };
    if (index == dim)
      for (const Factor &factor : factors)
        add(factor.order, b.getIndexAttr(factor.order));
    else
      add(extent, sizes[index]);
    groups.push_back(group);
  }
  bool isSplit = factors.size() > 1;
  if (isSplit)
    value = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(shape, type.getElementType()), value, groups,
        expanded);
  for (auto [index, factor] : llvm::enumerate(factors))
    value = contract(b, value, dim + index, factor);
  if (isSplit)
    value = tensor::CollapseShapeOp::create(
        b, RankedTensorType::get(type.getShape(), b.getF32Type()), value,
        groups);
  return castElements(b, value, type.getElementType());
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct RotateActivations
    : quantmlir::calibration::impl::RotateActivationsBase<RotateActivations> {
  using RotateActivationsBase::RotateActivationsBase;

  void runOnOperation() override {
    if (failed(readOptions()))
      return signalPassFailure();
    // What an override does not name is rotated.
    Scheme base = llvm::cantFail(Scheme::parse("int8"));
    (void)forEachGroupOfReaders(
        getOperation(), passName, base, schemeOverrides,
        [&](ArrayRef<Layer> layers, ArrayRef<const Layer *> group) {
          rotate(layers, group);
          return success();
        });
    if (!statistics)
      return;
    if (llvm::Error error = statistics->write(rotatedStats)) {
      fail() << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

private:
  InFlightDiagnostic fail() { return emitError(getOperation().getLoc()); }

  LogicalResult readOptions() {
    auto list = readOverrides(getOperation(), overrides);
    if (failed(list))
      return failure();
    schemeOverrides = *list;
    if (stats.empty() != rotatedStats.empty())
      return fail() << "stats and rotated-stats go together";
    if (stats.empty())
      return success();
    auto read = takeOption(getOperation(), Statistics::read(stats));
    if (failed(read))
      return failure();
    statistics = std::move(*read);
    return success();
  }

  void rotate(ArrayRef<Layer> layers, ArrayRef<const Layer *> group);
  void updateStatistics(const Layer &layer, const HadamardRotation &rotation);

  std::vector<SchemeOverride> schemeOverrides;
  std::optional<Statistics> statistics;
};

} // namespace

void RotateActivations::rotate(ArrayRef<Layer> layers,
                               ArrayRef<const Layer *> group) {
  const Layer &first = *group.front();
  Operation *op = first.contraction.op;
  int64_t channels = first.contraction.getContractedExtent();
  WhyNot whyNot;
  std::string names = quoteNames(group);
  auto skip = [&] {
    remarkMissed(op, passName, "does not rotate the input of " + names, whyNot);
  };
  if (ShapedType::isDynamic(channels)) {
    (void)whyNot("the number of channels is dynamic");
    return skip();
  }
  llvm::Expected<HadamardRotation> rotation =
      HadamardRotation::create(channels);
  if (!rotation) {
    (void)whyNot("{0}", llvm::toString(rotation.takeError()));
    return skip();
  }
  ChannelFolder folder(layers, ChannelChange::Rotation);
  Value activation = first.getActivation();
  auto isOfGroup = [&](OpOperand &use) { return isActivationOf(group, use); };
  bool folds = fold ? folder.find(activation, first.getActivationAxis(),
                                  isOfGroup, whyNot)
                    : succeeded(whyNot("folding is switched off"));
  // The layers' own weights first: a fold may go into one of them as well.
  for (const Layer *layer : group) {
    OpBuilder b(layer->contraction.op);
    layer->replaceWeight(b, rotateAlong(b, layer->contraction.op->getLoc(),
                                        layer->getWeight(),
                                        layer->getWeightAxis(), *rotation));
    if (statistics)
      updateStatistics(*layer, *rotation);
  }
  if (folds) {
    folder.apply([&](OpBuilder &b, Location loc, Value value, unsigned dim) {
      return rotateAlong(b, loc, value, dim, *rotation);
    });
    remarkPassed(op, passName,
                 "rotates the input of " + names + ", folded into " +
                     folder.describe());
    return;
  }
  OpBuilder b(op);
  b.setInsertionPointAfterValue(activation);
  Value rotated = rotateAlong(b, op->getLoc(), activation,
                              first.getActivationAxis(), *rotation);
  for (const Layer *layer : group)
    layer->contraction.op->setOperand(layer->activation, rotated);
  remarkPassed(op, passName, "rotates the input of " + names);
  remarkMissed(op, passName, "the rotation is computed in each call", whyNot);
}

/// Keeps what can be told of rotated inputs: their products and some rows.
void RotateActivations::updateStatistics(const Layer &layer,
                                         const HadamardRotation &rotation) {
  statistics->tensors.erase(layer.getWeightName());
  auto it = statistics->tensors.find(layer.getActivationName());
  if (it == statistics->tensors.end() ||
      it->second.channels != rotation.getSize())
    return;
  TensorStatistics &seen = it->second;
  seen.min.clear();
  seen.max.clear();
  seen.absSum.clear();
  seen.histogram = {};
  if (!seen.xtx.empty())
    rotation.applyToHessian({seen.xtx.data(), seen.channels, seen.channels});
  if (seen.sample)
    seen.sample->transform([&](MutableArrayRef<float> row) {
      rotation.apply({row.data(), 1, int64_t(row.size())});
    });
}
