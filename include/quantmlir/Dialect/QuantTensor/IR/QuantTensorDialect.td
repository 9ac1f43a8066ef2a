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
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerAttributes();";
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect",
    "::mlir::linalg::LinalgDialect"
  ];
}

#endif // QUANTMLIR_QUANTTENSOR_DIALECT_TD
