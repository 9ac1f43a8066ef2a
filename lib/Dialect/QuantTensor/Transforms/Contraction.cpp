//===- Contraction.cpp - One view of every op that contracts --------------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

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

/// Follows widening casts in a contraction's body down to a block argument.
static BlockArgument throughBodyCasts(Value value, bool &isUnsigned) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtSIOp, arith::ExtUIOp, arith::ExtFOp>(op))
      return {};
    // zext(sext(x)) is neither; sext(zext(x)) is zext(x).
    if (isUnsigned && isa<arith::ExtSIOp>(op))
      return {};
    isUnsigned |= isa<arith::ExtUIOp>(op);
    value = op->getOperand(0);
  }
  return cast<BlockArgument>(value);
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
    BlockArgument a = throughBodyCasts(mul->getOperand(0), unsignedness[0]);
    BlockArgument b = throughBodyCasts(mul->getOperand(1), unsignedness[1]);
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

/// Loop of each dimension of the right-hand side in normal form.
static SmallVector<unsigned> getNormalRhsLoops(const Contraction &contraction) {
  SmallVector<unsigned> loops(
      ArrayRef(contraction.m).take_front(contraction.numBatch));
  if (contraction.n)
    loops.push_back(*contraction.n);
  loops.push_back(contraction.k);
  return loops;
}

/// Loop of each dimension of the left-hand side in normal form.
static SmallVector<unsigned> getNormalLhsLoops(const Contraction &contraction) {
  SmallVector<unsigned> loops = contraction.m;
  loops.push_back(contraction.k);
  return loops;
}

bool Contraction::isLhsTransposed() const {
  return lhs.loops != getNormalLhsLoops(*this);
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

bool Contraction::isRhsTransposed() const {
  return rhs.loops != getNormalRhsLoops(*this);
}

AffineMap Contraction::getResultMap() const {
  MLIRContext *context = op->getContext();
  SmallVector<AffineExpr> results;
  for (unsigned loop : resultLoops) {
    const auto *it = llvm::find(m, loop);
    unsigned dim =
        it == m.end() ? getNormalRank() - 1 : std::distance(m.begin(), it);
    results.push_back(getAffineDimExpr(dim, context));
  }
  return AffineMap::get(getNormalRank(), 0, results, context);
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
// Building
//===----------------------------------------------------------------------===//

ScaledMatmulOp quantmlir::quant_tensor::createScaledMatmul(
    OpBuilder &builder, Location loc, Value lhs, Value rhs,
    ArrayRef<EpilogueOperand> operands, Value init, bool lhsUnsigned,
    bool rhsUnsigned, EpilogueBuilder body) {
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  for (const EpilogueOperand &operand : operands) {
    values.push_back(operand.value);
    maps.push_back(operand.map);
  }
  auto op = ScaledMatmulOp::create(
      builder, loc, init.getType(), lhs, rhs, values, init,
      builder.getAffineMapArrayAttr(maps), lhsUnsigned, rhsUnsigned);
  SmallVector<Type> types{op.getAccumulatorType()};
  for (Value value : values)
    types.push_back(getElementTypeOrSelf(value.getType()));
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&op.getEpilogue(), {}, types,
                                     SmallVector<Location>(types.size(), loc));
  Value result = body(builder, loc, block->getArguments());
  YieldOp::create(builder, loc, ValueRange{result});
  return op;
}

/// An encoding of the transposed tensor that describes the same bytes; null
/// where no layout does. 8-bit row-major codes are moved instead, so that what
/// follows sees plain rows.
static EncodingAttr getTransposedEncoding(EncodingAttr encoding) {
  MLIRContext *context = encoding.getContext();
  SmallVector<int64_t> block(llvm::reverse(encoding.getBlock()));
  LayoutAttr layout = encoding.getLayoutOrDefault();
  unsigned bits = encoding.getStorageBits();
  switch (layout.getKind()) {
  case LayoutKind::RowMajor:
    if (bits == 8) {
      layout = {};
      break;
    }
    // Codes that straddle bytes have no word of whole slots.
    if (8 % bits)
      return {};
    layout = LayoutAttr::get(
        context, LayoutKind::Packed, /*word=*/8, /*axis=*/0,
        llvm::to_vector(llvm::seq<int64_t>(0, 8 / bits)), /*halves=*/false,
        /*permutation=*/{1, 0}, /*tile=*/{});
    break;
  case LayoutKind::Packed: {
    SmallVector<int64_t> permutation(layout.getPermutation());
    if (permutation.empty())
      permutation = {0, 1};
    for (int64_t &dim : permutation)
      dim = 1 - dim;
    if (permutation == ArrayRef<int64_t>{0, 1})
      permutation.clear();
    layout = LayoutAttr::get(context, LayoutKind::Packed, layout.getWord(),
                             1 - layout.getAxis(), layout.getOrder(),
                             layout.getHalves(), permutation, /*tile=*/{});
    break;
  }
  case LayoutKind::Fragment:
  case LayoutKind::Tinygemm:
    return {};
  }
  return EncodingAttr::get(
      context, encoding.getStorage(), block, encoding.getScale(),
      encoding.getZeroPoint(), encoding.getRange(), encoding.getRounding(),
      encoding.getOverflow(), encoding.getCodebook(), layout);
}

/// Dimension i of the result is dimension `permutation[i]` of `value`.
static Value transpose(OpBuilder &builder, Location loc, Value value,
                       ArrayRef<int64_t> permutation) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value);
  SmallVector<OpFoldResult> permuted;
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation) {
    permuted.push_back(sizes[dim]);
    shape.push_back(type.getDimSize(dim));
  }
  // A vector with unit dimensions about it lies as it is.
  unsigned rank = type.getRank();
  if (llvm::count(shape, 1) + 1 >= rank) {
    ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    Value flat = tensor::CollapseShapeOp::create(
        builder, loc, value, ArrayRef<ReassociationIndices>{all});
    return tensor::ExpandShapeOp::create(
        builder, loc, RankedTensorType::get(shape, type.getElementType()), flat,
        ArrayRef<ReassociationIndices>{all}, permuted);
  }
  Value init =
      tensor::EmptyOp::create(builder, loc, permuted, type.getElementType());
  return linalg::TransposeOp::create(builder, loc, value, init, permutation)
      ->getResult(0);
}

