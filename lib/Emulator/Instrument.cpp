//===- Instrument.cpp - Kernel code that calls the emulator ---------------===//

#include "Instrument.h"
#include "DeviceFloats.h"
#include "Machine.h"
#include "WgmmaRegisters.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "quantmlir/Emulator/EmulatableOpInterface.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace quantmlir::emulator;

namespace {

/// Address spaces of NVPTX.
enum : unsigned { Generic = 0, Global = 1, SharedCta = 3, SharedCluster = 7 };

class Instrumenter {
public:
  Instrumenter(ModuleOp module, const llvm::StringMap<uint64_t> &addresses,
               std::vector<Site> &sites)
      : module(module), layout(module), addresses(addresses), sites(sites),
        context(module.getContext()),
        pointer(LLVM::LLVMPointerType::get(context)),
        i32(IntegerType::get(context, 32)), i64(IntegerType::get(context, 64)) {
  }

  LogicalResult run();

private:
  LogicalResult rewriteFunction(LLVM::LLVMFuncOp function);
  LogicalResult rewrite(Operation *op);
  LogicalResult rewriteCall(LLVM::CallOp call);
  LogicalResult rewriteAddressOf(LLVM::AddressOfOp op);
  LogicalResult rewriteAddressCast(LLVM::AddrSpaceCastOp op);
  LogicalResult rewriteInstruction(EmulatableOpInterface op);
  LogicalResult rewriteCopy(Operation *op);
  LogicalResult rewriteAlloca(LLVM::AllocaOp op);
  LogicalResult rewriteLifetime(Operation *op);
  /// Lets the emulator see a divisor first: one that the host traps on is a
  /// finding, and the program goes on with another.
  LogicalResult rewriteDivision(Operation *op, bool isSigned);
  /// Counts a step before `op`.
  void addStep(Operation *op, OpBuilder builder);
  void addSteps(LLVM::LLVMFuncOp function);
  void endLocals(LLVM::LLVMFuncOp function);
  /// Has the emulator see that `op` touches `accumulators`.
  void checkTouched(Operation *op, Value accumulators);
  /// Sends the address operand of `op` through the emulator.
  LogicalResult rewriteAccess(Operation *op, OpOperand &address, Type accessed,
                              std::optional<uint64_t> alignment,
                              AccessKind kind, unsigned synchronizes);
  LogicalResult rewriteFence(LLVM::FenceOp op);
  LogicalResult rewriteUnreachable(LLVM::UnreachableOp op);

  Site &addSite(Operation *op) {
    sites.push_back(Site{uint32_t(sites.size()), op->getLoc(), op->getName()});
    return sites.back();
  }
  Value constant(OpBuilder &builder, Location loc, Type type, int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, type,
                                    builder.getIntegerAttr(type, value));
  }
  /// Space for `size` bytes that the function owns from its entry on.
  Value scratch(uint64_t size, Value &slot, uint64_t &slotSize);
  void declare(StringRef name, Type result, ArrayRef<Type> arguments);

  ModuleOp module;
  DataLayout layout;
  const llvm::StringMap<uint64_t> &addresses;
  std::vector<Site> &sites;
  MLIRContext *context;
  LLVM::LLVMPointerType pointer;
  IntegerType i32, i64;

  // Of the function being rewritten.
  Value thread, operandSpace, resultSpace;
  uint64_t operandBytes = 0, resultBytes = 0;
};

unsigned getAddressSpace(Value value) {
  auto type = dyn_cast<LLVM::LLVMPointerType>(value.getType());
  return type ? type.getAddressSpace() : 0;
}

Space getSpace(Value pointer) {
  switch (getAddressSpace(pointer)) {
  case Global:
    return Space::Global;
  case SharedCta:
    return Space::Shared;
  case SharedCluster:
    return Space::Cluster;
  default:
    return Space::Generic;
  }
}

/// The alignment NVPTX wants of an access that does not say one.
uint64_t getNaturalAlignment(Type type, const DataLayout &layout) {
  if (auto array = dyn_cast<LLVM::LLVMArrayType>(type))
    return getNaturalAlignment(array.getElementType(), layout);
  if (auto record = dyn_cast<LLVM::LLVMStructType>(type)) {
    uint64_t alignment = 1;
    for (Type member : record.getBody())
      alignment =
          std::max(alignment,
                   record.isPacked() ? 1 : getNaturalAlignment(member, layout));
    return alignment;
  }
  // Not the layout's ABI alignment: a module that says nothing has i64 aligned
  // to 4 bytes there.
  return llvm::PowerOf2Ceil(layout.getTypeSize(type).getFixedValue());
}

