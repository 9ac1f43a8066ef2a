//===- Passes.td - Passes on quant_tensor ---------------------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSOR_PASSES_TD
#define QUANTMLIR_QUANTTENSOR_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantTensorVerifyEncodings : Pass<"quant-tensor-verify-encodings"> {
  let summary = "refuse encodings that upstream dropped, cut, permuted or bufferized";
  let description = [{
    Encodings are checked where a type is parsed; a type that a pass builds is
    not. Many upstream passes and ops treat an encoding as something to carry
    along or to forget. This pass checks every type, and accepts an encoded
    tensor only on ops that respect it:

    - the ops of `quant_tensor`, calls, branches, structured control flow and
      selects, which hand a value on under the same type;
    - inputs of `linalg` ops, where it means its logical values;
    - `tensor.dim`, and `tensor.cast` that changes extents only;
    - `tensor.extract_slice` along whole blocks and words: offsets are provably
      multiples of the block's extent, sizes too or up to the dimension's end.

    Everything else is an error at the op: casts that drop, give or change an
    encoding, slices through a block, reshapes, padding, concatenation, encoded
    inits (`outs`), constants, vector reads, arithmetic, buffers.

    Bufferization of function boundaries and signature conversions leave no op
    behind that could be refused. With `pin-signatures`, the encodings of
    function arguments and results are also written into the attribute
    `quant_tensor.pinned_encoding`, and IR in which a type no longer has its
    pinned encoding fails to verify, right after the pass that lost it.
    Remove the attribute when lowering encodings on purpose.

    ```mlir
    // K tiles of 64 cut the blocks of 128.
    // error: 'tensor.extract_slice' op size of dimension #1 is not a multiple of 128 ...
    %0 = tensor.extract_slice %w[0, 0] [64, 64] [1, 1]
        : tensor<512x4096xbf16, #w4g128> to tensor<64x64xbf16, #w4g128>
    ```
  }];
  let options = [
    Option<"pinSignatures", "pin-signatures", "bool", /*default=*/"false",
           "Write the encodings of function signatures into arg and result "
           "attributes that the dialect verifies after every later pass">
  ];
}

def QuantTensorCollapseContractions
    : Pass<"quant-tensor-collapse-contractions"> {
  let summary = "several dimensions of K or N of a contraction as one";
  let description = [{
    A `linalg` op that contracts several dimensions which are side by side, in
    one order, in both operands (the output projection of attention contracts
    heads and their elements) becomes a `linalg.generic` that contracts one, so
    that the passes that follow see a matrix product. So do several dimensions of
    columns (its input projections have heads and their elements there), which
    are the last ones of the result: it is split again behind the elementwise ops
    that follow. Operands are collapsed below casts and `dequantize`; this moves
    no bytes. An encoded operand is collapsed too where its blocks stay runs of
    elements: blocks of one element of the outer of these dimensions, of some of
    the next that divide it, and of all of the inner ones.

    ```mlir
    %y = linalg.generic {indexing_maps = [#bshd, #nhd, #bsn], iterator_types =
          ["parallel", "parallel", "parallel", "reduction", "reduction"]}
        ins(%x, %w : tensor<2x5x4x16xbf16>, tensor<64x4x16xbf16>) outs(%init : tensor<2x5x64xf32>) {...}
    // becomes
    %0 = tensor.collapse_shape %x [[0], [1], [2, 3]] : tensor<2x5x4x16xbf16> into tensor<2x5x64xbf16>
    %1 = tensor.collapse_shape %w [[0], [1, 2]] : tensor<64x4x16xbf16> into tensor<64x64xbf16>
    %y = linalg.generic {indexing_maps = [#bsk, #nk, #bsn], iterator_types =
          ["parallel", "parallel", "parallel", "reduction"]}
        ins(%0, %1 : tensor<2x5x64xbf16>, tensor<64x64xbf16>) outs(%init : tensor<2x5x64xf32>) {...}
    ```
  }];
  let dependentDialects = [
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
    "::quantmlir::quant_tensor::QuantTensorDialect"
  ];
}

