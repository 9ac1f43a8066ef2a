//===- Layers.cpp - The contractions that a scheme is about ---------------===//

#include "quantmlir/Calibration/Layers.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {

/// What weights a value is computed from.
struct WeightRoots {
  SmallVector<BlockArgument> arguments;
  SmallVector<Operation *> constants;

  bool any() const { return !arguments.empty() || !constants.empty(); }
};

} // namespace

/// Adds the roots of `value`; false where it depends on anything else.
static bool collectRoots(Value value, WeightRoots &roots,
                         llvm::SmallPtrSetImpl<Operation *> &seen) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (!function ||
        !function.getArgAttr(argument.getArgNumber(),
                             QuantTensorDialect::getWeightAttrName()))
      return false;
    if (!llvm::is_contained(roots.arguments, argument))
      roots.arguments.push_back(argument);
    return true;
  }
  Operation *op = value.getDefiningOp();
  if (!seen.insert(op).second)
    return true;
  DenseElementsAttr table;
  if (op->hasTrait<OpTrait::ConstantLike>()) {
    // A splat is a fill, not a table.
    if (isa<RankedTensorType>(value.getType()) &&
        !(matchPattern(op, m_Constant(&table)) && table.isSplat()))
      roots.constants.push_back(op);
    return true;
  }
  // Observing leaves a weight what it is.
  if ((!isMemoryEffectFree(op) && !isa<ObserveOp>(op)) ||
      op->getNumRegions() > 1)
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return collectRoots(operand, roots, seen);
  });
}

static std::optional<WeightRoots> getWeightRoots(Value value) {
  WeightRoots roots;
  llvm::SmallPtrSet<Operation *, 8> seen;
  if (!collectRoots(value, roots, seen) || !roots.any())
    return std::nullopt;
  return roots;
}

bool quantmlir::calibration::isWeightValue(Value value) {
  return getWeightRoots(value).has_value();
}

/// The name that the program gives a weight; empty where it gives none.
static StringRef getRootName(const WeightRoots &roots) {
  for (BlockArgument argument : roots.arguments) {
    auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (auto name = function.getArgAttrOfType<StringAttr>(
            argument.getArgNumber(), QuantTensorDialect::getNameAttrName()))
      return name.getValue();
  }
  for (Operation *constant : roots.constants)
    if (auto name = dyn_cast<NameLoc>(constant->getLoc()))
      return name.getName();
  return {};
}

//===----------------------------------------------------------------------===//
// One layer
//===----------------------------------------------------------------------===//

SmallVector<unsigned> Layer::getActivationLoops() const {
  AffineMap map =
      getOp().getMatchingIndexingMap(&contraction.op->getOpOperand(activation));
  SmallVector<unsigned> loops;
  for (unsigned i = 0, e = map.getNumResults(); i != e; ++i)
    loops.push_back(map.getDimPosition(i));
  return loops;
}

unsigned Layer::getActivationAxis() const {
  SmallVector<unsigned> loops = getActivationLoops();
  return llvm::find(loops, contraction.k) - loops.begin();
}

unsigned Layer::getWeightAxis() const {
  ArrayRef<unsigned> loops = contraction.rhs.loops;
  return llvm::find(loops, contraction.k) - loops.begin();
}

bool Layer::isWeightSeenThrough() const {
  return contraction.op->getOperand(weight) != getWeight();
}

void Layer::replaceWeight(OpBuilder &builder, Value value) const {
  SmallVector<Operation *> chain;
  Value from = contraction.op->getOperand(weight);
  while (from != getWeight()) {
    chain.push_back(from.getDefiningOp());
    from = chain.back()->getOperand(0);
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(contraction.op);
  for (Operation *op : llvm::reverse(chain)) {
    IRMapping mapping;
    mapping.map(op->getOperand(0), value);
    value = builder.clone(*op, mapping)->getResult(0);
  }
  contraction.op->setOperand(weight, value);
}

//===----------------------------------------------------------------------===//
// All layers
//===----------------------------------------------------------------------===//

static bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(
                     type.getElementType());
}