static Value transpose2D(OpBuilder &builder, Location loc, Value value) {
  return transpose(builder, loc, value, {1, 0});
}

static Value transposeEncoded(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  EncodingAttr encoding = getEncoding(type);
  EncodingAttr transposed = getTransposedEncoding(encoding);
  auto parts = DisassembleOp::create(builder, loc, value);
  Value codes = parts.getCodes();
  if (encoding.isRowMajor() && encoding.getStorageBits() == 8)
    codes = transpose2D(builder, loc, codes);
  Value scales = transpose2D(builder, loc, parts.getScales());
  Value zeroPoints = parts.getZeroPoints();
  if (zeroPoints)
    zeroPoints = transpose2D(builder, loc, zeroPoints);
  auto resultType =
      RankedTensorType::get({type.getDimSize(1), type.getDimSize(0)},
                            type.getElementType(), transposed);
  return AssembleOp::create(builder, loc, resultType, codes, scales,
                            zeroPoints);
}

LogicalResult
quantmlir::quant_tensor::canNormalizeOperands(const Contraction &contraction,
                                              WhyNot &whyNot) {
  if (contraction.lhs.getEncoding() && !contraction.hasRows())
    return whyNot("the left-hand side is an encoded vector");
  if (EncodingAttr encoding = contraction.rhs.getEncoding()) {
    if (!contraction.n)
      return whyNot("the right-hand side is an encoded vector");
    if (contraction.numBatch)
      return whyNot("the right-hand side is encoded and has {0} batch "
                    "dimensions, for which there is no kernel",
                    contraction.numBatch);
    if (contraction.isRhsTransposed() && !getTransposedEncoding(encoding))
      return whyNot("{0}-bit codes of a K x N right-hand side cannot be read "
                    "N x K in this layout",
                    encoding.getStorageBits());
  }
  return success();
}

