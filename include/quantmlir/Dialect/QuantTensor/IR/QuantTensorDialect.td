//===- QuantTensorDialect.td - What quantized tensors mean ----*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_DIALECT_TD
#define QUANTMLIR_QUANTTENSOR_DIALECT_TD

include "mlir/IR/OpBase.td"

def QuantTensor_Dialect : Dialect {
  let name = "quant_tensor";
  let cppNamespace = "::quantmlir::quant_tensor";
  let summary = "Quantization as an encoding of ranked tensors";
  let description = [{
    A quantized tensor is an ordinary ranked tensor whose element type is the
    type that the values *mean* and whose encoding says how they are stored:

    ```mlir
    #w4g128 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
    func.func private @weights() -> tensor<4096x4096xbf16, #w4g128>
    ```

    The value bundles codes, scales and zero points, so they cannot be
    mispaired. Plain `linalg` ops accept such tensors as operands. `assemble`
    makes the bundle, `disassemble` takes it apart.

    Attributes of function arguments and results:
    - `quant_tensor.name`, a non-empty string: the name of its buffers.
    - `quant_tensor.weight`, a unit (arguments): known before the first run.
    - `quant_tensor.prepared`, an integer (arguments): this result of the
      function that `quant_tensor.prepare` names.
    - `quant_tensor.constant`, elements (arguments): the value that callers pass
      (see `quant-tensor-outline-constants`).
    - `quant_tensor.pinned_encoding`, an encoding: the type has just this
      encoding (see `quant-tensor-verify-encodings`).

    Attributes of functions, both symbols: `quant_tensor.prepare` names the
    function that runs once and makes what this one reads as prepared;
    `quant_tensor.prepare_of` points back (see `quant-tensor-hoist-prepare`).
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasCanonicalizer = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Argument attribute: the name of the argument's buffers in the artifact.
    static ::llvm::StringRef getNameAttrName() { return "quant_tensor.name"; }
    /// Argument attribute (unit): the argument is a weight, known before the
    /// first run.
    static ::llvm::StringRef getWeightAttrName() { return "quant_tensor.weight"; }
    /// Argument attribute (elements): the value that every caller passes.
    static ::llvm::StringRef getConstantAttrName() {
      return "quant_tensor.constant";
    }
    /// Argument and result attribute: the encoding that the type must have.
    static ::llvm::StringRef getPinnedEncodingAttrName() {
      return "quant_tensor.pinned_encoding";
    }
    /// Argument attribute (integer): the argument is this result of the
    /// prepare function.
    static ::llvm::StringRef getPreparedAttrName() {
      return "quant_tensor.prepared";
    }
    /// Function attribute (symbol): the function that prepares the weights.
    static ::llvm::StringRef getPrepareAttrName() { return "quant_tensor.prepare"; }
    /// Function attribute (symbol): the function that this one prepares for.
    static ::llvm::StringRef getPrepareOfAttrName() {
      return "quant_tensor.prepare_of";
    }
    void registerAttributes();
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect",
    "::mlir::linalg::LinalgDialect"
  ];
}

#endif // QUANTMLIR_QUANTTENSOR_DIALECT_TD
