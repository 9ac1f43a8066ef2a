//===- FactorFolder.cpp - Factors along a dimension -----------------------===//

#include "FactorFolder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

Value quantmlir::calibration::multiplyAlong(OpBuilder &builder, Location loc,
                                            Value value, unsigned dim,
                                            ArrayRef<float> factors) {
  ImplicitLocOpBuilder b(loc, builder);
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
    value = multiplyAlong(b, op->getLoc(), value, target.dim, factors);
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

std::vector<const Layer *> FactorFolder::getLayers() const {
  std::vector<const Layer *> found;
  for (const Target &target : targets)
    if (target.layer)
      found.push_back(target.layer);
  return found;
}
