//===- InstrumentCalls.cpp - Steps, calls, fences, instructions -----------===//

#include "Instrumenter.h"
#include "Machine.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace quantmlir::emulator;

//===----------------------------------------------------------------------===//
// What the host must not meet: divisions by zero, loops without end
//===----------------------------------------------------------------------===//

LogicalResult Instrumenter::rewriteDivision(Operation *op, bool isSigned) {
  auto type = dyn_cast<IntegerType>(op->getResult(0).getType());
  APInt known;
  if (matchPattern(op->getOperand(1), m_ConstantInt(&known)) &&
      !known.isZero() && !(isSigned && known.isAllOnes()))
    return success();
  if (!type || type.getWidth() > 64)
    return op->emitOpError(
        "of this type by what is not constant is not known to the emulator");
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Site &site = addSite(op);
  site.size = type.getWidth();
  site.isSigned = isSigned;
  auto widen = [&](Value value) -> Value {
    if (type == i64)
      return value;
    if (isSigned)
      return LLVM::SExtOp::create(builder, loc, i64, value);
    return LLVM::ZExtOp::create(builder, loc, i64, value);
  };
  Value dividend = widen(op->getOperand(0)), divisor = widen(op->getOperand(1));
  Value safe = LLVM::CallOp::create(
                   builder, loc, i64, divisorSymbol,
                   ValueRange{thread, constant(builder, loc, i32, site.id),
                              dividend, divisor})
                   .getResult();
  if (type != i64)
    safe = LLVM::TruncOp::create(builder, loc, type, safe);
  op->setOperand(1, safe);
  return success();
}

Site &Instrumenter::addStep(Operation *op) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Site &site = addSite(op);
  LLVM::CallOp::create(
      builder, loc, TypeRange(), stepSymbol,
      ValueRange{thread, constant(builder, loc, i32, site.id)});
  return site;
}

/// Every cycle of blocks has an edge back to a block that a depth-first walk
/// has entered and not left.
void Instrumenter::addSteps(LLVM::LLVMFuncOp function) {
  Region &body = function.getBody();
  enum State { New, Open, Done };
  llvm::DenseMap<mlir::Block *, State> states;
  SmallVector<std::pair<mlir::Block *, unsigned>> path = {{&body.front(), 0}};
  states[&body.front()] = Open;
  llvm::SetVector<mlir::Block *> latches;
  while (!path.empty()) {
    auto &[block, next] = path.back();
    if (next == block->getNumSuccessors()) {
      states[block] = Done;
      path.pop_back();
      continue;
    }
    mlir::Block *successor = block->getSuccessor(next++);
    State &state = states[successor];
    if (state == Open)
      latches.insert(block);
    if (state != New)
      continue;
    state = Open;
    path.push_back({successor, 0});
  }
  for (mlir::Block *latch : latches)
    addStep(latch->getTerminator());
}

//===----------------------------------------------------------------------===//
// Calls and instructions
//===----------------------------------------------------------------------===//

LogicalResult Instrumenter::rewriteCall(LLVM::CallOp call) {
  std::optional<StringRef> name = call.getCallee();
  if (!name)
    return call.emitOpError("is an indirect call, which the emulator lacks");
  if (isFloatSupport(*name))
    return success();
  auto callee = module.lookupSymbol<LLVM::LLVMFuncOp>(*name);
  if (!callee || callee.isExternal())
    return call.emitOpError()
           << "calls '" << *name << "', which the emulator does not know";
  addStep(call).callee = callee.getSymNameAttr();
  OpBuilder builder(call);
  SmallVector<Value> operands(call.getCalleeOperands());
  operands.insert(operands.begin(), thread);
  auto replacement =
      LLVM::CallOp::create(builder, call.getLoc(), callee, operands);
  call.replaceAllUsesWith(replacement.getResults());
  call.erase();
  return success();
}

LogicalResult Instrumenter::rewriteFence(LLVM::FenceOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Site &site = addSite(op);
  unsigned orders = getOrders(op.getOrdering());
  StringRef scope = op.getSyncscope().value_or("");
  bool reachesDevice = scope.empty() || scope == "device";
  site.semantics.perThread = [orders, reachesDevice](Thread &thread, ValueBytes,
                                                     ValueBytes) {
    thread.fence(orders & Site::Acquires, orders & Site::Releases,
                 reachesDevice);
  };
  callExecute(builder, loc, site.id);
  op.erase();
  return success();
}

