//===- QuantTensorAttrs.td - Encoding, layout, codebook -------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_ATTRS_TD
#define QUANTMLIR_QUANTTENSOR_ATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/IR/EnumAttr.td"
include "quantmlir/Dialect/QuantTensor/IR/QuantTensorDialect.td"

class QuantTensor_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<QuantTensor_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

//===----------------------------------------------------------------------===//
// Enums
//===----------------------------------------------------------------------===//

def QuantTensor_Rounding : I32EnumAttr<"Rounding",
    "how x / scale becomes a code", [
      I32EnumAttrCase<"NearestEven", 0, "nearest_even">,
      I32EnumAttrCase<"NearestAway", 1, "nearest_away">,
      I32EnumAttrCase<"TowardZero", 2, "toward_zero">,
      I32EnumAttrCase<"Downward", 3, "downward">,
      I32EnumAttrCase<"Upward", 4, "upward">
    ]> {
  let cppNamespace = "::quantmlir::quant_tensor";
  let genSpecializedAttr = 0;
}

def QuantTensor_Overflow : I32EnumAttr<"Overflow",
    "what happens to a code outside the range", [
      I32EnumAttrCase<"Saturate", 0, "saturate">,
      I32EnumAttrCase<"Wrap", 1, "wrap">
    ]> {
  let cppNamespace = "::quantmlir::quant_tensor";
  let genSpecializedAttr = 0;
}

def QuantTensor_LayoutKind : I32EnumAttr<"LayoutKind", "where the bits sit", [
      I32EnumAttrCase<"RowMajor", 0, "row_major">,
      I32EnumAttrCase<"Packed", 1, "packed">,
      I32EnumAttrCase<"Fragment", 2, "fragment">,
      I32EnumAttrCase<"Tinygemm", 3, "tinygemm">
    ]> {
  let cppNamespace = "::quantmlir::quant_tensor";
  let genSpecializedAttr = 0;
}

def QuantTensor_ParamMethod : I32EnumAttr<"ParamMethod",
    "how scales and zero points are chosen from data", [
      I32EnumAttrCase<"AbsMax", 0, "absmax">,
      I32EnumAttrCase<"MinMax", 1, "minmax">,
      I32EnumAttrCase<"Percentile", 2, "percentile">,
      I32EnumAttrCase<"MSE", 3, "mse">,
      I32EnumAttrCase<"KL", 4, "kl">
    ]> {
  let cppNamespace = "::quantmlir::quant_tensor";
  let genSpecializedAttr = 0;
}
def QuantTensor_ParamMethodAttr
    : EnumAttr<QuantTensor_Dialect, QuantTensor_ParamMethod, "method"> {
  let assemblyFormat = "$value";
}

def QuantTensor_ObserveKind : I32EnumAttr<"ObserveKind", "a statistic", [
      I32EnumAttrCase<"MinMax", 0, "minmax">,
      I32EnumAttrCase<"AbsMean", 1, "absmean">,
      I32EnumAttrCase<"Histogram", 2, "histogram">,
      I32EnumAttrCase<"XtX", 3, "xtx">,
      I32EnumAttrCase<"Rows", 4, "rows">
    ]> {
  let cppNamespace = "::quantmlir::quant_tensor";
  let genSpecializedAttr = 0;
}
def QuantTensor_ObserveKindAttr
    : EnumAttr<QuantTensor_Dialect, QuantTensor_ObserveKind, "observe_kind"> {
  let assemblyFormat = "$value";
}

//===----------------------------------------------------------------------===//
// Codebook
//===----------------------------------------------------------------------===//

def QuantTensor_CodebookAttr : QuantTensor_Attr<"Codebook", "codebook"> {
  let summary = "a table of values that unsigned codes index";
  let description = [{
    Code `c` means `values[c]`, before the scale. `nf4` names the 16 values of
    the QLoRA paper's NormalFloat4; any other table is written out.

    Constraints:
    - (C1) The table has 4, 8, ... or 256 values (`2^bits` of the storage).
    - (C2) As f32, the values are finite and strictly ascend.

    ```mlir
    #quant_tensor.codebook<nf4>
    #quant_tensor.codebook<[-1.0, -0.25, 0.25, 1.0]>
    ```
  }];
  let parameters = (ins "::mlir::DenseF64ArrayAttr":$table);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The 16 values of NormalFloat4 (QLoRA, appendix E), ascending.
    static ::llvm::ArrayRef<double> getNF4Values();
    static CodebookAttr getNF4(::mlir::MLIRContext *context);
    static CodebookAttr get(::mlir::MLIRContext *context,
                            ::llvm::ArrayRef<double> values);
    ::llvm::ArrayRef<double> getValues() const { return getTable().asArrayRef(); }
    bool isNF4() const;
  }];
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

