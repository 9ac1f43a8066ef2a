"""Ways to quantize a linear layer, and the program that each one compiles to."""

import dataclasses
import functools

import numpy as np
from quantmlir import weights as quantization

_MAPS = """\
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#at = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
"""

_ACTIVATIONS = {
    "int8": "#quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>",
    "int8 asymmetric": "#quant_tensor.encoding<{storage = i8, block = [1, 0], "
                       "scale = f32, zero_point = i8}>",
    "fp8": "#quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 0], scale = f32}>",
    "int8 static":
        "#quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>",
}

#: LLM.int8()'s: a column of inputs that reaches it stays float.
_OUTLIERS = 6.0


@dataclasses.dataclass
class Statistics:
    """Of a layer's inputs on the calibration sentences."""

    hessian: np.ndarray
    abs_mean: np.ndarray
    abs_max: np.ndarray
    #: Some rows, to search alphas on.
    samples: np.ndarray

    @functools.cached_property
    def rotated_hessian(self):
        """Q^T H Q, for the inputs rotated; layers that read the same share it."""
        half = quantization.rotate(self.hessian.astype(np.float32))
        # Symmetric, so either order of the two sides.
        hessian = quantization.rotate(np.ascontiguousarray(half.T)).astype(np.float64)
        return (hessian + hessian.T) / 2


@dataclasses.dataclass(frozen=True)
class Recipe:
    name: str
    #: Of the weights, as quantmlir.quantize_weights takes it.
    scheme: str
    #: "round", "gptq", "awq" or "awq+gptq".
    method: str = "round"
    #: None (weights only, float16 activations); "int8", "int8 asymmetric" or
    #: "fp8" per token; "int8 static"; "int8 outliers" (LLM.int8(), columns found
    #: in each call); "int8 known outliers" (columns of the statistics, whose
    #: weights stay float16 too).
    activations: str | None = None
    #: SmoothQuant, with this alpha; "search" finds one for each layer.
    smooth: float | str | None = None
    #: A Hadamard rotation of weights and activations.
    rotate: bool = False
    #: A hundredth of each layer's input channels is first made 100 times as
    #: large (and its weights as much smaller): outliers that change nothing
    #: but how hard the activations are to quantize.
    planted: bool = False

    @property
    def scaled(self):
        """Whether channels of the activations are scaled first."""
        return "awq" in self.method or self.smooth is not None

    def program(self, functions):
        """MLIR of {name: (N, K, encoding of the weights, outlier columns)}."""
        return _MAPS + "".join(self._linear(name, *of)
                               for name, of in functions.items())

    def _linear(self, name, n, k, encoding, columns):
        element = "f32" if self.activations else "f16"
        w = f"tensor<{n}x{k}x{element}, {encoding}>"
        arguments, body, x, last = "", "", "%x", ""
        rows = f"tensor<?x{k}xf32>"
        narrow = f"tensor<?x{k}x{element}>"
        if self.scaled or element != "f32":
            if self.scaled:
                arguments += f", %f: tensor<{k}xf32> {{quant_tensor.name = \"f\"}}"
            body += _prepare_rows(self.scaled, rows, narrow, k, element)
            x = "%rows"
        lhs = narrow
        y = f"tensor<?x{n}xf32>"
        product = "linalg.matmul indexing_maps = [#mk, #nk, #mn]"
        if self.activations == "int8 outliers":
            product, last = "quant_tensor.outlier_matmul", f"threshold({_OUTLIERS}) "
        elif self.activations == "int8 known outliers":
            kind = f"tensor<{n}x{len(columns)}xf16>"
            product = "quant_tensor.outlier_matmul"
            last = f"columns({list(columns)}) outlier_rhs(%wo : {kind}) "
            arguments += (f", %wo: {kind} "
                          "{quant_tensor.name = \"wo\", quant_tensor.weight}")
        elif self.activations:
            lhs = f"tensor<?x{k}xf32, {_ACTIVATIONS[self.activations]}>"
            scale = ""
            if self.activations == "int8 static":
                arguments += ", %s: tensor<1x1xf32> {quant_tensor.name = \"s\"}"
                scale = " scales(%s : tensor<1x1xf32>)"
            body += f"  %q = quant_tensor.quantize {x}{scale} : {narrow} -> {lhs}\n"
            x = "%q"
        return f"""
func.func @{name}(%x: {rows} {{quant_tensor.name = "x"}}{arguments},
    %w: {w} {{quant_tensor.name = "w", quant_tensor.weight}},
    %b: tensor<{n}xf32> {{quant_tensor.name = "b"}})
    -> ({y} {{quant_tensor.name = "y"}}) {{
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : {rows}
{body}  %empty = tensor.empty(%m) : {y}
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : {y}) -> {y}
  %acc = {product}
      ins({x}, %w : {lhs}, {w}) {last}outs(%init : {y}) -> {y}
  %y = linalg.generic {{indexing_maps = [#at, #row, #at],
                       iterator_types = ["parallel", "parallel"]}}
      ins(%acc, %b : {y}, tensor<{n}xf32>) outs(%empty : {y}) {{
  ^bb0(%a: f32, %bias: f32, %o: f32):
    %sum = arith.addf %a, %bias : f32
    linalg.yield %sum : f32
  }} -> {y}
  return %y : {y}
}}
"""


