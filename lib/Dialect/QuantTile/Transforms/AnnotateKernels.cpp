//===- AnnotateKernels.cpp - What launches guarantee ----------------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEANNOTATEKERNELS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;

namespace {

struct AnnotateKernels
    : quantmlir::quant_tile::impl::QuantTileAnnotateKernelsBase<
          AnnotateKernels> {
  void runOnOperation() override {
    auto noalias = UnitAttr::get(&getContext());
    for (auto func : getOperation().getOps<LLVM::LLVMFuncOp>()) {
      if (!func->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
        continue;
      for (auto [index, type] : llvm::enumerate(func.getArgumentTypes()))
        if (isa<LLVM::LLVMPointerType>(type))
          func.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(),
                          noalias);
    }
  }
};

} // namespace
