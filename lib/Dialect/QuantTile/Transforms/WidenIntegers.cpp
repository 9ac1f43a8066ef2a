//===- WidenIntegers.cpp - Tensors of i4 in bytes -------------------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEWIDENINTEGERS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;

/// The integer that holds `type` in memory; null where it is held as it is.
static IntegerType getWide(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || !integer.isSignless() || integer.getWidth() == 1 ||
      integer.getWidth() > 64)
    return {};
  unsigned width =
      std::max<uint64_t>(8, llvm::PowerOf2Ceil(integer.getWidth()));
  return width == integer.getWidth()
             ? IntegerType()
             : IntegerType::get(type.getContext(), width);
}

/// The tensor type with elements that memory holds; null where it has them.
static RankedTensorType getWideTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  IntegerType wide = tensor ? getWide(tensor.getElementType()) : IntegerType();
  return wide ? RankedTensorType::get(tensor.getShape(), wide,
                                      tensor.getEncoding())
              : RankedTensorType();
}

static bool isNarrow(Type type) { return bool(getWideTensor(type)); }

/// `scalar` in the type that memory holds.
static Value widen(OpBuilder &builder, Location loc, Value scalar) {
  IntegerType wide = getWide(scalar.getType());
  return wide ? arith::ExtSIOp::create(builder, loc, wide, scalar) : scalar;
}

/// Reads wide elements, computes on narrow ones, and yields wide ones.
static void widenBody(linalg::GenericOp op) {
  Block *body = op.getBody();
  OpBuilder builder = OpBuilder::atBlockBegin(body);
  for (auto [operand, argument] :
       llvm::zip_equal(op->getOperands(), body->getArguments())) {
    IntegerType wide = getWide(argument.getType());
    if (!wide || !isa<RankedTensorType>(operand.getType()))
      continue;
    Type narrow = argument.getType();
    argument.setType(wide);
    if (argument.use_empty())
      continue;
    Value value =
        arith::TruncIOp::create(builder, op.getLoc(), narrow, argument);
    argument.replaceAllUsesExcept(value, value.getDefiningOp());
  }
  builder.setInsertionPoint(body->getTerminator());
  for (OpOperand &yielded : body->getTerminator()->getOpOperands())
    yielded.set(widen(builder, op.getLoc(), yielded.get()));
}

/// Gives `op` operands and results that memory holds. Types of results and
/// block arguments are changed in place, so that each op fits once all are
/// done.
static LogicalResult widenOp(Operation *op) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  auto setTypes = [&] {
    for (Value result : op->getResults())
      if (RankedTensorType wide = getWideTensor(result.getType()))
        result.setType(wide);
    return success();
  };
  auto widenScalars = [&] {
    for (OpOperand &operand : op->getOpOperands())
      operand.set(widen(builder, loc, operand.get()));
    return setTypes();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](linalg::GenericOp generic) {
        widenBody(generic);
        return setTypes();
      })
      .Case([&](linalg::FillOp fill) {
        fill.getInputsMutable()[0].set(
            widen(builder, loc, fill.getInputs()[0]));
        for (BlockArgument argument : fill.getBlock()->getArguments())
          if (IntegerType wide = getWide(argument.getType()))
            argument.setType(wide);
        return setTypes();
      })
      .Case([&](arith::ConstantOp constant) {
        auto value = dyn_cast<DenseIntElementsAttr>(constant.getValue());
        IntegerType wide = getWide(getElementTypeOrSelf(constant.getType()));
        if (!value)
          return LogicalResult(op->emitOpError(
              "has elements that are neither whole bytes nor written out"));
        constant.setValueAttr(value.mapValues(wide, [&](const APInt &element) {
          return element.sext(wide.getWidth());
        }));
        return setTypes();
      })
      .Case([&](tensor::ExtractOp extract) {
        builder.setInsertionPointAfter(op);
        Type narrow = extract.getType();
        extract.getResult().setType(getWide(narrow));
        Value value =
            arith::TruncIOp::create(builder, loc, narrow, extract.getResult());
        extract.getResult().replaceAllUsesExcept(value, value.getDefiningOp());
        return success();
      })
      .Case<tensor::InsertOp, tensor::FromElementsOp, tensor::SplatOp>(
          [&](auto) { return widenScalars(); })
      .Case<tensor::PadOp, tensor::GenerateOp>([&](auto) {
        Operation *yield = op->getRegion(0).front().getTerminator();
        OpBuilder inner(yield);
        yield->getOpOperand(0).set(widen(inner, loc, yield->getOperand(0)));
        return setTypes();
      })
      .Case<tensor::EmptyOp, tensor::CastOp, tensor::DimOp,
            tensor::ExtractSliceOp, tensor::InsertSliceOp, tensor::ConcatOp,
            tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ReshapeOp,
            arith::SelectOp, scf::IfOp, scf::YieldOp>(
          [&](auto) { return setTypes(); })
      .Default([&](Operation *) -> LogicalResult {
        return op->emitOpError()
               << "computes on tensors whose elements are no whole bytes; "
                  "extend them to i8 first";
      });
}

namespace {

struct WidenIntegers
    : quantmlir::quant_tile::impl::QuantTileWidenIntegersBase<WidenIntegers> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    // What a caller hands over or gets has the type that he knows.
    if (llvm::any_of(function.getArgumentTypes(), isNarrow) ||
        llvm::any_of(function.getResultTypes(), isNarrow))
      return;
    auto touches = [](Operation *op) {
      return llvm::any_of(op->getOperandTypes(), isNarrow) ||
             llvm::any_of(op->getResultTypes(), isNarrow);
    };
    // Bodies of named ops cannot be changed.
    SmallVector<linalg::LinalgOp> named;
    function.walk([&](linalg::LinalgOp op) {
      if (touches(op) && !isa<linalg::GenericOp, linalg::FillOp>(op))
        named.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return signalPassFailure();
    }
    SmallVector<Operation *> ops;
    function.walk([&](Operation *op) {
      if (touches(op))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      if (failed(widenOp(op)))
        return signalPassFailure();
  }
};

} // namespace
