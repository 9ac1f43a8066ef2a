//===- BufferNames.h - What callers bind arrays by --------------*- C++ -*-===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_IR_BUFFERNAMES_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_IR_BUFFERNAMES_H

#include "mlir/Interfaces/FunctionInterfaces.h"

#include <string>

namespace quantmlir::quant_tensor {

/// What the manifest and files of arrays call argument `index` of `function`:
/// its `quant_tensor.name`, or `arg<index>`.
std::string getArgumentBufferName(::mlir::FunctionOpInterface function,
                                  unsigned index);

/// The same of a result: its `quant_tensor.name`, or `result<index>`.
std::string getResultBufferName(::mlir::FunctionOpInterface function,
                                unsigned index);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_IR_BUFFERNAMES_H
