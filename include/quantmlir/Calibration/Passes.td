//===- Passes.td - Calibration and quantization of models -----*- tablegen -*-===//

#ifndef QUANTMLIR_CALIBRATION_PASSES_TD
#define QUANTMLIR_CALIBRATION_PASSES_TD

include "mlir/Pass/PassBase.td"

def InsertObservers : Pass<"quant-tensor-insert-observers", "::mlir::ModuleOp"> {
  let summary = "observe what a scheme will quantize";
  let description = [{
    Puts a `quant_tensor.observe` before each contraction of float activations with
    a weight: one with the attribute `quant_tensor.weight`, a table of constants, or
    what is computed from these. The statistics of the activations of layer `fc`
    are called `fc.input`, those of its weight `fc.weight`; a layer is called as its
    weight is (without a trailing `.weight`), or `<function>.<number>`. Channels are
    those that are contracted.

    With `scheme` and `overrides`, only layers that they quantize are observed. A
    contraction of floats that is no layer says why in a missed remark.

    ```mlir
    func.func @f(%x: tensor<8x64xf32>, %w: tensor<32x64xf32> {quant_tensor.name = "fc.weight", quant_tensor.weight}, ...
      %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : ...) ...
    // becomes
      %0 = quant_tensor.observe %x name("fc.input") kinds([minmax, absmean, histogram]) : tensor<8x64xf32>
      %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%0, %w : ...) ...
    ```
  }];
  let options = [
    Option<"scheme", "scheme", "std::string", "\"\"",
           "observe what this scheme quantizes (default: every layer)">,
    Option<"overrides", "overrides", "std::string", "\"\"",
           "other schemes by name: pattern=scheme;pattern=scheme">,
    ListOption<"kinds", "kinds", "std::string",
               "statistics of activations: minmax, absmean, histogram, xtx, rows "
               "(default: the first three)">,
    Option<"weights", "weights", "bool", "false",
           "observe weights as well (minmax, absmean, histogram)">
  ];
  let dependentDialects = ["::quantmlir::quant_tensor::QuantTensorDialect"];
}

def QuantizeModel : Pass<"quant-tensor-quantize-model", "::mlir::ModuleOp"> {
  let summary = "float linalg to encoded tensors, by a scheme";
  let description = [{
    Encodes the weight of each layer (as `quant-tensor-insert-observers` defines
    them), and its activations where the scheme has a part for them. Schemes are
    written as

        weights[/activations]

    each a type and words behind commas: `int2`..`int8`, `fp8`, `fp8_e5m2`, `fp4`,
    `nf4`, `mxfp4` or `none`; `tensor`, `channel` (weights), `token` (activations),
    `group=G`, `block=NxK`; `symmetric`, `asymmetric`; `scale=f32|f16|bf16|f8E8M0FNU|f8E4M3FN`;
    `absmax`, `minmax`, `percentile=P`, `mse=CANDIDATES`, `kl=CANDIDATES`;
    `dynamic`, `static` (activations); `outliers=T`, `static-outliers=T`
    (activations: `outlier_matmul` with that threshold, or with the columns whose
    magnitudes reach it in the statistics). `overrides` gives other schemes to layers
    whose names match a pattern (`*`, `?`, `[a-z]`, `{a,b}`); the first that does counts,
    and one that no layer matches is a warning. Codes mean `(code - zero point) * scale`.

    `method` is a way to choose parameters, for all that names none, or one to find
    codes of weights: `round` (to nearest), `gptq`, `awq`, `awq+gptq`. The latter
    three need `stats` (`xtx`, and `absmean` for AWQ) and what the weights hold: they
    are constants, or arguments whose values are in the file `values`. AWQ scales
    channels as `quant-tensor-smooth-activations=search=...` does. Codes that GPTQ
    finds are constants of the program; those of arguments are written to the
    file `codes`, which `quant-run --inputs` takes, and the function takes them with
    `weights=arguments`.

    Parameters of weights are chosen from the weights, those of dynamic activations
    from the data of each call, and those of static ones here, from the statistics
    in the file `stats`.

    With `weights=in-place` the function still takes float weights, which are
    quantized once, in the function that `quant-tensor-hoist-prepare` makes. With
    `weights=arguments`, it takes encoded ones where one layer's weight is an
    argument or, after smoothing, computed from one alone; what makes them of float weights is `@<function>.quantize` where
    `emit` is `both`, and the whole output where it is `quantizer`.

    Each decision is a remark. Statistics that do not fit the model are an error
    at the layer.

    ```mlir
    // scheme=int8,channel/int8,token
    %xq = quant_tensor.quantize %x : tensor<?x64xf32> -> tensor<?x64xf32, #token>
    %wq = quant_tensor.quantize %w : tensor<32x64xf32> -> tensor<32x64xf32, #channel>
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%xq, %wq : ...) ...
    ```
  }];
  let options = [
    Option<"scheme", "scheme", "std::string", "\"\"",
           "how to quantize; required">,
    Option<"overrides", "overrides", "std::string", "\"\"",
           "other schemes by name: pattern=scheme;pattern=scheme">,
    Option<"stats", "stats", "std::string", "\"\"",
           "statistics that quant-run --calibrate wrote">,
    Option<"method", "method", "std::string", "\"\"",
           "of choosing parameters (and its number) for all that does not "
           "name one; or round, gptq, awq, awq+gptq">,
    Option<"values", "values", "std::string", "\"\"",
           "values of weights that are arguments, as quant-run --inputs takes "
           "them">,
    Option<"codes", "codes", "std::string", "\"\"",
           "write GPTQ's codes of weights that are arguments">,
    Option<"weights", "weights", "std::string", "\"in-place\"",
           "in-place or arguments">,
    Option<"emit", "emit", "std::string", "\"model\"",
           "model, quantizer or both">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
    "::quantmlir::quant_tensor::QuantTensorDialect"
  ];
}

