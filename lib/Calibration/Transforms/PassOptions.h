//===- PassOptions.h - What options of passes say ---------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_PASSOPTIONS_H
#define QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_PASSOPTIONS_H

#include "quantmlir/Calibration/Scheme.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"

namespace quantmlir::calibration {

/// What an option was parsed or read as; its error is one at `module`.
template <typename T>
mlir::FailureOr<T> takeOption(mlir::ModuleOp module, llvm::Expected<T> option) {
  if (option)
    return std::move(*option);
  return mlir::emitError(module.getLoc()) << llvm::toString(option.takeError());
}

/// The option `overrides` of a pass, with a warning for each pattern that no
/// layer of the module is called like. `method` is of schemes that name none.
mlir::FailureOr<std::vector<SchemeOverride>>
readOverrides(mlir::ModuleOp module, llvm::StringRef text,
              llvm::StringRef method = {});

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_PASSOPTIONS_H
