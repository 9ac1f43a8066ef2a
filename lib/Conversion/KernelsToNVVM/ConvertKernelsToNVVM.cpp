//===- ConvertKernelsToNVVM.cpp - Kernels in the LLVM dialect -------------===//

#include "quantmlir/Conversion/KernelsToNVVM/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUCommon/GPUCommonPass.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/LoweringOptions.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Transforms/DialectConversion.h"
#include "quantmlir/Conversion/QuantTileToNVVM/QuantTileToNVVM.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir {
#define GEN_PASS_DEF_CONVERTKERNELSTONVVM
#include "quantmlir/Conversion/KernelsToNVVM/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;

namespace {

struct ConvertKernelsToNVVM
    : quantmlir::impl::ConvertKernelsToNVVMBase<ConvertKernelsToNVVM> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    options.overrideIndexBitwidth(64);
    LLVMTypeConverter converter(context, options);
    configureGpuToNVVMTypeConverter(converter);

    // An intrinsic is preferred to libdevice's function of the same op.
    const PatternBenefit preferred = 10;
    RewritePatternSet patterns(context);
    populateMathToLLVMConversionPatterns(converter, patterns,
                                         /*approximateLog1p=*/false, preferred);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateGpuToNVVMConversionPatterns(converter, patterns);
    populateQuantTileToNVVMPatterns(converter, patterns);

    ConversionTarget target(*context);
    configureGpuToNVVMConversionLegality(target);
    // Instructions stay ops until they are translated.
    target.addDynamicallyLegalDialect<quant_tile::QuantTileDialect>(
        quant_tile::isInstruction);
    // Instruction selection knows these; upstream forbids them in favour of
    // libdevice.
    target.addLegalOp<LLVM::CopySignOp, LLVM::Exp2Op, LLVM::FAbsOp,
                      LLVM::FCeilOp, LLVM::FFloorOp, LLVM::RoundEvenOp,
                      LLVM::RoundOp, LLVM::SqrtOp>();
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      return signalPassFailure();

    WalkResult left =
        getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
          if (isa<LLVM::LLVMDialect, NVVM::NVVMDialect>(op->getDialect()) ||
              isa<gpu::GPUModuleOp, UnrealizedConversionCastOp>(op) ||
              quant_tile::isInstruction(op))
            return WalkResult::advance();
          return WalkResult(op->emitOpError() << "cannot be lowered to NVVM");
        });
    if (left.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