/// The flags of a Site that an ordering means.
unsigned getOrders(LLVM::AtomicOrdering ordering) {
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
bool isLibraryFunction(Operation *op) {
  return isa<LLVM::ACosOp, LLVM::ASinOp, LLVM::ATan2Op, LLVM::ATanOp,
             LLVM::CosOp, LLVM::CoshOp, LLVM::Exp10Op, LLVM::ExpOp,
             LLVM::FractionExpOp, LLVM::LoadExpOp, LLVM::Log10Op, LLVM::Log2Op,
             LLVM::LogOp, LLVM::PowIOp, LLVM::PowOp, LLVM::SinOp,
             LLVM::SincosOp, LLVM::SinhOp, LLVM::TanOp>(op);
}

/// Whether values of `type` can be on the device, alone or in parts.
bool isDeviceType(Type type) {
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
bool isHarmless(Operation *op) {
  return isa<LLVM::BrOp, LLVM::CondBrOp, LLVM::SwitchOp, LLVM::ReturnOp,
             LLVM::AssumeOp, LLVM::DbgValueOp, LLVM::DbgDeclareOp,
             LLVM::NoAliasScopeDeclOp>(op);
}

} // namespace

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

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

LogicalResult Instrumenter::rewriteAccess(Operation *op, OpOperand &address,
                                          Type accessed,
                                          std::optional<uint64_t> alignment,
                                          AccessKind kind,
                                          unsigned synchronizes) {
  bool mayPoll = synchronizes & Site::AtomicRead;
  Site &site = addSite(op);
  site.space = getSpace(address.get());
  site.kind = kind;
  site.size = layout.getTypeSize(accessed);
  site.alignment = alignment.value_or(getNaturalAlignment(accessed, layout));
  site.mayPoll = mayPoll;
  site.synchronizes = synchronizes;
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Value bits = LLVM::PtrToIntOp::create(builder, loc, i64, address.get());
  auto call = LLVM::CallOp::create(
      builder, loc, pointer, accessSymbol,
      ValueRange{thread, constant(builder, loc, i32, site.id), bits});
  address.set(call.getResult());
  // The emulator has checked the alignment; a harmless place has none.
  if (isa<LLVM::LoadOp, LLVM::StoreOp>(op) && !synchronizes)
    op->setAttr("alignment", builder.getI64IntegerAttr(1));
  return success();
}

LogicalResult Instrumenter::rewriteCopy(Operation *op) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Value length = op->getOperand(2);
  if (length.getType() != i64)
    length = LLVM::ZExtOp::create(builder, loc, i64, length);
  unsigned pointers = isa<LLVM::MemsetOp>(op) ? 1 : 2;
  auto argAttrs = op->getAttrOfType<ArrayAttr>("arg_attrs");
  for (unsigned i = 0; i < pointers; ++i) {
    Value address = op->getOperand(i);
    Site &site = addSite(op);
    site.space = getSpace(address);
    site.kind = i == 0 ? AccessKind::Write : AccessKind::Read;
    if (argAttrs)
      if (auto attrs = dyn_cast<DictionaryAttr>(argAttrs[i]))
        if (auto alignment = attrs.getAs<IntegerAttr>("llvm.align"))
          site.alignment = alignment.getInt();
    Value bits = LLVM::PtrToIntOp::create(builder, loc, i64, address);
    auto call = LLVM::CallOp::create(
        builder, loc, pointer, rangeSymbol,
        ValueRange{thread, constant(builder, loc, i32, site.id), bits, length});
    op->setOperand(i, call.getResult());
  }
  op->removeAttr("arg_attrs");
  return success();
}

LogicalResult Instrumenter::rewriteAddressOf(LLVM::AddressOfOp op) {
  auto offset = addresses.find(op.getGlobalName());
  if (offset == addresses.end())
    return op.emitOpError("is not known to the emulator");
  OpBuilder builder(op);
  Value value = constant(builder, op.getLoc(), i64, offset->second);
  Value address =
      LLVM::IntToPtrOp::create(builder, op.getLoc(), op.getType(), value);
  op.replaceAllUsesWith(address);
  op.erase();
  return success();
}

