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

#endif // QUANTMLIR_QUANTTILE_OPS_TD
