//===- QuantTensorContractionOps.td - Products of quantized tensors -*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_CONTRACTIONOPS_TD
#define QUANTMLIR_QUANTTENSOR_CONTRACTIONOPS_TD

include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/TilingInterface.td"
include "quantmlir/Dialect/QuantTensor/IR/QuantTensorOpBase.td"

/// A contraction whose iteration space is its output's, all parallel: a tile of
/// the space is that tile of the result. Tiling.cpp slices the operands.
class QuantTensor_ContractionOp<string mnemonic, list<Trait> traits>
    : QuantTensor_Op<mnemonic, !listconcat(traits, [
        DeclareOpInterfaceMethods<TilingInterface,
            ["getLoopIteratorTypes", "getIterationDomain",
             "getTiledImplementation", "getResultTilePosition",
             "generateResultTileValue",
             "getIterationDomainTileFromResultTile"]>])> {
  let extraClassDefinition = [{
    ::llvm::SmallVector<::mlir::utils::IteratorType>
    $cppClass::getLoopIteratorTypes() {
      return ::llvm::SmallVector<::mlir::utils::IteratorType>(
          getInit().getType().getRank(), ::mlir::utils::IteratorType::parallel);
    }
    ::llvm::SmallVector<::mlir::Range>
    $cppClass::getIterationDomain(::mlir::OpBuilder &builder) {
      return detail::getOutputDomain(builder, getLoc(), getInit());
    }
    ::llvm::LogicalResult $cppClass::getResultTilePosition(
        ::mlir::OpBuilder &, unsigned,
        ::llvm::ArrayRef<::mlir::OpFoldResult> offsets,
        ::llvm::ArrayRef<::mlir::OpFoldResult> sizes,
        ::llvm::SmallVector<::mlir::OpFoldResult> &resultOffsets,
        ::llvm::SmallVector<::mlir::OpFoldResult> &resultSizes) {
      resultOffsets.assign(offsets.begin(), offsets.end());
      resultSizes.assign(sizes.begin(), sizes.end());
      return ::mlir::success();
    }
    ::llvm::LogicalResult $cppClass::getIterationDomainTileFromResultTile(
        ::mlir::OpBuilder &, unsigned,
        ::llvm::ArrayRef<::mlir::OpFoldResult> offsets,
        ::llvm::ArrayRef<::mlir::OpFoldResult> sizes,
        ::llvm::SmallVectorImpl<::mlir::OpFoldResult> &domainOffsets,
        ::llvm::SmallVectorImpl<::mlir::OpFoldResult> &domainSizes) {
      domainOffsets.assign(offsets.begin(), offsets.end());
      domainSizes.assign(sizes.begin(), sizes.end());
      return ::mlir::success();
    }
    ::llvm::FailureOr<::mlir::TilingResult> $cppClass::generateResultTileValue(
        ::mlir::OpBuilder &builder, unsigned,
        ::llvm::ArrayRef<::mlir::OpFoldResult> offsets,
        ::llvm::ArrayRef<::mlir::OpFoldResult> sizes) {
      return getTiledImplementation(builder, offsets, sizes);
    }
  }];
}

