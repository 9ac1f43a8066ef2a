//===- Contraction.cpp - One view of every op that contracts --------------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

#include "quantmlir/Support/RemarkOptions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// Seeing through casts and transpositions
//===----------------------------------------------------------------------===//

namespace {

/// One step below an operand: `source` under a cast or a data movement.
struct Step {
  Value source;
  /// Dimension of the step's result for each dimension of `source`.
  SmallVector<unsigned> dims;
  /// The cast, null for pure data movement.
  Operation *cast = nullptr;
};

} // namespace

/// Sees one elementwise linalg op, transposition or tensor cast.
static std::optional<Step> stepThrough(Value value) {
  Operation *op = value.getDefiningOp();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!op || !type)
    return std::nullopt;
  auto identity = llvm::to_vector(llvm::seq<unsigned>(0, type.getRank()));
  if (isa<DequantizeOp, arith::ExtSIOp, arith::ExtUIOp, arith::ExtFOp,
          arith::TruncFOp>(op))
    return Step{op->getOperand(0), identity, op};

  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || op->getNumResults() != 1 ||
      linalgOp.getNumDpsInputs() != 1 ||
      linalgOp.getNumParallelLoops() != linalgOp.getNumLoops())
    return std::nullopt;
  OpOperand *input = linalgOp.getDpsInputOperand(0);
  if (!isa<RankedTensorType>(input->get().getType()))
    return std::nullopt;
  AffineMap in = linalgOp.getMatchingIndexingMap(input);
  AffineMap out =
      linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0));
  if (!in.isPermutation() || !out.isPermutation())
    return std::nullopt;
  Value yielded = linalgOp.getBlock()->getTerminator()->getOperand(0);
  Operation *cast = yielded.getDefiningOp();
  if (cast) {
    if (!isa<arith::ExtSIOp, arith::ExtUIOp, arith::ExtFOp, arith::TruncFOp>(
            cast))
      return std::nullopt;
    yielded = cast->getOperand(0);
  }
  if (yielded != linalgOp.getBlock()->getArgument(0))
    return std::nullopt;
  // Source dimension j runs with loop in(j), which is result dimension
  // out^-1(in(j)).
  AffineMap map = inversePermutation(out);
  SmallVector<unsigned> dims;
  for (unsigned j = 0, e = in.getNumResults(); j != e; ++j)
    dims.push_back(map.getDimPosition(in.getDimPosition(j)));
  return Step{input->get(), dims, cast};
}

/// All views of an operand, from the value itself down through everything that
/// loses no information. Rounding a dequantized value to a narrower float is
/// looked through as well: the contraction then sees the exact value.
static SmallVector<ContractionOperand>
viewsOf(Value value, ArrayRef<unsigned> loops, bool isUnsigned) {
  SmallVector<ContractionOperand> views;
  views.push_back({value, SmallVector<unsigned>(loops), isUnsigned});
  while (std::optional<Step> step = stepThrough(views.back().value)) {
    // No kernel reads single elements of less than a byte.
    if (auto narrow = dyn_cast<IntegerType>(getElementTypeOrSelf(step->source));
        narrow && narrow.getWidth() < 8)
      break;
    ContractionOperand next;
    next.value = step->source;
    next.isUnsigned = views.back().isUnsigned;
    for (unsigned dim : step->dims)
      next.loops.push_back(views.back().loops[dim]);
    if (isa_and_nonnull<arith::TruncFOp>(step->cast) &&
        !step->source.getDefiningOp<DequantizeOp>())
      break;
    // zext(sext(x)) is neither; sext(zext(x)) is zext(x).
    if (isa_and_nonnull<arith::ExtSIOp>(step->cast) && next.isUnsigned)
      break;
    if (isa_and_nonnull<arith::ExtUIOp>(step->cast))
      next.isUnsigned = true;
    views.push_back(std::move(next));
    if (isa_and_nonnull<DequantizeOp>(step->cast))
      break;
  }
  return views;
}

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Follows widening casts in a contraction's body down to a block argument. A
/// decoded value may be rounded on the way, as outside of the body.
static BlockArgument throughBodyCasts(linalg::LinalgOp linalgOp, Value value,
                                      bool &isUnsigned) {
  bool isRounded = false;
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtSIOp, arith::ExtUIOp, arith::ExtFOp, arith::TruncFOp>(
            op))
      return {};
    isRounded |= isa<arith::TruncFOp>(op);
    // zext(sext(x)) is neither; sext(zext(x)) is zext(x).
    if (isUnsigned && isa<arith::ExtSIOp>(op))
      return {};
    isUnsigned |= isa<arith::ExtUIOp>(op);
    value = op->getOperand(0);
  }
  auto argument = cast<BlockArgument>(value);
  if (!isRounded)
    return argument;
  if (argument.getOwner() != linalgOp.getBlock())
    return {};
  Value operand = linalgOp->getOperand(argument.getArgNumber());
  bool isDecoded =
      getEncoding(operand.getType()) || operand.getDefiningOp<DequantizeOp>();
  return isDecoded ? argument : BlockArgument();
}

