"""Groups of columns that an index gives (GPTQ's act-order), from plain linalg to
kernels: the reference and the emulator against float64.

Columns are sorted by group once, in the prepare function, and activations are
gathered in each run; what an index says that is wrong is NaN.
"""

import ml_dtypes
import numpy as np
import pytest

import reference_runner as reference

MAPS = """
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
"""


class Case:
    """N x K weights of `bits`, `group` columns to a group in random order."""

    def __init__(self, n, k, bits, group, *, zero=False, seed=0):
        rng = np.random.default_rng(seed)
        self.n, self.k, self.bits, self.group, self.zero = n, k, bits, group, zero
        blocks = -(-k // group)
        low = 0 if zero else -(1 << (bits - 1))
        self.codes = rng.integers(low, low + (1 << bits), (n, k))
        self.scales = (rng.random((n, blocks)) / 8 + 0.01).astype(ml_dtypes.bfloat16)
        self.points = rng.integers(0, 1 << bits, (n, blocks)).astype(np.uint8)
        self.groups = rng.permutation(np.arange(k) // group).astype(np.int32)
        point = ", zero_point = ui8" if zero else ""
        self.encoding = (f"#quant_tensor.encoding<{{storage = {'u' * zero}i{bits}, "
                         f"block = [1, {group}], scale = bf16{point}}}>")
        self.type = f"tensor<{n}x{k}xbf16, #w>"

    def inputs(self):
        masked = self.codes & ((1 << self.bits) - 1)
        stream = ((masked[..., None] >> np.arange(self.bits)) & 1).reshape(self.n, -1)
        parts = {"w.codes": np.packbits(stream.astype(np.uint8), axis=1, bitorder="little")
                 .view(np.int8), "w.scales": self.scales, "g": self.groups}
        if self.zero:
            parts["w.zero_points"] = self.points.view(np.int8)
        return parts

    def values(self):
        points = self.points.astype(np.float64)[:, self.groups] if self.zero else 0.0
        return (self.codes - points) * self.scales.astype(np.float64)[:, self.groups]


def linear(case, rows, *, x="bf16", body=None):
    """y = x w^T; `rows` may be '?'."""
    n, k = case.n, case.k
    xs, ys = f"tensor<{rows}x{k}x{x}>", f"tensor<{rows}x{n}xf32>"
    sizes = "(%m)" if rows == "?" else "()"
    read = body or "%a = tensor.cast %x : " + f"{xs} to {xs}"
    a = f"tensor<{rows}x{k}x{x}, #token>" if body else xs
    return f"""
#w = {case.encoding}
#token = #quant_tensor.encoding<{{storage = i8, block = [1, 0], scale = f32}}>
{MAPS}
func.func @linear(%x: {xs} {{quant_tensor.name = "x"}}, %w: {case.type} {{quant_tensor.name = "w"}},
    %g: tensor<{k}xi32> {{quant_tensor.name = "g", quant_tensor.weight}}) -> {ys} {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : {xs}
  %e = tensor.empty{sizes} : {ys}
  %i = linalg.fill ins(%zero : f32) outs(%e : {ys}) -> {ys}
  {read}
  %d = quant_tensor.dequantize_indexed %w by %g : {case.type}, tensor<{k}xi32> -> tensor<{n}x{k}x{x}>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%a, %d : {a}, tensor<{n}x{k}x{x}>) outs(%i : {ys}) -> {ys}
  return %y : {ys}
}}
"""


def check(results, exact, tolerance):
    for bits in results:
        assert bits.shape == exact.shape
        np.testing.assert_allclose(bits.view(np.float32), exact, **tolerance)


@pytest.mark.parametrize("rows, n, k, bits, group, zero", [
    (1, 64, 128, 4, 32, False), (13, 37, 160, 4, 32, True), (33, 64, 256, 4, 64, False),
    (2, 40, 131, 3, 24, False), (5, 24, 96, 8, 32, True), (0, 16, 64, 2, 32, False)])
def test_product(tool, tmp_path, rows, n, k, bits, group, zero):
    case = Case(n, k, bits, group, zero=zero)
    x = np.random.default_rng(1).standard_normal((rows, k)).astype(ml_dtypes.bfloat16)
    results, manifest = reference.run_artifact(
        tool, tmp_path, linear(case, "?"), {"x": x, **case.inputs()})
    wide = x.astype(np.float64)
    exact = wide @ case.values().T
    # Weights may be rounded to bf16.
    bound = 2.0**-8 * (np.abs(wide) @ np.abs(case.values()).T) + 1e-6
    for bits in results:
        assert (np.abs(bits.view(np.float32) - exact) <= bound).all()
    # Sorted once: what runs each time takes neither the codes nor the index.
    (function,) = [f for f in manifest["functions"] if f["name"] == "linear"]
    names = {buffer["name"] for buffer in function["buffers"]}
    assert function["prepare"] == "linear.prepare"
    assert not names & {"w.codes", "w.scales", "g"} and "prepared.codes" in names


def test_quantized_activations(tool, tmp_path):
    case = Case(32, 128, 4, 32)
    x = np.random.default_rng(2).standard_normal((7, 128)).astype(np.float32)
    text = linear(case, "?", x="f32", body=(
        "%a = quant_tensor.quantize %x : tensor<?x128xf32> -> tensor<?x128xf32, #token>"))
    results, _ = reference.run_artifact(tool, tmp_path, text, {"x": x, **case.inputs()})
    scales = np.abs(x).max(1, keepdims=True) / np.float32(127)
    exact = (np.rint(x / scales) * scales.astype(np.float64)) @ case.values().T
    check(results, exact, {"rtol": 1e-3, "atol": 1e-3})


@pytest.mark.parametrize("change, wrong", [
    (lambda g: np.where(g == 3, 4, g), [3]),
    (lambda g: np.where(g == 0, -1, g), [0]),
    # A column of group 1 goes to group 2: block 1 gets it from there.
    (lambda g: np.where(np.arange(len(g)) == np.flatnonzero(g == 1)[0], 2, g), [1])])
def test_wrong_index_is_nan(tool, tmp_path, change, wrong):
    """In the blocks that are wrong and nowhere else, in kernels as by definition."""
    case = Case(16, 128, 4, 32)
    sorted_groups = np.sort(case.groups)
    given = change(case.groups).astype(np.int32)
    text = f"""
#w = {case.encoding}
func.func @f(%w: {case.type} {{quant_tensor.name = "w"}}, %g: tensor<128xi32> {{quant_tensor.name = "g"}})
    -> tensor<16x128xf32> {{
  %d = quant_tensor.dequantize_indexed %w by %g : {case.type}, tensor<128xi32> -> tensor<16x128xf32>
  return %d : tensor<16x128xf32>
}}
"""
    results, _ = reference.run_artifact(tool, tmp_path, text, {**case.inputs(), "g": given})
    # Which block each column is sorted into.
    block = np.empty(128, int)
    block[np.argsort(given, kind="stable")] = sorted_groups
    expected = (case.codes * case.scales.astype(np.float64)[:, block]).astype(np.float32)
    expected[:, np.isin(block, wrong)] = np.nan
    for bits in results:
        np.testing.assert_array_equal(bits.view(np.float32), expected)


def test_without_a_product(tool, tmp_path):
    """A dense weight, when that is what is asked for."""
    case = Case(24, 131, 4, 32)
    text = f"""
#w = {case.encoding}
func.func @f(%w: {case.type} {{quant_tensor.name = "w"}}, %g: tensor<131xi32> {{quant_tensor.name = "g"}})
    -> tensor<24x131xf32> {{
  %d = quant_tensor.dequantize_indexed %w by %g : {case.type}, tensor<131xi32> -> tensor<24x131xf32>
  return %d : tensor<24x131xf32>
}}
"""
    results, _ = reference.run_artifact(tool, tmp_path, text, case.inputs())
    check(results, case.values().astype(np.float32), {"rtol": 0, "atol": 0})
