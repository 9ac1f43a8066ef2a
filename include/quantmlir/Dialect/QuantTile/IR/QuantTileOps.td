//===- QuantTileOps.td - Launches and one block's work --------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTILE_OPS_TD
#define QUANTMLIR_QUANTTILE_OPS_TD

include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.td"
include "mlir/Dialect/LLVMIR/LLVMOpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
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
    of `ins`, a memref for each of `outs`, an `index` for each of `scalars`, and
    a pointer to a tensor map for each of `tensor_maps`. `tensor_map_operands`
    says which buffer each map is of, counting `ins`, then `outs`.

    In destination style: a tensor in `outs` says shape and type of a result
    and is the place to compute it in. Its contents are not read, unless
    `accumulates` says that the kernel reads every one of `outs`, or `reads_outs`
    which. Once bufferized, the op has no results.

    Grid sizes count blocks; a launch with a zero in its grid does nothing.
    `cluster` counts blocks of a cluster along each axis (the grid is a multiple
    of it), `dynamic_shared_memory` is in bytes, and `dependent_launch` allows
    the kernel to start before the previous one has finished: it must then wait
    (`nvvm.griddepcontrol wait`) before it reads what that one wrote.

    ```mlir
    %y = quant_tile.launch @kernels::@k0 grid(%g, %c1, %c1) block [256, 1, 1]
        ins(%a, %b : tensor<?x64xf32>, tensor<64xf32>) scalars(%n)
        outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    %z = quant_tile.launch @kernels::@k1 grid(%g, %c1, %c1) block [384, 1, 1]
        cluster [2, 1, 1] tensor_maps [0] [#quant_tile.tensor_map<box = [64, 32], swizzle = 128, l2_promotion = 128>]
        ins(%a : tensor<?x64xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    %u:2 = quant_tile.launch @kernels::@k2 grid(%g, %c1, %c1) block [384, 1, 1] reads_outs [1]
        outs(%init, %flags : tensor<?x64xf32>, tensor<8xi32>) -> tensor<?x64xf32>, tensor<8xi32>
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
    UnitAttr:$accumulates,
    OptionalAttr<DenseI64ArrayAttr>:$reads_outs,
    OptionalAttr<DenseI64ArrayAttr>:$tensor_map_operands,
    OptionalAttr<TypedArrayAttrBase<QuantTile_TensorMapAttr,
                                    "array of tensor maps">>:$tensor_maps);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `grid` `(` $grid_x `,` $grid_y `,` $grid_z `)` `block` $block
    (`cluster` $cluster^)? (`dependent_launch` $dependent_launch^)?
    (`accumulates` $accumulates^)? (`reads_outs` $reads_outs^)?
    (`tensor_maps` $tensor_map_operands^ $tensor_maps)?
    (`ins` `(` $ins^ `:` type($ins) `)`)? (`scalars` `(` $scalars^ `)`)?
    `outs` `(` $outs `:` type($outs) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutsMutable(); }
    /// Threads of a block.
    int64_t getThreadsPerBlock();
    /// Whether the kernel reads what `operand`, one of `outs`, holds before.
    bool readsOut(::mlir::OpOperand &operand);
  }];
  let hasVerifier = 1;
}

/// A pointer as kernels get it: into the generic address space.
def QuantTile_Pointer : Type<
    CPred<"::llvm::isa<::mlir::LLVM::LLVMPointerType>($_self)">, "a pointer">,
  BuildableType<"::mlir::LLVM::LLVMPointerType::get($_builder.getContext())">;

def QuantTile_TensorMapOp : QuantTile_Op<"tensor_map", [Pure]> {
  let summary = "the tensor map of a buffer, as a kernel's argument";
  let description = [{
    What the tensor memory accelerator must know of a contiguous buffer (see
    `#quant_tile.tensor_map`). The launch plan describes the map and the
    runtime makes it; the result is an argument of `gpu.launch_func` and
    nothing else.

    ```mlir
    %map = quant_tile.tensor_map %x #quant_tile.tensor_map<box = [64, 32], swizzle = 128, l2_promotion = 128>
        : memref<?x64xf32>
    ```
  }];
  let arguments = (ins AnyMemRef:$buffer, QuantTile_TensorMapAttr:$map);
  let results = (outs QuantTile_Pointer:$result);
  let assemblyFormat = "$buffer $map attr-dict `:` type($buffer)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Row-local groups
//===----------------------------------------------------------------------===//

