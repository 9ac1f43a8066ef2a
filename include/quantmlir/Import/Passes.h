//===- Passes.h - From what other compilers write -------------------------===//

#ifndef QUANTMLIR_IMPORT_PASSES_H
#define QUANTMLIR_IMPORT_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

namespace quantmlir {

#define GEN_PASS_DECL
#include "quantmlir/Import/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Import/Passes.h.inc"

/// Dequantization written out in linalg (see `import-dequantize`) becomes
/// `assemble` and `dequantize`. Expects each decode as one linalg.generic.
void populateImportDequantizePatterns(::mlir::RewritePatternSet &patterns);

/// Contractions of repeated operands, and integer ones with zero points or of
/// narrow codes, become plain ones (see `import-contractions`). Arithmetic on
/// tensors in front of them is expected as linalg.
void populateImportContractionPatterns(::mlir::RewritePatternSet &patterns);

} // namespace quantmlir

#endif // QUANTMLIR_IMPORT_PASSES_H
