//===- Passes.td - Deciding how things are computed -----------*- tablegen -*-===//

#ifndef QUANTMLIR_SCHEDULE_PASSES_TD
#define QUANTMLIR_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectSchedule : Pass<"select-schedule"> {
  let summary = "decide how each contraction is computed";
  let description = [{
    Writes `quant_tile.schedule` on every `quant_tensor.scaled_matmul` (or,
    where the number of rows is known at run time only,
    `quant_tile.schedules`, one for each range of M) and changes nothing else.
    A schedule that is there already, from a tuner or a human, stays; it is
    checked against the op and the chip.

    - f16 or bf16 rows on encoded weights in groups of a multiple of 8 columns:
      `mma_stream` up to 16 rows, or up to 8 where the model says that
      `wgmma_decode` takes less; beyond, `wgmma_decode` on sm_90a where rows are
      a multiple of 16 bytes, else `mma_sync`;
    - other rows on encoded weights, of f32 for one: `reduce`, a row at a time;
    - two operands of i8, f16, bf16 or floats of 8 bits on sm_90a, whose rows are
      a multiple of 16 bytes: `wgmma`;
    - other pairs of operands of i8, f16 or bf16, or on sm_90a of 8-bit floats
      without scales along K: `mma_sync`;
    - other plain operands: `plain`, the reference lowering.

    With `tuned=FILE`, an op that the file has timings of (`quant-tune` makes
    them) gets the fastest schedule instead: one where its rows are static, and
    where they are dynamic one for each number of rows that was measured, up to
    which it is used. A remark says so, or that there is no timing. A line that
    cannot be read, or whose schedule the op cannot obey any more, is an error
    at that line; timings for other chips are passed over.

    Sums of 8-bit floats leave the tensor core's accumulators, which keep 13
    bits, often enough for a bound that does not grow with K. With
    `fast-accumulation` they stay there, where scales do not change along K:
    faster, with the bound of that many bits, which is written into the contract
    and says nothing any more from K of about 8000 on.

    Encoded weights that no kernel can read are an error at the op, or, with
    `allow-plain`, scheduled `plain` with a remark. Parameters chosen by `kl`, for
    which there is no kernel either, are an error without it.

    ```mlir
    %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w4g128>) ...
    ```

    with `chip=sm_90a` gets

    ```mlir
    quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [1, 16, 1024],
        warps = [1, 1, 16], stages = 2, weights = <fragment, tile = [16, 64]>, contract = <...>,
        dependent_launch = true, occupancy = 2>
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_90a\"",
           "the target: sm_80, sm_89 or sm_90a">,
    Option<"allowPlain", "allow-plain", "bool", "false",
           "schedule what no kernel can compute for the reference lowering">,
    Option<"tuned", "tuned", "std::string", "\"\"",
           "a file of timings, whose best schedules are used">,
    Option<"tunedGpu", "tuned-gpu", "std::string", "\"\"",
           "use only timings of GPUs whose name contains this">,
    Option<"fastAccumulation", "fast-accumulation", "bool", "false",
           "keep sums of 8-bit floats in accumulators of 13 bits">
  ];
  let dependentDialects = ["::quantmlir::quant_tile::QuantTileDialect"];
}

def SelectRowSchedule : Pass<"select-row-schedule"> {
  let summary = "decide how each group of row-local ops is computed";
  let description = [{
    Writes the schedule of every `quant_tile.row_group` and changes nothing
    else. One that is there already stays; it is checked against the chip.

    - vectors of 16 bytes of the widest tensor that has all columns, less where
      they do not divide the columns;
    - as many warps a row as keep a thread at 32 columns, or near 40 where one
      tensor is read; rows of one warp go eight to a block;
    - as many blocks in an SM as there are registers for;
    - rows asked for in advance where they are computed and not just moved, into
      L2 or, by blocks that stay on an SM, into stages of shared memory;
    - what all rows read (the weight of a norm) kept there by such blocks;
    - the blocks of a cluster for a row that is too long for one.

    ```mlir
    %q, %s = quant_tile.row_group columns 4096 -> (tensor<?x4096xi8>, tensor<?xf32>) { ... }
    ```

    of bf16 data, with `chip=sm_90a`, gets

    ```mlir
    schedule <chip = "sm_90a", warps = 4, rows = 1, vector = 8, occupancy = 9>
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_90a\"",
           "the target: sm_80, sm_89 or sm_90a">
  ];
  let dependentDialects = ["::quantmlir::quant_tile::QuantTileDialect"];
}

def SelectPlainSchedule : Pass<"select-plain-schedule"> {
  let summary = "decide how each ordinary linalg op is computed";
  let description = [{
    Writes `quant_tile.plain_schedule` on every `linalg` op outside of
    `quant_tile.row_group` and changes nothing else. One that is there already
    stays; it is checked against the op.

    - A thread computes an element of the result, in blocks of 256;
    - a warp does where 16 elements or more are reduced along a dimension that
      lies contiguous in some input, in any order;
    - a block does from 1024 elements on.

    ```mlir
    %s = linalg.reduce { arith.addf } ins(%x : tensor<8x512xf32>) outs(%z : tensor<8xf32>) dimensions = [1]
    ```

    gets

    ```mlir
    quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 256, lanes = 32>
    ```
  }];
  let dependentDialects = ["::quantmlir::quant_tile::QuantTileDialect"];
}

#endif // QUANTMLIR_SCHEDULE_PASSES_TD
