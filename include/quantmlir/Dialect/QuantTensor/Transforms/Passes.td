//===- Passes.td - Passes on quant_tensor ---------------------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_PASSES_TD
#define QUANTMLIR_QUANTTENSOR_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantTensorVerifyEncodings : Pass<"quant-tensor-verify-encodings"> {
  let summary = "refuse encodings that upstream dropped, cut, permuted or bufferized";
  let description = [{
    Encodings are checked where a type is parsed; a type that a pass builds is
    not. Many upstream passes and ops treat an encoding as something to carry
    along or to forget. This pass checks every type, and accepts an encoded
    tensor only on ops that respect it:

    - the ops of `quant_tensor`, calls, branches, structured control flow and
      selects, which hand a value on under the same type;
    - inputs of `linalg` ops, where it means its logical values;
    - `tensor.dim`, and `tensor.cast` that changes extents only;
    - `tensor.extract_slice` along whole blocks and words: offsets are provably
      multiples of the block's extent, sizes too or up to the dimension's end.

    Everything else is an error at the op: casts that drop, give or change an
    encoding, slices through a block, reshapes, padding, concatenation, encoded
    inits (`outs`), constants, vector reads, arithmetic, buffers.

    Bufferization of function boundaries and signature conversions leave no op
    behind that could be refused. With `pin-signatures`, the encodings of
    function arguments and results are also written into the attribute
    `quant_tensor.pinned_encoding`, and IR in which a type no longer has its
    pinned encoding fails to verify, right after the pass that lost it.
    Remove the attribute when lowering encodings on purpose.

    ```mlir
    // K tiles of 64 cut the blocks of 128.
    // error: 'tensor.extract_slice' op size of dimension #1 is not a multiple of 128 ...
    %0 = tensor.extract_slice %w[0, 0] [64, 64] [1, 1]
        : tensor<512x4096xbf16, #w4g128> to tensor<64x64xbf16, #w4g128>
    ```
  }];
  let options = [
    Option<"pinSignatures", "pin-signatures", "bool", /*default=*/"false",
           "Write the encodings of function signatures into arg and result "
           "attributes that the dialect verifies after every later pass">
  ];
}

#endif // QUANTMLIR_QUANTTENSOR_PASSES_TD
