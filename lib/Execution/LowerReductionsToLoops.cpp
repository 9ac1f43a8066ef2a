//===- LowerReductionsToLoops.cpp - Accumulators in registers -------------===//

#include "quantmlir/Execution/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quantmlir {
#define GEN_PASS_DEF_LOWERREDUCTIONSTOLOOPS
#include "quantmlir/Execution/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;

namespace {

/// The loops of one linalg.generic on buffers.
class ReductionLoops {
public:
  explicit ReductionLoops(linalg::GenericOp op)
      : op(op), b(op.getLoc(), op), indices(op.getNumLoops()) {}

  /// Whether every accumulator is one element while the reductions run.
  bool isApplicable() {
    if (!op.hasPureBufferSemantics() || op.getNumReductionLoops() == 0)
      return false;
    for (OpOperand &out : op.getDpsInitsMutable()) {
      AffineMap map = op.getMatchingIndexingMap(&out);
      for (auto [dim, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
        if (iterator == utils::IteratorType::reduction &&
            map.isFunctionOfDim(dim))
          return false;
    }
    return true;
  }

  void lower() {
    ranges = cast<linalg::LinalgOp>(op.getOperation())
                 .createLoopRanges(b, op.getLoc());
    op.getParallelDims(parallelDims);
    op.getReductionDims(reductionDims);
    buildParallel(b, 0);
    op.erase();
  }

private:
  Value toValue(OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, op.getLoc(), value);
  }

  void buildParallel(ImplicitLocOpBuilder &b, unsigned depth) {
    if (depth == parallelDims.size())
      return buildAccumulation(b);
    unsigned dim = parallelDims[depth];
    scf::ForOp::create(
        b, toValue(ranges[dim].offset), toValue(ranges[dim].size),
        toValue(ranges[dim].stride), ValueRange(),
        [&](OpBuilder &builder, Location loc, Value index, ValueRange) {
          ImplicitLocOpBuilder inner(loc, builder);
          indices[dim] = index;
          buildParallel(inner, depth + 1);
          scf::YieldOp::create(inner);
        });
  }

  void buildAccumulation(ImplicitLocOpBuilder &b) {
    SmallVector<Value> state;
    for (OpOperand &out : op.getDpsInitsMutable())
      state.push_back(memref::LoadOp::create(b, out.get(), locate(b, out)));
    state = buildReductions(b, 0, state);
    for (auto [out, value] : llvm::zip_equal(op.getDpsInitsMutable(), state))
      memref::StoreOp::create(b, value, out.get(), locate(b, out));
  }

  SmallVector<Value> buildReductions(ImplicitLocOpBuilder &b, unsigned depth,
                                     ValueRange state) {
    if (depth == reductionDims.size())
      return buildBody(b, state);
    unsigned dim = reductionDims[depth];
    auto loop = scf::ForOp::create(
        b, toValue(ranges[dim].offset), toValue(ranges[dim].size),
        toValue(ranges[dim].stride), state,
        [&](OpBuilder &builder, Location loc, Value index, ValueRange args) {
          ImplicitLocOpBuilder inner(loc, builder);
          indices[dim] = index;
          scf::YieldOp::create(inner, buildReductions(inner, depth + 1, args));
        });
    return llvm::to_vector(ValueRange(loop.getResults()));
  }

  SmallVector<Value> buildBody(ImplicitLocOpBuilder &b, ValueRange state) {
    Block *body = op.getBody();
    IRMapping mapping;
    for (OpOperand *input : op.getDpsInputOperands()) {
      Value element = input->get();
      if (isa<MemRefType>(element.getType()))
        element = memref::LoadOp::create(b, element, locate(b, *input));
      mapping.map(op.getMatchingBlockArgument(input), element);
    }
    for (auto [out, value] : llvm::zip_equal(op.getDpsInitsMutable(), state))
      mapping.map(op.getMatchingBlockArgument(&out), value);
    for (Operation &inner : body->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
        mapping.map(index.getResult(), indices[index.getDim()]);
        continue;
      }
      Operation *clone = b.clone(inner, mapping);
      clone->walk([&](linalg::IndexOp index) {
        index.replaceAllUsesWith(indices[index.getDim()]);
        index.erase();
      });
    }
    return llvm::map_to_vector(
        body->getTerminator()->getOperands(),
        [&](Value value) { return mapping.lookupOrDefault(value); });
  }

  /// Where an operand's element for the present indices is.
  SmallVector<Value> locate(ImplicitLocOpBuilder &b, OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<Value> position;
    for (unsigned i = 0; i < map.getNumResults(); ++i) {
      if (auto dim = dyn_cast<AffineDimExpr>(map.getResult(i))) {
        position.push_back(indices[dim.getPosition()]);
        continue;
      }
      // Only dimensions that the result names, so that no operand of the apply
      // is an index that is not set yet.
      AffineMap single = map.getSubMap(i);
      SmallVector<Value> operands;
      for (unsigned dim = 0; dim < map.getNumDims(); ++dim)
        operands.push_back(indices[dim] ? indices[dim]
                                        : toValue(b.getIndexAttr(0)));
      position.push_back(affine::makeComposedAffineApply(
          b, b.getLoc(), single, getAsOpFoldResult(operands)));
    }
    return position;
  }

  linalg::GenericOp op;
  /// Stays before `op`: bounds and constants, outside all loops.
  ImplicitLocOpBuilder b;
  SmallVector<Value> indices;
  SmallVector<Range> ranges;
  SmallVector<unsigned> parallelDims, reductionDims;
};

struct LowerReductionsToLoops
    : quantmlir::impl::LowerReductionsToLoopsBase<LowerReductionsToLoops> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> ops;
    getOperation()->walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops) {
      ReductionLoops loops(op);
      if (loops.isApplicable())
        loops.lower();
    }
  }
};

} // namespace
