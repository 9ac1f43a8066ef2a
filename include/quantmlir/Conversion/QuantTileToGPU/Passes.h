//===- Passes.h - Launches of kernels on memrefs --------------------------===//

#ifndef QUANTMLIR_CONVERSION_QUANTTILETOGPU_PASSES_H
#define QUANTMLIR_CONVERSION_QUANTTILETOGPU_PASSES_H

#include "mlir/Pass/Pass.h"
#include "quantmlir/Schedule/PlainSchedule.h"

namespace quantmlir {

#define GEN_PASS_DECL
#include "quantmlir/Conversion/QuantTileToGPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Conversion/QuantTileToGPU/Passes.h.inc"

} // namespace quantmlir

#endif // QUANTMLIR_CONVERSION_QUANTTILETOGPU_PASSES_H