/// Sees `op` as a layer; a near miss is a contraction of floats that is none.
static FailureOr<Layer> matchLayer(Operation *op, WhyNot &whyNot) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumDpsInputs() != 2 ||
      linalgOp.getNumReductionLoops() == 0 ||
      !llvm::all_of(linalgOp.getDpsInputs(), isFloatTensor))
    return failure();
  if (op->hasAttr(rotationAttrName))
    return whyNot("it rotates activations");
  bool isWeight[2];
  for (unsigned side : {0u, 1u})
    isWeight[side] = isWeightValue(op->getOperand(side));
  Layer layer;
  WhyNot inner;
  FailureOr<Contraction> contraction = matchContraction(op, inner);
  if (failed(contraction))
    return inner.isNearMiss() && (isWeight[0] || isWeight[1])
               ? whyNot("{0}", inner.str())
               : LogicalResult::failure();
  if (isWeight[0] == isWeight[1])
    return whyNot(isWeight[0] ? "both operands are weights"
                              : "neither operand is a weight (an argument with "
                                "quant_tensor.weight, or a constant table)");
  layer.weight = isWeight[1] ? 1 : 0;
  layer.activation = 1 - layer.weight;
  contraction = matchContraction(op, layer.weight, inner);
  if (failed(contraction))
    return whyNot("{0}", inner.str());
  layer.contraction = *contraction;
  if (getEncoding(op->getOperand(layer.activation).getType()) ||
      contraction->rhs.getEncoding())
    return whyNot("it is quantized already");
  if (contraction->rhs.getType().getRank() != 2)
    return whyNot("its weight has rank {0}, not 2",
                  contraction->rhs.getType().getRank());
  return layer;
}

std::vector<Layer> quantmlir::calibration::findLayers(ModuleOp module,
                                                      StringRef pass) {
  std::vector<Layer> layers;
  SmallVector<func::FuncOp> functions;
  // Functions that have each name.
  llvm::StringMap<llvm::SmallSet<Operation *, 2>> owners;
  for (auto function : module.getOps<func::FuncOp>()) {
    unsigned number = 0;
    function.walk<WalkOrder::PreOrder>([&](linalg::LinalgOp op) {
      WhyNot whyNot;
      FailureOr<Layer> layer = matchLayer(op, whyNot);
      if (failed(layer)) {
        if (!pass.empty())
          remarkMissed(op, pass, "no layer to quantize", whyNot);
        return;
      }
      StringRef name = getRootName(*getWeightRoots(layer->getWeight()));
      name.consume_back(".weight");
      layer->name = name.str();
      if (name.empty())
        layer->name = (function.getName() + "." + Twine(number)).str();
      ++number;
      owners[layer->name].insert(function);
      layers.push_back(std::move(*layer));
      functions.push_back(function);
    });
  }
  llvm::StringMap<unsigned> uses;
  for (auto [layer, function] : llvm::zip_equal(layers, functions)) {
    if (owners[layer.name].size() > 1)
      layer.name = (function.getName() + "." + layer.name).str();
    unsigned use = ++uses[layer.name];
    if (use > 1)
      layer.name += "#" + std::to_string(use);
  }
  return layers;
}

/// Those of `layers` that read along the same dimension what the layer `name`
/// reads, and whose weights the schemes do not leave out.
static SmallVector<const Layer *>
findReadersOfSame(ArrayRef<Layer> layers, StringRef name, const Scheme &base,
                  const std::vector<SchemeOverride> &overrides) {
  const Layer *first = llvm::find_if(
      layers, [&](const Layer &layer) { return layer.name == name; });
  SmallVector<const Layer *> readers;
  for (const Layer &layer : layers)
    if (layer.getActivation() == first->getActivation() &&
        layer.getActivationAxis() == first->getActivationAxis() &&
        chooseScheme(layer.name, base, overrides).weights)
      readers.push_back(&layer);
  return readers;
}

LogicalResult quantmlir::calibration::forEachGroupOfReaders(
    ModuleOp module, StringRef pass, const Scheme &base,
    const std::vector<SchemeOverride> &overrides,
    function_ref<LogicalResult(ArrayRef<Layer>, ArrayRef<const Layer *>)>
        rewrite) {
  // Names outlast the rewriting; what they name is looked up again each time.
  std::vector<std::string> names;
  for (const Layer &layer : findLayers(module, pass))
    names.push_back(layer.name);
  llvm::StringSet<> done;
  for (const std::string &name : names) {
    if (done.contains(name))
      continue;
    std::vector<Layer> layers = findLayers(module, "");
    SmallVector<const Layer *> group =
        findReadersOfSame(layers, name, base, overrides);
    for (const Layer *layer : group)
      done.insert(layer->name);
    if (!group.empty() && failed(rewrite(layers, group)))
      return failure();
  }
  return success();
}

