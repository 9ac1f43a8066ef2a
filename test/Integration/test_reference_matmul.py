"""Contractions of the reference against NumPy in float64."""

import ml_dtypes
import numpy as np
import pytest

from reference_runner import BFLOAT16, expand_blocks, pack, run

MAPS = """
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
"""


def assert_rounded_once(result, exact, magnitude, dtype=np.float32):
    """Half an ulp of the result's type beside the exact sum."""
    result = np.asarray(result).astype(np.float64)
    ulp = np.abs(exact) * float(ml_dtypes.finfo(dtype).eps) + 1e-45
    assert (np.abs(result - exact) <= 0.51 * ulp + 1e-13 * magnitude).all()


@pytest.mark.parametrize("rows", [0, 1, 3, 17])
def test_scaled_matmul_int8(tmp_path, rows):
    """Per-token and per-channel scales, bias, and relu in the epilogue; the
    destination holds poison and is not read."""
    n, k = 19, 101
    text = f"""
func.func @f(%x: tensor<?x{k}xi8>, %w: tensor<{n}x{k}xi8>, %sx: tensor<?x1xf32>, %sw: tensor<{n}xf32>, %b: tensor<{n}xf32>, %init: tensor<?x{n}xbf16>) -> tensor<?x{n}xbf16> {{
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x{k}xi8>, tensor<{n}x{k}xi8>)
      epilogue(%sx, %sw, %b : tensor<?x1xf32>, tensor<{n}xf32>, tensor<{n}xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x{n}xbf16>) {{
  ^bb0(%acc: i32, %a: f32, %c: f32, %d: f32):
    %zero = arith.constant 0.0 : f32
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %c : f32
    %3 = arith.addf %2, %d : f32
    %4 = arith.maximumf %3, %zero : f32
    %5 = arith.truncf %4 : f32 to bf16
    quant_tensor.yield %5 : bf16
  }} -> tensor<?x{n}xbf16>
  return %y : tensor<?x{n}xbf16>
}}
"""
    rng = np.random.default_rng(rows)
    x = rng.integers(-128, 128, (rows, k)).astype(np.int8)
    w = rng.integers(-128, 128, (n, k)).astype(np.int8)
    sx = rng.random((rows, 1)).astype(np.float32)
    sw = rng.random(n).astype(np.float32)
    bias = rng.standard_normal(n).astype(np.float32)
    poison = np.full((rows, n), np.nan, BFLOAT16)
    (output,) = run(
        tmp_path,
        text,
        [("f", dict(zip([f"arg{i}" for i in range(6)], [x, w, sx, sw, bias, poison])))],
    )
    accumulator = x.astype(np.float64) @ w.astype(np.float64).T
    # The epilogue rounds as its ops say, in f32.
    y = accumulator.astype(np.float32) * sx * sw + bias
    expected = np.maximum(y, 0).astype(BFLOAT16)
    np.testing.assert_array_equal(output["result0"].view(BFLOAT16), expected)


STORAGES = [f"{s}{b}" for s in ("i", "ui") for b in range(2, 9)] + ["f8E4M3FN", "f8E5M2", "f4E2M1FN", "nf4"]