/// Matches `yield(out + cast(a) * cast(b))` in any operand order; says which
/// inputs are read as unsigned.
static bool matchMultiplyAccumulate(linalg::LinalgOp op, bool isUnsigned[2]) {
  Block *body = op.getBlock();
  Operation *add = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddIOp, arith::AddFOp>(add))
    return false;
  for (unsigned side : {0u, 1u}) {
    if (add->getOperand(side) != body->getArgument(2))
      continue;
    Operation *mul = add->getOperand(1 - side).getDefiningOp();
    if (!isa_and_nonnull<arith::MulIOp, arith::MulFOp>(mul))
      return false;
    bool unsignedness[2] = {false, false};
    BlockArgument a = throughBodyCasts(op, mul->getOperand(0), unsignedness[0]);
    BlockArgument b = throughBodyCasts(op, mul->getOperand(1), unsignedness[1]);
    if (!a || !b || a == b || a.getOwner() != body || b.getOwner() != body ||
        a.getArgNumber() > 1 || b.getArgNumber() > 1)
      return false;
    isUnsigned[a.getArgNumber()] = unsignedness[0];
    isUnsigned[b.getArgNumber()] = unsignedness[1];
    return true;
  }
  return false;
}

bool quantmlir::quant_tensor::isMultiplyAccumulate(linalg::LinalgOp op) {
  bool isUnsigned[2] = {false, false};
  return op.getNumDpsInputs() == 2 && op.getNumDpsInits() == 1 &&
         matchMultiplyAccumulate(op, isUnsigned);
}

static FailureOr<Contraction> matchIntMatmul(IntMatmulOp op, WhyNot &whyNot) {
  if (op.getLhsZeroPoints() || op.getRhsZeroPoints())
    return whyNot("its zero points are not expanded into sums");
  Contraction result;
  result.op = op;
  unsigned rank = op.getLhs().getType().getRank();
  result.m = llvm::to_vector(llvm::seq<unsigned>(0, rank - 1));
  result.numBatch = op.getNumBatchDims();
  result.n = rank - 1;
  result.k = rank;
  result.lhs.value = op.getLhs();
  result.lhs.loops = result.m;
  result.lhs.loops.push_back(result.k);
  result.lhs.isUnsigned = op.getLhsUnsigned();
  result.rhs.value = op.getRhs();
  result.rhs.loops.assign(result.m.begin(), result.m.begin() + result.numBatch);
  result.rhs.loops.append({*result.n, result.k});
  result.rhs.isUnsigned = op.getRhsUnsigned();
  result.init = op.getInit();
  result.resultLoops = llvm::to_vector(llvm::seq<unsigned>(0, rank));
  return result;
}

