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

/// What LLVM takes the alignment of an array to be where none is written.
constexpr uint64_t kPreferredAlignment = 16;
constexpr unsigned kSharedSpace = 3;

struct AnnotateKernels
    : quantmlir::quant_tile::impl::QuantTileAnnotateKernelsBase<
          AnnotateKernels> {
  void runOnOperation() override {
    auto noalias = UnitAttr::get(&getContext());
    for (auto func : getOperation().getOps<LLVM::LLVMFuncOp>()) {
      if (!func->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
        continue;
      // LLVM reads memory that nothing in a kernel writes through the read-only
      // cache. Where another kernel may still be writing when this one starts,
      // only the loads that say so (`quant_tile.load`) may go there.
      bool isDependent = func.walk([](NVVM::GriddepcontrolOp) {
                               return WalkResult::interrupt();
                             })
                             .wasInterrupted();
      if (isDependent)
        continue;
      for (auto [index, type] : llvm::enumerate(func.getArgumentTypes()))
        if (isa<LLVM::LLVMPointerType>(type))
          func.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(),
                          noalias);
    }
    // LLVM reads arrays by vectors as if they were aligned to 16 bytes, but
    // the backend writes down the alignment of their elements.
    for (auto global : getOperation().getOps<LLVM::GlobalOp>())
      if (global.getAddrSpace() == kSharedSpace && !global.getAlignment())
        global.setAlignment(kPreferredAlignment);
  }
};

} // namespace