def QuantTensor_IntMatmulOp : QuantTensor_ContractionOp<"int_matmul",
    [Pure, AttrSizedOperandSegments, DestinationStyleOpInterface,
     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "integer contraction with explicit zero points";
  let description = [{
    `out[.., m, n] = init + sum_k (lhs[.., m, k] - lhs_zp[.., m]) * (rhs[n, k] - rhs_zp[n])`
    in i32. `lhs` is [.., M, K], `rhs` N×K: plain tensors of 8-bit codes (`i8`
    signed; `lhs_unsigned`, `rhs_unsigned` read them as unsigned). An `rhs`
    [B.., N, K] holds one right-hand side for each index of the batch dimensions
    B.., which are the leading ones of `lhs` and of the result. Zero points
    are i32 tensors that broadcast along K, and along a dimension where their
    extent is 1; they hold values of the codes' own range (signed or unsigned
    8-bit).

    Constraints:
    - (C1) `lhs` has rank 2 or more, `rhs` has rank 2 up to that of `lhs`, both of
      `i8`.
    - (C2) `lhs` and `rhs` agree on K, and on each leading dimension of an `rhs` of
      rank 3 or more.
    - (C3) `init` is [.., M, N] of `i32`, with the batch and M extents of `lhs`
      and the N of `rhs`; the result has its type.
    - (C4) `lhs_zero_points` has the rank of `lhs` and element type `i32`, its
      last extent is 1 and each other is that of `lhs` or 1.
    - (C5) `rhs_zero_points` has the rank of `rhs` and element type `i32`, its last
      extent is 1 and each other is that of `rhs` or 1.
    - (C6) Where K is static, no sum of K products of codes less zero points can
      overflow i32: K is at most `(2^31 - 1) / (|lhs| * |rhs|)` with magnitude
      128 for signed codes and 255 for unsigned ones or ones with zero points.
      A dynamic K is the caller's responsibility.

    ```mlir
    %acc = quant_tensor.int_matmul ins(%x, %w : tensor<?x4096xi8>, tensor<512x4096xi8>)
        outs(%init : tensor<?x512xi32>) -> tensor<?x512xi32>
    ```
  }];
  let arguments = (ins QuantTensor_DenseTensor:$lhs, QuantTensor_DenseTensor:$rhs,
                       Optional<QuantTensor_DenseTensor>:$lhs_zero_points,
                       Optional<QuantTensor_DenseTensor>:$rhs_zero_points,
                       QuantTensor_DenseTensor:$init,
                       UnitAttr:$lhs_unsigned, UnitAttr:$rhs_unsigned);
  let results = (outs QuantTensor_DenseTensor:$result);
  let assemblyFormat = [{
    (`lhs_unsigned` $lhs_unsigned^)? (`rhs_unsigned` $rhs_unsigned^)?
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)`
    (`lhs_zero_points` `(` $lhs_zero_points^ `:` type($lhs_zero_points) `)`)?
    (`rhs_zero_points` `(` $rhs_zero_points^ `:` type($rhs_zero_points) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// Leading dimensions that `lhs`, `rhs` and the result share.
    int64_t getNumBatchDims() { return getRhs().getType().getRank() - 2; }
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def QuantTensor_ScaledMatmulOp : QuantTensor_ContractionOp<"scaled_matmul",
    [Pure, DestinationStyleOpInterface, IsolatedFromAbove,
     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>,
     SingleBlockImplicitTerminator<"::quantmlir::quant_tensor::YieldOp">]> {
  let summary = "contraction with a fused epilogue";
  let description = [{
    `out[.., m, n] = epilogue(sum_k lhs[.., m, k] * rhs[n, k], args...)`.

    `lhs` is a dense tensor [.., M, K]; `rhs` is N×K, dense or encoded, or a
    dense [B.., N, K]: one right-hand side for each index of the batch dimensions
    B.., which are the leading ones of `lhs` and of the result. Both are encoded
    where they are 8-bit floats whose scales change along K, such as activations
    in blocks of 1×128 and weights in blocks of 128×128. The sum
    is i32 where both are 8-bit integer codes, f32 otherwise; it is the first
    argument of the region. Zero points of an encoded `rhs` and its scales are
    part of its elements' values; those of plain codes come in as epilogue
    operands. Each further block argument is one element of an epilogue
    operand, read at the position that its map gives; maps take the output's
    dimensions [.., m, n].

    By definition an i32 sum is exact, and an f32 sum is the sum of the exact
    products of the elements' values, in f64 and in any order, rounded to f32
    once. The reference computes just that; a kernel that accumulates in f32 or
    rounds weights on the way is held to the error bound that its family
    declares. The region holds `arith` and `math` ops and yields
    one element of the result. It sees nothing from outside, so that a kernel
    can be cut out with it as it stands. The init says shape and type only; its
    contents are not read.

    `lhs_unsigned`, `rhs_unsigned`: read plain 8-bit integer codes as unsigned.

    `paired`: two products of one `lhs` that an epilogue makes one result of, such
    as gate and up of a gated MLP. `rhs` is 2N×K, with the rows of both in turn, and
    the region gets both sums:

        out[.., m, n] = epilogue(sum_k lhs[.., m, k] * rhs[2n, k],
                                 sum_k lhs[.., m, k] * rhs[2n + 1, k], args...)

    Constraints:
    - (C1) `lhs` has rank 2 or more, `rhs` has rank 2 up to that of `lhs`, and
      exactly 2 where it is encoded or `paired`; elements of `lhs` and of a plain `rhs` are
      `i8`, f8E4M3FN, f8E5M2, f16, bf16 or f32.
    - (C2) `lhs` and `rhs` agree on K, and on each leading dimension of an `rhs` of
      rank 3 or more.
    - (C3) `init` is [.., M, N] with the batch and M extents of `lhs` and the N
      of `rhs`, half of its rows where `paired`; its elements are integers or
      floats; the result has its type.
    - (C4) `lhs_unsigned` and `rhs_unsigned` are only on plain `i8` operands.
    - (C5) `maps` has one map per epilogue operand, without symbols, from as many
      dimensions as the output has to the operand's rank.
    - (C6) Each result of a map is an output dimension, no dimension twice, or
      the constant 0. The operand's extent there agrees with the output's, or is
      at least 1.
    - (C7) The region's arguments are the accumulator, two of them where `paired`,
      and one element of each epilogue operand.
    - (C8) The region holds only `arith` and `math` ops on scalars, without
      side effects or regions.
    - (C9) The region yields one value of the result's element type.
    - (C10) Where both operands are `i8` and K is static, K is as small as
      `int_matmul` (C6) asks for codes without zero points.
    - (C11) Where `lhs` is encoded, so is `rhs`; both have row-major codes of
      f8E4M3FN or f8E5M2 without a codebook and without zero points, and each row
      of `lhs` has scales of its own.

    ```mlir
    %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xi8>, tensor<512x4096xi8>)
        epilogue(%sx, %sw : tensor<?x1xf32>, tensor<512xf32>)
        maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
        outs(%init : tensor<?x512xbf16>) {
    ^bb0(%acc: i32, %a: f32, %b: f32):
      %0 = arith.sitofp %acc : i32 to f32
      %1 = arith.mulf %0, %a : f32
      %2 = arith.mulf %1, %b : f32
      %3 = arith.truncf %2 : f32 to bf16
      quant_tensor.yield %3 : bf16
    } -> tensor<?x512xbf16>
    // silu(x * gateᵀ) * (x * upᵀ); rows of %gu are gate[0], up[0], gate[1], ...
    %z = quant_tensor.scaled_matmul paired ins(%h, %gu : tensor<1x256xbf16>, tensor<34x256xbf16, #w4>)
        maps [] outs(%i : tensor<1x17xf32>) {
    ^bb0(%gate: f32, %up: f32):
      %one = arith.constant 1.0 : f32
      %0 = arith.negf %gate : f32
      %1 = math.exp %0 : f32
      %2 = arith.addf %1, %one : f32
      %3 = arith.divf %gate, %2 : f32
      %4 = arith.mulf %3, %up : f32
      quant_tensor.yield %4 : f32
    } -> tensor<1x17xf32>
    ```
  }];
  let arguments = (ins QuantTensor_AnyTensor:$lhs, AnyRankedTensor:$rhs,
                       Variadic<QuantTensor_DenseTensor>:$epilogue_args,
                       QuantTensor_DenseTensor:$init,
                       AffineMapArrayAttr:$maps,
                       UnitAttr:$lhs_unsigned, UnitAttr:$rhs_unsigned,
                       UnitAttr:$paired);
  let results = (outs QuantTensor_DenseTensor:$result);
  let regions = (region SizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    (`paired` $paired^)?
    (`lhs_unsigned` $lhs_unsigned^)? (`rhs_unsigned` $rhs_unsigned^)?
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)`
    (`epilogue` `(` $epilogue_args^ `:` type($epilogue_args) `)`)?
    `maps` $maps
    `outs` `(` $init `:` type($init) `)` attr-dict-with-keyword
    $epilogue `->` type($result)
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// i32 where both operands are plain integer codes, f32 otherwise.
    ::mlir::Type getAccumulatorType();
    /// Encoding of `lhs`, null where it is plain.
    ::quantmlir::quant_tensor::EncodingAttr getLhsEncoding();
    /// Encoding of `rhs`, null where it is plain.
    ::quantmlir::quant_tensor::EncodingAttr getRhsEncoding();
    /// Whether both operands are encoded, with scales that change along K.
    bool isBlockScaled() { return getLhsEncoding() != nullptr; }
    /// Leading dimensions that `lhs`, a plain `rhs` and the result share.
    int64_t getNumBatchDims() {
      return ::llvm::cast<::mlir::RankedTensorType>(getRhs().getType())
                 .getRank() - 2;
    }
    /// The map of epilogue operand `index`.
    ::mlir::AffineMap getEpilogueMap(unsigned index);
    /// How many sums, of as many rows of `rhs` that follow each other, the
    /// region makes one element of the result of: its first arguments.
    unsigned getNumSums() { return getPaired() ? 2 : 1; }
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def QuantTensor_OutlierMatmulOp : QuantTensor_Op<"outlier_matmul",
    [Pure, DestinationStyleOpInterface,
     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
         ["reifyResultShapes"]>]> {
  let summary = "int8 contraction whose outlier columns stay float";
  let description = [{
    LLM.int8() (Dettmers et al., 2022). With O the set of outlier columns of
    `lhs`,

        out[.., m, n] = sum_{k in O} lhs[.., m, k] * rhs[n, k]
                      + s[.., m] * sum_{k not in O} q[.., m, k] * rhs[n, k]

    where `q` and `s` are the int8 codes and the f32 scale of a row of `lhs`
    without its outliers, by absmax: `s` is their largest magnitude over 127 (1 for
    0). Elements of `rhs` mean what its encoding says. So few columns, in which
    activations have values that would take all codes from the others, are
    multiplied as floats, and the rest as integers, exactly.

    With `outlier_rhs`, N×|O| of floats, the first sum takes `outlier_rhs[n, j]` for
    the j-th of `columns` in place of `rhs[n, k]`: weights that stay float as the
    activations do. Codes that a scale of the whole row spaces are coarse for the
    small weights that outliers meet.

    O is given as `columns`, known from calibration, or by a `threshold`: then
    column k is an outlier where some `|lhs[.., m, k]|` of this call is at least
    the threshold, or NaN. The init says shape and type only; its contents are not
    read.

    Constraints:
    - (C1) `lhs` has rank 2 or more and elements of f16, bf16 or f32.
    - (C2) `rhs` is N×K with storage i8 and no zero point, and one scale for each
      row or for the whole: its block is [1, 0] or [0, 0].
    - (C3) `lhs` and `rhs` agree on K.
    - (C4) `init` is [.., M, N] of f16, bf16 or f32, with the extents of `lhs` and
      the N of `rhs`; the result has its type.
    - (C5) Exactly one of `threshold` and `columns` is given.
    - (C6) `threshold` is a positive number; `columns` ascend strictly, from 0
      on, and are below K where that is static.
    - (C7) K, where static, is as small as `int_matmul` (C6) asks for.
    - (C8) `outlier_rhs` goes with `columns`, has as many, the N of `rhs`, and
      elements of f16, bf16 or f32.

    ```mlir
    %y = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x64xf32>, tensor<32x64xf32, #channel>)
        threshold(6.0) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
    %z = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x64xf32>, tensor<32x64xf32, #channel>)
        columns([3, 17]) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
    %v = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x64xf32>, tensor<32x64xf32, #channel>)
        columns([3, 17]) outlier_rhs(%wo : tensor<32x2xf32>)
        outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins QuantTensor_DenseTensor:$lhs,
                       QuantTensor_EncodedTensor:$rhs,
                       Optional<QuantTensor_DenseTensor>:$outlier_rhs,
                       QuantTensor_DenseTensor:$init,
                       OptionalAttr<F64Attr>:$threshold,
                       OptionalAttr<DenseI64ArrayAttr>:$columns);
  let results = (outs QuantTensor_DenseTensor:$result);
  let assemblyFormat = [{
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)`
    (`threshold` `(` $threshold^ `)`)? (`columns` `(` $columns^ `)`)?
    (`outlier_rhs` `(` $outlier_rhs^ `:` type($outlier_rhs) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
  let hasVerifier = 1;
}

def QuantTensor_YieldOp : QuantTensor_Op<"yield",
    [Pure, Terminator, HasParent<"ScaledMatmulOp">]> {
  let summary = "ends the epilogue of a scaled_matmul";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ /* implicit terminator */ }]>];
}

#endif // QUANTMLIR_QUANTTENSOR_CONTRACTIONOPS_TD
