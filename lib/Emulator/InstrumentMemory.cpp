//===- InstrumentMemory.cpp - Accesses, addresses, local variables --------===//

#include "Instrumenter.h"
#include "Machine.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::emulator;

unsigned emulator::getAddressSpace(Value value) {
  auto type = dyn_cast<LLVM::LLVMPointerType>(value.getType());
  return type ? type.getAddressSpace() : 0;
}

Space emulator::getSpace(Value pointer) {
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

uint64_t emulator::getNaturalAlignment(Type type, const DataLayout &layout) {
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
  callExecute(builder, loc, site.id, operands, results);
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
