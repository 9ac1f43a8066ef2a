//===- InitAll.h - Registers every dialect and pass of ours ----*- C++ -*-===//
//
// For tools and hosts that want everything; a compiler that embeds part of
// quant-mlir calls the register functions that it needs.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_INITALL_H
#define QUANTMLIR_INITALL_H

#include "quantmlir/Calibration/Passes.h"
#include "quantmlir/Conversion/KernelsToNVVM/Passes.h"
#include "quantmlir/Conversion/QuantTensorToLinalg/QuantTensorToLinalg.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/Passes.h"
#include "quantmlir/Conversion/QuantTileToGPU/Passes.h"
#include "quantmlir/Conversion/QuantTileToNVVM/QuantTileToNVVM.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"
#include "quantmlir/Execution/Passes.h"
#include "quantmlir/Import/Passes.h"
#include "quantmlir/Pipelines/Pipelines.h"
#include "quantmlir/Schedule/Passes.h"
#include "quantmlir/Target/PTX/Passes.h"

namespace quantmlir {

/// Adds our dialects, and the upstream interfaces our ops implement from
/// outside, to `registry`. Upstream dialects are the caller's to add.
inline void registerAllDialects(mlir::DialectRegistry &registry) {
  registry
      .insert<quant_tensor::QuantTensorDialect, quant_tile::QuantTileDialect>();
  registerConvertQuantTileToNVVMInterface(registry);
  registerQuantTileTranslation(registry);
}

/// Makes our passes and pipelines known to the global pass registry under the
/// names that `quant-opt --help` lists. Call it once per process.
inline void registerAllPasses() {
  quant_tensor::registerQuantTensorPasses();
  calibration::registerCalibrationPasses();
  registerSchedulePasses();
  registerQuantTensorToQuantTilePasses();
  registerQuantTensorToLinalgPasses();
  registerExecutionPasses();
  registerQuantMLIRImportPasses();
  registerReferencePipeline();
  quant_tile::registerQuantTilePasses();
  registerQuantTileToGPUPasses();
  registerKernelsToNVVMPasses();
  registerTargetPTXPasses();
  registerPipelines();
}

} // namespace quantmlir

#endif // QUANTMLIR_INITALL_H
