//===- RowAccess.cpp - Ops that work on a row at a time -------------------===//

#include "quantmlir/Dialect/QuantTile/IR/RowAccess.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

/// The loops of `op` that have more than one step, outermost first.
static SmallVector<unsigned> getLiveLoops(linalg::GenericOp op) {
  SmallVector<unsigned> loops;
  for (auto [loop, range] : llvm::enumerate(op.getStaticLoopRanges()))
    if (range != 1)
      loops.push_back(loop);
  return loops;
}

std::optional<RowDomain> RowDomain::ofReduction(linalg::GenericOp op) {
  SmallVector<unsigned> reductions, loops = getLiveLoops(op);
  op.getReductionDims(reductions);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  llvm::erase_if(reductions, [&](unsigned loop) { return ranges[loop] == 1; });
  if (loops.empty() || reductions.size() != 1 ||
      reductions.front() != loops.back())
    return std::nullopt;
  // Threads share the columns of a row: there must be some to share.
  int64_t columns = ranges[loops.back()];
  if (ShapedType::isDynamic(columns) || columns == 0)
    return std::nullopt;
  RowDomain domain;
  for (unsigned loop : ArrayRef(loops).drop_back())
    domain.rows.push_back(ranges[loop]);
  domain.columns = columns;
  return domain;
}

std::optional<RowDomain> RowDomain::ofGroup(Block &body) {
  for (auto op : body.getOps<linalg::GenericOp>())
    if (std::optional<RowDomain> domain = ofReduction(op))
      return domain;
  return std::nullopt;
}

/// The access of an operand with `map`, given the live loops of its op; nothing
/// if it is of no kind.
static std::optional<RowAccess>
getAccess(AffineMap map, Type type, ArrayRef<unsigned> loops, bool hasColumns) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (!shaped)
    return RowAccess::Scalar;
  SmallVector<unsigned> used;
  for (auto [position, expr] : llvm::enumerate(map.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (dim && llvm::is_contained(loops, dim.getPosition()))
      used.push_back(dim.getPosition());
    else if (shaped.getDimSize(position) != 1)
      return std::nullopt;
  }
  ArrayRef<unsigned> rows = hasColumns ? loops.drop_back() : loops;
  if (ArrayRef(used) == rows)
    return used.empty() ? RowAccess::Scalar : RowAccess::Row;
  if (hasColumns && ArrayRef(used) == loops)
    return RowAccess::Full;
  if (hasColumns && used.size() == 1 && used.front() == loops.back())
    return RowAccess::Column;
  return std::nullopt;
}

bool RowOp::reducesToWords() const {
  return llvm::all_of(combiners, [](Operation *combiner) {
    return combiner->getResult(0).getType().getIntOrFloatBitWidth() == 32;
  });
}

std::optional<RowOp>
quantmlir::quant_tile::analyzeRowOp(linalg::GenericOp op,
                                    const RowDomain &domain, std::string &why) {
  auto no = [&](const llvm::Twine &reason) {
    why = reason.str();
    return std::nullopt;
  };
  if (!op.hasPureTensorSemantics())
    return no("it works on memory");
  SmallVector<unsigned> loops = getLiveLoops(op);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<int64_t> extents;
  for (unsigned loop : loops)
    extents.push_back(ranges[loop]);
  SmallVector<int64_t> full(domain.rows);
  full.push_back(domain.columns);
  RowOp result;
  result.hasColumns = extents == full;
  if (!result.hasColumns && extents != domain.rows)
    return no("its loops are not the rows and columns of the group");

  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (unsigned loop : loops) {
    bool last = result.hasColumns && loop == loops.back();
    if (iterators[loop] == utils::IteratorType::parallel)
      continue;
    if (!last || iterators[loop] != utils::IteratorType::reduction)
      return no("it reduces more than the columns");
    result.reduces = true;
  }
  for (OpOperand &operand : op->getOpOperands()) {
    Type type = operand.get().getType();
    if (isa<ShapedType>(type) && !isa<RankedTensorType>(type))
      return no("it has an unranked operand");
    unsigned bits = getElementTypeOrSelf(type).isIntOrFloat()
                        ? getElementTypeOrSelf(type).getIntOrFloatBitWidth()
                        : 0;
    if (isa<ShapedType>(type) && !llvm::is_contained({8u, 16u, 32u, 64u}, bits))
      return no("it has elements that are no whole bytes");
    std::optional<RowAccess> access = getAccess(
        op.getMatchingIndexingMap(&operand), type, loops, result.hasColumns);
    if (!access)
      return no("it reads an operand across rows");
    bool isInit = op.isDpsInit(&operand);
    RowAccess written = result.hasColumns && !result.reduces ? RowAccess::Full
                        : domain.rows.empty()                ? RowAccess::Scalar
                                                             : RowAccess::Row;
    if (isInit && *access != written)
      return no("it writes across rows");
    if (isInit && !op.getMatchingBlockArgument(&operand).use_empty() &&
        !getFilledScalar(operand.get()))
      return no("it reads what it writes over");
    result.accesses.push_back(*access);
  }
  llvm::SetVector<Value> outside;
  getUsedValuesDefinedAbove(op.getRegion(), outside);
  for (Value value : outside)
    if (!value.getDefiningOp() ||
        !value.getDefiningOp()->hasTrait<OpTrait::ConstantLike>() ||
        isa<ShapedType>(value.getType()))
      return no("its region uses values from outside");
  if (op.hasIndexSemantics())
    return no("its region uses loop indices");
  if (result.reduces)
    for (unsigned out = 0; out < op.getNumDpsInits(); ++out) {
      SmallVector<Operation *> ops;
      if (!matchReduction(op.getRegionOutputArgs(), out, ops) ||
          ops.size() != 1 || !arith::getNeutralElement(ops[0]) ||
          ops[0]->getNumOperands() != 2)
        return no("its reduction cannot be reordered");
      result.combiners.push_back(ops[0]);
    }
  return result;
}

/// Extents other than 1.
static SmallVector<int64_t> getLiveExtents(Type type) {
  SmallVector<int64_t> extents(cast<RankedTensorType>(type).getShape());
  llvm::erase(extents, 1);
  return extents;
}

Value quantmlir::quant_tile::skipUnitReshapes(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) ||
        getLiveExtents(op->getOperand(0).getType()) !=
            getLiveExtents(value.getType()))
      break;
    value = op->getOperand(0);
  }
  return value;
}

Value quantmlir::quant_tile::getFilledScalar(Value value) {
  auto fill = skipUnitReshapes(value).getDefiningOp<linalg::FillOp>();
  return fill ? fill.getInputs()[0] : Value();
}