LogicalResult Instrumenter::rewriteUnreachable(LLVM::UnreachableOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Site &site = addSite(op);
  site.semantics.perThread = [](Thread &thread, ValueBytes, ValueBytes) {
    thread.report(FindingKind::Unreachable,
                  "the thread comes to where none is to come");
    thread.giveUp();
  };
  callExecute(builder, loc, site.id);
  return success();
}

void Instrumenter::checkTouched(Operation *op, Value accumulators) {
  constexpr unsigned words = 4; // enough to know them by; see Warpgroup.cpp
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Site &site = addSite(op);
  site.semantics.perThread = [](Thread &thread, ValueBytes in, ValueBytes) {
    auto &warpgroups = thread.block->warpgroups;
    unsigned number = thread.indexInBlock / 128;
    if (number < warpgroups.size())
      warpgroups[number].checkTouched(
          thread, reinterpret_cast<const uint32_t *>(in.bytes(0)));
  };
  site.operandOffsets = {0};
  Value operands = scratch(words * 4, operandSpace, operandBytes);
  Value results = scratch(4, resultSpace, resultBytes);
  for (int32_t i = 0; i < int32_t(words); ++i) {
    Value word = LLVM::ExtractValueOp::create(builder, loc, accumulators,
                                              ArrayRef<int64_t>{i});
    Value at = LLVM::GEPOp::create(builder, loc, pointer, builder.getI32Type(),
                                   operands, ArrayRef<LLVM::GEPArg>{i});
    LLVM::StoreOp::create(builder, loc, word, at);
  }
  callExecute(builder, loc, site.id, operands, results);
}

/// One slot serves all ops of a function: a thread executes one at a time.
Value Instrumenter::scratch(uint64_t size, Value &slot, uint64_t &slotSize) {
  OpBuilder builder = OpBuilder::atBlockBegin(thread.getParentBlock());
  Type byte = builder.getI8Type();
  if (!slot) {
    Value count = constant(builder, thread.getLoc(), i64, 0);
    slot = LLVM::AllocaOp::create(builder, thread.getLoc(), pointer, byte,
                                  count, /*alignment=*/16);
  }
  if (size > slotSize) {
    slotSize = size;
    auto count = slot.getDefiningOp()->getOperand(0);
    cast<LLVM::ConstantOp>(count.getDefiningOp())
        .setValueAttr(builder.getI64IntegerAttr(size));
  }
  return slot;
}

LogicalResult Instrumenter::rewriteInstruction(EmulatableOpInterface op) {
  FailureOr<Semantics> semantics = op.getSemantics();
  if (failed(semantics))
    return failure();
  assert(bool(semantics->perThread) + bool(semantics->perWarp) +
                 bool(semantics->perWarpgroup) ==
             1 &&
         "an instruction is of a thread, a warp or a warpgroup");
  OpBuilder builder(op);
  Location loc = op.getLoc();
  uint32_t id = addSite(op).id;
  sites[id].semantics = std::move(*semantics);

  auto place = [&](TypeRange types, SmallVectorImpl<uint32_t> &offsets) {
    uint64_t end = 0;
    for (Type type : types) {
      offsets.push_back(end);
      end = llvm::alignTo(end + layout.getTypeSize(type).getFixedValue(), 16);
    }
    return end;
  };
  uint64_t size = place(op->getOperandTypes(), sites[id].operandOffsets);
  Value operands = scratch(size, operandSpace, operandBytes);
  size = place(op->getResultTypes(), sites[id].resultOffsets);
  Value results = scratch(size, resultSpace, resultBytes);

  auto at = [&](Value base, uint32_t offset) -> Value {
    return LLVM::GEPOp::create(builder, loc, pointer, builder.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{int32_t(offset)});
  };
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    LLVM::StoreOp::create(builder, loc, operand,
                          at(operands, sites[id].operandOffsets[index]));
  callExecute(builder, loc, id, operands, results);
  SmallVector<Value> values;
  for (auto [index, type] : llvm::enumerate(op->getResultTypes()))
    values.push_back(LLVM::LoadOp::create(
        builder, loc, type, at(results, sites[id].resultOffsets[index])));
  op->replaceAllUsesWith(values);
  op->erase();
  return success();
}
