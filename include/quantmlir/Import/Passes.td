//===- Passes.td - From what other compilers write ------------*- tablegen -*-===//

#ifndef QUANTMLIR_IMPORT_PASSES_TD
#define QUANTMLIR_IMPORT_PASSES_TD

include "mlir/Pass/PassBase.td"

def ImportPackedIntegers
    : Pass<"import-packed-integers", "::mlir::ModuleOp"> {
  let summary = "i4 arguments and constants to packed bytes";
  let description = [{
    An argument of a public function, or a constant that is no splat, of type
    `tensor<..xKxi4>` becomes one of `tensor<..xceil(K/2)xi8>`: two elements to a
    byte, the first in the low nibble, each row padded to whole bytes. This is the
    row-major layout of `#quant_tensor.encoding` with `storage = i4`. The elements
    are taken out of their bytes at the start of the function, in the form that
    `import-dequantize` takes for packed codes, so that a dequantization of i4
    weights stays packed in memory and is decoded in registers. Calls of such a
    function call a private copy, which still takes i4 and is inlined later.

    `K` must be static, and a public function returns no i4: both are errors.

    ```mlir
    func.func @f(%w: tensor<8x64xi4>) -> tensor<8x64xf32>
    // becomes
    func.func @f(%b: tensor<8x32xi8>) -> tensor<8x64xf32> {
      %lo = linalg.generic ... ins(%b) { trunci }
      %hi = linalg.generic ... ins(%b) { trunci of shrui by 4 }
      %0 = tensor.insert_slice %lo into %empty[0, 0] [8, 32] [1, 2] : tensor<8x32xi4> into tensor<8x64xi4>
      %w = tensor.insert_slice %hi into %0[0, 1] [8, 32] [1, 2] : tensor<8x32xi4> into tensor<8x64xi4>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def ImportScalarArguments
    : Pass<"import-scalar-arguments", "::mlir::ModuleOp"> {
  let summary = "scalar arguments to tensors of rank 0";
  let description = [{
    An argument of integer or float type becomes a tensor of rank 0 that is read
    at the start of the function; calls put their operand into one. In an
    artifact it is a buffer with one element in device memory like any other, so
    a kernel reads it, a CUDA graph may be launched again with another value, and
    no launch waits for the host. `index` arguments are sizes and stay.

    ```mlir
    func.func @f(%x: tensor<8xf32>, %s: f32) -> tensor<8xf32>
    // becomes
    func.func @f(%x: tensor<8xf32>, %t: tensor<f32>) -> tensor<8xf32> {
      %s = tensor.extract %t[] : tensor<f32>
    ```
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def ImportDequantize : Pass<"import-dequantize"> {
  let summary = "dequantization written out in linalg to quant_tensor.dequantize";
  let description = [{
    Recognises `(code - zero_point) * scale` in elementwise `linalg` (named ops,
    `linalg.generic`, arithmetic on tensors; one op or several), where the codes
    are an i8 tensor, or 4-bit codes packed in the bytes of one: the nibbles
    `w & 15` and `w >> 4` put beside each other along one dimension, as
    neighbours or as its halves, low or high nibble first, by `tensor.concat` or
    `tensor.insert_slice`; of rows of an odd length, which end within a byte, the
    last nibble is sliced away. It becomes `assemble`, whose layout says how the
    codes are packed, and `dequantize`. Scales and zero points may be constants,
    per row or column, or per group: read through `k floordiv G`, or on a tensor
    split into groups and collapsed afterwards.

    Codes may also be f8E4M3FN or f8E5M2, which have a scale and no zero point.
    8-bit floats without one that are multiplied with f16, bf16 or f32 are codes
    with a scale of 1.

    What the body of a product of floats computes of codes, such as the `sitofp`
    in a `linalg.matmul` of bf16 and i8, or a zero point and a scale, moves in
    front of the product first.

    ```mlir
    %lo = arith.andi %packed, %fifteen : tensor<32x32xi8>
    %hi = arith.shrui %packed, %four : tensor<32x32xi8>
    %l = arith.subi %lo, %eight : tensor<32x32xi8>
    %h = arith.subi %hi, %eight : tensor<32x32xi8>
    %c = tensor.concat dim(1) %l, %h : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
    %d = arith.sitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
    // becomes
    #w = #quant_tensor.encoding<{storage = ui4, block = [0, 0], scale = f32, zero_point = ui4,
        layout = <packed, word = 8, axis = 1, order = [0, 1], halves = true>}>
    %e = quant_tensor.assemble %packed, %one, %eight : tensor<32x32xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<32x64xf32, #w>
    %d = quant_tensor.dequantize %e : tensor<32x64xf32, #w> -> tensor<32x64xf32>
    ```

    Arithmetic that is nearly of this form is left, and a missed remark says
    why.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect",
    "::quantmlir::quant_tensor::QuantTensorDialect"
  ];
}

def ImportContractions : Pass<"import-contractions"> {
  let summary = "contractions as other compilers write them to plain ones";
  let description = [{
    Five forms of a `linalg` op that multiplies and accumulates become forms
    that the other passes read:

    - An operand that is repeated along a batch, or along rows or columns of the
      result (`linalg.broadcast`, or an elementwise generic that does so), is
      read as it is stored. Frameworks multiply `[batch, m, k]` by weights `[k, n]` so.
    - Integer factors less zero points, `(ext(a) - za) * (ext(b) - zb)` in i32,
      become a product of the codes and sums of them: `Σab - zb·Σa - za·Σb +
      K·za·zb`, which is the same modulo 2^32. The subtraction may stand in the
      op's own body (the generic form of `linalg.quantized_matmul`) or in
      elementwise ops in front of an i32 contraction. A zero point is a constant,
      a scalar, or a tensor that does not vary along K.
    - Integer codes of fewer than 8 bits are widened to bytes of their own.
    - Products that are summed in i64 are summed in i32 and widened, where what
      the factors may be, and how many products there are, says that i32 holds
      each sum.
    - A convolution whose window has one element becomes a product of pixels and
      weights; pixels that its strides pass over are left out by a copy.

    A near miss is left, and a missed remark says why.

    ```mlir
    %x32 = linalg.generic {...} ins(%x : tensor<8x64xi8>) { extsi; subi %zx }
    %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], ...}
        ins(%x32, %w32 : tensor<8x64xi32>, tensor<64x16xi32>) outs(%init : tensor<8x16xi32>) {...}
    // becomes
    %0 = linalg.generic {indexing_maps = [#mk, #kn, #mn], ...}
        ins(%x, %w : tensor<8x64xi8>, tensor<64x16xi8>) outs(%init : tensor<8x16xi32>) {...}
    %1 = linalg.generic {...} ins(%w : tensor<64x16xi8>) outs(%zero : tensor<16xi32>) {...}  // Σw
    %y = linalg.generic {...} ins(%0, %1 : tensor<8x16xi32>, tensor<16xi32>) {...}  // %0 - zx·Σw
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::quantmlir::quant_tensor::QuantTensorDialect"];
}

def ConvertQuantToQuantTensor
    : Pass<"convert-quant-to-quant-tensor", "::mlir::ModuleOp"> {
  let summary = "upstream quant types and casts to encodings";
  let description = [{
    Tensors of `!quant.uniform` types (per tensor, per axis, sub-channel) become
    encoded tensors, `quant.qcast`, `dcast` and `scast` become `quantize`,
    `dequantize`, `assemble` and `disassemble`, with the type's scales (as f32)
    and zero points (as i32) as constants. `qcast` rounds to nearest even and
    saturates, which upstream leaves open.

    A function that takes or returns a quantized tensor takes or returns its
    codes (`getCodesType`: narrow codes packed in bytes), so that the scales
    stay those of the type. Quantized values may pass through calls, branches
    and structured control flow; any other op on one is an error, as are
    storages of other than 2 to 8 bits.

    ```mlir
    %q = quant.qcast %x : tensor<8x64xf32> to tensor<8x64x!quant.uniform<i8:f32, 0.5:3>>
    // becomes
    %s = arith.constant dense<0.5> : tensor<1x1xf32>
    %z = arith.constant dense<3> : tensor<1x1xi32>
    %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) zero_points(%z : tensor<1x1xi32>)
        : tensor<8x64xf32> -> tensor<8x64xf32, #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, zero_point = i32}>>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::quantmlir::quant_tensor::QuantTensorDialect"];
}

def ConvertQuantTensorToQuant
    : Pass<"convert-quant-tensor-to-quant", "::mlir::ModuleOp"> {
  let summary = "encodings to upstream quant types and casts";
  let description = [{
    The way back: `quantize`, `dequantize`, `assemble` and `disassemble` become
    `quant.qcast`, `dcast` and `scast`. Upstream's types hold literals, integers
    and whole blocks, so everything else is an error at the op that has it:
    scales that are not constant or arrive with an argument, float codes,
    codebooks, packed layouts, short blocks, float zero points, wrapping,
    roundings other than the default, and ops that compute on encoded tensors.

    ```mlir
    %s = arith.constant dense<0.5> : tensor<1x1xf32>
    %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) : tensor<8x64xf32> -> tensor<8x64xf32, #i8_per_tensor>
    // becomes
    %q = quant.qcast %x : tensor<8x64xf32> to tensor<8x64x!quant.uniform<i8:f32, 0.5>>
    ```
  }];
  let dependentDialects = ["::mlir::quant::QuantDialect"];
}

#endif // QUANTMLIR_IMPORT_PASSES_TD