def test_every_storage_as_weight(tmp_path):
    """Weight-only products: bf16 activations, groups of 24 along K = 67 (a tail
    of 19), bf16 scales."""
    m, n, k, group = 2, 5, 67, 24
    rng = np.random.default_rng(11)
    x = rng.standard_normal((m, k)).astype(BFLOAT16)
    groups = -(-k // group)
    scales = (rng.random((n, groups)) + 0.1).astype(BFLOAT16)
    text, calls, weights = MAPS, [], []
    for name in STORAGES:
        storage, extra = (name, "") if name != "nf4" else ("ui4", ", codebook = nf4")
        text += f"""
#{name} = #quant_tensor.encoding<{{storage = {storage}, block = [1, {group}], scale = bf16{extra}}}>
func.func @{name}(%x: tensor<?x{k}xbf16>, %w: tensor<{n}x{k}xbf16, #{name}> {{quant_tensor.name = "w"}}, %init: tensor<?x{n}xf32>) -> tensor<?x{n}xf32> {{
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x{k}xbf16>, tensor<{n}x{k}xbf16, #{name}>) outs(%init : tensor<?x{n}xf32>) -> tensor<?x{n}xf32>
  return %y : tensor<?x{n}xf32>
}}
"""
        bits = 8 if storage.startswith("f8") else 4 if storage.startswith("f4") else int(storage.lstrip("ui"))
        codes = rng.integers(0, 1 << bits, (n, k))
        if storage == "f8E4M3FN":
            codes[codes & 0x7F == 0x7F] = 0
            values = codes.astype(np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)
        elif storage == "f8E5M2":
            codes[codes & 0x7C == 0x7C] = 0
            values = codes.astype(np.uint8).view(ml_dtypes.float8_e5m2).astype(np.float64)
        elif storage == "f4E2M1FN":
            table = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
            values = table[codes & 7] * np.where(codes & 8, -1, 1)
        elif name == "nf4":
            from test_reference_numbers import NF4

            values = NF4[codes]
        else:
            values = codes if storage[0] == "u" else np.where(codes >> bits - 1, codes - (1 << bits), codes)
        weights.append(values * expand_blocks(scales.astype(np.float64), (1, group), (n, k)))
        arrays = {"arg0": x, "arg2": np.ones((m, n), np.float32)}
        arrays["w.codes"] = pack(codes, bits)
        arrays["w.scales"] = scales
        calls.append((name, arrays))
    x = x.astype(np.float64)
    for (name, _), output, w in zip(calls, run(tmp_path, text, calls), weights):
        assert_rounded_once(output["result0"], 1 + x @ w.T, np.abs(x) @ np.abs(w).T)


def test_batches_and_both_encoded(tmp_path):
    """Rank-3 activations, a contraction of two encoded operands, a K by N
    operand behind a layout with a permutation."""
    text = """
#token = #quant_tensor.encoding<{storage = i8, block = [1, 1, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 16], scale = f32, layout = <packed, word = 32, axis = 1, order = [0, 1, 2, 3, 4, 5, 6, 7], permutation = [1, 0]>}>
func.func @f(%x: tensor<?x?x32xf32>, %w: tensor<7x32xf32, #w4> {quant_tensor.name = "w"}, %init: tensor<?x?x7xf32>) -> tensor<?x?x7xf32> {
  %q = quant_tensor.quantize %x : tensor<?x?x32xf32> -> tensor<?x?x32xf32, #token>
  %y = linalg.generic {indexing_maps = [affine_map<(b, s, n, k) -> (b, s, k)>, affine_map<(b, s, n, k) -> (n, k)>, affine_map<(b, s, n, k) -> (b, s, n)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x?x32xf32, #token>, tensor<7x32xf32, #w4>) outs(%init : tensor<?x?x7xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %acc, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x?x7xf32>
  return %y : tensor<?x?x7xf32>
}
"""
    rng = np.random.default_rng(12)
    x = rng.standard_normal((2, 3, 32)).astype(np.float32)
    codes = rng.integers(-8, 8, (7, 32))
    scales = rng.random((7, 2)).astype(np.float32)
    words = np.zeros((4, 7), np.uint32)
    for slot in range(8):
        words |= (codes[:, slot::8].T & 15).astype(np.uint32) << np.uint32(4 * slot)
    (output,) = run(
        tmp_path,
        text,
        [("f", {"arg0": x, "arg2": np.zeros((2, 3, 7), np.float32), "w.codes": words, "w.scales": scales})],
    )
    sx = np.abs(x).max(-1, keepdims=True) / np.float32(127)
    q = np.rint(x / sx).astype(np.float64) * sx
    w = codes * expand_blocks(scales.astype(np.float64), (1, 16), (7, 32))
    assert_rounded_once(output["result0"], q @ w.T, np.abs(q) @ np.abs(w).T)


def test_int_matmul_extremes(tmp_path):
    """The largest products and both signs of overflow-free i32 sums."""
    k = 4096
    text = f"""
func.func @f(%x: tensor<4x{k}xi8>, %w: tensor<3x{k}xi8>, %init: tensor<4x3xi32>) -> tensor<4x3xi32> {{
  %y = quant_tensor.int_matmul ins(%x, %w : tensor<4x{k}xi8>, tensor<3x{k}xi8>) outs(%init : tensor<4x3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}}
"""
    rng = np.random.default_rng(13)
    x = rng.integers(-128, 128, (4, k)).astype(np.int8)
    w = rng.integers(-128, 128, (3, k)).astype(np.int8)
    x[0], w[0], w[1] = -128, -128, 127
    init = rng.integers(-1000, 1000, (4, 3)).astype(np.int32)
    (output,) = run(tmp_path, text, [("f", {"arg0": x, "arg1": w, "arg2": init})])
    exact = init + x.astype(np.float64) @ w.astype(np.float64).T
    np.testing.assert_array_equal(output["result0"], exact)
