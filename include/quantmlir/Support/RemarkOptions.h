//===- RemarkOptions.h - What stands in a remark's header -------*- C++ -*-===//

#ifndef QUANTMLIR_SUPPORT_REMARKOPTIONS_H
#define QUANTMLIR_SUPPORT_REMARKOPTIONS_H

#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace quantmlir {

/// The header of a remark about `op`, by the pass `name`, with the name of the
/// function that it is in, if any.
inline mlir::remark::RemarkOpts getRemarkOptions(mlir::Operation *op,
                                                 llvm::StringRef name,
                                                 llvm::StringRef category) {
  auto options = mlir::remark::RemarkOpts::name(name).category(category);
  if (auto function = op->getParentOfType<mlir::FunctionOpInterface>())
    options = options.function(function.getName());
  return options;
}

} // namespace quantmlir

#endif // QUANTMLIR_SUPPORT_REMARKOPTIONS_H
