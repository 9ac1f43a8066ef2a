//===- NormalForm.cpp - Operands and results of a scaled_matmul -----------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

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

ScaledMatmulOp quantmlir::quant_tensor::createScaledMatmul(
    OpBuilder &builder, Location loc, Value lhs, Value rhs,
    ArrayRef<EpilogueOperand> operands, Value init, bool lhsUnsigned,
    bool rhsUnsigned, EpilogueBuilder body, bool paired) {
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  for (const EpilogueOperand &operand : operands) {
    values.push_back(operand.value);
    maps.push_back(operand.map);
  }
  auto op = ScaledMatmulOp::create(
      builder, loc, init.getType(), lhs, rhs, values, init,
      builder.getAffineMapArrayAttr(maps), lhsUnsigned, rhsUnsigned, paired);
  SmallVector<Type> types(op.getNumSums(), op.getAccumulatorType());
  for (Value value : values)
    types.push_back(getElementTypeOrSelf(value.getType()));
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&op.getEpilogue(), {}, types,
                                     SmallVector<Location>(types.size(), loc));
  Value result = body(builder, loc, block->getArguments());
  YieldOp::create(builder, loc, ValueRange{result});
  return op;
}

EpilogueOperand
quantmlir::quant_tensor::getStart(const Contraction &contraction) {
  Value init = contraction.init;
  AffineMap map = contraction.getResultMap();
  auto op = init.getDefiningOp<linalg::LinalgOp>();
  if (!op || op->getNumResults() != 1 || op.getNumDpsInputs() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      op.getBlock()->getTerminator()->getOperand(0) !=
          op.getBlock()->getArgument(0))
    return {init, map};
  OpOperand *source = op.getDpsInputOperand(0);
  AffineMap in = op.getMatchingIndexingMap(source);
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!isa<RankedTensorType>(source->get().getType()) || !out.isPermutation() ||
      !in.isProjectedPermutation())
    return {init, map};
  return {source->get(), in.compose(inversePermutation(out)).compose(map)};
}

ScaledMatmulOp
quantmlir::quant_tensor::createFloatProduct(OpBuilder &builder,
                                            const Contraction &contraction,
                                            const NormalOperands &operands) {
  Location loc = contraction.op->getLoc();
  Type elementType = contraction.getResultType().getElementType();
  SmallVector<EpilogueOperand> epilogue;
  if (!isZeroTensor(contraction.init))
    epilogue.push_back(getStart(contraction));
  Value init = createNormalInit(builder, loc, operands, elementType);
  return createScaledMatmul(
      builder, loc, operands.lhs, operands.rhs, epilogue, init,
      /*lhsUnsigned=*/false, /*rhsUnsigned=*/false,
      [&](OpBuilder &builder, Location loc, ValueRange arguments) -> Value {
        Value result = arguments[0];
        Type f32 = result.getType();
        if (arguments.size() > 1) {
          Value start = arguments[1];
          if (start.getType() != f32)
            start = arith::ExtFOp::create(builder, loc, f32, start);
          result = arith::AddFOp::create(builder, loc, result, start);
        }
        if (elementType != f32)
          result = arith::TruncFOp::create(builder, loc, elementType, result);
        return result;
      });
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
