//===- UnitWindows.h - Convolutions that are products -----------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_IMPORT_UNITWINDOWS_H
#define QUANTMLIR_LIB_IMPORT_UNITWINDOWS_H

#include "mlir/IR/PatternMatch.h"

namespace quantmlir {

/// A convolution whose window has one element in each direction is a product of
/// pixels and weights: its window's loops go, and what it steps over is sliced
/// away.
void populateUnitWindowPatterns(::mlir::RewritePatternSet &patterns);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_IMPORT_UNITWINDOWS_H
