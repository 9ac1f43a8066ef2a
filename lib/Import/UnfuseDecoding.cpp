//===- UnfuseDecoding.cpp - Decodings out of products' bodies -------------===//

#include "UnfuseDecoding.h"
#include "DequantizeMatch.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "import-dequantize";

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

namespace {

/// One of the two numbers that a body multiplies, below the casts that a
/// contraction may have.
struct Factor {
  Value value;
  /// What computes it, and of which inputs.
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<unsigned> inputs;
  /// The input whose dimensions are those of all others too.
  unsigned codes = 0;

  /// Whether there is something to be moved.
  bool isComputed() const { return !ops.empty(); }
};

} // namespace

/// Whether elements of `type` can be codes: of a byte or less.
static bool mayBeCode(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return (integer && integer.getWidth() > 1 && integer.getWidth() <= 8) ||
         isFloatCode(type);
}

/// Finds what `factor.value` is computed of; fails where that is not inputs
/// alone and `arith` alone.
static LogicalResult collect(linalg::LinalgOp op, Value value, Factor &factor) {
  Block *body = op.getBlock();
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() != body)
      return success();
    if (argument.getArgNumber() >= op.getNumDpsInputs())
      return failure();
    factor.inputs.insert(argument.getArgNumber());
    return success();
  }
  Operation *producer = value.getDefiningOp();
  if (producer->getBlock() != body)
    return success();
  if (!isa<arith::ArithDialect>(producer->getDialect()))
    return failure();
  for (Value operand : producer->getOperands())
    if (failed(collect(op, operand, factor)))
      return failure();
  factor.ops.insert(producer);
  return success();
}

/// Finds the input of `factor` that has all its dimensions.
static LogicalResult findCodes(linalg::LinalgOp op, Factor &factor) {
  for (unsigned input : factor.inputs) {
    OpOperand &operand = op->getOpOperand(input);
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!map.isProjectedPermutation() ||
        !isa<RankedTensorType>(operand.get().getType()) ||
        getEncoding(operand.get().getType()) ||
        !mayBeCode(getElementTypeOrSelf(operand.get().getType())))
      continue;
    auto hasAllOf = [&](unsigned other) {
      AffineMap otherMap = op.getMatchingIndexingMap(&op->getOpOperand(other));
      for (unsigned loop = 0, e = op.getNumLoops(); loop != e; ++loop)
        if (otherMap.isFunctionOfDim(loop) && !map.isFunctionOfDim(loop))
          return false;
      return true;
    };
    if (!llvm::all_of(factor.inputs, hasAllOf))
      continue;
    factor.codes = input;
    return success();
  }
  return failure();
}

namespace {

/// What is multiplied and accumulated is decoded in front.
struct UnfuseDecoding : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    Factor factors[2];
    Operation *mul = match(op, factors);
    if (!mul)
      return failure();
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (Factor &factor : factors) {
      OpOperand &codes = op->getOpOperand(factor.codes);
      maps.push_back(op.getMatchingIndexingMap(&codes));
      inputs.push_back(factor.isComputed() ? compute(rewriter, op, factor)
                                           : codes.get());
    }
    OpOperand *init = op.getDpsInitOperand(0);
    maps.push_back(op.getMatchingIndexingMap(init));
    Operation *add =
        op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
    auto product = linalg::GenericOp::create(
        rewriter, op.getLoc(), op->getResultTypes(), inputs, init->get(), maps,
        op.getIteratorTypesArray(),
        [&](OpBuilder &inner, Location, ValueRange arguments) {
          IRMapping mapping;
          mapping.map(op.getBlock()->getArguments().back(), arguments.back());
          for (unsigned side : {0u, 1u}) {
            mapping.map(factors[side].value, arguments[side]);
            cloneCasts(inner, mul->getOperand(side), mapping);
          }
          inner.clone(*mul, mapping);
          Operation *sum = inner.clone(*add, mapping);
          linalg::YieldOp::create(inner, op.getLoc(), sum->getResult(0));
        });
    remarkPassed(op, passName, "decodes in front of the product");
    rewriter.replaceOp(op, product.getResults());
    return success();
  }

