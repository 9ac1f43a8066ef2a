//===- OrderGroups.cpp - Groups of columns that are brought together ------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORORDERGROUPS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-order-groups";

Value quantmlir::quant_tensor::readAt(OpBuilder &builder, Location loc,
                                      Value value, ArrayRef<AffineExpr> exprs,
                                      ArrayRef<OpFoldResult> sizes) {
  unsigned rank = sizes.size();
  Value empty = tensor::EmptyOp::create(builder, loc, sizes,
                                        getElementTypeOrSelf(value.getType()));
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), value, empty,
             ArrayRef<AffineMap>{
                 AffineMap::get(rank, 0, exprs, builder.getContext()),
                 builder.getMultiDimIdentityMap(rank)},
             loops,
             [&](OpBuilder &inner, Location, ValueRange arguments) {
               linalg::YieldOp::create(inner, loc, arguments[0]);
             })
      .getResult(0);
}

Value quantmlir::quant_tensor::gatherAlong(OpBuilder &builder, Location loc,
                                           Value value, unsigned dim,
                                           Value order) {
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<RankedTensorType>(value.getType());
  unsigned rank = type.getRank();
  Value empty =
      tensor::EmptyOp::create(b, tensor::getMixedSizes(b, loc, value),
                              type.getElementType(), type.getEncoding());
  AffineMap maps[] = {
      AffineMap::get(rank, 0, b.getAffineDimExpr(dim), b.getContext()),
      b.getMultiDimIdentityMap(rank)};
  return linalg::GenericOp::create(
             b, TypeRange(empty.getType()), ValueRange(order),
             ValueRange(empty), maps,
             SmallVector<utils::IteratorType>(rank,
                                              utils::IteratorType::parallel),
             [&](OpBuilder &inner, Location loc, ValueRange args) {
               ImplicitLocOpBuilder body(loc, inner);
               SmallVector<Value> indices;
               for (unsigned i = 0; i < rank; ++i)
                 indices.push_back(
                     i == dim ? Value(arith::IndexCastOp::create(
                                    body, body.getIndexType(), args[0]))
                              : Value(linalg::IndexOp::create(body, i)));
               linalg::YieldOp::create(
                   body,
                   ValueRange(tensor::ExtractOp::create(body, value, indices)));
             })
      .getResult(0);
}

Value quantmlir::quant_tensor::decomposeDequantizeIndexed(
    OpBuilder &builder, DequantizeIndexedOp op) {
  auto sorted = OrderGroupsOp::create(builder, op.getLoc(), op.getSource(),
                                      op.getGroups());
  Value dense = DequantizeOp::create(
      builder, op.getLoc(), op.getResult().getType(), sorted.getResult());
  return gatherAlong(builder, op.getLoc(), dense, 1, sorted.getPosition());
}

namespace {

/// A contraction of weights whose groups are given by an index.
struct IndexedContraction {
  Contraction contraction;
  /// Which operand of the contraction the weights are.
  unsigned side;
  DequantizeIndexedOp weights;
  /// What is gathered, and along which dimension: the other operand, or what is
  /// quantized to it.
  Value activations;
  unsigned dim;
  /// Null where the activations are not quantized.
  QuantizeOp quantize;
};

} // namespace

static FailureOr<IndexedContraction> matchIndexed(Operation *op,
                                                  WhyNot &whyNot) {
  for (unsigned side : {1u, 0u}) {
    WhyNot sideWhyNot;
    FailureOr<Contraction> contraction = matchContraction(op, side, sideWhyNot);
    if (failed(contraction)) {
      if (op->getNumOperands() > side && !whyNot.isNearMiss() &&
          op->getOperand(side).getDefiningOp<DequantizeIndexedOp>() &&
          sideWhyNot.isNearMiss())
        (void)whyNot("{0}", sideWhyNot.str());
      continue;
    }
    auto weights = contraction->rhs.value.getDefiningOp<DequantizeIndexedOp>();
    if (!weights)
      continue;
    if (contraction->rhs.loops.back() != contraction->k)
      return whyNot("the contraction does not run along the columns that have "
                    "groups");
    IndexedContraction result{*contraction,           side, weights,
                              contraction->lhs.value, 0,    {}};
    const auto *dim = llvm::find(contraction->lhs.loops, contraction->k);
    result.dim = dim - contraction->lhs.loops.begin();
    if (EncodingAttr encoding = contraction->lhs.getEncoding()) {
      result.quantize = contraction->lhs.value.getDefiningOp<QuantizeOp>();
      if (!result.quantize)
        return whyNot("the other operand comes encoded: its codes are not "
                      "gathered");
      if (encoding.getBlock()[result.dim] != 0)
        return whyNot("the other operand has blocks of some of its columns, "
                      "which gathering would take apart");
      result.activations = result.quantize.getSource();
    }
    return result;
  }
  return failure();
}

/// The value `value`, a chain of casts and transpositions of `from`, made of
/// `to` instead.
static Value cloneOnto(OpBuilder &builder, Value value, Value from, Value to) {
  if (value == from)
    return to;
  // Contractions see through ops with one input alone, which comes first.
  Operation *op = value.getDefiningOp();
  Value input = op->getOperand(0);
  IRMapping mapping;
  mapping.map(input, cloneOnto(builder, input, from, to));
  return builder.clone(*op, mapping)
      ->getResult(cast<OpResult>(value).getResultNumber());
}

namespace {

struct OrderContraction : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<IndexedContraction> match = matchIndexed(op, whyNot);
    if (failed(match))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    Location loc = op->getLoc();
    DequantizeIndexedOp weights = match->weights;
    // Where the weights are, so that contractions that share them share this.
    rewriter.setInsertionPointAfter(weights);
    auto sorted = OrderGroupsOp::create(
        rewriter, weights.getLoc(), weights.getSource(), weights.getGroups());
    Value dense =
        DequantizeOp::create(rewriter, weights.getLoc(),
                             weights.getResult().getType(), sorted.getResult());
    rewriter.setInsertionPoint(op);
    Value gathered = gatherAlong(rewriter, loc, match->activations, match->dim,
                                 sorted.getOrder());
    if (match->quantize) {
      IRMapping mapping;
      mapping.map(match->activations, gathered);
      gathered = rewriter.clone(*match->quantize, mapping)->getResult(0);
    }
    Value lhs = op->getOperand(1 - match->side);
    Value rhs = op->getOperand(match->side);
    lhs = cloneOnto(rewriter, lhs, match->contraction.lhs.value, gathered);
    rhs = cloneOnto(rewriter, rhs, weights.getResult(), dense);
    rewriter.modifyOpInPlace(op, [&] {
      op->setOperand(1 - match->side, lhs);
      op->setOperand(match->side, rhs);
    });
    remarkPassed(op, passName,
                 "sorts the columns of its weights by group, and gathers its "
                 "other operand in a kernel of its own");
    return success();
  }
};

struct OrderGroups
    : quantmlir::quant_tensor::impl::QuantTensorOrderGroupsBase<OrderGroups> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateOrderGroupsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([](linalg::LinalgOp op) {
      WhyNot whyNot;
      (void)matchIndexed(op, whyNot);
      remarkMissed(op, passName, "groups not ordered", whyNot);
    });
  }
};

} // namespace

void quantmlir::quant_tensor::populateOrderGroupsPatterns(
    RewritePatternSet &patterns) {
  patterns.add<OrderContraction>(patterns.getContext());
}
