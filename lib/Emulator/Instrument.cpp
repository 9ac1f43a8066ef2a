//===- Instrument.cpp - Kernel code that calls the emulator ---------------===//

#include "Instrument.h"
#include "Machine.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "quantmlir/Emulator/EmulatableOpInterface.h"

using namespace mlir;
using namespace quantmlir::emulator;

namespace {

/// Address spaces of NVPTX.
enum : unsigned { Generic = 0, Global = 1, SharedCta = 3, SharedCluster = 7 };

class Instrumenter {
public:
  Instrumenter(ModuleOp module, const llvm::StringMap<uint32_t> &sharedOffsets,
               std::vector<Site> &sites)
      : module(module), layout(module), sharedOffsets(sharedOffsets),
        sites(sites), context(module.getContext()),
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
  /// Sends the address operand of `op` through the emulator.
  LogicalResult rewriteAccess(Operation *op, OpOperand &address, Type accessed,
                              std::optional<uint64_t> alignment,
                              AccessKind kind, bool mayPoll);

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
  const llvm::StringMap<uint32_t> &sharedOffsets;
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

/// Whether `address` is plainly inside a local variable of the function.
bool isLocal(Value address) {
  while (Operation *op = address.getDefiningOp()) {
    if (isa<LLVM::AllocaOp>(op))
      return true;
    if (!isa<LLVM::GEPOp, LLVM::BitcastOp, LLVM::AddrSpaceCastOp>(op))
      return false;
    address = op->getOperand(0);
  }
  return false;
}

/// The alignment NVPTX wants of an access that does not say one.
uint64_t getNaturalAlignment(Type type, const DataLayout &layout) {
  if (auto vector = dyn_cast<VectorType>(type))
    return llvm::PowerOf2Ceil(layout.getTypeSize(vector));
  return layout.getTypeABIAlignment(type);
}

/// Ops of the LLVM dialect that have an effect and yet need no rewriting.
bool isHarmless(Operation *op) {
  return isa<LLVM::AllocaOp, LLVM::LifetimeStartOp, LLVM::LifetimeEndOp,
             LLVM::AssumeOp, LLVM::UnreachableOp, LLVM::DbgValueOp,
             LLVM::DbgDeclareOp, LLVM::NoAliasScopeDeclOp>(op) ||
         op->hasTrait<OpTrait::IsTerminator>();
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
  return success();
}

LogicalResult Instrumenter::rewriteFunction(LLVM::LLVMFuncOp function) {
  thread = function.getBody().getArgument(0);
  operandSpace = resultSpace = nullptr;
  operandBytes = resultBytes = 0;
  SmallVector<Operation *> ops;
  function.getBody().walk([&](Operation *op) { ops.push_back(op); });
  LogicalResult result = success();
  // All unknown ops are told, not only the first.
  for (Operation *op : ops)
    if (failed(rewrite(op)))
      result = failure();
  return result;
}

LogicalResult Instrumenter::rewrite(Operation *op) {
  if (auto instruction = dyn_cast<EmulatableOpInterface>(op))
    return rewriteInstruction(instruction);
  if (!isa<LLVM::LLVMDialect>(op->getDialect()))
    return op->emitOpError("is not known to the emulator");
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](LLVM::LoadOp load) {
        bool mayPoll = load.getVolatile_() ||
                       load.getOrdering() != LLVM::AtomicOrdering::not_atomic;
        return rewriteAccess(load, load.getAddrMutable(), load.getType(),
                             load.getAlignment(), AccessKind::Read, mayPoll);
      })
      .Case([&](LLVM::StoreOp store) {
        bool atomic = store.getOrdering() != LLVM::AtomicOrdering::not_atomic;
        return rewriteAccess(store, store.getAddrMutable(),
                             store.getValue().getType(), store.getAlignment(),
                             atomic ? AccessKind::Atomic : AccessKind::Write,
                             false);
      })
      .Case([&](LLVM::AtomicRMWOp rmw) {
        return rewriteAccess(rmw, rmw.getPtrMutable(), rmw.getVal().getType(),
                             rmw.getAlignment(), AccessKind::Atomic, true);
      })
      .Case([&](LLVM::AtomicCmpXchgOp exchange) {
        return rewriteAccess(exchange, exchange.getPtrMutable(),
                             exchange.getVal().getType(),
                             exchange.getAlignment(), AccessKind::Atomic, true);
      })
      .Case([&](LLVM::MemcpyOp copy) { return rewriteCopy(copy); })
      .Case([&](LLVM::MemsetOp set) { return rewriteCopy(set); })
      .Case([&](LLVM::CallOp call) { return rewriteCall(call); })
      .Case([&](LLVM::AddressOfOp op) { return rewriteAddressOf(op); })
      .Case([&](LLVM::AddrSpaceCastOp op) { return rewriteAddressCast(op); })
      .Default([&](Operation *op) -> LogicalResult {
        if (isMemoryEffectFree(op) || isHarmless(op))
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
                                          AccessKind kind, bool mayPoll) {
  if (isLocal(address.get()))
    return success();
  Site &site = addSite(op);
  site.space = getSpace(address.get());
  site.kind = kind;
  site.size = layout.getTypeSize(accessed);
  site.alignment = alignment.value_or(getNaturalAlignment(accessed, layout));
  site.mayPoll = mayPoll;
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Value bits = LLVM::PtrToIntOp::create(builder, loc, i64, address.get());
  auto call = LLVM::CallOp::create(
      builder, loc, pointer, accessSymbol,
      ValueRange{thread, constant(builder, loc, i32, site.id), bits});
  address.set(call.getResult());
  // The emulator has checked the alignment; a harmless place has none.
  if (isa<LLVM::LoadOp, LLVM::StoreOp>(op) && !mayPoll &&
      kind != AccessKind::Atomic)
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
  for (unsigned i = 0; i < pointers; ++i) {
    Value address = op->getOperand(i);
    if (isLocal(address))
      continue;
    Site &site = addSite(op);
    site.space = getSpace(address);
    site.kind = i == 0 ? AccessKind::Write : AccessKind::Read;
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
  auto offset = sharedOffsets.find(op.getGlobalName());
  if (offset == sharedOffsets.end())
    return success(); // a constant, which stays where the JIT puts it
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
// Calls and instructions
//===----------------------------------------------------------------------===//

LogicalResult Instrumenter::rewriteCall(LLVM::CallOp call) {
  std::optional<StringRef> name = call.getCallee();
  if (!name)
    return call.emitOpError("is an indirect call, which the emulator lacks");
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
  assert(bool(semantics->perThread) != bool(semantics->perWarp) &&
         "an instruction is of a thread or of a warp");
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
                                const llvm::StringMap<uint32_t> &sharedOffsets,
                                std::vector<Site> &sites) {
  return Instrumenter(module, sharedOffsets, sites).run();
}