private:
  /// Returns what multiplies the factors, null where nothing is to be moved.
  static Operation *match(linalg::LinalgOp op, Factor (&factors)[2]) {
    if (!op.hasPureTensorSemantics() || op.getNumReductionLoops() == 0 ||
        op->getNumResults() != 1 || op.hasIndexSemantics())
      return nullptr;
    Block *body = op.getBlock();
    Operation *add = body->getTerminator()->getOperand(0).getDefiningOp();
    if (!isa_and_nonnull<arith::AddFOp>(add))
      return nullptr;
    unsigned side = add->getOperand(0) == body->getArguments().back() ? 1 : 0;
    Operation *mul = add->getOperand(side).getDefiningOp();
    if (add->getOperand(1 - side) != body->getArguments().back() ||
        !isa_and_nonnull<arith::MulFOp>(mul))
      return nullptr;
    for (unsigned side : {0u, 1u}) {
      Factor &factor = factors[side];
      factor.value = mul->getOperand(side);
      while (auto cast = factor.value.getDefiningOp<arith::ExtFOp>())
        factor.value = cast.getIn();
      if (failed(collect(op, factor.value, factor)) || factor.inputs.empty())
        return nullptr;
      if (!factor.isComputed())
        factor.codes = factor.inputs.front();
      else if (!isEncodableFloat(factor.value.getType()) ||
               failed(findCodes(op, factor)))
        return nullptr;
    }
    if (!factors[0].isComputed() && !factors[1].isComputed())
      return nullptr;
    for (unsigned input : factors[0].inputs)
      if (factors[1].inputs.contains(input))
        return nullptr;
    // What is read once is as well decoded where it is.
    auto readsAllLoops = [&](const Factor &factor) {
      AffineMap map =
          op.getMatchingIndexingMap(&op->getOpOperand(factor.codes));
      return llvm::all_of(
          llvm::seq<unsigned>(0, op.getNumLoops()),
          [&](unsigned loop) { return map.isFunctionOfDim(loop); });
    };
    return llvm::all_of(factors, readsAllLoops) ? nullptr : mul;
  }

  /// The factor as an elementwise op over the dimensions of its codes.
  static Value compute(OpBuilder &builder, linalg::LinalgOp op,
                       Factor &factor) {
    Location loc = op.getLoc();
    Value codes = op->getOperand(factor.codes);
    AffineMap codesMap =
        op.getMatchingIndexingMap(&op->getOpOperand(factor.codes));
    unsigned rank = codesMap.getNumResults();
    SmallVector<AffineExpr> dims(op.getNumLoops(),
                                 builder.getAffineConstantExpr(0));
    for (unsigned dim = 0; dim != rank; ++dim)
      dims[codesMap.getDimPosition(dim)] = builder.getAffineDimExpr(dim);
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (unsigned input : factor.inputs) {
      OpOperand &operand = op->getOpOperand(input);
      inputs.push_back(operand.get());
      maps.push_back(op.getMatchingIndexingMap(&operand).replaceDimsAndSymbols(
          dims, {}, rank, 0));
    }
    maps.push_back(builder.getMultiDimIdentityMap(rank));
    Value empty = tensor::EmptyOp::create(
        builder, loc, tensor::getMixedSizes(builder, loc, codes),
        factor.value.getType());
    return linalg::GenericOp::create(
               builder, loc, empty.getType(), inputs, empty, maps,
               SmallVector<utils::IteratorType>(rank,
                                                utils::IteratorType::parallel),
               [&](OpBuilder &inner, Location, ValueRange arguments) {
                 IRMapping mapping;
                 for (auto [input, argument] :
                      llvm::zip(factor.inputs, arguments))
                   mapping.map(op.getBlock()->getArgument(input), argument);
                 for (Operation *producer : factor.ops)
                   inner.clone(*producer, mapping);
                 linalg::YieldOp::create(inner, loc,
                                         mapping.lookup(factor.value));
               })
        .getResult(0);
  }

  /// Clones what widens a factor up to `value`.
  static void cloneCasts(OpBuilder &builder, Value value, IRMapping &mapping) {
    if (mapping.contains(value))
      return;
    Operation *cast = value.getDefiningOp();
    cloneCasts(builder, cast->getOperand(0), mapping);
    builder.clone(*cast, mapping);
  }
};

//===----------------------------------------------------------------------===//
// 8-bit floats times wider floats
//===----------------------------------------------------------------------===//

/// The operands of a product, and how it reads them.
struct Operands {
  Value lhs, rhs;
  AffineMap lhsMap, rhsMap;
};

