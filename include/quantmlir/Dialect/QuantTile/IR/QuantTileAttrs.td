//===- QuantTileAttrs.td - Attributes of quant_tile -----------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTILE_ATTRS_TD
#define QUANTMLIR_QUANTTILE_ATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "quantmlir/Dialect/QuantTile/IR/QuantTileDialect.td"

class QuantTile_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<QuantTile_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

//===----------------------------------------------------------------------===//
// Schedule
//===----------------------------------------------------------------------===//

def QuantTile_KernelFamily : I32EnumAttr<"KernelFamily",
    "which main loop computes a contraction", [
      I32EnumAttrCase<"Plain", 0, "plain">,
      I32EnumAttrCase<"Reduce", 1, "reduce">,
      I32EnumAttrCase<"MmaSync", 2, "mma_sync">,
      I32EnumAttrCase<"Wgmma", 3, "wgmma">,
      I32EnumAttrCase<"MmaStream", 4, "mma_stream">,
      I32EnumAttrCase<"WgmmaDecode", 5, "wgmma_decode">
    ]> {
  let cppNamespace = "::quantmlir::quant_tile";
  let genSpecializedAttr = 0;
}

def QuantTile_ConsumerKind : I32EnumAttr<"ConsumerKind",
    "how the warpgroups that multiply share the tiles of a block", [
      I32EnumAttrCase<"Cooperative", 0, "cooperative">,
      I32EnumAttrCase<"PingPong", 1, "pingpong">,
      I32EnumAttrCase<"Alternating", 2, "alternating">
    ]> {
  let cppNamespace = "::quantmlir::quant_tile";
  let genSpecializedAttr = 0;
}

def QuantTile_WarpgroupsAttr : QuantTile_Attr<"Warpgroups", "warpgroups"> {
  let summary = "how warpgroups and clusters share the tiles of a wgmma kernel";
  let description = [{
    A block has one warpgroup that loads and one to three that multiply, or four
    in `wgmma_decode`:
    `cooperative` ones divide each tile, `pingpong` ones take tiles in turn, so
    that one multiplies while the other computes its epilogue, and `alternating`
    ones divide each tile but multiply the steps of their parts in turn, so that
    one multiplies while the others decode.

    `cluster` counts the blocks along m and n that work on neighbouring tiles at
    the same time and share the operand that they have in common; one of the two
    is 1. Those of `wgmma_decode` share activations, [1, n], and have no
    `split_k`. Blocks are persistent. They walk through the tiles `group_m` rows of
    (clusters of) tiles at a time, column by column: 1 goes along n first.

    ```mlir
    #quant_tile.warpgroups<pingpong, cluster = [2, 1], group_m = 16>
    ```
  }];
  let parameters = (ins
    "::quantmlir::quant_tile::ConsumerKind":$kind,
    "int64_t":$clusterM, "int64_t":$clusterN, "int64_t":$groupM);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isPingPong() const { return getKind() == ConsumerKind::PingPong; }
    bool isAlternating() const {
      return getKind() == ConsumerKind::Alternating;
    }
    /// Blocks of a cluster.
    int64_t getClusterSize() const { return getClusterM() * getClusterN(); }
  }];
}