def _prepare_rows(scaled, rows, narrow, k, element):
    """Scales channels by %f, and makes float16 of them where wanted."""
    maps = "#at, #row, #at" if scaled else "#at, #at"
    inputs = f"%x, %f : {rows}, tensor<{k}xf32>" if scaled else f"%x : {rows}"
    names = "%a: f32, %c: f32" if scaled else "%a: f32"
    steps, value = "", "%a"
    if scaled:
        steps += "    %p = arith.mulf %a, %c : f32\n"
        value = "%p"
    if element != "f32":
        steps += f"    %h = arith.truncf {value} : f32 to {element}\n"
        value = "%h"
    return f"""\
  %space = tensor.empty(%m) : {narrow}
  %rows = linalg.generic {{indexing_maps = [{maps}],
                          iterator_types = ["parallel", "parallel"]}}
      ins({inputs}) outs(%space : {narrow}) {{
  ^bb0({names}, %o: {element}):
{steps}    linalg.yield {value} : {element}
  }} -> {narrow}
"""


def plant_outliers(weight, statistics):
    """(factors of the inputs, weights divided by them, statistics after)."""
    channels = weight.shape[1]
    factors = np.ones(channels, np.float32)
    factors[np.random.default_rng(channels).permutation(channels)
            [:max(1, channels // 100)]] = 100
    return factors, weight / factors, Statistics(
        statistics.hessian * np.outer(factors, factors).astype(np.float64),
        statistics.abs_mean * factors, statistics.abs_max * factors,
        statistics.samples * factors)


@dataclasses.dataclass
class Quantized:
    """A layer's weights as a recipe made them, and what its program is given."""

    weights: quantization.QuantizedWeights
    #: More arguments of the program.
    arguments: dict
    #: Hadamard rotation of the inputs before.
    rotate: bool
    nbytes: int
    #: ||(W - What) X||^2 of the result and of rounding to nearest under the same
    #: scheme, on the calibration sentences.
    objective: float
    rounding_objective: float
    #: Those that stay float.
    columns: tuple = ()


class Layer:
    """A layer and its statistics, with all that several recipes want of them."""

    def __init__(self, weight, statistics):
        self.weight, self.statistics = weight, statistics
        self._planted, self._rotated, self._rounding = None, None, {}

    @property
    def planted(self):
        """(factors of the inputs, the layer after them)."""
        if self._planted is None:
            factors, weight, statistics = plant_outliers(self.weight, self.statistics)
            self._planted = factors, Layer(weight, statistics)
        return self._planted

    @property
    def rotated(self):
        """(weights, Hessian) for rotated inputs."""
        if self._rotated is None:
            self._rotated = (quantization.rotate(self.weight),
                             self.statistics.rotated_hessian)
        return self._rotated

    def rounding_objective(self, scheme):
        """||(W - What) X||^2 of rounding to nearest."""
        if scheme not in self._rounding:
            made = quantization.quantize_weights(self.weight, scheme)
            self._rounding[scheme] = quantization.objective(
                self.weight, made.dequantize(), self.statistics.hessian)
        return self._rounding[scheme]

    def quantize(self, recipe):
        """Raises ValueError where the scheme or the statistics do not fit."""
        if recipe.rotate:
            made, objective = self._quantize_rotated(recipe)
            return Quantized(made, {}, True, made.nbytes, objective,
                             self.rounding_objective(recipe.scheme))
        if recipe.activations == "int8 known outliers":
            return self._quantize_rest(recipe)
        statistics, scheme = self.statistics, recipe.scheme
        factors, objective = self._smooth(recipe), None
        if recipe.method == "gptq":
            made = quantization.gptq(self.weight, statistics.hessian, scheme)
        elif recipe.method == "awq":
            made = quantization.awq(self.weight, statistics.abs_mean,
                                    statistics.hessian, scheme)
        elif recipe.method == "awq+gptq":
            made = quantization.awq_gptq(self.weight, statistics.abs_mean,
                                         statistics.hessian, scheme)
        elif factors is None:
            made = quantization.quantize_weights(self.weight, scheme)
            objective = self.rounding_objective(scheme)
        else:
            target = self.weight * factors
            made = quantization.quantize_weights(target, scheme)
            objective = quantization.objective(
                self.weight, made.dequantize() / factors, statistics.hessian)
        if objective is None:
            objective = made.report["objective"]
        if made.channel_scales is not None:
            factors = made.channel_scales
        arguments, nbytes = {}, made.nbytes
        if factors is not None:
            arguments["f"] = (1 / factors).astype(np.float32)
            nbytes += factors.nbytes
        if recipe.activations == "int8 static":
            highest = statistics.abs_max
            if factors is not None:
                highest = highest / factors
            arguments["s"] = np.full((1, 1), highest.max() / 127, np.float32)
        return Quantized(made, arguments, False, nbytes, objective,
                         self.rounding_objective(scheme))

    def _smooth(self, recipe):
        """SmoothQuant's factors of the weights, None without."""
        if recipe.smooth is None:
            return None
        if recipe.smooth == "search":
            inputs = {"int8 static": "int8,tensor,static",
                      "int8 asymmetric": "int8,token,asymmetric"}
            return quantization.search_smooth_alpha(
                self.statistics.samples, [self.weight],
                f"{recipe.scheme}/{inputs.get(recipe.activations, 'int8,token')}")[1]
        return quantization.smooth_scales(
            self.statistics.abs_max, np.abs(self.weight).max(axis=0), recipe.smooth)

    def _quantize_rest(self, recipe):
        """Codes of the columns that are no outliers; the others stay float."""
        columns = np.flatnonzero(self.statistics.abs_max >= _OUTLIERS)
        floats = self.weight[:, columns].astype(np.float16)
        rest = self.weight.copy()
        rest[:, columns] = 0
        made = quantization.quantize_weights(rest, recipe.scheme)
        whole = made.dequantize()
        whole[:, columns] = floats
        return Quantized(
            made, {"wo": floats}, False, made.nbytes + floats.nbytes,
            quantization.objective(self.weight, whole, self.statistics.hessian),
            self.rounding_objective(recipe.scheme), tuple(columns.tolist()))

    def _quantize_rotated(self, recipe):
        weight, hessian = self.rotated
        if recipe.method == "gptq":
            made = quantization.gptq(weight, hessian, recipe.scheme)
            return made, made.report["objective"]
        made = quantization.quantize_weights(weight, recipe.scheme)
        return made, quantization.objective(weight, made.dequantize(), hessian)


def _sweep(bits):
    for group in (128, 64, 32):
        for method in ("round", "gptq"):
            yield Recipe(f"int{bits} g{group} {_TITLES[method]}",
                         f"int{bits},group={group},asymmetric", method)


_TITLES = {"round": "RTN", "gptq": "GPTQ"}

INT8 = "int8,channel"
_ZERO = ",asymmetric"
RECIPES = (
    Recipe("int8 dynamic", INT8, activations="int8"),
    Recipe("int8 dynamic, SmoothQuant", INT8, activations="int8", smooth="search"),
    Recipe("int8 dynamic, Hadamard", INT8, activations="int8", rotate=True),
    Recipe("int8 dynamic asymmetric", INT8, activations="int8 asymmetric"),
    Recipe("int8 dynamic asymmetric, SmoothQuant", INT8,
           activations="int8 asymmetric", smooth="search"),
    Recipe("LLM.int8()", INT8, activations="int8 outliers"),
    Recipe("LLM.int8(), SmoothQuant", INT8, activations="int8 outliers",
           smooth="search"),
    Recipe("LLM.int8(), columns known", INT8, activations="int8 known outliers"),
    Recipe("int8 static", INT8, activations="int8 static"),
    Recipe("int8 static, SmoothQuant", INT8, activations="int8 static",
           smooth="search"),
    *(Recipe(f"planted outliers: {name}", INT8, activations=activations,
             smooth=smooth, planted=True)
      for name, activations, smooth in (
          ("int8 dynamic", "int8", None), ("int8 static", "int8 static", None),
          ("int8 static, SmoothQuant", "int8 static", "search"),
          ("LLM.int8()", "int8 outliers", None),
          ("LLM.int8(), SmoothQuant", "int8 outliers", "search"),
          ("LLM.int8(), columns known", "int8 known outliers", None))),
    Recipe("int8 weight-only", INT8),
    Recipe("fp8", "fp8,channel", activations="fp8"),
    Recipe("fp8 weight-only", "fp8,channel"),
    Recipe("MXFP4", "mxfp4"),
    Recipe("NF4 g64", "nf4,group=64"),
    *(Recipe(f"int4 g{group} {title}", f"int4,group={group}{words}", method, rotate=r)
      for group in (128, 64, 32)
      for title, words, method, r in (
          ("symmetric RTN", "", "round", False),
          ("symmetric AWQ", "", "awq", False),
          ("symmetric GPTQ", "", "gptq", False),
          ("RTN", _ZERO, "round", False), ("MSE", _ZERO + ",mse", "round", False),
          ("AWQ", _ZERO, "awq", False), ("GPTQ", _ZERO, "gptq", False),
          ("AWQ + GPTQ", _ZERO, "awq+gptq", False),
          ("Hadamard", _ZERO, "round", True),
          ("Hadamard + GPTQ", _ZERO, "gptq", True))),
    *_sweep(3), *_sweep(2),
)
