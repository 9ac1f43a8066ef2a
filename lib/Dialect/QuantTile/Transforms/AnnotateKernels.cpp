//===- AnnotateKernels.cpp - What launches guarantee ----------------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEANNOTATEKERNELS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;
using quantmlir::quant_tile::TensorMapAttr;

namespace {

/// What LLVM takes the alignment of an array to be where none is written.
constexpr uint64_t kPreferredAlignment = 16;
constexpr unsigned kSharedSpace = 3;

struct AnnotateKernels
    : quantmlir::quant_tile::impl::QuantTileAnnotateKernelsBase<
          AnnotateKernels> {
  void runOnOperation() override {
    Builder builder(&getContext());
    UnitAttr unit = builder.getUnitAttr();
    // CUtensorMap.
    auto map =
        TypeAttr::get(LLVM::LLVMArrayType::get(builder.getI8Type(), 128));
    auto alignment = builder.getI64IntegerAttr(64);
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
      int64_t maps = 0;
      if (auto count = dyn_cast_or_null<IntegerAttr>(
              func->removeAttr(TensorMapAttr::getCountAttrName())))
        maps = count.getInt();
      int64_t firstMap = func.getNumArguments() - maps;
      for (auto [index, type] : llvm::enumerate(func.getArgumentTypes())) {
        if (!isa<LLVM::LLVMPointerType>(type))
          continue;
        if (static_cast<int64_t>(index) >= firstMap) {
          // The map itself is the parameter, and kernels leave it where it is.
          func.setArgAttr(index, LLVM::LLVMDialect::getByValAttrName(), map);
          func.setArgAttr(index, LLVM::LLVMDialect::getAlignAttrName(),
                          alignment);
          func.setArgAttr(index, NVVM::NVVMDialect::getGridConstantAttrName(),
                          unit);
          continue;
        }
        if (!isDependent)
          func.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(), unit);
      }
    }
    for (auto global : getOperation().getOps<LLVM::GlobalOp>()) {
      if (global.getAddrSpace() != kSharedSpace)
        continue;
      // LLVM reads arrays by vectors as if they were aligned to 16 bytes, but
      // the backend writes down the alignment of their elements.
      if (!global.getAlignment())
        global.setAlignment(kPreferredAlignment);
      // Dynamic shared memory, as `gpu.dynamic_shared_memory` was lowered: an
      // array of nothing that is defined, for which PTX has a byte of static
      // memory. ptxas pads that to the largest alignment in the module, up to a
      // KiB of each block, which can cost a block, or the L1 cache what one
      // more step of shared memory takes.
      auto array = dyn_cast<LLVM::LLVMArrayType>(global.getGlobalType());
      if (array && array.getNumElements() == 0) {
        global.setLinkage(LLVM::Linkage::External);
        global.setDsoLocal(false);
      }
    }
  }
};

} // namespace