def QuantTile_TensorMapAttr : QuantTile_Attr<"TensorMap", "tensor_map"> {
  let summary = "how the tensor memory accelerator sees a buffer";
  let description = [{
    `box` is what one instruction copies, in elements. Of two extents it is
    `[rows, columns]`, and the buffer is a matrix: its last dimension, and all
    others together. Of more, it has one for each dimension of the buffer. Its
    rows are `swizzle` bytes long (or shorter where that is 0) and lie in shared
    memory with their 16-byte chunks exchanged as CUDA's swizzle of that width
    says. `l2_promotion` is how many bytes a miss in L2 fetches.

    ```mlir
    #quant_tile.tensor_map<box = [128, 64], swizzle = 128, l2_promotion = 256>
    #quant_tile.tensor_map<box = [16, 1, 256], l2_promotion = 256>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$box, "int64_t":$swizzle,
                        "int64_t":$l2Promotion);
  let builders = [
    /// Of a matrix.
    AttrBuilder<(ins "int64_t":$rows, "int64_t":$columns, "int64_t":$swizzle,
                     "int64_t":$l2Promotion),
                [{ return $_get($_ctxt, ::llvm::ArrayRef<int64_t>{rows, columns},
                                swizzle, l2Promotion); }]>
  ];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Name of the attribute of a kernel that counts its last parameters which
    /// are tensor maps. (Conversion to LLVM drops attributes of parameters.)
    static ::llvm::StringRef getCountAttrName() {
      return "quant_tile.tensor_maps";
    }
  }];
}

def QuantTile_ContractAttr : QuantTile_Attr<"Contract", "contract"> {
  let summary = "how far a kernel's result may be from the exact one";
  let description = [{
    With `y*` the exact result, a kernel promises

    `|y - y*| <= gamma(u_acc, K) * sum |x| (|w| + |offset * s|) + u_decode * sum |x| |w|`

    and half an ulp of the output type, where `gamma(u, K) = K u / (1 - K u)`.
    All zero is a promise of exact integer arithmetic up to the epilogue.

    ```mlir
    #quant_tile.contract<u_acc = 5.9604644775390625E-8, u_decode = 0.0, offset = 0.0>
    ```
  }];
  let parameters = (ins "::mlir::FloatAttr":$accumulate,
                        "::mlir::FloatAttr":$decode,
                        "::mlir::FloatAttr":$shift);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    AttrBuilder<(ins "double":$accumulate, "double":$decode, "double":$shift)>
  ];
  let extraClassDeclaration = [{
    /// Unit roundoff of the accumulation.
    double getUAcc() const { return getAccumulate().getValueAsDouble(); }
    /// Relative error of a decoded weight, 0 where codes stay exact.
    double getUDecode() const { return getDecode().getValueAsDouble(); }
    /// Constant that the decode adds to each code and the epilogue takes away.
    double getOffset() const { return getShift().getValueAsDouble(); }
  }];
}

def QuantTile_ScheduleAttr : QuantTile_Attr<"Schedule", "schedule"> {
  let summary = "how one contraction is computed";
  let description = [{
    Written on a `quant_tensor.scaled_matmul` under the name
    `quant_tile.schedule` by `select-schedule`, a tuner or a human, and obeyed
    by every later pass. Where M is known at run time only,
    `quant_tile.schedules` holds several, ascending by `max_m`, and
    `quant-tensor-apply-layout` turns them into tests of M.

    | field | meaning | default |
    |---|---|---|
    | family | `reduce`: CUDA cores, one row of activations at a time; `mma_sync`: tensor cores, `mma.sync`; `mma_stream`: the same for few rows of activations, encoded weights streaming from global memory through registers; `wgmma`: tensor cores, `wgmma`, fed by the tensor memory accelerator (sm_90a); `wgmma_decode`: the same for encoded weights, decoded into the registers that `wgmma` takes them from; `plain`: the reference lowering | required |
    | `chip` | the target it was chosen for | required |
    | `tile` | [m, n, k] of one block's step: rows of activations, rows of weights, columns of both | required |
    | `warps` | how the block's warps divide `tile`; along k each warp sums its own columns; `wgmma`: the warps that multiply, four of a warpgroup along m; `wgmma_decode`: along n, and along k how many of its warpgroups take the steps of a tile in turn | required |
    | `stages` | `mma_sync`, `wgmma`, `wgmma_decode`: slots of the shared-memory ring; `reduce`: weight tiles in flight per warp; `mma_stream`: steps of weights in flight per warp | required |
    | `copy` | bytes of one activation copy: 16, 8, 4 or, where rows are not aligned, 2 or 1 | 16 |
    | `split_k` | `mma_stream`, `wgmma` with cooperative warpgroups, `wgmma_decode`: blocks of a cluster that share one tile along K and exchange their sums (sm_90a) | 1 |
    | `weights` | layout that the kernel reads codes in | row major |
    | `max_m` | largest M that this schedule is for, 0 for any | 0 |
    | `contract` | error bound, at least what the family promises | what the family promises |
    | `dependent_launch` | `reduce`, `mma_stream`, `wgmma`, `wgmma_decode`: start while the kernel before is still running, and ask for weights before it has ended | false |
    | `occupancy` | `mma_stream`: blocks that registers must leave room for in an SM | 1 |
    | `warpgroups` | `wgmma`, `wgmma_decode`: how warpgroups and clusters share tiles | required there |
    | `scale_decoded` | `wgmma_decode`, `mma_stream`: multiply decoded weights by their scales, rounded to the type of the activations, rather than the sum of each group by its scale; `wgmma_decode` has to where groups are no multiple of 32 columns, and `mma_stream` does there by itself | false |
    | `promote` | `wgmma` with 8-bit floats, whose accumulators keep 13 bits: add them to sums in f32 after each so many steps along K; 0: never | 0 |
    | `ring` | `mma_stream`: slots of a shared-memory ring that codes come through, a power of two, filled by `cp.async`; `stages`, which is 1 then, counts what comes with them; 0: codes come into registers | 0 |
    | `stream_k` | `wgmma_decode`: where the last round of tiles would occupy at most so many percent of the SMs, blocks divide those of the last two rounds evenly along K, and hand sums over through memory; 0: never | 0 |

    A `plain` schedule has a chip only.

    ```mlir
    #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [128, 128, 64], warps = [2, 4, 1],
        stages = 4, weights = <fragment, tile = [16, 64]>>
    #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 512], warps = [1, 1, 8],
        stages = 4, weights = <fragment, tile = [16, 64]>, max_m = 1>
    #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [8, 32, 1024], warps = [1, 1, 8],
        stages = 4, weights = <fragment, tile = [16, 64]>, max_m = 8, dependent_launch = true,
        occupancy = 2>
    #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [16, 64, 512], warps = [1, 1, 8],
        stages = 1, split_k = 4, weights = <fragment, tile = [16, 64]>, max_m = 16,
        dependent_launch = true>
    #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [1, 64, 512], warps = [1, 1, 4],
        stages = 1, weights = <fragment, tile = [16, 128]>, max_m = 1, dependent_launch = true,
        occupancy = 4, ring = 4>
    #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [4, 1, 1],
        stages = 6, warpgroups = <pingpong, cluster = [2, 1], group_m = 16>>
    #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 128, 128], warps = [4, 2, 1],
        stages = 6, split_k = 4, warpgroups = <cooperative>>
    #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [8, 1, 1],
        stages = 5, warpgroups = <cooperative>, promote = 1>
    #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1],
        stages = 6, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>
    #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [128, 192, 64], warps = [1, 12, 1],
        stages = 8, weights = <fragment, tile = [16, 64]>, dependent_launch = true,
        warpgroups = <alternating>, scale_decoded = true>
    #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], warps = [1, 8, 1],
        stages = 5, weights = <fragment, tile = [16, 64]>, dependent_launch = true,
        warpgroups = <cooperative, group_m = 4>, scale_decoded = true, stream_k = 80>
    ```
  }];
  let parameters = (ins
    "::quantmlir::quant_tile::KernelFamily":$family,
    "::mlir::StringAttr":$chip,
    OptionalArrayRefParameter<"int64_t">:$tile,
    OptionalArrayRefParameter<"int64_t">:$warps,
    DefaultValuedParameter<"int64_t", "0">:$stages,
    DefaultValuedParameter<"int64_t", "16">:$copy,
    DefaultValuedParameter<"int64_t", "1">:$splitK,
    OptionalParameter<"::quantmlir::quant_tensor::LayoutAttr">:$weights,
    DefaultValuedParameter<"int64_t", "0">:$maxM,
    OptionalParameter<"::quantmlir::quant_tile::ContractAttr">:$contract,
    DefaultValuedParameter<"bool", "false">:$dependentLaunch,
    DefaultValuedParameter<"int64_t", "1">:$occupancy,
    OptionalParameter<"::quantmlir::quant_tile::WarpgroupsAttr">:$warpgroups,
    DefaultValuedParameter<"bool", "false">:$scaleDecoded,
    DefaultValuedParameter<"int64_t", "0">:$promote,
    DefaultValuedParameter<"int64_t", "0">:$streamK,
    DefaultValuedParameter<"int64_t", "0">:$ring);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    AttrBuilder<(ins "::quantmlir::quant_tile::KernelFamily":$family,
                     "::mlir::StringAttr":$chip,
                     "::llvm::ArrayRef<int64_t>":$tile,
                     "::llvm::ArrayRef<int64_t>":$warps, "int64_t":$stages,
                     "int64_t":$copy, "int64_t":$splitK,
                     "::quantmlir::quant_tensor::LayoutAttr":$weights,
                     "int64_t":$maxM,
                     "::quantmlir::quant_tile::ContractAttr":$contract,
                     CArg<"bool", "false">:$dependentLaunch,
                     CArg<"int64_t", "1">:$occupancy), [{
      return $_get($_ctxt, family, chip, tile, warps, stages, copy, splitK,
                   weights, maxM, contract, dependentLaunch, occupancy,
                   WarpgroupsAttr(), /*scaleDecoded=*/false, /*promote=*/0,
                   /*streamK=*/0, /*ring=*/0);
    }]>
  ];
  let extraClassDeclaration = [{
    int64_t getTileM() const { return getTile()[0]; }
    int64_t getTileN() const { return getTile()[1]; }
    int64_t getTileK() const { return getTile()[2]; }
    int64_t getWarpsM() const { return getWarps()[0]; }
    int64_t getWarpsN() const { return getWarps()[1]; }
    int64_t getWarpsK() const { return getWarps()[2]; }
    /// Whether the kernel is of specialised warpgroups.
    bool isWarpgroups() const {
      return getFamily() == KernelFamily::Wgmma ||
             getFamily() == KernelFamily::WgmmaDecode;
    }
    /// Warpgroups of such a block that share a tile, and all that multiply.
    int64_t getWarpgroupsPerTile() const {
      return getWarpsM() * getWarpsN() * getWarpsK() / 4;
    }
    int64_t getConsumers() const {
      return getWarpgroupsPerTile() * (getWarpgroups().isPingPong() ? 2 : 1);
    }
    /// Threads of a block.
    int64_t getThreads() const {
      if (isWarpgroups())
        return 128 * (1 + getConsumers());
      return 32 * getWarpsM() * getWarpsN() * getWarpsK();
    }
    /// The same for at most `maxM` rows, 0 for any.
    ScheduleAttr withMaxM(int64_t maxM) const;
    /// Name of the discardable attribute that holds an op's schedule.
    static ::llvm::StringRef getAttrName() { return "quant_tile.schedule"; }
    /// Name of the one that holds an array of them, ascending by `max_m`.
    static ::llvm::StringRef getListAttrName() { return "quant_tile.schedules"; }
  }];
}

def QuantTile_RowScheduleAttr : QuantTile_Attr<"RowSchedule", "row_schedule"> {
  let summary = "how a group of row-local ops is computed";
  let description = [{
    The schedule of a `quant_tile.row_group`, written by `select-row-schedule`,
    a tuner or a human. A row is held in the registers of `warps` warps; a
    block computes `rows` rows side by side, each by warps of its own. Each access is of `vector` consecutive elements, which divides the
    columns. With `packed`, columns are kept as they were loaded while the
    warps of a row wait for each other, and not as the floats that they are cast
    to, or that are computed of them, which is done again: half the registers,
    for more instructions. Where there is more than one tensor of narrow
    elements, they are read again instead. An SM has registers for
    `occupancy` blocks at least.

    Rows can be asked for before they are computed (sm_90a), where they are whole
    16 bytes. With `prefetch`, the one that many rows further down is brought
    into L2 while a row is computed. With `stages`, a block computes rows until
    there are none left, and the next `stages` ones (1, 2, 4 or 8) come into its
    shared memory meanwhile, of each of its `rows`. Of the operands that all rows
    read, `resident` then stay in shared memory as well, once for the block, the
    first in the kernel's order.

    Where a row is too long for that, the `blocks` blocks of a cluster (2, 4 or
    8, of rows with stages and several warps) share each: every block has as many
    of the columns, of its rows and of what is resident, and tells the others
    what its warps reduce, which are at most 32 in all.

    ```mlir
    #quant_tile.row_schedule<chip = "sm_90a", warps = 8, rows = 1, vector = 8, prefetch = 264>
    #quant_tile.row_schedule<chip = "sm_90a", warps = 28, rows = 1, vector = 4, stages = 2, resident = 1>
    #quant_tile.row_schedule<chip = "sm_90a", warps = 4, rows = 7, vector = 4, stages = 1, resident = 2>
    #quant_tile.row_schedule<chip = "sm_90a", warps = 4, rows = 7, vector = 4, stages = 1, resident = 2, blocks = 4>
    #quant_tile.row_schedule<chip = "sm_90a", warps = 14, rows = 1, vector = 8, packed = true, occupancy = 3>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$chip, "int64_t":$warps,
                        "int64_t":$rows, "int64_t":$vector,
                        DefaultValuedParameter<"bool", "false">:$packed,
                        DefaultValuedParameter<"int64_t", "1">:$occupancy,
                        DefaultValuedParameter<"int64_t", "0">:$prefetch,
                        DefaultValuedParameter<"int64_t", "0">:$stages,
                        DefaultValuedParameter<"int64_t", "0">:$resident,
                        DefaultValuedParameter<"int64_t", "1">:$blocks);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Threads of a block that share a row, and all threads of a block.
    int64_t getLanes() const { return 32 * getWarps(); }
    int64_t getThreads() const { return getLanes() * getRows(); }
  }];
}

def QuantTile_PlainScheduleAttr
    : QuantTile_Attr<"PlainSchedule", "plain_schedule"> {
  let summary = "how an ordinary linalg op is computed";
  let description = [{
    The schedule of a `linalg` op that is neither a contraction with a schedule
    nor part of a row group, as the discardable attribute
    `quant_tile.plain_schedule`; written by `select-plain-schedule` or a human.
    A block has `threads` threads, of which `lanes` share the reduction of one
    element of the result: 1, a warp of 32, or all of the block.

    ```mlir
    #quant_tile.plain_schedule<threads = 256, lanes = 32>
    ```
  }];
  let parameters = (ins "int64_t":$threads, "int64_t":$lanes);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Name of the discardable attribute that holds an op's schedule.
    static ::llvm::StringRef getAttrName() {
      return "quant_tile.plain_schedule";
    }
  }];
}

#endif // QUANTMLIR_QUANTTILE_ATTRS_TD
