//===- Instrument.cpp - Kernel code that calls the emulator ---------------===//

#include "DeviceFloats.h"
#include "Instrumenter.h"
#include "WgmmaRegisters.h"

using namespace mlir;
using namespace quantmlir::emulator;

unsigned quantmlir::emulator::getOrders(LLVM::AtomicOrdering ordering) {
  switch (ordering) {
  case LLVM::AtomicOrdering::acquire:
    return Site::Acquires;
  case LLVM::AtomicOrdering::release:
    return Site::Releases;
  case LLVM::AtomicOrdering::acq_rel:
  case LLVM::AtomicOrdering::seq_cst:
    return Site::Acquires | Site::Releases;
  default:
    return 0;
  }
}

/// Whether the host computes it by a call of its mathematical library, and the
/// device not at all, or to another precision.
static bool isLibraryFunction(Operation *op) {
  return isa<LLVM::ACosOp, LLVM::ASinOp, LLVM::ATan2Op, LLVM::ATanOp,
             LLVM::CosOp, LLVM::CoshOp, LLVM::Exp10Op, LLVM::ExpOp,
             LLVM::FractionExpOp, LLVM::LoadExpOp, LLVM::Log10Op, LLVM::Log2Op,
             LLVM::LogOp, LLVM::PowIOp, LLVM::PowOp, LLVM::SinOp,
             LLVM::SincosOp, LLVM::SinhOp, LLVM::TanOp>(op);
}

/// Whether values of `type` can be on the device, alone or in parts.
static bool isDeviceType(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return !vector.isScalable() && isDeviceType(vector.getElementType());
  if (auto array = dyn_cast<LLVM::LLVMArrayType>(type))
    return isDeviceType(array.getElementType());
  if (auto record = dyn_cast<LLVM::LLVMStructType>(type))
    return !record.isOpaque() && llvm::all_of(record.getBody(), isDeviceType);
  if (auto number = dyn_cast<FloatType>(type))
    return number.getWidth() <= 64;
  return isa<IntegerType, LLVM::LLVMPointerType>(type);
}

/// Ops of the LLVM dialect that have an effect and yet need no rewriting.
static bool isHarmless(Operation *op) {
  return isa<LLVM::BrOp, LLVM::CondBrOp, LLVM::SwitchOp, LLVM::ReturnOp,
             LLVM::AssumeOp, LLVM::DbgValueOp, LLVM::DbgDeclareOp,
             LLVM::NoAliasScopeDeclOp>(op);
}

void Instrumenter::declare(StringRef name, Type result,
                           ArrayRef<Type> arguments) {
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  LLVM::LLVMFuncOp::create(builder, module.getLoc(), name,
                           LLVM::LLVMFunctionType::get(result, arguments));
}

LogicalResult Instrumenter::run() {
  auto functions = llvm::to_vector(module.getOps<LLVM::LLVMFuncOp>());
  // Types first: calls are rewritten to match.
  for (LLVM::LLVMFuncOp function : functions) {
    if (function.isExternal())
      continue;
    auto type = function.getFunctionType();
    SmallVector<Type> inputs(type.getParams());
    inputs.insert(inputs.begin(), pointer);
    function.setFunctionType(LLVM::LLVMFunctionType::get(
        type.getReturnType(), inputs, type.isVarArg()));
    function.getBody().front().insertArgument(0u, pointer, function.getLoc());
  }
  for (LLVM::LLVMFuncOp function : functions)
    if (!function.isExternal() && failed(rewriteFunction(function)))
      return failure();
  Type nothing = LLVM::LLVMVoidType::get(context);
  declare(accessSymbol, pointer, {pointer, i32, i64});
  declare(rangeSymbol, pointer, {pointer, i32, i64, i64});
  declare(executeSymbol, nothing, {pointer, i32, pointer, pointer});
  declare(stepSymbol, nothing, {pointer, i32});
  declare(divisorSymbol, i64, {pointer, i32, i64, i64});
  declare(localSymbol, i64, {pointer, i32, i64});
  declare(countLocalsSymbol, i64, {pointer});
  declare(endLocalsSymbol, nothing, {pointer, i64});
  declare(clearLocalSymbol, nothing, {pointer, i64});
  declareFloatSupport(module);
  return success();
}

LogicalResult Instrumenter::rewriteFunction(LLVM::LLVMFuncOp function) {
  thread = function.getBody().getArgument(0);
  operandSpace = resultSpace = nullptr;
  operandBytes = resultBytes = 0;
  SmallVector<Operation *> ops;
  function.getBody().walk([&](Operation *op) { ops.push_back(op); });
  markUnfencedRegisters(function);
  for (auto &[op, values] : findTouchedAccumulators(function))
    for (Value value : values)
      checkTouched(op, value);
  LogicalResult result = success();
  addSteps(function);
  if (llvm::any_of(ops, [](Operation *op) { return isa<LLVM::AllocaOp>(op); }))
    endLocals(function);
  // All unknown ops are told, not only the first.
  for (Operation *op : ops)
    if (failed(rewrite(op)))
      result = failure();
  return result;
}