bool quantmlir::calibration::isActivationOf(ArrayRef<const Layer *> group,
                                            OpOperand &use) {
  return llvm::any_of(group, [&](const Layer *layer) {
    return use.getOwner() == layer->contraction.op &&
           use.getOperandNumber() == layer->activation;
  });
}

std::string quantmlir::calibration::quoteNames(ArrayRef<const Layer *> group) {
  std::string names;
  for (const Layer *layer : group)
    names += (names.empty() ? "'" : ", '") + layer->name + "'";
  return names;
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

/// Kernels decode weights of any width. Codes of activations that are no power
/// of two wide lie in the next wider one.
static unsigned getStorageBits(unsigned bits, bool isWeight) {
  return isWeight ? bits : bits <= 2 ? 2 : bits <= 4 ? 4 : 8;
}

static Type getStorage(MLIRContext *context, const TensorScheme &scheme,
                       bool isWeight) {
  switch (scheme.code) {
  case CodeKind::Integer:
    return IntegerType::get(context, getStorageBits(scheme.bits, isWeight));
  case CodeKind::FP8E4M3:
    return Float8E4M3FNType::get(context);
  case CodeKind::FP8E5M2:
    return Float8E5M2Type::get(context);
  case CodeKind::FP4E2M1:
    return Float4E2M1FNType::get(context);
  case CodeKind::NF4:
    return IntegerType::get(context, 4, IntegerType::Unsigned);
  }
  llvm_unreachable("unknown code");
}

static Type getScaleType(MLIRContext *context, ScaleKind scale) {
  switch (scale) {
  case ScaleKind::F32:
    return Float32Type::get(context);
  case ScaleKind::F16:
    return Float16Type::get(context);
  case ScaleKind::BF16:
    return BFloat16Type::get(context);
  case ScaleKind::E8M0:
    return Float8E8M0FNUType::get(context);
  case ScaleKind::E4M3:
    return Float8E4M3FNType::get(context);
  }
  llvm_unreachable("unknown scale");
}

EncodingAttr quantmlir::calibration::makeEncoding(RankedTensorType type,
                                                  unsigned k,
                                                  const TensorScheme &scheme,
                                                  bool isWeight) {
  MLIRContext *context = type.getContext();
  unsigned rank = type.getRank();
  // The last dimension that is not contracted.
  unsigned row = k + 1 == rank && rank > 1 ? rank - 2 : rank - 1;
  SmallVector<int64_t> block(rank, 1);
  switch (scheme.granularity) {
  case Granularity::Tensor:
    block.assign(rank, 0);
    break;
  case Granularity::Channel:
  case Granularity::Token:
    block[k] = 0;
    break;
  case Granularity::Group:
    block[k] = scheme.blockK;
    break;
  case Granularity::Block:
    block[row] = scheme.blockN;
    block[k] = scheme.blockK;
    break;
  }
  for (auto [extent, size] : llvm::zip_equal(block, type.getShape()))
    if (extent > 1 && !ShapedType::isDynamic(size) && extent >= size)
      extent = 0;
  SmallVector<int64_t> range;
  if (scheme.code == CodeKind::Integer &&
      getStorageBits(scheme.bits, isWeight) != scheme.bits)
    range = {scheme.getCodeMin(), scheme.getCodeMax()};
  return EncodingAttr::get(
      context, getStorage(context, scheme, isWeight), block,
      getScaleType(context, scheme.scale),
      scheme.symmetric ? Type() : IntegerType::get(context, 8), range,
      Rounding::NearestEven, Overflow::Saturate,
      scheme.code == CodeKind::NF4 ? CodebookAttr::getNF4(context)
                                   : CodebookAttr(),
      /*layout=*/{});
}

ParamMethod quantmlir::calibration::getParamMethod(Method method) {
  switch (method) {
  case Method::AbsMax:
    return ParamMethod::AbsMax;
  case Method::MinMax:
    return ParamMethod::MinMax;
  case Method::Percentile:
    return ParamMethod::Percentile;
  case Method::MSE:
    return ParamMethod::MSE;
  case Method::KL:
    return ParamMethod::KL;
  }
  llvm_unreachable("unknown method");
}