def QuantTile_RowGroupOp : QuantTile_Op<"row_group", [
    SingleBlockImplicitTerminator<"YieldOp">, NoRegionArguments,
    RecursiveMemoryEffects]> {
  let summary = "row-local ops that become one kernel";
  let description = [{
    Holds `linalg.generic` ops over one set of rows of `columns` elements:
    elementwise ops, reductions of a row, and ops on what a row was reduced to.
    The kernel reads each row once, keeps it in registers, and writes what is
    yielded; nothing between the ops reaches memory. Norms, softmax, per-token
    quantization, and one behind the other, are such groups.

    Each op reads its operands at its row and column, at its row, at its
    column, or as a scalar. Reductions have one combining op that may be
    reordered and start from a filled value. `tensor.expand_shape` and
    `collapse_shape` may add and drop dimensions of size 1 in between.

    ```mlir
    %codes, %scales = quant_tile.row_group columns 256
        -> (tensor<?x256xi8>, tensor<?xf32>) {
      %max = linalg.generic ... ins(%x : tensor<?x256xf32>) outs(%zero : tensor<?xf32>) ...
      %s = linalg.generic ... ins(%max : tensor<?xf32>) ...
      %q = linalg.generic ... ins(%x, %s : tensor<?x256xf32>, tensor<?xf32>) ...
      quant_tile.yield %q, %s : tensor<?x256xi8>, tensor<?xf32>
    }
    ```
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntMinValue<2>]>:$columns,
                       OptionalAttr<QuantTile_RowScheduleAttr>:$schedule);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `columns` $columns (`schedule` $schedule^)? (`->` `(` type($results)^ `)`)?
    $body attr-dict
  }];
  let hasRegionVerifier = 1;
}