LogicalResult Instrumenter::rewrite(Operation *op) {
  if (auto instruction = dyn_cast<EmulatableOpInterface>(op))
    return rewriteInstruction(instruction);
  for (TypeRange types :
       {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (!isDeviceType(type))
        return op->emitOpError("of type ")
               << type << " is not known to the emulator";
  // An op that is not registered has no dialect.
  if (!isa_and_nonnull<LLVM::LLVMDialect>(op->getDialect()))
    return op->emitOpError("is not known to the emulator");
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](LLVM::LoadOp load) {
        // ld.volatile is relaxed.
        bool meets = load.getVolatile_() ||
                     load.getOrdering() != LLVM::AtomicOrdering::not_atomic;
        LogicalResult result = rewriteAccess(
            load, load.getAddrMutable(), load.getType(), load.getAlignment(),
            meets ? AccessKind::AtomicRead : AccessKind::Read,
            meets ? Site::AtomicRead | getOrders(load.getOrdering()) : 0);
        sites.back().isInvariant = load.getInvariant();
        return result;
      })
      .Case([&](LLVM::StoreOp store) {
        bool meets = store.getVolatile_() ||
                     store.getOrdering() != LLVM::AtomicOrdering::not_atomic;
        return rewriteAccess(
            store, store.getAddrMutable(), store.getValue().getType(),
            store.getAlignment(),
            meets ? AccessKind::AtomicWrite : AccessKind::Write,
            meets ? Site::AtomicWrite | getOrders(store.getOrdering()) : 0);
      })
      .Case([&](LLVM::AtomicRMWOp rmw) {
        bool isShared = getSpace(rmw.getPtr()) == Space::Shared ||
                        getSpace(rmw.getPtr()) == Space::Cluster;
        // LLVM drops the ordering of atomicrmw on this target: it orders
        // nothing without a fence.
        LogicalResult result =
            rewriteAccess(rmw, rmw.getPtrMutable(), rmw.getVal().getType(),
                          rmw.getAlignment(), AccessKind::Atomic,
                          Site::AtomicRead | Site::AtomicWrite);
        matchDeviceAtomic(rmw, isShared);
        return result;
      })
      .Case([&](LLVM::AtomicCmpXchgOp exchange) {
        return rewriteAccess(exchange, exchange.getPtrMutable(),
                             exchange.getVal().getType(),
                             exchange.getAlignment(), AccessKind::Atomic,
                             Site::AtomicRead | Site::AtomicWrite |
                                 getOrders(exchange.getSuccessOrdering()));
      })
      .Case([&](LLVM::FenceOp fence) { return rewriteFence(fence); })
      .Case([&](LLVM::MemcpyOp copy) { return rewriteCopy(copy); })
      .Case([&](LLVM::MemmoveOp move) { return rewriteCopy(move); })
      .Case([&](LLVM::MemsetOp set) { return rewriteCopy(set); })
      .Case([&](LLVM::AllocaOp alloca) { return rewriteAlloca(alloca); })
      .Case<LLVM::LifetimeStartOp, LLVM::LifetimeEndOp>(
          [&](Operation *op) { return rewriteLifetime(op); })
      .Case<LLVM::SDivOp, LLVM::SRemOp>(
          [&](Operation *op) { return rewriteDivision(op, true); })
      .Case<LLVM::UDivOp, LLVM::URemOp>(
          [&](Operation *op) { return rewriteDivision(op, false); })
      .Case([&](LLVM::CallOp call) { return rewriteCall(call); })
      .Case([&](LLVM::AddressOfOp op) { return rewriteAddressOf(op); })
      .Case([&](LLVM::AddrSpaceCastOp op) { return rewriteAddressCast(op); })
      .Case([&](LLVM::UnreachableOp op) { return rewriteUnreachable(op); })
      .Default([&](Operation *op) -> LogicalResult {
        // Inline assembly is the device's, whatever effects it says it has.
        bool isKnown =
            isHarmless(op) ||
            (isMemoryEffectFree(op) && !op->hasTrait<OpTrait::IsTerminator>());
        if (isKnown && !isa<LLVM::InlineAsmOp>(op) && !isLibraryFunction(op))
          return success();
        return op->emitOpError("is not known to the emulator");
      });
}

LogicalResult
quantmlir::emulator::instrument(ModuleOp module,
                                const llvm::StringMap<uint64_t> &addresses,
                                std::vector<Site> &sites) {
  return Instrumenter(module, addresses, sites).run();
}
