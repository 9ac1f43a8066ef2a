//===- QuantTensorEncodingOps.td - Into encodings and out of them -*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_ENCODINGOPS_TD
#define QUANTMLIR_QUANTTENSOR_ENCODINGOPS_TD

include "quantmlir/Dialect/QuantTensor/IR/QuantTensorOpBase.td"

//===----------------------------------------------------------------------===//
// Bundling
//===----------------------------------------------------------------------===//

def QuantTensor_AssembleOp : QuantTensor_Op<"assemble",
    [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "bundle codes, scales and zero points into an encoded tensor";
  let description = [{
    The operands are what the result's encoding says an encoded tensor is made
    of: codes, scales of shape `ceildiv(shape, block)`, and zero points of that
    shape where the encoding has them.

    Constraints:
    - (C1) `codes` agrees with the encoding's codes type.
    - (C2) `scales` agrees with the encoding's scales type.
    - (C3) `zero_points` is there exactly where the encoding has a zero point,
      and agrees with the encoding's zero points type.

    ```mlir
    %w = quant_tensor.assemble %codes, %scales
        : tensor<4096x2048xi8>, tensor<4096x32xbf16> -> tensor<4096x4096xbf16, #w4g128>
    ```
  }];
  let arguments = (ins QuantTensor_DenseTensor:$codes,
                       QuantTensor_DenseTensor:$scales,
                       Optional<QuantTensor_DenseTensor>:$zero_points);
  let results = (outs QuantTensor_EncodedTensor:$result);
  let assemblyFormat = [{
    $codes `,` $scales (`,` $zero_points^)? attr-dict `:`
    type($codes) `,` type($scales) (`,` type($zero_points)^)? `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def QuantTensor_DisassembleOp : QuantTensor_Op<"disassemble",
    [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>,
     InferTypeOpAdaptorWithIsCompatible]> {
  let summary = "take an encoded tensor apart";
  let description = [{
    The inverse of `assemble`; results in the same order.

    Constraints:
    - (C1) `codes` agrees with the encoding's codes type.
    - (C2) `scales` agrees with the encoding's scales type.
    - (C3) `zero_points` is there exactly where the encoding has a zero point,
      and agrees with the encoding's zero points type.

    ```mlir
    %codes, %scales = quant_tensor.disassemble %w
        : tensor<4096x4096xbf16, #w4g128> -> tensor<4096x2048xi8>, tensor<4096x32xbf16>
    ```
  }];
  let arguments = (ins QuantTensor_EncodedTensor:$source);
  let results = (outs QuantTensor_DenseTensor:$codes,
                      QuantTensor_DenseTensor:$scales,
                      Optional<QuantTensor_DenseTensor>:$zero_points);
  let assemblyFormat = [{
    $source attr-dict `:` type($source) `->`
    type($codes) `,` type($scales) (`,` type($zero_points)^)?
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Parameters, quantize, dequantize
//===----------------------------------------------------------------------===//

def QuantTensor_ChooseParamsOp : QuantTensor_Op<"choose_params",
    [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>,
     InferTypeOpAdaptorWithIsCompatible]> {
  let summary = "choose scales and zero points from data";
  let description = [{
    One scale (and zero point, where `encoding` has one) per block of `source`.
    With `qmin`, `qmax` the encoding's code range and `Q` its largest magnitude:

    - `absmax`: `scale = max|x| / Q`, zero point 0.
    - `minmax`: `scale = (max(x, 0) - min(x, 0)) / (qmax - qmin)`,
      `zero_point = clamp(round(qmin - min(x, 0) / scale))`.
    - `percentile`: as the two above on data clipped to the percentile
      `percent` (linear interpolation between order statistics).
    - `mse`: the scale among `candidates` fractions of absmax's (or minmax's
      range) that minimises the squared error after quantization.
    - `kl`: the clip that minimises the Kullback-Leibler divergence between
      the histogram of `|x|` and its quantized form. The histogram has
      `candidates` bins for each magnitude that a code can have; clip `c` of
      `candidates` keeps `c` bins for each and adds the rest to the last.

    A block of zeros gets scale 1, NaN counts for nothing, and of equally good
    clips the widest is taken. The arithmetic is in f32; the scale is rounded to
    the scale type (`f8E8M0FNU`: to the power of two not below it), saturating,
    before a zero point is derived from it. A float zero point is not rounded to
    an integer.

    Constraints:
    - (C1) `encoding` may encode a tensor of `source`'s shape and element type.
    - (C2) `scales` agrees with the encoding's scales type.
    - (C3) `zero_points` is there exactly where the encoding has a zero point,
      and agrees with the encoding's zero points type.
    - (C4) `minmax` needs an encoding with a zero point.
    - (C5) `percent` is in (0, 100]; `candidates` is in [1, 65536].
    - (C6) The encoding's layout keeps scales in the order of their blocks.

    ```mlir
    %s = quant_tensor.choose_params %x method(absmax) encoding(#token)
        : tensor<?x4096xf32> -> tensor<?x1xf32>
    ```
  }];
  let arguments = (ins QuantTensor_DenseTensor:$source,
                       QuantTensor_ParamMethodAttr:$method,
                       QuantTensor_EncodingAttr:$encoding,
                       DefaultValuedAttr<F64Attr, "99.9">:$percent,
                       DefaultValuedAttr<I64Attr, "80">:$candidates);
  let results = (outs QuantTensor_DenseTensor:$scales,
                      Optional<QuantTensor_DenseTensor>:$zero_points);
  let assemblyFormat = [{
    $source `method` `(` custom<ParamMethod>($method) `)` `encoding` `(` $encoding `)` attr-dict `:`
    type($source) `->` type($scales) (`,` type($zero_points)^)?
  }];
  let hasVerifier = 1;
}

def QuantTensor_QuantizeOp : QuantTensor_Op<"quantize",
    [Pure, AttrSizedOperandSegments,
     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "dense to encoded";
  let description = [{
    Integer storage: `code = clamp(round(x / scale) + zero_point, qmin, qmax)`,
    the division in f32, rounding and overflow as the encoding says; NaN gives
    the code of zero (the zero point, clamped); a float zero point is added before rounding. Float
    storage: `x / scale` rounded to the storage type, saturating, NaN kept where
    the type has one. Codebook: the nearest entry (entries are f32), ties to the
    lower code, NaN as zero. A
    scale of 0 or a non-finite quotient saturates.

    Without `scales`, parameters are chosen from `source` itself (dynamic
    quantization) by `method`, absmax by default, minmax where the encoding has
    a zero point.

    Constraints:
    - (C1) `source` and `result` have agreeing shapes and the same element type.
    - (C2) The result is row major; `repack` makes other layouts.
    - (C3) `scales`, where given, agrees with the encoding's scales type.
    - (C4) `zero_points` is there exactly where `scales` is given and the
      encoding has a zero point, and agrees with its zero points type.
    - (C5) `method` is given only without `scales`; `minmax` needs an encoding
      with a zero point.

    ```mlir
    %q = quant_tensor.quantize %x : tensor<?x4096xf32> -> tensor<?x4096xf32, #token>
    %p = quant_tensor.quantize %w scales(%s : tensor<4096x32xbf16>)
        : tensor<4096x4096xbf16> -> tensor<4096x4096xbf16, #w4g128>
    ```
  }];
  let arguments = (ins QuantTensor_DenseTensor:$source,
                       Optional<QuantTensor_DenseTensor>:$scales,
                       Optional<QuantTensor_DenseTensor>:$zero_points,
                       OptionalAttr<QuantTensor_ParamMethodAttr>:$method);
  let results = (outs QuantTensor_EncodedTensor:$result);
  let assemblyFormat = [{
    $source (`scales` `(` $scales^ `:` type($scales) `)`)?
    (`zero_points` `(` $zero_points^ `:` type($zero_points) `)`)?
    (`method` `(` custom<ParamMethod>($method)^ `)`)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def QuantTensor_DequantizeOp : QuantTensor_Op<"dequantize",
    [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "encoded to dense";
  let description = [{
    Each element's exact value `(code - zero_point) * scale`, rounded once to
    the result's element type (through f32).

    Constraints:
    - (C1) `source` and `result` have agreeing shapes.
    - (C2) The result's element type is f16, bf16, f32 or f64.

    ```mlir
    %d = quant_tensor.dequantize %w : tensor<4096x4096xbf16, #w4g128> -> tensor<4096x4096xbf16>
    ```
  }];
  let arguments = (ins QuantTensor_EncodedTensor:$source);
  let results = (outs QuantTensor_DenseTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def QuantTensor_RequantizeOp : QuantTensor_Op<"requantize",
    [Pure, AttrSizedOperandSegments,
     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "encoded to encoded with another meaning";
  let description = [{
    `quantize(dequantize(source))` with the result's encoding, without the
    rounding in between; parameters given or chosen as in `quantize`.

    Constraints:
    - (C1) `source` and `result` have agreeing shapes and the same element type.
    - (C2) The result is row major; `repack` makes other layouts.
    - (C3) `scales`, where given, agrees with the encoding's scales type.
    - (C4) `zero_points` is there exactly where `scales` is given and the
      encoding has a zero point, and agrees with its zero points type.
    - (C5) `method` is given only without `scales`; `minmax` needs an encoding
      with a zero point.

    ```mlir
    %r = quant_tensor.requantize %q : tensor<8x64xf32, #token> -> tensor<8x64xf32, #w8>
    ```
  }];
  let arguments = (ins QuantTensor_EncodedTensor:$source,
                       Optional<QuantTensor_DenseTensor>:$scales,
                       Optional<QuantTensor_DenseTensor>:$zero_points,
                       OptionalAttr<QuantTensor_ParamMethodAttr>:$method);
  let results = (outs QuantTensor_EncodedTensor:$result);
  let assemblyFormat = [{
    $source (`scales` `(` $scales^ `:` type($scales) `)`)?
    (`zero_points` `(` $zero_points^ `:` type($zero_points) `)`)?
    (`method` `(` custom<ParamMethod>($method)^ `)`)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def QuantTensor_FakeQuantizeOp : QuantTensor_Op<"fake_quantize",
    [Pure, AttrSizedOperandSegments, AllTypesMatch<["source", "result"]>,
     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "round values to what an encoding can hold";
  let description = [{
    `dequantize(quantize(source))` with the encoding `encoding`, which stays a
    tensor of floats: what a model will see once it is quantized, for training
    that simulates it. Parameters are given or chosen as in `quantize`.

    Convention: an element means `(code - zero_point) * scale`. With
    `q = source / scale + zero_point` before rounding, the straight-through
    gradient of the result by the source is 1 where `q` lies within the range of
    codes (between the smallest and the largest code, ends included) and 0
    elsewhere; scales and zero points count as constants. The op is its forward
    pass alone: a framework that differentiates takes the gradient from here.

    Constraints:
    - (C1) `encoding` may encode a tensor of `source`'s shape and element type,
      and is row major.
    - (C2) `scales`, where given, agrees with the encoding's scales type.
    - (C3) `zero_points` is there exactly where `scales` is given and the
      encoding has a zero point, and agrees with its zero points type.
    - (C4) `method` is given only without `scales`; `minmax` needs an encoding
      with a zero point.

    ```mlir
    %y = quant_tensor.fake_quantize %x encoding(#token) : tensor<?x4096xf32>
    ```
  }];
  let arguments = (ins QuantTensor_DenseTensor:$source,
                       Optional<QuantTensor_DenseTensor>:$scales,
                       Optional<QuantTensor_DenseTensor>:$zero_points,
                       QuantTensor_EncodingAttr:$encoding,
                       OptionalAttr<QuantTensor_ParamMethodAttr>:$method);
  let results = (outs QuantTensor_DenseTensor:$result);
  let assemblyFormat = [{
    $source `encoding` `(` $encoding `)`
    (`scales` `(` $scales^ `:` type($scales) `)`)?
    (`zero_points` `(` $zero_points^ `:` type($zero_points) `)`)?
    (`method` `(` custom<ParamMethod>($method)^ `)`)? attr-dict `:` type($source)
  }];
  let hasVerifier = 1;
}

def QuantTensor_RepackOp : QuantTensor_Op<"repack",
    [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "the same values in another layout";
  let description = [{
    Source and result differ in `layout` only. Scales and zero points pass
    through unchanged.

    Constraints:
    - (C1) `source` and `result` have agreeing shapes and the same element type.
    - (C2) Their encodings are equal but for the layout.

    ```mlir
    %p = quant_tensor.repack %w : tensor<4096x4096xbf16, #w4g128> -> tensor<4096x4096xbf16, #w4frag>
    ```
  }];
  let arguments = (ins QuantTensor_EncodedTensor:$source);
  let results = (outs QuantTensor_EncodedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def QuantTensor_DequantizeIndexedOp : QuantTensor_Op<"dequantize_indexed",
    [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "encoded to dense, with the group of each column given by an index";
  let description = [{
    What GPTQ's act-order makes of groups: columns belong to the group that
    `groups` names (a checkpoint's `g_idx`), wherever they are. Element (n, k) is

        (code(n, k) - zero_point(n, groups[k])) * scale(n, groups[k])

    rounded once to the result's element type; the encoding's blocks only say how
    many columns a group has (the last one may have fewer). Where groups have
    other numbers of columns, columns sorted by group fill the blocks, and all
    elements of a block that got columns of another group are NaN: the values of a
    program's arguments cannot be refused.

    `quant-tensor-order-groups` brings columns of a group together where a
    contraction reads the result, so that no dense weight is in memory.

    Constraints:
    - (C1) `source` is a matrix of static extents whose blocks are runs of columns.
    - (C2) `groups` has one i32 for each column of `source`.
    - (C3) Where `groups` is a constant, it puts as many columns into each group
      as a block has.
    - (C4) `result` has the shape of `source`, and element type f16, bf16, f32 or
      f64.

    ```mlir
    %d = quant_tensor.dequantize_indexed %w by %g : tensor<64x256xbf16, #w4g32>, tensor<256xi32> -> tensor<64x256xbf16>
    ```
  }];
  let arguments = (ins QuantTensor_EncodedTensor:$source,
                       QuantTensor_DenseTensor:$groups);
  let results = (outs QuantTensor_DenseTensor:$result);
  let assemblyFormat = [{
    $source `by` $groups attr-dict `:` type($source) `,` type($groups) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def QuantTensor_OrderGroupsOp : QuantTensor_Op<"order_groups", [Pure]> {
  let summary = "columns of a matrix in the order of their groups";
  let description = [{
    Sorts the columns of a matrix that has the group of each in `groups`, stably:
    element (n, j) of `result` has the code (n, order[j]) of `source`, and its
    groups are runs of columns, as blocks are. `position` is the inverse of
    `order`; both are permutations whatever `groups` holds, so that gathering by
    them stays within bounds. Scales are those of `source`, but NaN for a block
    whose columns are not those of one group (see `dequantize_indexed`).

        dequantize_indexed(source, groups)(n, k) = dequantize(result)(n, position[k])

    Constraints:
    - (C1) to (C3) as those of `dequantize_indexed`.
    - (C4) `result` has the type of `source`, but row major.
    - (C5) `order` and `position` have the type of `groups`.

    ```mlir
    %s, %order, %position = quant_tensor.order_groups %w by %g : tensor<64x256xbf16, #w4g32>, tensor<256xi32>
        -> tensor<64x256xbf16, #w4g32>, tensor<256xi32>, tensor<256xi32>
    ```
  }];
  let arguments = (ins QuantTensor_EncodedTensor:$source,
                       QuantTensor_DenseTensor:$groups);
  let results = (outs QuantTensor_EncodedTensor:$result,
                      QuantTensor_DenseTensor:$order,
                      QuantTensor_DenseTensor:$position);
  let assemblyFormat = [{
    $source `by` $groups attr-dict `:` type($source) `,` type($groups) `->`
    type($result) `,` type($order) `,` type($position)
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$source,
                                 "::mlir::Value":$groups)>];
  let hasVerifier = 1;
}

def QuantTensor_PoisonScalesOp : QuantTensor_Op<"poison_scales",
    [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "the same codes, with NaN for the scale of what is not finite";
  let description = [{
    Kernels decode float codes by moving their fields into place, which makes a
    finite number of a code that means NaN or infinity. This op says once, in
    the scales, what such codes would have to say in each decode: a sum with a
    weight of theirs is not finite, whatever it is multiplied with.

    The result has the codes of `source`. Its scales are those of `source`, but
    NaN for each block with a code of NaN or infinity. Where a block of `source`
    has several rows, all that differ but in the last index, each row gets a
    block of its own: rows without such codes keep their values. So an element
    of the result is NaN where its row has a code of NaN or infinity within its
    block, and that of `source` elsewhere: a product with the rows of the result
    is finite where one with the rows of `source` is.

    Constraints:
    - (C1) `source` has storage `f8E4M3FN` or `f8E5M2`; no other has codes of
      NaN or infinity.
    - (C2) `source` and `result` have agreeing shapes and the same element type.
    - (C3) Their encodings are equal but for the extents of a block, which in
      `result` are 1 in all dimensions but the last.

    ```mlir
    %p = quant_tensor.poison_scales %w : tensor<256x512xbf16, #fp8> -> tensor<256x512xbf16, #fp8_rows>
    ```
  }];
  let arguments = (ins QuantTensor_EncodedTensor:$source);
  let results = (outs QuantTensor_EncodedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let extraClassDeclaration = [{
    /// Whether `encoding` has codes of NaN or infinity (C1).
    static bool isSupported(EncodingAttr encoding);
    /// The encoding of the result for a source of `encoding` (C3).
    static EncodingAttr getResultEncoding(EncodingAttr encoding);
  }];
  let hasVerifier = 1;
}

/// The statistics that `observe` writes: a write keeps the op alive and in
/// order with other observers, and touches no memory that other ops see.
def QuantTensor_Statistics : Resource<"::quantmlir::quant_tensor::StatisticsResource">;

def QuantTensor_ObserveOp : QuantTensor_Op<"observe",
    [AllTypesMatch<["source", "result"]>,
     MemoryEffects<[MemWrite<QuantTensor_Statistics>]>,
     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "identity on data that records a statistic under a name";
  let description = [{
    Calibration reads the statistics by name; everywhere else the op is the
    identity. It is never dead: it writes the statistics. Those of a channel are
    kept for each index along dimension `axis`, the last by default; negative
    ones count from the end.

    Constraints:
    - (C1) `source` has a float element type.
    - (C2) `name` is not empty.
    - (C3) `kinds` names at least one statistic, none twice.
    - (C4) `axis` is in [-rank, rank); it is -1 where the rank is 0.

    ```mlir
    %y = quant_tensor.observe %x name("layer0.in") kinds([minmax, absmean]) : tensor<8x64xf32>
    ```
  }];
  let arguments = (ins QuantTensor_DenseTensor:$source, StrAttr:$name,
      TypedArrayAttrBase<QuantTensor_ObserveKindAttr, "statistics">:$kinds,
      DefaultValuedAttr<I64Attr, "-1">:$axis);
  let results = (outs QuantTensor_DenseTensor:$result);
  let assemblyFormat = [{
    $source `name` `(` $name `)` `kinds` `(` custom<ObserveKinds>($kinds) `)`
    attr-dict `:` type($source)
  }];
  let hasVerifier = 1;
}

#endif // QUANTMLIR_QUANTTENSOR_ENCODINGOPS_TD
