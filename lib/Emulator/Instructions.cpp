//===- Instructions.cpp - Which instructions kernels have -----------------===//

#include "quantmlir/Emulator/Instructions.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace quantmlir::emulator;

/// Of addresses, all of whose bits count: types have a hash of few.
static size_t hash(Operation *op) {
  llvm::hash_code code = llvm::hash_combine(
      op->getName().getAsOpaquePointer(), op->hashProperties(),
      op->getRawDictionaryAttrs().getAsOpaquePointer());
  for (Type type : op->getOperandTypes())
    code = llvm::hash_combine(code, type.getAsOpaquePointer());
  for (Type type : op->getResultTypes())
    code = llvm::hash_combine(code, type.getAsOpaquePointer(),
                              /*isResult=*/true);
  return code;
}

void InstructionList::add(gpu::GPUModuleOp module, llvm::raw_ostream &os) {
  module.walk([&](Operation *op) {
    if (op->getNumRegions() || op->hasTrait<OpTrait::ConstantLike>() ||
        op->hasTrait<OpTrait::IsTerminator>() || !known.insert(hash(op)).second)
      return;
    os << op->getName() << "|" << op->getAttrDictionary() << "|";
    llvm::interleave(op->getOperandTypes(), os, ";");
    os << "|";
    llvm::interleave(op->getResultTypes(), os, ";");
    os << "\n";
  });
}
