//===- DynamicSharedMemory.cpp - A block's dynamic shared memory ----------===//

#include "DynamicSharedMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace quantmlir;

/// What swizzled tiles are aligned to.
static constexpr int64_t kAlignment = 1024;

Value quantmlir::getDynamicSharedMemory(OpBuilder &b, Location loc,
                                        gpu::GPUFuncOp kernel) {
  constexpr StringLiteral name = "dynamic_shared_memory";
  auto module = kernel->getParentOfType<gpu::GPUModuleOp>();
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  if (!global) {
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    global = LLVM::GlobalOp::create(
        builder, loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0),
        /*isConstant=*/false, LLVM::Linkage::External, name, Attribute(),
        kAlignment, kSharedSpace);
  }
  return LLVM::AddressOfOp::create(b, loc, global);
}

Value quantmlir::mapToBlock(OpBuilder &b, Location loc, Value address,
                            Value block) {
  return NVVM::MapaOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext(), kSharedClusterSpace),
      address, block);
}

void quantmlir::synchronizeCluster(OpBuilder &b, Location loc) {
  NVVM::ClusterArriveRelaxedOp::create(b, loc, b.getUnitAttr());
  NVVM::ClusterWaitOp::create(b, loc, b.getUnitAttr());
}

void quantmlir::expectBytes(OpBuilder &b, Location loc, Value barrier,
                            Value bytes) {
  NVVM::MBarrierArriveExpectTxOp::create(
      b, loc, /*res=*/Type(), barrier, bytes, NVVM::MemScopeKind::CTA,
      /*relaxed=*/false, /*predicate=*/Value());
}

void quantmlir::waitForBarrier(OpBuilder &b, Location loc, Value barrier,
                               Value parity, NVVM::MemScopeKind scope) {
  auto loop = scf::WhileOp::create(b, loc, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&loop.getBefore());
  Value done =
      NVVM::MBarrierTryWaitOp::create(b, loc, b.getI1Type(), barrier, parity,
                                      /*ticks=*/Value(), scope);
  Value again = arith::XOrIOp::create(
      b, loc, done, arith::ConstantOp::create(b, loc, b.getBoolAttr(true)));
  scf::ConditionOp::create(b, loc, again, ValueRange());
  b.createBlock(&loop.getAfter());
  scf::YieldOp::create(b, loc);
}