def SmoothActivations
    : Pass<"quant-tensor-smooth-activations", "::mlir::ModuleOp"> {
  let summary = "move outliers of activations into weights (SmoothQuant, AWQ)";
  let description = [{
    `Y = X Wᵀ` becomes `(X diag(s)⁻¹) (W diag(s))ᵀ`, with one `s` for all layers that
    read one `X`: the same result but for rounding, and activations without channels
    that are much larger than the rest. With `stats`, `s_k = max|x_k|^alpha /
    max|w_k|^(1 - alpha)` (SmoothQuant), from the statistics `fc.input` and
    `fc.weight` of layer `fc` (observe with `weights=true`), 1 for a channel of
    zeros. With `scales`, `s` is the tensor `fc.smooth` of that file, as AWQ or a
    search made it.

    With `search`, a scheme, alpha is searched for on what calibration saw, each layer
    under the scheme that `overrides` gives it, or this one. Where one of a group
    quantizes activations too, it is SmoothQuant's, and loses least of
    `X Wᵀ` on the rows that `fc.input` keeps (observe kinds `minmax` and `rows`).
    For weights alone it is AWQ's: `s_k = mean|x_k|^alpha`, about the
    middle of all, with the least `‖(W − Ŵ)X‖²` (kinds `absmean` and `xtx`). Weights
    that are arguments have their values in `values`.

    `smoothed-stats` is where statistics of the smoothed model go, without those
    of weights and without histograms.

    `1/s` is folded into what makes `X` where nothing else reads it: gain and bias of
    a norm, or the weight and bias of the layer before, through additions, products,
    casts and ReLU; vectors of gains and biases have to be weights. Elsewhere it is a
    multiplication of its own, and a missed remark says why. `overrides` with the
    scheme `none` leaves layers out.

    SmoothQuant's levels are the schemes of `quant-tensor-quantize-model` that
    follow: O1 is `int8/int8,token`, O2 `int8/int8,tensor`, O3
    `int8/int8,tensor,static`, whose statistics are those of the smoothed model:
    observe and calibrate it again.

    ```mlir
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32>) ...
    // becomes
    %ws = linalg.generic ... ins(%w, %s : tensor<32x64xf32>, tensor<64xf32>) {w * s}
    %xs = linalg.generic ... ins(%x, %t : tensor<8x64xf32>, tensor<64xf32>) {x * (1/s)}
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%xs, %ws : tensor<8x64xf32>, tensor<32x64xf32>) ...
    ```
  }];
  let options = [
    Option<"stats", "stats", "std::string", "\"\"",
           "statistics of activations and weights">,
    Option<"alpha", "alpha", "double", "0.5",
           "how much of the outliers moves, from 0 to 1">,
    Option<"search", "search", "std::string", "\"\"",
           "search for alpha under this scheme">,
    Option<"values", "values", "std::string", "\"\"",
           "values of weights that are arguments, as quant-run --inputs takes "
           "them">,
    Option<"smoothedStats", "smoothed-stats", "std::string", "\"\"",
           "write statistics of the smoothed model">,
    Option<"scales", "scales", "std::string", "\"\"",
           "a file of scales, in place of stats">,
    Option<"overrides", "overrides", "std::string", "\"\"",
           "layers to leave out (pattern=none;pattern=none), or to search under "
           "other schemes">,
    Option<"fold", "fold", "bool", "true",
           "fold scales into what makes the activations, where that can be">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def RotateActivations
    : Pass<"quant-tensor-rotate-activations", "::mlir::ModuleOp"> {
  let summary = "spread outliers over all channels (QuaRot)";
  let description = [{
    `Y = X Wᵀ` becomes `(X Q) (W Q)ᵀ` for all layers that read one `X`, with `Q` the
    orthogonal Hadamard rotation of K channels: the same result but for rounding,
    and no channel that is much larger than the rest. `Q` is a product of small
    matrices (one of an order that there is a construction for, and Sylvester's of
    up to 64), each a contraction along a factor of the reshaped dimension; a K
    without a construction is left alone, with a missed remark.

    Weights are rotated when they are prepared. The rotation of `X` is folded into
    the weight and bias of the layer that makes it, where only additions and
    casts stand in between. Elsewhere it is computed in each call, in f32, and a
    missed remark says why. `overrides` with the scheme `none` leaves layers out.

    `rotated-stats` is where what `stats` can tell of the rotated model goes: `xtx`
    and `rows`.

    ```mlir
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32>) ...
    // becomes
    %wq = linalg.generic ... ins(%w, %h : tensor<32x64xf32>, tensor<64x64xf32>) {quant_tensor.rotation}
    %xq = linalg.generic ... ins(%x, %h : tensor<8x64xf32>, tensor<64x64xf32>) {quant_tensor.rotation}
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%xq, %wq : tensor<8x64xf32>, tensor<32x64xf32>) ...
    ```
  }];
  let options = [
    Option<"overrides", "overrides", "std::string", "\"\"",
           "layers to leave out: pattern=none;pattern=none">,
    Option<"fold", "fold", "bool", "true",
           "fold rotations into what makes the activations, where that can be">,
    Option<"stats", "stats", "std::string", "\"\"",
           "statistics of the model as it is">,
    Option<"rotatedStats", "rotated-stats", "std::string", "\"\"",
           "write statistics of the rotated model">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // QUANTMLIR_CALIBRATION_PASSES_TD