FailureOr<Contraction>
quantmlir::quant_tensor::matchContraction(Operation *op, unsigned rhsOperand,
                                          WhyNot &whyNot) {
  if (auto intMatmul = dyn_cast<IntMatmulOp>(op))
    return matchIntMatmul(intMatmul, whyNot);
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.hasPureTensorSemantics() ||
      linalgOp.getNumDpsInputs() != 2 || linalgOp.getNumDpsInits() != 1 ||
      linalgOp.getNumReductionLoops() == 0 || op->getNumResults() != 1)
    return failure();
  // inferContractionDims would do, but it refuses vectors.
  SmallVector<AffineMap> maps = linalgOp.getIndexingMapsArray();
  for (AffineMap map : maps)
    if (!map.isProjectedPermutation())
      return whyNot("an operand is not read along plain dimensions");
  auto reads = [](AffineMap map, unsigned loop) {
    return map.isFunctionOfDim(loop);
  };
  bool isUnsigned[2] = {false, false};
  if (!matchMultiplyAccumulate(linalgOp, isUnsigned))
    return whyNot("its body is not a multiply and an accumulate");

  Contraction result;
  result.op = op;
  unsigned lhsOperand = 1 - rhsOperand;
  SmallVector<unsigned> reductions, batch;
  unsigned numColumns = 0;
  for (unsigned loop = 0, e = linalgOp.getNumLoops(); loop != e; ++loop) {
    bool inLhs = reads(maps[lhsOperand], loop);
    bool inRhs = reads(maps[rhsOperand], loop);
    bool inResult = reads(maps[2], loop);
    if (inLhs && inRhs && inResult) {
      batch.push_back(loop);
    } else if (!inResult && inLhs && inRhs) {
      reductions.push_back(loop);
    } else if (inResult && inRhs) {
      result.n = loop;
      ++numColumns;
    } else if (!(inResult && inLhs)) {
      return whyNot("loop {0} is in one operand only", loop);
    }
  }
  if (reductions.size() != 1)
    return whyNot("it contracts {0} dimensions", reductions.size());
  if (numColumns > 1)
    return whyNot("the right-hand side has {0} N dimensions", numColumns);
  result.k = reductions.front();

  auto loopsOf = [](AffineMap map) {
    SmallVector<unsigned> loops;
    for (unsigned i = 0, e = map.getNumResults(); i != e; ++i)
      loops.push_back(map.getDimPosition(i));
    return loops;
  };
  result.resultLoops = loopsOf(maps[2]);
  for (unsigned loop : result.resultLoops)
    if (reads(maps[lhsOperand], loop))
      result.m.push_back(loop);
  result.numBatch = batch.size();
  for (unsigned loop : ArrayRef(result.m).take_front(batch.size()))
    if (!llvm::is_contained(batch, loop))
      return whyNot("the {0} batch dimensions of both operands do not lead the "
                    "result",
                    batch.size());
  if (!result.hasRows() && !result.n)
    return whyNot("neither operand has rows: it is a dot product");

  SmallVector<unsigned> wanted = result.m;
  wanted.push_back(result.k);
  SmallVector<ContractionOperand> views =
      viewsOf(linalgOp.getDpsInputOperand(lhsOperand)->get(),
              loopsOf(maps[lhsOperand]), isUnsigned[lhsOperand]);
  // What lies in order need not be turned round.
  const auto *inOrder =
      llvm::find_if(llvm::reverse(views), [&](const ContractionOperand &view) {
        return view.loops == wanted;
      }).base();
  result.lhs = inOrder == views.begin() ? views.back() : *std::prev(inOrder);
  if (result.isLhsTransposed() && result.lhs.getEncoding())
    return whyNot("the left-hand side is stored with its contracted dimension "
                  "not last");
  result.rhs = viewsOf(linalgOp.getDpsInputOperand(rhsOperand)->get(),
                       loopsOf(maps[rhsOperand]), isUnsigned[rhsOperand])
                   .back();
  result.init = linalgOp.getDpsInitOperand(0)->get();
  return result;
}

