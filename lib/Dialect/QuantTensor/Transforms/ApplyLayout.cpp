//===- ApplyLayout.cpp - Weights in the layout that a schedule names ------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORAPPLYLAYOUT
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;
using quantmlir::quant_tile::KernelFamily;
using quantmlir::quant_tile::ScheduleAttr;

namespace {

/// Obeys the schedules of one op.
class LayoutApplier {
public:
  LayoutApplier(RewriterBase &rewriter, ScaledMatmulOp op)
      : builder(op.getLoc(), rewriter), rewriter(rewriter), op(op) {
    builder.setInsertionPoint(op);
  }

  LogicalResult apply();

private:
  Value getSource(EncodingAttr encoding);
  FailureOr<Value> getWeights(ScheduleAttr schedule);
  Value countRows();
  Value computeWith(ScheduleAttr schedule);
  Value dispatch(ArrayRef<ScheduleAttr> schedules, Value rows);

  ImplicitLocOpBuilder builder;
  RewriterBase &rewriter;
  ScaledMatmulOp op;
  /// The weights with poisoned scales, null where there are none.
  Value poisoned;
  /// The weights in each layout that some schedule names.
  llvm::SmallDenseMap<LayoutAttr, Value> weights;
};

/// The op's weights with scales that tell what the decode of kernels does not:
/// which codes are NaN or infinity.
Value LayoutApplier::getSource(EncodingAttr encoding) {
  if (!PoisonScalesOp::isSupported(encoding))
    return op.getRhs();
  if (!poisoned) {
    auto type = cast<RankedTensorType>(op.getRhs().getType());
    poisoned = PoisonScalesOp::create(
        builder,
        RankedTensorType::get(type.getShape(), type.getElementType(),
                              PoisonScalesOp::getResultEncoding(encoding)),
        op.getRhs());
  }
  return poisoned;
}

/// The op's weights in the layout of `schedule`; one repack for each layout.
FailureOr<Value> LayoutApplier::getWeights(ScheduleAttr schedule) {
  EncodingAttr encoding = op.getRhsEncoding();
  LayoutAttr layout = schedule.getWeights();
  // Kernels multiply the codes of 8-bit floats as they are.
  if (schedule.getFamily() == KernelFamily::Plain || op.isBlockScaled())
    return op.getRhs();
  if (encoding && encoding.getLayout() == layout)
    return weights[layout] = getSource(encoding);
  if (!encoding) {
    if (!layout)
      return op.getRhs();
    return op.emitOpError()
           << "has plain weights, which cannot have the layout that its "
              "schedule names";
  }
  Value &value = weights[layout];
  if (value)
    return value;
  Value source = getSource(encoding);
  auto type = cast<RankedTensorType>(source.getType());
  encoding = getEncoding(type);
  EncodingAttr target = EncodingAttr::getChecked(
      [&] { return op.emitOpError() << "cannot obey its schedule: "; },
      encoding.getContext(), encoding.getStorage(), encoding.getBlock(),
      encoding.getScale(), encoding.getZeroPoint(), encoding.getRange(),
      encoding.getRounding(), encoding.getOverflow(), encoding.getCodebook(),
      layout);
  if (!target)
    return failure();
  value = RepackOp::create(
      builder,
      RankedTensorType::get(type.getShape(), type.getElementType(), target),
      source);
  return value;
}

/// Rows of activations, all leading dimensions but batch ones together.
Value LayoutApplier::countRows() {
  Value rows;
  for (int64_t dim = op.getNumBatchDims(),
               end = op.getLhs().getType().getRank() - 1;
       dim < end; ++dim) {
    Value size = builder.createOrFold<tensor::DimOp>(op.getLhs(), dim);
    rows = rows ? builder.createOrFold<arith::MulIOp>(rows, size) : size;
  }
  return rows;
}

Value LayoutApplier::computeWith(ScheduleAttr schedule) {
  auto copy = cast<ScaledMatmulOp>(builder.clone(*op));
  copy->removeAttr(ScheduleAttr::getListAttrName());
  copy->removeAttr(ScheduleAttr::getAttrName());
  // A plain op is one that the reference lowering takes: unscheduled.
  if (schedule.getFamily() != KernelFamily::Plain)
    copy->setAttr(ScheduleAttr::getAttrName(), schedule);
  if (Value packed = weights.lookup(schedule.getWeights());
      packed && schedule.getFamily() != KernelFamily::Plain)
    copy.getRhsMutable().assign(packed);
  return copy.getResult();
}

/// Halves the ranges with each test: branches of some twenty are nested five
/// deep, and what walks up from one to the function has no more to pass.
Value LayoutApplier::dispatch(ArrayRef<ScheduleAttr> schedules, Value rows) {
  if (schedules.size() == 1)
    return computeWith(schedules.front());
  size_t half = schedules.size() / 2;
  Value bound =
      arith::ConstantIndexOp::create(builder, schedules[half - 1].getMaxM());
  Value few =
      arith::CmpIOp::create(builder, arith::CmpIPredicate::ule, rows, bound);
  auto test = scf::IfOp::create(builder, op.getResult().getType(), few,
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(test.thenBlock());
  scf::YieldOp::create(builder, dispatch(schedules.take_front(half), rows));
  builder.setInsertionPointToStart(test.elseBlock());
  scf::YieldOp::create(builder, dispatch(schedules.drop_front(half), rows));
  return test.getResult(0);
}

LogicalResult LayoutApplier::apply() {
  SmallVector<ScheduleAttr> schedules;
  if (auto schedule =
          op->getAttrOfType<ScheduleAttr>(ScheduleAttr::getAttrName()))
    schedules.push_back(schedule);
  else if (auto list =
               op->getAttrOfType<ArrayAttr>(ScheduleAttr::getListAttrName()))
    llvm::append_range(schedules, list.getAsRange<ScheduleAttr>());
  if (schedules.empty())
    return success();
  // All repacks stand before the test of M: they depend on weights alone and
  // are hoisted into the prepare function.
  for (ScheduleAttr schedule : schedules)
    if (failed(getWeights(schedule)))
      return failure();
  Value rows = schedules.size() > 1 ? countRows() : Value();
  rewriter.replaceOp(op, dispatch(schedules, rows));
  return success();
}

struct ApplyLayout
    : quantmlir::quant_tensor::impl::QuantTensorApplyLayoutBase<ApplyLayout> {
  void runOnOperation() override {
    SmallVector<ScaledMatmulOp> ops;
    getOperation()->walk([&](ScaledMatmulOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (ScaledMatmulOp op : ops)
      if (failed(LayoutApplier(rewriter, op).apply()))
        return signalPassFailure();
  }
};

} // namespace
