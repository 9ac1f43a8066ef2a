//===- QuantTileOps.td - Launches and one block's work --------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTILE_OPS_TD
#define QUANTMLIR_QUANTTILE_OPS_TD

include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "quantmlir/Dialect/QuantTile/IR/QuantTileAttrs.td"

class QuantTile_Op<string mnemonic, list<Trait> traits = []>
    : Op<QuantTile_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

def QuantTile_LaunchOp : QuantTile_Op<"launch", [
    AttrSizedOperandSegments, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<BufferizableOpInterface, [
      "bufferizesToMemoryRead", "bufferizesToMemoryWrite",
      "getAliasingValues", "bufferize"]>]> {
  let summary = "launch a kernel on tensors, or on memrefs after bufferization";
  let description = [{
    Runs the `gpu.func` that `kernel` names on a grid of `grid` blocks of
    `block` threads. The kernel's parameters are, in order, a memref for each
    of `ins`, a memref for each of `outs`, and an `index` for each of `scalars`.

    In destination style: a tensor in `outs` says shape and type of a result
    and is the place to compute it in. Its contents are not read, unless
    `accumulates` says that the kernel reads every one of `outs`. Once
    bufferized, the op has no results.

    Grid sizes count blocks; a launch with a zero in its grid does nothing.
    `cluster` counts blocks of a cluster along each axis (the grid is a multiple
    of it), `dynamic_shared_memory` is in bytes, and `dependent_launch` allows
    the kernel to start before the previous one has finished: it must then wait
    (`nvvm.griddepcontrol wait`) before it reads what that one wrote.

    ```mlir
    %y = quant_tile.launch @kernels::@k0 grid(%g, %c1, %c1) block [256, 1, 1]
        ins(%a, %b : tensor<?x64xf32>, tensor<64xf32>) scalars(%n)
        outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    SymbolRefAttr:$kernel,
    Index:$grid_x, Index:$grid_y, Index:$grid_z,
    Variadic<AnyTypeOf<[AnyRankedTensor, AnyMemRef]>>:$ins,
    Variadic<Index>:$scalars,
    Variadic<AnyTypeOf<[AnyRankedTensor, AnyMemRef]>>:$outs,
    DenseI64ArrayAttr:$block,
    OptionalAttr<DenseI64ArrayAttr>:$cluster,
    DefaultValuedAttr<I64Attr, "0">:$dynamic_shared_memory,
    UnitAttr:$dependent_launch,
    UnitAttr:$accumulates);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `grid` `(` $grid_x `,` $grid_y `,` $grid_z `)` `block` $block
    (`cluster` $cluster^)? (`dependent_launch` $dependent_launch^)?
    (`accumulates` $accumulates^)?
    (`ins` `(` $ins^ `:` type($ins) `)`)? (`scalars` `(` $scalars^ `)`)?
    `outs` `(` $outs `:` type($outs) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutsMutable(); }
    /// Threads of a block.
    int64_t getThreadsPerBlock();
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Instructions that upstream lacks
//===----------------------------------------------------------------------===//

def QuantTile_Lop3Op : QuantTile_Op<"lop3", [Pure]> {
  let summary = "any bitwise function of three words";
  let description = [{
    Bit `i` of the result is bit `4 a + 2 b + c` of `table`, with a, b, c the
    bits `i` of the operands: `(a & b) | c` is table 234 (0xea), `(a & b) ^ c`
    is 106 (0x6a). One instruction, where ptxas makes two of
    `arith.andi` and `arith.ori`.

    ```mlir
    %r = quant_tile.lop3 %a, %b, %c table 234
    ```
  }];
  let arguments = (ins I32:$a, I32:$b, I32:$c, I32Attr:$table);
  let results = (outs I32:$result);
  let assemblyFormat = "$a `,` $b `,` $c `table` $table attr-dict";
  let hasVerifier = 1;
}

def QuantTile_DecodeOp : QuantTile_Op<"decode", [Pure]> {
  let summary = "two codes of a packed word as 16-bit floats";
  let description = [{
    The values of two codes of `word`, exact. `storage` says what the codes are;
    `pair` picks which two:

    - widths 2 and 4: the codes at bits `pair * width` and
      `pair * width + 16`;
    - width 8: bytes `2 * pair` and `2 * pair + 1`.

    These are the pairs that the fragment layout (`FragmentLayout.h`) makes of
    neighbouring columns. Integer codes come out as their integer, float codes
    as their value; zero points and scales are the kernel's business. Lowered
    to a few bit operations that build the floats without a conversion.

    ```mlir
    %v = quant_tile.decode %word[2] storage(i4) : vector<2xbf16>
    ```
  }];
  let arguments = (ins I32:$word, I32Attr:$pair, TypeAttr:$storage);
  let results = (outs VectorOfLengthAndType<[2], [BF16, F16]>:$result);
  let assemblyFormat = [{
    $word `[` $pair `]` `storage` `(` $storage `)` attr-dict `:` type($result)
  }];
  let extraClassDeclaration = [{
    /// Whether codes of `storage` can be decoded to `element` (bf16 or f16).
    static bool isSupported(::mlir::Type storage, ::mlir::Type element);
  }];
  let hasVerifier = 1;
}

def QuantTile_LoadOp : QuantTile_Op<"load", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "read global memory that nothing writes during the kernel";
  let description = [{
    One element, or the consecutive elements of a vector, from `indices` on.
    Since no thread writes there while the kernel runs, equal loads are one and
    may move freely, and the hardware's read-only path serves them
    (`ld.global.nc`). The address is a multiple of `alignment` bytes: a
    vector of 16 aligned bytes is one instruction, less alignment means more.

    ```mlir
    %v = quant_tile.load %codes[%i] align 16 : memref<?xi32>, vector<4xi32>
    ```
  }];
  let arguments = (ins Arg<AnyMemRef, "read-only memory">:$base,
                       Variadic<Index>:$indices, I64Attr:$alignment);
  let results = (outs AnyType:$result);
  let assemblyFormat = [{
    $base `[` $indices `]` `align` $alignment attr-dict `:` type($base) `,`
    type($result)
  }];
  let hasVerifier = 1;
}

#endif // QUANTMLIR_QUANTTILE_OPS_TD
