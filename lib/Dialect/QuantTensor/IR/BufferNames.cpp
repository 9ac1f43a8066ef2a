//===- BufferNames.cpp - What callers bind arrays by ----------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/BufferNames.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

std::string
quantmlir::quant_tensor::getArgumentBufferName(FunctionOpInterface function,
                                               unsigned index) {
  if (auto name = function.getArgAttrOfType<StringAttr>(
          index, QuantTensorDialect::getNameAttrName()))
    return name.str();
  return "arg" + std::to_string(index);
}

std::string
quantmlir::quant_tensor::getResultBufferName(FunctionOpInterface function,
                                             unsigned index) {
  if (auto name = function.getResultAttrOfType<StringAttr>(
          index, QuantTensorDialect::getNameAttrName()))
    return name.str();
  return "result" + std::to_string(index);
}