/// Groups that join dimensions `rank - 2` and `rank - 1`.
static SmallVector<ReassociationIndices> joinLastTwo(unsigned rank) {
  SmallVector<ReassociationIndices> groups;
  for (unsigned dim = 0; dim + 2 < rank; ++dim)
    groups.push_back({dim});
  groups.push_back({rank - 2, rank - 1});
  return groups;
}

/// [b.., k] -> [b.., 1, k].
static Value addUnitRow(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.end() - 1, 1);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value);
  sizes.insert(sizes.end() - 1, builder.getIndexAttr(1));
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), value,
      joinLastTwo(shape.size()), sizes);
}

FailureOr<NormalOperands> quantmlir::quant_tensor::normalizeOperands(
    OpBuilder &builder, const Contraction &contraction, WhyNot &whyNot) {
  if (failed(canNormalizeOperands(contraction, whyNot)))
    return failure();
  Location loc = contraction.op->getLoc();
  NormalOperands result{contraction.lhs.value, contraction.rhs.value};
  auto turn = [&](const ContractionOperand &operand,
                  ArrayRef<unsigned> loops) -> Value {
    SmallVector<int64_t> permutation;
    for (unsigned loop : loops)
      permutation.push_back(llvm::find(operand.loops, loop) -
                            operand.loops.begin());
    return transpose(builder, loc, operand.value, permutation);
  };
  if (contraction.isLhsTransposed())
    result.lhs = turn(contraction.lhs, getNormalLhsLoops(contraction));
  if (!contraction.hasRows())
    result.lhs = addUnitRow(builder, loc, result.lhs);
  if (contraction.isRhsTransposed())
    result.rhs = contraction.rhs.getEncoding()
                     ? transposeEncoded(builder, loc, result.rhs)
                     : turn(contraction.rhs, getNormalRhsLoops(contraction));
  if (!contraction.n)
    result.rhs = addUnitRow(builder, loc, result.rhs);
  return result;
}

Value quantmlir::quant_tensor::createNormalInit(OpBuilder &builder,
                                                Location loc,
                                                const NormalOperands &operands,
                                                Type elementType) {
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, loc, operands.lhs);
  // The extents of an encoded tensor are those of its logical shape.
  int64_t rhsRank = cast<RankedTensorType>(operands.rhs.getType()).getRank();
  sizes.back() = tensor::getMixedSize(builder, loc, operands.rhs, rhsRank - 2);
  return tensor::EmptyOp::create(builder, loc, sizes, elementType);
}

Value quantmlir::quant_tensor::restoreResult(OpBuilder &builder, Location loc,
                                             const Contraction &contraction,
                                             Value normal) {
  unsigned rank = contraction.getNormalRank();
  if (!contraction.hasRows() || !contraction.n)
    return tensor::CollapseShapeOp::create(builder, loc, normal,
                                           joinLastTwo(rank));
  AffineMap map = contraction.getResultMap();
  if (map.isIdentity())
    return normal;
  SmallVector<int64_t> permutation;
  for (unsigned i = 0; i != rank; ++i)
    permutation.push_back(map.getDimPosition(i));
  return transpose(builder, loc, normal, permutation);
}

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

/// Name of the function that `op` is in, for the remark's header.
static StringRef getFunctionName(Operation *op) {
  if (auto function = op->getParentOfType<FunctionOpInterface>())
    return function.getName();
  return {};
}

void quantmlir::quant_tensor::remarkPassed(Operation *op, StringRef pass,
                                           StringRef text) {
  remark::passed(op->getLoc(),
                 remark::RemarkOpts::name(pass).category(pass).function(
                     getFunctionName(op)))
      << remark::add("{0}", text.str());
}

void quantmlir::quant_tensor::remarkMissed(Operation *op, StringRef pass,
                                           StringRef text,
                                           const WhyNot &whyNot) {
  if (!whyNot.isNearMiss())
    return;
  remark::missed(op->getLoc(),
                 remark::RemarkOpts::name(pass).category(pass).function(
                     getFunctionName(op)))
      << remark::add("{0}", text.str())
      << remark::reason("{0}", whyNot.str().str());
}
