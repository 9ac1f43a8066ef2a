//===- QuantTensorOpBase.td - What all ops are defined with ---*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_OPBASE_TD
#define QUANTMLIR_QUANTTENSOR_OPBASE_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "quantmlir/Dialect/QuantTensor/IR/QuantTensorAttrs.td"

// Constraints are numbered per op; the verifier and invalid.mlir quote the
// numbers. Two types *agree* where their element types are equal, their ranks
// are equal, and each pair of extents is equal or has a dynamic one.

class QuantTensor_Op<string mnemonic, list<Trait> traits = []>
    : Op<QuantTensor_Dialect, mnemonic, traits>;

/// A ranked tensor that carries a #quant_tensor.encoding.
def QuantTensor_EncodedTensor : Type<
    And<[AnyRankedTensor.predicate,
         CPred<"::quantmlir::quant_tensor::getEncoding($_self) != nullptr">]>,
    "ranked tensor with a quant_tensor encoding", "::mlir::RankedTensorType">;

/// A ranked tensor without a #quant_tensor.encoding.
def QuantTensor_DenseTensor : Type<
    And<[AnyRankedTensor.predicate,
         CPred<"::quantmlir::quant_tensor::getEncoding($_self) == nullptr">]>,
    "ranked tensor without a quant_tensor encoding", "::mlir::RankedTensorType">;

/// Either.
def QuantTensor_AnyTensor : Type<AnyRankedTensor.predicate,
    "ranked tensor, dense or encoded", "::mlir::RankedTensorType">;

#endif // QUANTMLIR_QUANTTENSOR_OPBASE_TD
