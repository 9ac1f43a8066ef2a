//===- Passes.td - quant_tensor to linalg ---------------------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSORTOLINALG_PASSES_TD
#define QUANTMLIR_QUANTTENSORTOLINALG_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertQuantTensorToLinalg : Pass<"convert-quant-tensor-to-linalg"> {
  let summary = "quant_tensor ops as linalg on plain tensors: the reference";
  let description = [{
    The definition of what every `quant_tensor` op computes, and the fallback of
    a compiler that has no kernel for it. Encoded operands are taken apart with
    `disassemble` (the parts are used directly where an `assemble` made the
    value), encoded results are bundled with `assemble`; those two ops remain
    for `quant-tensor-lower-encodings`, which may run before or after.

    - `quantize`, `requantize` and `repack` become one `linalg.generic` over the
      words of the result's codes: one word per iteration, codes narrower than a
      byte gathered with `tensor.extract`.
    - `poison_scales` becomes a `linalg.generic` over the blocks of the result,
      whose body loops over the codes of the block.
    - `dequantize` becomes one `linalg.generic` over the elements.
    - `choose_params` `absmax` and `minmax` become a reduction in standard form
      where blocks do not leave a tail, and otherwise a `linalg.generic` over
      the blocks whose body loops over the block, as do the other methods.
    - `int_matmul` and `scaled_matmul` become a contraction and, for the
      epilogue, an elementwise `linalg.generic`. Sums of integers are i32. Float
      products are summed in f64 in any order and rounded once to f32, so the
      reference is within half an ulp of the exact sum; kernels are held to the
      error bound of their family, not to a summation order.
    - A `linalg` contraction with encoded operands decodes them exactly and sums
      in f64 likewise; any other `linalg` op with encoded operands reads them as
      f32 where its body widens them, rounded to the element type elsewhere.

    ```mlir
    // Before
    %d = quant_tensor.dequantize %w : tensor<4x8xf32, #w8> -> tensor<4x8xf32>
    // After
    %codes, %scales = quant_tensor.disassemble %w : ...
    %0 = tensor.empty() : tensor<4x8xf32>
    %d = linalg.generic {...} ins(%codes, %scales : tensor<4x8xi8>, tensor<4x1xf32>)
        outs(%0 : tensor<4x8xf32>) {...}
    ```

    With `keep-scheduled`, ops that carry `quant_tile.schedule` stay as they are.
  }];
  let options = [
    Option<"keepScheduled", "keep-scheduled", "bool", "false",
           "leave ops that carry the attribute quant_tile.schedule">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def ExpandSmallFloats : Pass<"expand-small-floats"> {
  let summary = "conversions of 4- and 8-bit floats in integer arithmetic";
  let description = [{
    `arith.extf` from and `arith.truncf` to scalars of f8E4M3FN, f8E5M2 and
    f4E2M1FN, and `arith.extf` from f8E8M0FNU, become integer and f32 ops, exact
    and under every rounding mode, which any backend lowers. As `arith.truncf`
    says, what exceeds the largest finite value becomes infinity, or NaN where
    the type has no infinity.

    ```mlir
    // Before
    %y = arith.truncf %x : f32 to f8E4M3FN
    // After
    %y = arith.bitcast %bits : i8 to f8E4M3FN
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // QUANTMLIR_QUANTTENSORTOLINALG_PASSES_TD