def QuantTensorOrderGroups : Pass<"quant-tensor-order-groups"> {
  let summary = "sort the columns of weights by group where a contraction reads them";
  let description = [{
    A contraction that reads a `dequantize_indexed` (GPTQ's act-order: the group
    of each column is given by an index) reads a `dequantize` of the same weights
    with their columns sorted by group instead, and its other operand gathered in
    the same order: a sum does not depend on the order of its terms. The weights
    are ordinary ones from there on. Sorting depends on weights alone, so that it
    is done once, in the prepare function; the gather is done in each run, once
    for all contractions that share the operand and the index. An operand that is
    quantized in whole rows is gathered before it is quantized.

    A contraction that cannot do so says why in a missed remark, and reads
    weights that are dequantized to memory.

    ```mlir
    %d = quant_tensor.dequantize_indexed %w by %g : tensor<64x128xbf16, #w4>, tensor<128xi32> -> tensor<64x128xbf16>
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
        ins(%x, %d : tensor<8x128xbf16>, tensor<64x128xbf16>) outs(%init : tensor<8x64xf32>) -> tensor<8x64xf32>
    // becomes
    %sorted, %order, %position = quant_tensor.order_groups %w by %g : ...
    %d = quant_tensor.dequantize %sorted : tensor<64x128xbf16, #w4> -> tensor<64x128xbf16>
    %xs = linalg.generic ... ins(%order : tensor<128xi32>) outs(%empty : tensor<8x128xbf16>) { tensor.extract %x[..] }
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
        ins(%xs, %d : tensor<8x128xbf16>, tensor<64x128xbf16>) outs(%init : tensor<8x64xf32>) -> tensor<8x64xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::quantmlir::quant_tensor::QuantTensorDialect"
  ];
}

def QuantTensorPullDequantize : Pass<"quant-tensor-pull-dequantize"> {
  let summary = "pull dequantization into the contraction that reads it";
  let description = [{
    A contraction (`linalg.matmul`, `batch_matmul`, `matvec`, `vecmat` or a
    `linalg.generic` that contracts one dimension) of a float tensor with an
    encoded one, or with a `dequantize`, becomes a `scaled_matmul` on the
    encoded operand: the weights stay packed in memory. The sum is in f32 and
    is rounded once to the result's type; an init that is not zero becomes an
    epilogue operand. A K×N encoded operand is described N×K by its layout, its
    bytes stay where they are. Rounding a dequantized value to a narrower
    float is dropped: the contraction sees the exact values.

    A dequantized tensor that is sliced, reshaped or joined with others
    (`tensor.concat`, or slices inserted side by side), is that as it is encoded,
    where whole blocks and bytes allow it. An elementwise product with one that is
    summed is a contraction, too. Of a static number of batches of
    encoded weights, up to 128, each is a contraction of its own.

    ```mlir
    %d = quant_tensor.dequantize %w : tensor<64x128xbf16, #w4> -> tensor<64x128xbf16>
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
        ins(%x, %d : tensor<8x128xbf16>, tensor<64x128xbf16>) outs(%zero : tensor<8x64xf32>) -> tensor<8x64xf32>
    // becomes
    %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x128xbf16>, tensor<64x128xbf16, #w4>)
        maps [] outs(%init : tensor<8x64xf32>) {
    ^bb0(%acc: f32):
      quant_tensor.yield %acc : f32
    } -> tensor<8x64xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::quantmlir::quant_tensor::QuantTensorDialect"
  ];
}

def QuantTensorDecomposeOutliers : Pass<"quant-tensor-decompose-outliers"> {
  let summary = "outlier_matmul as a float and an integer contraction";
  let description = [{
    `quant_tensor.outlier_matmul` becomes a `quantize` of the left-hand side
    without its outliers, a contraction of that with the right-hand side, and a
    contraction of the outliers that starts from its result; the other passes of
    the algebra fuse each. Where columns are known, the second one reads these
    alone, of both sides; where a threshold finds them, it reads all columns, with
    zeros for those that are no outliers.

    ```mlir
    %y = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32, #channel>)
        columns([3, 17]) outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
    // becomes
    %q = quant_tensor.quantize %rest : tensor<8x64xf32> -> tensor<8x64xf32, #token>
    %0 = linalg.generic ... ins(%q, %w : tensor<8x64xf32, #token>, tensor<32x64xf32, #channel>) outs(%zeros : tensor<8x32xf32>)
    %y = linalg.generic ... ins(%x2, %w2 : tensor<8x2xf32>, tensor<32x2xf32, #channel>) outs(%0 : tensor<8x32xf32>)
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect",
    "::quantmlir::quant_tensor::QuantTensorDialect"
  ];
}

def QuantTensorDecomposeContractions
    : Pass<"quant-tensor-decompose-contractions"> {
  let summary = "contractions of encoded tensors on their codes";
  let description = [{
    `Y = Sx·(X·Wᵀ)·Sw`: a contraction of two encoded operands (or of their
    `dequantize`) with integer codes becomes an `int_matmul` of the codes, moved
    to rows of bytes where they are narrower, and an elementwise op that scales;
    of 8-bit floats, a `scaled_matmul`. `linalg.quantized_matmul` and its batched
    form become an `int_matmul` with zero points.

    Where the right-hand side stands in the way (its scales vary along K or are
    shared by groups of rows, its codes are floats, its zero points are), a
    `scaled_matmul` decodes it, and reads the left-hand side's codes of 8 bits, less
    their zero points, as f16, which is exact. What is left says why in a remark.

    Zero points are then expanded, all in i32, which wraps as the sum itself:

        Σ(x - zx)(w - zw) = Σxw - zw·Σx - zx·(Σw - K·zw)

    The last factor depends on weights alone. `expand-zero-points=false` keeps
    them in the `int_matmul`.

    ```mlir
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
        ins(%x, %w : tensor<8x64xf32, #token>, tensor<32x64xf32, #channel>) outs(%zero : tensor<8x32xf32>) -> tensor<8x32xf32>
    // becomes
    %xc, %xs = quant_tensor.disassemble %x : ...
    %wc, %ws = quant_tensor.disassemble %w : ...
    %acc = quant_tensor.int_matmul ins(%xc, %wc : tensor<8x64xi8>, tensor<32x64xi8>) outs(%init : tensor<8x32xi32>) -> tensor<8x32xi32>
    %y = linalg.generic ... ins(%acc, %xs, %ws : tensor<8x32xi32>, tensor<8x1xf32>, tensor<32x1xf32>) ...
    ```
  }];
  let options = [
    Option<"expandZeroPoints", "expand-zero-points", "bool", "true",
           "expand the zero points of int_matmul into sums of codes">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::quantmlir::quant_tensor::QuantTensorDialect"
  ];
}

def QuantTensorFuseEpilogue : Pass<"quant-tensor-fuse-epilogue"> {
  let summary = "fuse scaling and other elementwise ops into contractions";
  let description = [{
    The int_mm + mul fusion and its continuation. An `i8·i8 -> i32`
    contraction whose i32 result is turned to float by elementwise ops becomes
    a `scaled_matmul`, and whatever elementwise ops follow a `scaled_matmul`
    (scales per tensor, row or column, bias, activation, residual, rounding to
    i8) move into its epilogue; so does a `quantize` to 8 bits whose parameters
    are given. The arithmetic is moved, not changed: the scale is promoted as
    the IR says. Of an op with several results, such as values and their codes,
    the one that all others are computed of moves, and the others read it.

    A contraction whose i32 result is needed as such says why in a missed
    remark, and becomes a `scaled_matmul` that yields the sum. So does a product
    of f16, bf16 or 8-bit float tensors, unless it has one row or one column (see
    `quant-tensor-rewrite-batch-1`): the sum is in f32, and rounded once where
    the result is f16 or bf16.

    ```mlir
    %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
    %y = linalg.generic {indexing_maps = [#mn, #m, #n, #mn], iterator_types = ["parallel", "parallel"]}
        ins(%acc, %sx, %sw : tensor<8x32xi32>, tensor<8xf32>, tensor<32xf32>) outs(%init : tensor<8x32xf32>) {...}
    // becomes
    %y = quant_tensor.scaled_matmul ins(%x, %wt : tensor<8x64xi8>, tensor<32x64xi8>)
        epilogue(%sx, %sw : tensor<8xf32>, tensor<32xf32>) maps [#m, #n] outs(%init : tensor<8x32xf32>) {...}
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect",
    "::quantmlir::quant_tensor::QuantTensorDialect"
  ];
}

def QuantTensorMergeContractions
    : Pass<"quant-tensor-merge-contractions"> {
  let summary = "contractions that read one operand, such as q, k and v, as one";
  let description = [{
    Several `scaled_matmul` that read the same left-hand side, with weights of one
    encoding and equal epilogues, become one, whose weights are theirs below each
    other; operands of epilogues that are read by columns (scales, bias) are joined
    alike. That depends on weights alone and is done once, in the prepare function.
    Each result is a slice of the columns, which plain kernels read where it is.

    Where the epilogue of one reads the other's result, at the same place, and nothing
    else does (up and gate of a gated MLP), they become a `paired` one: rows of their
    weights alternate, one epilogue follows the other, and what was read is in no
    memory. That is done of encoded weights and of codes.

    A contraction stays alone, and says why in a missed remark, where joining would
    cost each run something: a right-hand side or a bias that is no weight, a result
    that a function returns or that a contraction reads (both need rows that follow
    each other); and where kernels would have to differ: other encodings, other
    epilogues (a bias of one of them alone), results of another type, rows that
    share scales. Of two that would be a pair: weights in floats of 16 bits or more,
    rows that share scales.

    Off by default (`quant-compile --merge-contractions`): an elementwise op that
    reads a slice may become part of a kernel of whole rows later, which gets a
    copy of the slice.

    ```mlir
    %q = quant_tensor.scaled_matmul ins(%x, %wq : tensor<1x64xbf16>, tensor<64x64xbf16, #w4>) ... -> tensor<1x64xf32>
    %k = quant_tensor.scaled_matmul ins(%x, %wk : tensor<1x64xbf16>, tensor<32x64xbf16, #w4>) ... -> tensor<1x32xf32>
    // becomes
    %w = quant_tensor.assemble ... : ... -> tensor<96x64xbf16, #w4>
    %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xbf16>, tensor<96x64xbf16, #w4>) ... -> tensor<1x96xf32>
    %q = tensor.extract_slice %y[0, 0] [1, 64] [1, 1] : tensor<1x96xf32> to tensor<1x64xf32>
    %k = tensor.extract_slice %y[0, 64] [1, 32] [1, 1] : tensor<1x96xf32> to tensor<1x32xf32>

    %g = quant_tensor.scaled_matmul ins(%x, %wg : tensor<1x64xbf16>, tensor<32x64xbf16, #w4>) ... -> tensor<1x32xf32>
    %u = quant_tensor.scaled_matmul ins(%x, %wu : ...) epilogue(%g : tensor<1x32xf32>) maps [#id] ... {
    ^bb0(%acc: f32, %e: f32):
      %0 = math.tanh %e : f32
      %1 = arith.mulf %0, %acc : f32
      quant_tensor.yield %1 : f32
    }
    // becomes
    %u = quant_tensor.scaled_matmul paired ins(%x, %w : tensor<1x64xbf16>, tensor<64x64xbf16, #w4>) ... {
    ^bb0(%a: f32, %acc: f32):
      %0 = math.tanh %a : f32
      %1 = arith.mulf %0, %acc : f32
      quant_tensor.yield %1 : f32
    }
    ```
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect",
                           "::quantmlir::quant_tensor::QuantTensorDialect"];
}

def QuantTensorLowerEncodings
    : Pass<"quant-tensor-lower-encodings", "::mlir::ModuleOp"> {
  let summary = "replace encoded tensors by codes, scales and zero points";
  let description = [{
    A 1:N conversion: function arguments and results, calls, branches, loops and
    conditionals that carry an encoded tensor carry its parts instead, and
    `tensor.dim`, `tensor.empty`, `tensor.cast`, `arith.select` and aligned
    `tensor.extract_slice` work on the parts. Ops that compute with encoded
    tensors (`quant_tensor` and `linalg` ops that are still there) read an
    `assemble` and are read through a `disassemble`.

    Argument `w` becomes `w.codes`, `w.scales` and `w.zero_points` (attribute
    `quant_tensor.name`; every argument and result of a changed function gets
    its name written down, because positions shift), each with the attributes of
    `w` and `quant_tensor.weight`.

    ```mlir
    // Before
    func.func private @f(%w: tensor<8x64xf32, #w4> {quant_tensor.name = "w"})
    // After
    func.func private @f(
        %0: tensor<8x32xi8> {quant_tensor.name = "w.codes", quant_tensor.weight},
        %1: tensor<8x2xf32> {quant_tensor.name = "w.scales", quant_tensor.weight})
    ```

    An op that holds an encoded tensor and has no such form is an error at its
    location.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def QuantTensorRewriteBatchOne : Pass<"quant-tensor-rewrite-batch-1"> {
  let summary = "batch-1 contractions to an elementwise product and a sum";
  let description = [{
    A matrix times a vector moves bytes, and a tiled kernel wastes most of its
    tile. A contraction of plain tensors with at most `max-m` rows or columns
    becomes an elementwise product, in the type the contraction sums in, and a
    `linalg.reduce`, or with `generic-sum` a `linalg.generic`, which upstream's
    elementwise fusion makes one loop nest with the product. Where the number of
    rows is dynamic, both versions stand behind a test of it. The gate is the
    options alone, so that the pass serves any compiler's `linalg`.

    ```mlir
    %y = linalg.matmul ins(%x, %w : tensor<1x64xf32>, tensor<64x32xf32>) outs(%init : tensor<1x32xf32>) -> tensor<1x32xf32>
    // becomes
    %p = linalg.generic {indexing_maps = [#mk, #kn, #mnk], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %w : tensor<1x64xf32>, tensor<64x32xf32>) outs(%e : tensor<1x32x64xf32>) { mulf }
    %y = linalg.reduce { arith.addf } ins(%p : tensor<1x32x64xf32>) outs(%init : tensor<1x32xf32>) dimensions = [2]
    ```
  }];
  let options = [
    Option<"maxM", "max-m", "int64_t", "1",
           "largest number of rows, or of columns, to rewrite">,
    Option<"testM", "test-m", "bool", "true",
           "where the number of rows is dynamic, make both versions">,
    Option<"genericSum", "generic-sum", "bool", "false",
           "write the sum as a linalg.generic">,
    ListOption<"types", "types", "std::string",
               "element types of the operands to rewrite (default: any)">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def QuantTensorHoistPrepare
    : Pass<"quant-tensor-hoist-prepare", "::mlir::ModuleOp"> {
  let summary = "move what depends on weights alone into a function that runs once";
  let description = [{
    Encoded arguments, arguments with `quant_tensor.weight` and constant tables
    are weights. Ops without side effects that read nothing but weights move,
    from nested regions too, into `@<f>.prepare`, whose results `@f` takes as
    arguments in place of the weights that it no longer reads. A weight that
    `@f` reads as it is stays its argument, without a copy; bundling (`assemble`,
    `disassemble`), reshapes and the like stay beside their users. Encoded
    results pass from one function to the other as codes, scales and zero
    points.

    A function that is called, or that has its prepare function already, is
    left alone. A product whose right-hand side is repacked or transposed at
    every call, since it is made of arguments that are not marked as weights,
    says so in a missed remark.

    ```mlir
    func.func @f(%x: tensor<8x64xf32>, %w: tensor<32x64xf32, #w4> {quant_tensor.name = "w"}) -> tensor<8x32xf32> {
      %p = quant_tensor.repack %w : tensor<32x64xf32, #w4> -> tensor<32x64xf32, #w4fragment>
      ...
    }
    // becomes
    func.func @f(%x: tensor<8x64xf32> {quant_tensor.name = "arg0"},
                 %codes: tensor<2x1x128xi32> {quant_tensor.name = "w.codes", quant_tensor.prepared = 0},
                 %scales: tensor<32x2xf32> {quant_tensor.name = "w.scales", quant_tensor.prepared = 1})
        -> tensor<8x32xf32> attributes {quant_tensor.prepare = @f.prepare} {
      %p = quant_tensor.assemble %codes, %scales : ...
      ...
    }
    func.func @f.prepare(%w: tensor<32x64xf32, #w4> {quant_tensor.name = "w"})
        -> (tensor<2x1x128xi32> {quant_tensor.name = "w.codes"}, tensor<32x2xf32> {quant_tensor.name = "w.scales"})
        attributes {quant_tensor.prepare_of = @f} {...}
    ```
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::quantmlir::quant_tensor::QuantTensorDialect"];
}

def QuantTensorApplyLayout : Pass<"quant-tensor-apply-layout"> {
  let summary = "give scheduled contractions the weights and the tests of M they need";
  let description = [{
    Obeys `quant_tile.schedule`: where it names a layout of the weights that
    they do not have, a `repack` is inserted before the op. An op with
    `quant_tile.schedules`, one for each range of M, becomes a chain of tests
    of M with a copy of the op, scheduled, in each branch. All kernel families
    read encoded weights in one fragment layout, so the branches share one
    repack and no weight is stored twice. Kernels do not tell codes of NaN or
    infinity from numbers, so weights of `f8E4M3FN` or `f8E5M2` go through
    `poison_scales` first; their scales are prepared once, as codes are, and
    each row has its own. An op scheduled `plain` loses its
    schedule: the reference lowering takes it.

    ```mlir
    %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x64xbf16>, tensor<32x64xbf16, #w4>) ...
        attributes {quant_tile.schedules = [#reduce_up_to_1, #mma_sync]}
    // becomes
    %p = quant_tensor.repack %w : tensor<32x64xbf16, #w4> -> tensor<32x64xbf16, #w4fragment>
    %few = arith.cmpi ule, %m, %c1 : index
    %y = scf.if %few -> (tensor<?x32xf32>) {
      %0 = quant_tensor.scaled_matmul ins(%x, %p : ...) attributes {quant_tile.schedule = #reduce_up_to_1}
      scf.yield %0
    } else {
      %1 = quant_tensor.scaled_matmul ins(%x, %p : ...) attributes {quant_tile.schedule = #mma_sync}
      scf.yield %1
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::quantmlir::quant_tile::QuantTileDialect"
  ];
}

def QuantTensorForwardWeights
    : Pass<"quant-tensor-forward-weights", "::mlir::ModuleOp"> {
  let summary = "take what a prepare function passes through from the user";
  let description = [{
    A result of `@f.prepare` that is one of its arguments, such as the scales of
    a weight whose codes alone are repacked, would be copied once for nothing.
    `@f` takes the weight itself instead, by its name, and the result goes away;
    so does an argument of either function that it does not read and that the
    other one takes, and a prepare function without results. Runs after
    `quant-tensor-lower-encodings` and a canonicalization, which show what is
    passed through.

    ```mlir
    func.func @f(%x: tensor<64xf32>, %c: tensor<32x64xf32> {quant_tensor.prepared = 0 : i64},
                 %s: tensor<32xf32> {quant_tensor.prepared = 1 : i64}) -> tensor<32xf32>
    func.func @f.prepare(%w: tensor<32x64xi8> {quant_tensor.name = "w"},
                         %t: tensor<32xf32> {quant_tensor.name = "s"}) -> (tensor<32x64xf32>, tensor<32xf32>) {
      %d = arith.sitofp %w : tensor<32x64xi8> to tensor<32x64xf32>
      return %d, %t : tensor<32x64xf32>, tensor<32xf32>
    }
    // becomes
    func.func @f(%x: tensor<64xf32>, %c: tensor<32x64xf32> {quant_tensor.prepared = 0 : i64},
                 %s: tensor<32xf32> {quant_tensor.name = "s"}) -> tensor<32xf32>
    func.func @f.prepare(%w: tensor<32x64xi8> {quant_tensor.name = "w"}) -> tensor<32x64xf32> {...}
    ```
  }];
}

def QuantTensorOutlineConstants
    : Pass<"quant-tensor-outline-constants", "::mlir::ModuleOp"> {
  let summary = "tables of constants to arguments that carry their value";
  let description = [{
    Weights written into the program (`arith.constant` with `dense` or
    `dense_resource`) become arguments of the function, marked
    `quant_tensor.weight` and with their value as `quant_tensor.constant`: they
    are weights like any other from there on, prepared once, and the artifact
    carries them in a file of its own. Equal constants of a module get one name.

    A table of at most `max-bytes` that only `linalg` ops compute with stays where
    it is, since a kernel can hold it, and so do constants whose elements are all equal
    and those whose elements a buffer cannot have. A function that is called is
    left alone: its signature must stay.

    ```mlir
    func.func @f(%x: tensor<2x8xf32>) -> tensor<2x4xf32> {
      %w = arith.constant dense<...> : tensor<8x4xf32>
      ...
    }
    // becomes
    func.func @f(%x: tensor<2x8xf32>,
                 %w: tensor<8x4xf32> {quant_tensor.constant = dense<...> : tensor<8x4xf32>,
                                      quant_tensor.name = "constant0", quant_tensor.weight}) -> tensor<2x4xf32>
    ```
  }];
  let options = [
    Option<"maxBytes", "max-bytes", "int64_t", /*default=*/"16384",
           "the largest table that a kernel holds itself">
  ];
  let dependentDialects = ["::quantmlir::quant_tensor::QuantTensorDialect"];
}

#endif // QUANTMLIR_QUANTTENSOR_PASSES_TD
