//===- Pipelines.cpp - The stages of the compiler, in order ---------------===//

#include "quantmlir/Pipelines/Pipelines.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/NVGPUToNVVM/NVGPUToNVVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "quantmlir/Conversion/KernelsToNVVM/Passes.h"
#include "quantmlir/Conversion/QuantTensorToLinalg/QuantTensorToLinalg.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/Passes.h"
#include "quantmlir/Conversion/QuantTileToGPU/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"
#include "quantmlir/Import/Passes.h"
#include "quantmlir/Schedule/Passes.h"
#include "quantmlir/Schedule/PlainSchedule.h"
#include "quantmlir/Schedule/RowSchedule.h"
#include "quantmlir/Target/PTX/Passes.h"

using namespace mlir;
using namespace quantmlir;

void quantmlir::buildAlgebraPipeline(OpPassManager &pm,
                                     const PipelineOptions &) {
  // Before canonicalization, which would explain away what upstream lost.
  pm.addPass(quant_tensor::createQuantTensorVerifyEncodings());
  // Before anything that folds: upstream takes dcast(qcast(x)) for x, rounding
  // and saturation left out.
  pm.addPass(createConvertQuantToQuantTensor());
  // A launch plan has no calls: whole programs are one function each.
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createImportScalarArguments());
  pm.addPass(createImportPackedIntegers());
  // Before decoding and repeating become one op.
  pm.addPass(createImportContractions());
  pm.addPass(createImportDequantize());
  pm.addPass(quant_tensor::createQuantTensorVerifyEncodings());
  pm.addPass(quant_tensor::createQuantTensorCollapseContractions());
  pm.addPass(quant_tensor::createQuantTensorOrderGroups());
  pm.addPass(quant_tensor::createQuantTensorDecomposeOutliers());
  pm.addPass(quant_tensor::createQuantTensorPullDequantize());
  pm.addPass(quant_tensor::createQuantTensorDecomposeContractions());
  pm.addPass(quant_tensor::createQuantTensorFuseEpilogue());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(quant_tensor::createQuantTensorVerifyEncodings());
}

void quantmlir::buildSchedulePipeline(OpPassManager &pm,
                                      const PipelineOptions &options) {
  if (options.mergeContractions)
    pm.addPass(quant_tensor::createQuantTensorMergeContractions());
  // Decide, then obey.
  SelectScheduleOptions select;
  select.chip = options.chip;
  select.tuned = options.tuned;
  select.tunedGpu = options.tunedGpu;
  select.fastAccumulation = options.fastAccumulation;
  pm.addPass(createSelectSchedule(select));
  pm.addPass(quant_tensor::createQuantTensorApplyLayout());
  // Products of the same weights in one layout share them.
  pm.addPass(createCSEPass());
  // What is left of contractions has no tiled kernel. With one row or column
  // known, the product is fused into its sum below; with more, or an unknown
  // number, the loops of a plain kernel do the same for each row.
  quant_tensor::QuantTensorRewriteBatchOneOptions batchOne;
  batchOne.testM = false;
  batchOne.genericSum = true;
  pm.addPass(quant_tensor::createQuantTensorRewriteBatchOne(batchOne));
  quant_tensor::QuantTensorOutlineConstantsOptions constants;
  constants.maxBytes = schedule::getMaxConstantBytes();
  pm.addPass(quant_tensor::createQuantTensorOutlineConstants(constants));
  pm.addPass(quant_tensor::createQuantTensorHoistPrepare());

  ConvertQuantTensorToLinalgOptions linalgOptions;
  linalgOptions.keepScheduled = true;
  pm.addPass(createConvertQuantTensorToLinalg(linalgOptions));
  pm.addPass(quant_tensor::createQuantTensorLowerEncodings());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(quant_tensor::createQuantTensorForwardWeights());
  OpPassManager &func = pm.nest<func::FuncOp>();
  func.addPass(createConvertElementwiseToLinalgPass());
  func.addPass(quant_tile::createQuantTileGeneralizeOps());
  func.addPass(quant_tile::createQuantTileWidenIntegers());
  func.addPass(quant_tile::createQuantTileFillConstants());
  func.addPass(createLinalgElementwiseOpFusionPass());
  // A size that is asked of a result keeps the result alive.
  func.addPass(memref::createResolveShapedTypeResultDimsPass());
  func.addPass(createCanonicalizerPass());
  func.addPass(createCSEPass());
  quant_tile::QuantTileGroupRowsOptions rows;
  rows.maxColumns = schedule::getMaxRowColumns();
  func.addPass(quant_tile::createQuantTileGroupRows(rows));
  // Tables that groups read, which loops of their own would hold.
  func.addPass(quant_tile::createQuantTileFillConstants());
  SelectRowScheduleOptions selectRows;
  selectRows.chip = options.chip;
  pm.addPass(createSelectRowSchedule(selectRows));
  pm.addNestedPass<func::FuncOp>(quant_tile::createQuantTileDecomposeOps());
  pm.addPass(createSelectPlainSchedule());
}