/// Shared pointers are offsets; as generic pointers they carry a tag and the
/// rank of the block, as cluster pointers the rank (see Launch.h).
LogicalResult Instrumenter::rewriteAddressCast(LLVM::AddrSpaceCastOp op) {
  unsigned from = getAddressSpace(op.getArg()), to = getAddressSpace(op);
  auto isShared = [](unsigned space) {
    return space == SharedCta || space == SharedCluster;
  };
  if (from == to || (!isShared(from) && !isShared(to)))
    return success();
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Site &site = addSite(op);
  auto space = [](unsigned number) {
    return number == SharedCta       ? Space::Shared
           : number == SharedCluster ? Space::Cluster
                                     : Space::Generic;
  };
  site.semantics.perThread = [from = space(from),
                              to = space(to)](Thread &thread, ValueBytes in,
                                              ValueBytes out) {
    out.set<uint64_t>(0, castPointer(thread, in.get<uint64_t>(0), from, to));
  };
  site.operandOffsets = {0};
  site.resultOffsets = {0};
  Value operands = scratch(16, operandSpace, operandBytes);
  Value results = scratch(16, resultSpace, resultBytes);
  Value bits = LLVM::PtrToIntOp::create(builder, loc, i64, op.getArg());
  LLVM::StoreOp::create(builder, loc, bits, operands);
  LLVM::CallOp::create(builder, loc, TypeRange(), executeSymbol,
                       ValueRange{thread, constant(builder, loc, i32, site.id),
                                  operands, results});
  Value cast = LLVM::LoadOp::create(builder, loc, i64, results);
  Value address = LLVM::IntToPtrOp::create(builder, loc, op.getType(), cast);
  op.replaceAllUsesWith(address);
  op.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Local variables
//===----------------------------------------------------------------------===//

LogicalResult Instrumenter::rewriteAlloca(LLVM::AllocaOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Site &site = addSite(op);
  site.size = layout.getTypeSize(op.getElemType());
  site.alignment =
      std::max<uint64_t>(op.getAlignment().value_or(0),
                         getNaturalAlignment(op.getElemType(), layout));
  Value count = op.getArraySize();
  if (count.getType() != i64)
    count = LLVM::ZExtOp::create(builder, loc, i64, count);
  auto call = LLVM::CallOp::create(
      builder, loc, i64, localSymbol,
      ValueRange{thread, constant(builder, loc, i32, site.id), count});
  Value address =
      LLVM::IntToPtrOp::create(builder, loc, op.getType(), call.getResult());
  op.replaceAllUsesWith(address);
  op.erase();
  return success();
}

LogicalResult Instrumenter::rewriteLifetime(Operation *op) {
  OpBuilder builder(op);
  Value variable = op->getOperand(op->getNumOperands() - 1);
  Value bits = LLVM::PtrToIntOp::create(builder, op->getLoc(), i64, variable);
  LLVM::CallOp::create(builder, op->getLoc(), TypeRange(), clearLocalSymbol,
                       ValueRange{thread, bits});
  op->erase();
  return success();
}

void Instrumenter::endLocals(LLVM::LLVMFuncOp function) {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  Value count = LLVM::CallOp::create(builder, function.getLoc(), i64,
                                     countLocalsSymbol, ValueRange{thread})
                    .getResult();
  function.walk([&](LLVM::ReturnOp op) {
    builder.setInsertionPoint(op);
    LLVM::CallOp::create(builder, op.getLoc(), TypeRange(), endLocalsSymbol,
                         ValueRange{thread, count});
  });
}

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

void Instrumenter::addStep(Operation *op, OpBuilder builder) {
  uint32_t id = addSite(op).id;
  LLVM::CallOp::create(
      builder, op->getLoc(), TypeRange(), stepSymbol,
      ValueRange{thread, constant(builder, op->getLoc(), i32, id)});
}

/// Every cycle of blocks has an edge back to a block that a depth-first walk
/// has entered and not left.
void Instrumenter::addSteps(LLVM::LLVMFuncOp function) {
  Region &body = function.getBody();
  addStep(function, OpBuilder::atBlockBegin(&body.front()));
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
    addStep(latch->getTerminator(), OpBuilder(latch->getTerminator()));
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
  Value operands = scratch(4, operandSpace, operandBytes);
  Value results = scratch(4, resultSpace, resultBytes);
  LLVM::CallOp::create(builder, loc, TypeRange(), executeSymbol,
                       ValueRange{thread, constant(builder, loc, i32, site.id),
                                  operands, results});
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
  Value operands = scratch(4, operandSpace, operandBytes);
  Value results = scratch(4, resultSpace, resultBytes);
  LLVM::CallOp::create(builder, loc, TypeRange(), executeSymbol,
                       ValueRange{thread, constant(builder, loc, i32, site.id),
                                  operands, results});
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
  LLVM::CallOp::create(builder, loc, TypeRange(), executeSymbol,
                       ValueRange{thread, constant(builder, loc, i32, site.id),
                                  operands, results});
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
  LLVM::CallOp::create(
      builder, loc, TypeRange(), executeSymbol,
      ValueRange{thread, constant(builder, loc, i32, id), operands, results});
  SmallVector<Value> values;
  for (auto [index, type] : llvm::enumerate(op->getResultTypes()))
    values.push_back(LLVM::LoadOp::create(
        builder, loc, type, at(results, sites[id].resultOffsets[index])));
  op->replaceAllUsesWith(values);
  op->erase();
  return success();
}

LogicalResult
quantmlir::emulator::instrument(ModuleOp module,
                                const llvm::StringMap<uint64_t> &addresses,
                                std::vector<Site> &sites) {
  return Instrumenter(module, addresses, sites).run();
}