/// The operands of a product below casts; where it contracts several
/// dimensions, which are joined later, as they are.
static std::optional<Operands> getOperands(linalg::LinalgOp op) {
  WhyNot whyNot;
  if (FailureOr<Contraction> contraction = matchContraction(op, whyNot);
      succeeded(contraction)) {
    auto mapOf = [&](ArrayRef<unsigned> loops) {
      SmallVector<AffineExpr> exprs;
      for (unsigned loop : loops)
        exprs.push_back(getAffineDimExpr(loop, op.getContext()));
      return AffineMap::get(op.getNumLoops(), 0, exprs, op.getContext());
    };
    return Operands{contraction->lhs.value, contraction->rhs.value,
                    mapOf(contraction->lhs.loops),
                    mapOf(contraction->rhs.loops)};
  }
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.getNumReductionLoops() < 2 || !isMultiplyAccumulate(op))
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!llvm::all_of(maps, [](AffineMap map) {
        return map.isProjectedPermutation() && map.getNumResults();
      }))
    return std::nullopt;
  // The columns of the result are rows of the right-hand side.
  unsigned column = maps[2].getDimPosition(maps[2].getNumResults() - 1);
  unsigned rhs = maps[1].isFunctionOfDim(column) ? 1 : 0;
  if (!maps[rhs].isFunctionOfDim(column) ||
      maps[1 - rhs].isFunctionOfDim(column))
    return std::nullopt;
  return Operands{op->getOperand(1 - rhs), op->getOperand(rhs), maps[1 - rhs],
                  maps[rhs]};
}

/// An N x K operand of 8-bit floats beside wider ones is encoded.
struct EncodeWidenedFloats : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<Operands> operands = getOperands(op);
    if (!operands || getEncoding(operands->lhs.getType()) ||
        getEncoding(operands->rhs.getType()))
      return failure();
    Type wide = getElementTypeOrSelf(operands->lhs.getType());
    auto narrow = cast<RankedTensorType>(operands->rhs.getType());
    Type sum = getElementTypeOrSelf(op->getResult(0).getType());
    if (!isEncodableFloat(wide) || !isFloatCode(narrow.getElementType()) ||
        !isa<FloatType>(sum) ||
        (wide != sum &&
         wide.getIntOrFloatBitWidth() >= sum.getIntOrFloatBitWidth()))
      return failure();
    Location loc = op.getLoc();
    SmallVector<int64_t> whole(narrow.getRank(), 0);
    auto encoding = EncodingAttr::get(
        getContext(), narrow.getElementType(), whole, rewriter.getF32Type(),
        /*zeroPoint=*/{}, /*range=*/{}, Rounding::NearestEven,
        Overflow::Saturate, /*codebook=*/{}, /*layout=*/{});
    RankedTensorType scalesType = encoding.getScalesType(narrow.getShape());
    Value one = arith::ConstantOp::create(
        rewriter, loc,
        DenseElementsAttr::get(scalesType, rewriter.getF32FloatAttr(1.0)));
    Value encoded = AssembleOp::create(
        rewriter, loc, RankedTensorType::get(narrow.getShape(), wide, encoding),
        operands->rhs, one, Value());
    Value decoded = DequantizeOp::create(
        rewriter, loc, RankedTensorType::get(narrow.getShape(), wide), encoded);
    OpOperand *init = op.getDpsInitOperand(0);
    auto product = linalg::GenericOp::create(
        rewriter, loc, op->getResultTypes(), ValueRange{operands->lhs, decoded},
        init->get(),
        ArrayRef<AffineMap>{operands->lhsMap, operands->rhsMap,
                            op.getMatchingIndexingMap(init)},
        op.getIteratorTypesArray(),
        [&](OpBuilder &inner, Location, ValueRange arguments) {
          Value factors[2] = {arguments[0], arguments[1]};
          for (Value &factor : factors)
            if (factor.getType() != sum)
              factor = arith::ExtFOp::create(inner, loc, sum, factor);
          Value term =
              arith::MulFOp::create(inner, loc, factors[0], factors[1]);
          Value total = arith::AddFOp::create(inner, loc, arguments[2], term);
          linalg::YieldOp::create(inner, loc, total);
        });
    remarkPassed(op, passName, "reads 8-bit floats beside wider ones as codes");
    rewriter.replaceOp(op, product.getResults());
    return success();
  }
};

} // namespace

void quantmlir::populateUnfuseDecodingPatterns(RewritePatternSet &patterns) {
  patterns.add<UnfuseDecoding>(patterns.getContext());
}

void quantmlir::populateWidenedFloatPatterns(RewritePatternSet &patterns) {
  patterns.add<EncodeWidenedFloats>(patterns.getContext());
}