void quantmlir::buildKernelPipeline(OpPassManager &pm,
                                    const PipelineOptions &) {
  pm.addPass(createConvertQuantTensorToQuantTile());
  pm.addNestedPass<func::FuncOp>(
      quant_tile::createQuantTileShareDestinations());
  pm.addPass(quant_tile::createQuantTileBufferize());
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
  pm.addPass(createQuantTileCopiesToLaunches());
  pm.addPass(createQuantTileLowerLaunch());
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
}

void quantmlir::buildNVVMPipeline(OpPassManager &pm, const PipelineOptions &) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  // One by one as long as they can be, so that threads share them.
  OpPassManager &kernel = kernels.nest<gpu::GPUFuncOp>();
  kernel.addPass(createCanonicalizerPass());
  kernel.addPass(createCSEPass());
  kernel.addPass(createExpandSmallFloats());
  kernel.addPass(quant_tile::createQuantTileExpandMath());
  kernel.addPass(memref::createExpandStridedMetadataPass());
  kernel.addPass(createLowerAffinePass());
  kernel.addPass(arith::createArithExpandOpsPass());
  kernel.addPass(createConvertNVGPUToNVVMPass());
  kernel.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertKernelsToNVVM());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(quant_tile::createQuantTileAnnotateKernels());
}

void quantmlir::buildInstructionPipeline(OpPassManager &pm,
                                         const PipelineOptions &) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
}

void quantmlir::buildQuantToPTXPipeline(OpPassManager &pm,
                                        const PipelineOptions &options) {
  buildAlgebraPipeline(pm, options);
  buildSchedulePipeline(pm, options);
  buildKernelPipeline(pm, options);
  buildNVVMPipeline(pm, options);
  buildInstructionPipeline(pm, options);
  QuantEmitPTXOptions emit;
  emit.chip = options.chip;
  pm.addPass(createQuantEmitPTX(emit));
}

namespace {

/// PipelineOptions as text: `quant-to-ptx{chip=sm_80}`.
struct TextOptions : PassPipelineOptions<TextOptions> {
  Option<std::string> chip{*this, "chip",
                           llvm::cl::desc("sm_80, sm_89 or sm_90a"),
                           llvm::cl::init("sm_90a")};
  Option<std::string> tuned{
      *this, "tuned",
      llvm::cl::desc("a file of timings, whose best schedules are used")};
  Option<std::string> tunedGpu{
      *this, "tuned-gpu",
      llvm::cl::desc("use only timings of GPUs whose name contains this")};
  Option<bool> mergeContractions{
      *this, "merge-contractions",
      llvm::cl::desc("compute contractions that read one operand as one"),
      llvm::cl::init(false)};
  Option<bool> fastAccumulation{
      *this, "fast-accumulation",
      llvm::cl::desc("keep sums of 8-bit floats in accumulators of 13 bits"),
      llvm::cl::init(false)};
};

/// Of a stage that has nothing to choose. (Upstream's registration without
/// options refuses any without a word.)
struct NoTextOptions : PassPipelineOptions<NoTextOptions> {};

} // namespace

void quantmlir::registerPipelines() {
  using Builder = void (*)(OpPassManager &, const PipelineOptions &);
  auto add = [](StringRef name, StringRef summary, Builder build) {
    PassPipelineRegistration<TextOptions>(
        name, summary, [build](OpPassManager &pm, const TextOptions &text) {
          PipelineOptions options;
          options.chip = text.chip;
          options.tuned = text.tuned;
          options.tunedGpu = text.tunedGpu;
          options.mergeContractions = text.mergeContractions;
          options.fastAccumulation = text.fastAccumulation;
          build(pm, options);
        });
  };
  auto addPlain = [](StringRef name, StringRef summary, Builder build) {
    PassPipelineRegistration<NoTextOptions>(
        name, summary, [build](OpPassManager &pm, const NoTextOptions &) {
          build(pm, PipelineOptions());
        });
  };
  addPlain("quant-algebra", "contractions of encoded tensors, epilogues fused",
           buildAlgebraPipeline);
  add("quant-schedule", "schedules, layouts, and linalg for what has no kernel",
      buildSchedulePipeline);
  addPlain("quant-kernels", "a kernel for each op, launched on memrefs",
           buildKernelPipeline);
  addPlain("quant-nvvm", "kernels in the LLVM and NVVM dialects",
           buildNVVMPipeline);
  add("quant-to-ptx", "the whole way from linalg to PTX",
      buildQuantToPTXPipeline);
}
