//===- ChannelFolder.cpp - Changes along a dimension ----------------------===//

#include "ChannelFolder.h"

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
// Folding a change into what makes a value
//===----------------------------------------------------------------------===//

bool ChannelFolder::find(Value value, unsigned dim,
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

bool ChannelFolder::findInElementwise(linalg::LinalgOp op, unsigned dim,
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

/// Changing `value` of the body along `loop`.
bool ChannelFolder::findInBody(linalg::LinalgOp op, unsigned loop, Value value,
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
    if (isWeightValue(operand->get())) {
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
  if (isa<arith::ExtFOp, arith::TruncFOp, arith::NegFOp>(inner))
    return recurse(inner->getOperand(0));
  if (change == ChannelChange::Factors) {
    if (isa<arith::DivFOp>(inner))
      return recurse(inner->getOperand(0));
    if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MinimumFOp,
            arith::MinNumFOp>(inner) &&
        (isZeroConstant(inner->getOperand(0)) ||
         isZeroConstant(inner->getOperand(1))))
      return recurse(inner->getOperand(0)) && recurse(inner->getOperand(1));
    if (auto product = dyn_cast<arith::MulFOp>(inner))
      return findInProduct(op, loop, product, whyNot);
  }
  return succeeded(
      whyNot("'{0}' stands in between", inner->getName().getStringRef()));
}

/// Either factor will do; a weight is the cheaper one.
bool ChannelFolder::findInProduct(linalg::LinalgOp op, unsigned loop,
                                  arith::MulFOp product, WhyNot &whyNot) {
  auto isWeight = [&](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && argument.getOwner() == op.getBlock() &&
           argument.getArgNumber() < op.getNumDpsInputs() &&
           isWeightValue(op.getDpsInputOperand(argument.getArgNumber())->get());
  };
  SmallVector<Value> order{product.getLhs(), product.getRhs()};
  if (isWeight(product.getRhs()))
    std::swap(order[0], order[1]);
  for (Value side : order) {
    auto saved = targets;
    WhyNot ignored;
    if (findInBody(op, loop, side, ignored))
      return true;
    targets = saved;
  }
  return succeeded(whyNot("neither factor of a product can take the scales"));
}

void ChannelFolder::apply(
    function_ref<Value(OpBuilder &, Location, Value, unsigned)> changeAlong)
    const {
  for (const Target &target : targets) {
    Operation *op = target.layer ? target.layer->contraction.op
                                 : target.operand->getOwner();
    OpBuilder b(op);
    Value value =
        target.layer ? target.layer->getWeight() : target.operand->get();
    value = changeAlong(b, op->getLoc(), value, target.dim);
    if (target.layer)
      target.layer->replaceWeight(b, value);
    else
      target.operand->set(value);
  }
}

std::string ChannelFolder::describe() const {
  std::string text = quoteNames(getLayers());
  size_t vectors = llvm::count_if(
      targets, [](const Target &target) { return !target.layer; });
  if (vectors != 0)
    text += (text.empty() ? "" : " and ") + std::to_string(vectors) +
            (vectors == 1 ? " vector" : " vectors");
  return text;
}

std::vector<const Layer *> ChannelFolder::getLayers() const {
  std::vector<const Layer *> found;
  for (const Target &target : targets)
    if (target.layer)
      found.push_back(target.layer);
  return found;
}