FailureOr<Contraction>
quantmlir::quant_tensor::matchContraction(Operation *op, WhyNot &whyNot) {
  WhyNot second;
  FailureOr<Contraction> one = matchContraction(op, 1, whyNot);
  // A vector is the activation: the matrix beside it has the columns.
  if (succeeded(one) && one->n && one->isResultInOrder())
    return one;
  FailureOr<Contraction> zero = matchContraction(op, 0, second);
  if (succeeded(zero) && zero->isResultInOrder())
    return zero;
  return one;
}

bool Contraction::isInteger() const {
  return !lhs.getEncoding() && !rhs.getEncoding() &&
         lhs.getType().getElementType().isSignlessInteger(8) &&
         rhs.getType().getElementType().isSignlessInteger(8) &&
         getResultType().getElementType().isSignlessInteger(32);
}

bool Contraction::isResultInOrder() const {
  return m.empty() || !n || resultLoops.back() == *n;
}

int64_t Contraction::getContractedExtent() const {
  for (const ContractionOperand *operand : {&lhs, &rhs}) {
    auto dim = llvm::find(operand->loops, k) - operand->loops.begin();
    int64_t extent = operand->getType().getDimSize(dim);
    if (!ShapedType::isDynamic(extent))
      return extent;
  }
  return ShapedType::kDynamic;
}

//===----------------------------------------------------------------------===//
// Uniform tensors
//===----------------------------------------------------------------------===//

TypedAttr quantmlir::quant_tensor::getUniformValue(Value value) {
  Attribute attr;
  if (auto fill = value.getDefiningOp<linalg::FillOp>()) {
    if (matchPattern(fill.getInputs()[0], m_Constant(&attr)))
      return dyn_cast<TypedAttr>(attr);
    return {};
  }
  DenseElementsAttr dense;
  if (matchPattern(value, m_Constant(&dense)) && dense.isSplat())
    return dense.getSplatValue<TypedAttr>();
  return {};
}

bool quantmlir::quant_tensor::isZeroTensor(Value value) {
  TypedAttr uniform = getUniformValue(value);
  return uniform && (matchPattern(uniform, m_Zero()) ||
                     matchPattern(uniform, m_AnyZeroFloat()));
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

FailureOr<AffineMap> quantmlir::quant_tensor::getParameterMap(
    RankedTensorType type, ArrayRef<std::optional<unsigned>> loops,
    unsigned numDims, StringRef what, WhyNot &whyNot) {
  MLIRContext *context = type.getContext();
  SmallVector<AffineExpr> exprs;
  for (auto [dim, extent] : llvm::enumerate(getEncoding(type).getBlock())) {
    if (extent == 0 || extent == type.getDimSize(dim)) {
      exprs.push_back(getAffineConstantExpr(0, context));
      continue;
    }
    if (!loops[dim])
      return whyNot("the scale of the {0} varies along K, in groups of {1}",
                    what, extent);
    if (extent != 1)
      return whyNot("dimension {0} of the {1} is scaled in groups of {2}, "
                    "neither singly nor as a whole",
                    dim, what, extent);
    exprs.push_back(getAffineDimExpr(*loops[dim], context));
  }
  return AffineMap::get(numDims, 0, exprs, context);
}

//===----------------------------------------------------------------------===//
// Remarks
//===----------------------------------------------------------------------===//

void quantmlir::quant_tensor::remarkPassed(Operation *op, StringRef pass,
                                           StringRef text) {
  remark::passed(op->getLoc(), getRemarkOptions(op, pass, pass))
      << remark::add("{0}", text.str());
}

void quantmlir::quant_tensor::remarkMissed(Operation *op, StringRef pass,
                                           StringRef text,
                                           const WhyNot &whyNot) {
  if (!whyNot.isNearMiss())
    return;
  remark::missed(op->getLoc(), getRemarkOptions(op, pass, pass))
      << remark::add("{0}", text.str())
      << remark::reason("{0}", whyNot.str().str());
}
