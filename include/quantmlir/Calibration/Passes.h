//===- Passes.h - Calibration and quantization of models --------*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_PASSES_H
#define QUANTMLIR_CALIBRATION_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace quantmlir::calibration {

#define GEN_PASS_DECL
#include "quantmlir/Calibration/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Calibration/Passes.h.inc"

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_PASSES_H
