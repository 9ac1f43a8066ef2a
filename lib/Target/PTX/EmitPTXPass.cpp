//===- EmitPTXPass.cpp - gpu.module to gpu.binary -------------------------===//

#include "quantmlir/Target/PTX/EmitPTX.h"
#include "quantmlir/Target/PTX/Passes.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace quantmlir {
#define GEN_PASS_DEF_QUANTEMITPTX
#include "quantmlir/Target/PTX/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;

namespace {

struct EmitPTXPass : quantmlir::impl::QuantEmitPTXBase<EmitPTXPass> {
  using QuantEmitPTXBase::QuantEmitPTXBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    QuantEmitPTXBase::getDependentDialects(registry);
    registerPTXTranslations(registry);
  }

  void runOnOperation() override {
    PTXOptions options;
    options.chip = chip;
    for (auto module : llvm::make_early_inc_range(
             getOperation().getOps<gpu::GPUModuleOp>())) {
      FailureOr<std::string> ptx = emitPTX(module, options);
      if (failed(ptx))
        return signalPassFailure();
      OpBuilder builder(module);
      auto target = NVVM::NVVMTargetAttr::get(
          &getContext(), options.optLevel, "nvptx64-nvidia-cuda", options.chip);
      auto object =
          gpu::ObjectAttr::get(target, gpu::CompilationTarget::Assembly,
                               builder.getStringAttr(*ptx));
      gpu::BinaryOp::create(builder, module.getLoc(), module.getName(),
                            /*offloadingHandler=*/nullptr,
                            builder.getArrayAttr({object}));
      module.erase();
    }
  }
};

} // namespace
