//===- QuantTensorOps.td - The algebra of quantized tensors ---*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_OPS_TD
#define QUANTMLIR_QUANTTENSOR_OPS_TD

include "quantmlir/Dialect/QuantTensor/IR/QuantTensorEncodingOps.td"
include "quantmlir/Dialect/QuantTensor/IR/QuantTensorContractionOps.td"

#endif // QUANTMLIR_QUANTTENSOR_OPS_TD
