//===- LowerAsserts.cpp - Failed checks come back to the caller -----------===//

#include "Asserts.h"
#include "quantmlir/Execution/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quantmlir {
#define GEN_PASS_DEF_LOWERASSERTS
#include "quantmlir/Execution/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;

namespace {

struct LowerAsserts : quantmlir::impl::LowerAssertsBase<LowerAsserts> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<cf::AssertOp> asserts;
    module.walk([&](cf::AssertOp op) { asserts.push_back(op); });
    if (asserts.empty())
      return;
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto handler = func::FuncOp::create(
        builder, module.getLoc(), quantmlir::kAssertHandler,
        builder.getFunctionType({builder.getI64Type()}, {}));
    handler.setPrivate();
    SmallVector<Attribute> messages;
    for (cf::AssertOp op : asserts) {
      ImplicitLocOpBuilder b(op.getLoc(), op);
      Value no = arith::ConstantIntOp::create(b, 0, 1);
      Value fails =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, op.getArg(), no);
      int64_t id = messages.size();
      scf::IfOp::create(b, fails, [&](OpBuilder &builder, Location loc) {
        Value number = arith::ConstantOp::create(builder, loc,
                                                 builder.getI64IntegerAttr(id));
        func::CallOp::create(builder, loc, handler, ValueRange(number));
        scf::YieldOp::create(builder, loc);
      });
      messages.push_back(op.getMsgAttr());
      op.erase();
    }
    module->setAttr(quantmlir::kAssertMessagesAttr,
                    builder.getArrayAttr(messages));
  }
};

} // namespace