def QuantTensor_LayoutAttr : QuantTensor_Attr<"Layout", "layout"> {
  let summary = "where the bits of the codes sit";
  let description = [{
    `row_major`: each row (all but the last dimension fixed) is a little-endian
    bit stream padded to a whole byte: code `k` occupies bits `[k*b, (k+1)*b)`.
    8-bit codes are one element each. This is the default and is never printed.

    `packed`: codes live in words of `word` bits (8 or 32). A word holds
    `word / bits` codes of one line along dimension `axis`; slot `s` (bits
    `[s*b, (s+1)*b)`) of word `i` holds element `i * slots + order[s]`, or, with
    `halves`, element `order[s] * (dim / slots) + i`. `permutation` says in
    which order the logical dimensions are stored (`[1, 0]`: a logical N×K
    tensor stored K×N, as GPTQ and AWQ do). `axis` counts logical dimensions.

    ```
      packed, word = 8, order = [0, 1]            packed, word = 8, order = [1, 0]
      byte i: | k=2i+1 | k=2i |  (low first)      byte i: | k=2i | k=2i+1 |  (high first)
      packed, word = 8, order = [0, 1], halves
      byte i: | k=i+K/2 | k=i |
    ```

    `fragment`: the order in which the lanes of a warp feed tensor cores, chosen
    by the schedule; `tile` is [rows, columns] of one block of codes that a
    warp reads with 16 bytes a lane. Rows and columns are zero-padded to whole
    tiles. Scales and zero points of groups of columns, where a group is of one
    row and of a multiple of 32 columns, are reordered along with the codes:
    `[rows / 16, columns / C, 16 * C / group]`, where C is 128, or a group
    where it divides no 128, and the elements of a tile are those of rows 0 and
    8 of its first group, of its second, and so on, then those of rows 1 and 9.
    Past the last row or group the last one is repeated. Only `repack` makes the
    layout.

    `tinygemm`: the order that PyTorch's `_convert_weight_to_int4pack` makes of
    4-bit codes for its own kernel, `tile = [8, 16 * innerKTiles]`. Codes are
    i32 words, `codes[n / 8, k / tile[1], lane, k % tile[1] / 32]`, where lane
    `4 (n % 8) + t` has columns `2 t`, `2 t + 1`, `2 t + 8` and `2 t + 9` of each
    16. A word holds these of two sixteens: even columns in the low half from
    bit 0, odd ones 16 bits above. Rows and columns are zero-padded to whole
    tiles.

    Constraints:
    - (C1) `row_major` has no fields.
    - (C2) `fragment` and `tinygemm` have a `tile` of two extents in [1, 65536]
      and no other field.
    - (C3) `packed` has no `tile`, a `word` of 8 or 32, an `axis` of at least 0,
      an `order` that is a permutation of the word's slots, and a `permutation`
      that is empty (the identity) or a permutation.

    ```mlir
    #quant_tensor.layout<packed, word = 32, axis = 1, order = [0, 2, 4, 6, 1, 3, 5, 7], permutation = [1, 0]>
    #quant_tensor.layout<fragment, tile = [16, 64]>
    #quant_tensor.layout<tinygemm, tile = [8, 128]>
    ```
  }];
  let parameters = (ins
    "::quantmlir::quant_tensor::LayoutKind":$kind,
    DefaultValuedParameter<"int64_t", "0">:$word,
    DefaultValuedParameter<"int64_t", "-1">:$axis,
    OptionalArrayRefParameter<"int64_t">:$order,
    DefaultValuedParameter<"bool", "false">:$halves,
    OptionalArrayRefParameter<"int64_t">:$permutation,
    OptionalArrayRefParameter<"int64_t">:$tile);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

def QuantTensor_EncodingAttr : QuantTensor_Attr<"Encoding", "encoding",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "what the codes of a quantized tensor mean";
  let description = [{
    Element (i, j, ...) of the tensor means exactly the real number
    `(code - zero_point) * scale`, where scale and zero point are those of the
    block that the element lies in, or `codebook[code] * scale`.

    | field | meaning | default |
    |---|---|---|
    | `storage` | `i2`..`i8` (signed), `ui2`..`ui8`, `f8E4M3FN`, `f8E5M2`, `f4E2M1FN` | required |
    | `block` | extent of a block in each dimension, 0 = the whole dimension | required |
    | `scale` | `f32`, `f16`, `bf16`, `f8E8M0FNU`, `f8E4M3FN` | required |
    | `zero_point` | an integer or float type | none |
    | `range` | smallest and largest code in use | all of `storage` |
    | `rounding` | `nearest_even`, `nearest_away`, `toward_zero`, `downward`, `upward` | `nearest_even` |
    | `overflow` | `saturate`, `wrap` | `saturate` |
    | `codebook` | `nf4` or a list of values; storage is then `ui2`..`ui8` | none |
    | `layout` | `#quant_tensor.layout` | row major |

    The shape of scales (and zero points) is `ceildiv(shape, block)`, except in
    a fragment layout that reorders them: the last
    block of a dimension may be short. A packed dimension (several codes to a
    word, or padded) must be static in the tensor's type, since the extent of
    the codes does not tell the tensor's.

    Constraints on the attribute:
    - (C1) `storage` is one of the types above; signed storage is written `iN`.
    - (C2) `block` has at least one extent, none negative.
    - (C3) `scale` is one of the types above.
    - (C4) `zero_point` is i2..i32, ui2..ui32, f32, f16 or bf16, and goes with an
      integer storage without codebook.
    - (C5) `range` is [low, high] with low < high, within the storage, high at
      least 1, and goes with an integer storage without codebook.
    - (C6) `codebook` has as many values as its unsigned storage has codes.
    - (C7) `overflow = wrap` goes with an integer storage without codebook and
      without `range`.
    - (C8) The layout fits storage and rank: a packed word holds whole codes and
      `order` has one entry for each, `axis` and `permutation` fit the number of
      dimensions; a fragment tile is of rank 2 and one that `FragmentLayout`
      defines for the width of the codes; tinygemm is for codes of 4 bits, of
      rank 2, in tiles of [8, 32], [8, 64] or [8, 128].

    Constraints on the tensor type (refused where the type is written; a type
    that a pass builds is checked by `quant-tensor-verify-encodings`):
    - (C9) Its rank is the number of block extents.
    - (C10) Its element type is f16, bf16, f32 or f64.
    - (C11) No block extent exceeds a static extent other than 0.
    - (C12) Packed and padded dimensions are static.
    - (C13) With `halves`, the packed extent is a multiple of a word's slots.

    ```mlir
    #token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
    #w4g128 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
    #mxfp4 = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 32], scale = f8E8M0FNU}>
    #nf4 = #quant_tensor.encoding<{storage = ui4, block = [1, 64], scale = f32, codebook = nf4}>
    ```
  }];
  let parameters = (ins
    "::mlir::Type":$storage,
    ArrayRefParameter<"int64_t">:$block,
    "::mlir::Type":$scale,
    OptionalParameter<"::mlir::Type">:$zeroPoint,
    OptionalArrayRefParameter<"int64_t">:$range,
    DefaultValuedParameter<"::quantmlir::quant_tensor::Rounding",
        "::quantmlir::quant_tensor::Rounding::NearestEven">:$rounding,
    DefaultValuedParameter<"::quantmlir::quant_tensor::Overflow",
        "::quantmlir::quant_tensor::Overflow::Saturate">:$overflow,
    OptionalParameter<"::quantmlir::quant_tensor::CodebookAttr">:$codebook,
    OptionalParameter<"::quantmlir::quant_tensor::LayoutAttr">:$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Width of one code in bits, 2 to 8.
    unsigned getStorageBits() const;
    bool isFloatStorage() const;
    /// Whether integer codes are signed (signless `iN` counts as signed).
    bool isSignedStorage() const;
    bool hasZeroPoint() const { return static_cast<bool>(getZeroPoint()); }
    /// The layout, row major where none is written.
    LayoutAttr getLayoutOrDefault() const;
    bool isRowMajor() const;
    /// Smallest and largest code: `range`, or all that the storage holds.
    /// Integer storage only.
    std::pair<int64_t, int64_t> getCodeRange() const;
    /// Largest magnitude a code can mean before the scale (the quotient that
    /// absmax maps the largest value to): 127 for i8, 7 for i4, 448 for
    /// f8E4M3FN, 6 for f4E2M1FN, the largest codebook entry.
    double getMaxMagnitude() const;
    EncodingAttr withLayout(LayoutAttr layout) const;
    /// The same with blocks of `block` elements, one number for each dimension.
    EncodingAttr withBlock(::llvm::ArrayRef<int64_t> block) const;

    /// Whether the extent of dimension `dim` can be read off the codes' type:
    /// not where several codes share a word or the codes are padded. Only such
    /// a dimension may be dynamic.
    bool isExtentKeptByCodes(unsigned dim) const;

    /// Extent of a block in dimension `dim` of a tensor whose extent is
    /// `size` (0 in `block` means the whole dimension).
    int64_t getBlockExtent(unsigned dim, int64_t size) const;
    /// ceildiv(shape, block), dynamic where the extent is and the block is not
    /// the whole dimension.
    ::llvm::SmallVector<int64_t> getScaleShape(::llvm::ArrayRef<int64_t> shape) const;
    /// Whether scales and zero points lie in the order in which kernels read
    /// them (see `FragmentLayout`), rather than in that of their blocks.
    bool hasTiledParameters() const;
    /// The shape in which scales and zero points are stored: `getScaleShape`,
    /// or that of their tiles.
    ::llvm::SmallVector<int64_t> getStoredScaleShape(::llvm::ArrayRef<int64_t> shape) const;
    /// (position in the tensor) -> (where its scale is stored).
    ::mlir::AffineMap getBlockMap() const;
    /// The plain tensor types that an encoded tensor of `shape` is made of.
    ::mlir::RankedTensorType getCodesType(::llvm::ArrayRef<int64_t> shape) const;
    ::mlir::RankedTensorType getScalesType(::llvm::ArrayRef<int64_t> shape) const;
    /// Null where the encoding has no zero point.
    ::mlir::RankedTensorType getZeroPointsType(::llvm::ArrayRef<int64_t> shape) const;
  }];
}

#endif // QUANTMLIR_QUANTTENSOR_ATTRS_TD