def QuantTile_YieldOp : QuantTile_Op<"yield", [
    Pure, Terminator, ReturnLike, HasParent<"RowGroupOp">]> {
  let summary = "what a row group writes";
  let description = [{
    ```mlir
    quant_tile.yield %q, %s : tensor<?x256xi8>, tensor<?xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let builders = [OpBuilder<(ins), [{ /* nothing is yielded */ }]>];
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
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

def QuantTile_Ex2Op : QuantTile_Op<"ex2", [Pure]> {
  let summary = "2^x in one instruction";
  let description = [{
    `ex2.approx.ftz.f32`: within two units in the last place; subnormal numbers
    count as zeros, and a result that would be one is zero. The form that keeps them
    (`llvm.intr.exp2`) takes four instructions.

    ```mlir
    %r = quant_tile.ex2 %x
    ```
  }];
  let arguments = (ins F32:$x);
  let results = (outs F32:$result);
  let assemblyFormat = "$x attr-dict";
}

def QuantTile_SharedPointer : LLVM_PointerInAddressSpace<3>;

def QuantTile_Codebook : Attr<
    CPred<"::llvm::isa<::quantmlir::quant_tensor::CodebookAttr>($_self)">,
    "a #quant_tensor.codebook"> {
  let storageType = "::quantmlir::quant_tensor::CodebookAttr";
  let returnType = "::quantmlir::quant_tensor::CodebookAttr";
  let convertFromStorage = "$_self";
}

def QuantTile_DecodeOp : QuantTile_Op<"decode",
    [Pure, AttrSizedOperandSegments]> {
  let summary = "two codes of a packed word as 16-bit floats";
  let description = [{
    The values of two codes of `word`. `storage` says what the codes are;
    `pair` picks which two: the codes at bits `pair * width` and
    `pair * width + 16`. Four-bit codes that are looked up, those of a
    `codebook` and `f4E2M1FN`, lie beside each other, at bits `8 * pair` and
    `8 * pair + 4`, where four of them are a selector of `prmt`. These are the
    pairs that the fragment layout (`FragmentLayout.h`) makes of neighbouring
    columns. Integer codes come out as their integer, float codes as their
    value, codes of a codebook as its entry rounded to nearest even (`getError`
    says how far off); zero points and scales are the kernel's business. Lowered
    to a few bit operations that build the floats without a conversion. For a
    code of NaN or infinity these give any value, perhaps a finite one:
    `quant_tensor.poison_scales` tells such weights by their scales.

    Instructions for each weight, as `mma_stream` decodes for one row of
    activations (shifts, `lop3`, `prmt` and packed arithmetic; where there is a
    bias, biased, and in place where codes are narrower than four bits). Four-bit codes that are looked up are read from a table of
    pairs (`quant_tile.look_up`) that this op has filled; computed, they take
    1.63 and 2.63:

    | storage | to bf16 | to f16 |
    |---|---|---|
    | `i2`, `ui2` | 0.63 | 0.57 |
    | `i3`, `ui3` | 0.85 | 0.76 |
    | `i4`, `ui4` | 0.88 | 0.88 |
    | `i5`, `ui5` | 1.13 | 1.13 |
    | `i6`, `ui6` | 1.1 | 1.1 |
    | `i7`, `ui7` | 1.2 | 1.2 |
    | `i8`, `ui8` | 1.75 | 0.75 |
    | `f8E4M3FN`, `f8E5M2` | 2.25 | 2.25 |
    | `f4E2M1FN` | 1.0 | 1.0 |
    | `ui4` with `codebook` (NF4) | 1.0 | 1.0 |
    | `ui2`, `ui3` with `codebook` | 3.6 | 3.6 |

    `biased` leaves a constant, `getBias`, on each value, which saves the
    subtraction: a kernel takes it from a whole sum at once. With `in_place`,
    codes of integers stay at the bits of a mantissa where they lie, which saves
    most of the shifts, and the constant, `getBiasInPlace`, depends on `pair`.
    `shrunk` leaves a
    factor, `getShrinkage`, on each, which saves most of the shifts and half of
    what bytes take (1.06 instructions for `i2`, 1.23 for `i3`, 1.13 for `i4`, 1.25 for `i8`,
    with the subtraction): a kernel takes it from the results. `scaled`
    multiplies shrunk values by a scale each, which takes no instruction more:
    the factor that makes floats of codes becomes the scale's. The product is
    rounded once. It is infinite where the scale is 2^16 or more, and keeps its
    relative error where it is 2^-105 or more.

    `minus` takes a value from each, as shrunk as they are: zero points of up to
    8 bits, exactly, or a float from a shrunk unsigned integer, rounded once, and
    with no instruction more, since the constant that makes integers of a
    mantissa becomes theirs. It is for integers that are shrunk or that f16
    holds.

    With `row`, both codes have that element of the scales, or of what is taken
    from them, and the pair beside this one in the word has the other: those of
    a lane's two rows, which alternate in a word. What constants make of them
    is made for both at once, and either half of a register is an operand.

    ```mlir
    %v = quant_tile.decode %word[2] storage(i4) : vector<2xbf16>
    %b = quant_tile.decode %word[2] biased storage(i4) : vector<2xbf16>
    %i = quant_tile.decode %word[2] biased in_place storage(i2) : vector<2xbf16>
    %s = quant_tile.decode %word[2] shrunk storage(i4) : vector<2xbf16>
    %p = quant_tile.decode %word[2] shrunk scaled(%scales : vector<2xbf16>) storage(i4) : vector<2xbf16>
    %z = quant_tile.decode %word[2] shrunk minus(%zeros : vector<2xbf16>) storage(ui4) : vector<2xbf16>
    %h = quant_tile.decode %word[3] shrunk scaled(%scales : vector<2xbf16>) row(1) storage(i4) : vector<2xbf16>
    %n = quant_tile.decode %word[2] storage(ui4) codebook(#quant_tensor.codebook<nf4>) : vector<2xbf16>
    ```
  }];
  let arguments = (ins I32:$word, I32Attr:$pair, TypeAttr:$storage,
                       UnitAttr:$biased, UnitAttr:$in_place,
                       UnitAttr:$shrunk,
                       Optional<VectorOfLengthAndType<[2], [BF16, F16]>>:$scale,
                       Optional<VectorOfLengthAndType<[2], [BF16, F16]>>:$minus,
                       OptionalAttr<I32Attr>:$row,
                       OptionalAttr<QuantTile_Codebook>:$codebook);
  let results = (outs VectorOfLengthAndType<[2], [BF16, F16]>:$result);
  let assemblyFormat = [{
    $word `[` $pair `]` (`biased` $biased^)? (`in_place` $in_place^)?
    (`shrunk` $shrunk^)? (`scaled` `(` $scale^ `:` type($scale) `)`)?
    (`minus` `(` $minus^ `:` type($minus) `)`)?
    (`row` `(` $row^ `)`)?
    `storage` `(` $storage `)`
    (`codebook` `(` $codebook^ `)`)? attr-dict `:` type($result)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$word,
                   "uint32_t":$pair, "::mlir::Type":$storage,
                   CArg<"bool", "false">:$biased,
                   CArg<"::quantmlir::quant_tensor::CodebookAttr", "{}">:$codebook,
                   CArg<"bool", "false">:$shrunk,
                   CArg<"::mlir::Value", "{}">:$scale,
                   CArg<"bool", "false">:$inPlace,
                   CArg<"::mlir::Value", "{}">:$minus,
                   CArg<"std::optional<uint32_t>", "{}">:$row), [{
      auto flag = [&](bool set) {
        return set ? $_builder.getUnitAttr() : ::mlir::UnitAttr();
      };
      build($_builder, $_state, result, word, $_builder.getI32IntegerAttr(pair),
            ::mlir::TypeAttr::get(storage), flag(biased), flag(inPlace),
            flag(shrunk), scale, minus,
            row ? $_builder.getI32IntegerAttr(*row) : ::mlir::IntegerAttr(),
            codebook);
    }]>
  ];
  let extraClassDeclaration = [{
    /// The most values of a codebook that is looked up in registers.
    static constexpr size_t maxCodebookValues = 16;
    /// What a biased decode of `storage` to `element` adds to each value; 0
    /// where there is no cheaper way than to decode exactly. A power of two
    /// plus half the range of signed codes, exact in `element`.
    static double getBias(::mlir::Type storage, ::mlir::Type element,
                          ::quantmlir::quant_tensor::CodebookAttr codebook = {});
    /// The same where codes stay where they lie: that of pair `pair`. It is no
    /// larger than `getBias`, and that of pair 0 is `getBias`.
    static double getBiasInPlace(::mlir::Type storage, ::mlir::Type element,
                                 uint32_t pair);
    /// Bits that codes of pair `pair` of a narrow integer `storage` are moved
    /// down by so that they are bits of a mantissa: as few moves as can be.
    static unsigned getMoveInPlace(::mlir::Type storage, ::mlir::Type element,
                                   uint32_t pair);
    /// What a shrunk decode of `storage` to `element` multiplies each value by,
    /// a power of two; 1 where there is no cheaper way than to decode plainly.
    /// Values that are `scaled` have another one.
    static double getShrinkage(::mlir::Type storage, ::mlir::Type element,
                               ::quantmlir::quant_tensor::CodebookAttr codebook = {},
                               bool scaled = false);
    /// Whether codes of `storage` can be decoded to `element` (bf16 or f16).
    static bool isSupported(::mlir::Type storage, ::mlir::Type element,
                            ::quantmlir::quant_tensor::CodebookAttr codebook = {});
    /// The largest relative error of a value that is decoded to `element`: 0
    /// where all are exact, infinite where one is out of range.
    static double getError(::mlir::Type element,
                           ::quantmlir::quant_tensor::CodebookAttr codebook);
  }];
  let hasVerifier = 1;
}

def QuantTile_LookUpOp : QuantTile_Op<"look_up", [MemoryEffects<[MemRead]>]> {
  let summary = "two codes of a packed word as 16-bit floats, from a table";
  let description = [{
    What `quant_tile.decode` gives for pair `pair` of four-bit codes that lie
    beside each other in `word`: byte `pair` of the word. It is read from a
    table in shared memory, which holds the values of byte `c` at byte `256 * c
    + column`, for each of the 32 columns that are multiples of 4 and less than
    128: where each lane of a warp has a column of its own, no two read from the
    same bank. The columns leave the upper half of each 256 bytes unused, so
    that one `prmt` makes an offset of the two: two instructions for two
    weights.

    ```mlir
    %v = quant_tile.look_up %word[2] in %table[%column] : vector<2xbf16>
    ```
  }];
  let arguments = (ins I32:$word, I32Attr:$pair, QuantTile_SharedPointer:$table,
                       I32:$column);
  let results = (outs VectorOfLengthAndType<[2], [BF16, F16]>:$result);
  let assemblyFormat = [{
    $word `[` $pair `]` `in` $table `[` $column `]` attr-dict `:` type($result)
  }];
  let extraClassDeclaration = [{
    /// Bytes between the entries of a table, and of all columns of one.
    static constexpr int64_t entryStride = 256, entryBytes = 128;
    /// Entries of a table, and its bytes.
    static constexpr int64_t entries = 256;
    static constexpr int64_t tableBytes = entries * entryStride;
  }];
  let hasVerifier = 1;
}

def QuantTile_ClusterPointer : LLVM_PointerInAddressSpace<7>;

def QuantTile_StoreAsyncOp
    : QuantTile_Op<"store_async", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "a word, or four, into another block's shared memory (sm_90)";
  let description = [{
    Starts a store of 4 or 16 bytes, aligned to as many, to `address` in the
    shared memory of a block of the cluster, and counts them at `barrier`, an
    mbarrier of the same block, when they are there: who expects and waits for
    them sees them. So the thread that stores neither waits for its writes nor
    arrives, which takes a fence of the device where the arrival releases.

    `st.async.shared::cluster.mbarrier::complete_tx::bytes.b32` or `.v4.b32`.

    ```mlir
    quant_tile.store_async %sums to %address counted by %barrier : vector<4xf32>
    quant_tile.store_async %sum to %address counted by %barrier : f32
    ```
  }];
  let arguments = (ins AnyTypeOf<[VectorOfLengthAndType<[4], [I32, F32]>, I32,
                                  F32]>:$value,
                       QuantTile_ClusterPointer:$address,
                       QuantTile_ClusterPointer:$barrier);
  let assemblyFormat = [{
    $value `to` $address `counted` `by` $barrier attr-dict `:` type($value)
  }];
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

//===----------------------------------------------------------------------===//
// Warpgroup matrix multiplication
//===----------------------------------------------------------------------===//

/// Accumulators of a warpgroup: a struct of n / 2 equal i32 or f32.
def QuantTile_Accumulators : Type<
    CPred<"::quantmlir::quant_tile::isAccumulatorStruct($_self)">,
    "a struct of 4 to 128 i32 or f32, all equal">;

def QuantTile_WgmmaOp : QuantTile_Op<"wgmma", [
    AllTypesMatch<["accumulators", "result"]>]> {
  let summary = "asynchronous matrix multiplication by a warpgroup (sm_90a)";
  let description = [{
    `D = A * B + C` where A is 64 x K, B is K x n, and K is 32 bytes of
    elements; C is zero where `accumulate` is false. The 128 threads of a
    warpgroup execute it together. `a` is either a matrix descriptor of shared
    memory (one i64), or this thread's fragment of A (four i32: PTX ISA,
    "Register Fragments for wgmma"); `b` is a matrix descriptor. Both lie
    K-major in shared memory.

    The element types are `i8` (signed), `ui8`, `f16`, `bf16`, `f8E4M3FN` or
    `f8E5M2`; the accumulators of integers are i32, of floats f32.
    `accumulators` are the n / 2 that this thread owns.

    The result is not there yet: `quant_tile.wgmma_wait` gives it. Between the
    two nothing may touch it, except another `wgmma` of the same shape that
    accumulates into it. `nvvm.wgmma.fence.aligned` comes before the first
    one after registers were written, `nvvm.wgmma.commit.group.sync.aligned`
    ends a group.

    Upstream's `nvvm.wgmma.mma_async` has no form with A in registers, and its
    wait leaves the accumulators to themselves.

    ```mlir
    %d = quant_tile.wgmma a(%desc : i64) b(%b) into %c accumulate(%true)
        n = 16 types(i8, i8)
        : !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
    ```
  }];
  let arguments = (ins QuantTile_Accumulators:$accumulators, I1:$accumulate,
                       I64:$b, Variadic<AnyTypeOf<[I32, I64]>>:$a, I64Attr:$n,
                       TypeAttr:$a_type, TypeAttr:$b_type);
  let results = (outs QuantTile_Accumulators:$result);
  let assemblyFormat = [{
    `a` `(` $a `:` type($a) `)` `b` `(` $b `)` `into` $accumulators
    `accumulate` `(` $accumulate `)` `n` `=` $n
    `types` `(` $a_type `,` $b_type `)` attr-dict `:` type($result)
  }];
  let extraClassDeclaration = [{
    /// Whether A is this thread's fragment, and not a descriptor.
    bool hasRegisterA() { return getA().size() == 4; }
    /// Columns of A that one instruction multiplies: 32 bytes of them.
    int64_t getK();
  }];
  let hasVerifier = 1;
}

def QuantTile_WgmmaWaitOp : QuantTile_Op<"wgmma_wait", [
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "wait for the multiplications of a warpgroup";
  let description = [{
    Waits until at most `pending` of the groups that this warpgroup has
    committed are under way, and returns the accumulators of those that are
    done. Since it returns them, no read of them can move in front of it; a
    read that did would make ptxas wait after each instruction instead.

    ```mlir
    %done = quant_tile.wgmma_wait 0, %d
        : !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
    ```
  }];
  let arguments = (ins I64Attr:$pending,
                       Variadic<QuantTile_Accumulators>:$accumulators);
  let results = (outs Variadic<QuantTile_Accumulators>:$results);
  let assemblyFormat = [{
    $pending (`,` $accumulators^ `:` type($accumulators))? attr-dict
  }];
  let hasVerifier = 1;
}

#endif // QUANTMLIR_QUANTTILE_OPS_TD
