//===- Passes.td - Passes on quant_tensor ---------------------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_PASSES_TD
#define QUANTMLIR_QUANTTENSOR_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantTensorVerifyEncodings : Pass<"quant-tensor-verify-encodings"> {
  let summary = "refuse encodings that upstream dropped, cut, permuted or bufferized";
  let description = [{
    Encodings are checked where a type is parsed; a type that a pass builds is
    not. This pass checks every operand, result and block argument, and refuses
    ops that cannot carry an encoding.
  }];
}

#endif // QUANTMLIR_QUANTTENSOR_PASSES_TD
