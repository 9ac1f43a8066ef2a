"""choose_params by percentile, mse and kl against brute force in NumPy."""

import numpy as np
import pytest

from reference_runner import run

SHAPE, BLOCK = (3, 70), (1, 32)


def blocks(x):
    """The blocks of a row in order, the last one short."""
    for i in range(x.shape[0]):
        for j in range(0, x.shape[1], BLOCK[1]):
            yield i, j // BLOCK[1], x[i, j : j + BLOCK[1]]


def data(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(SHAPE).astype(np.float32)
    x[:, ::13] *= 8
    x[1, 5] = 0
    x[2, 64:] = 0  # A block of zeros.
    return x


def module(method, attributes="", zero_point=False):
    point = ", zero_point = ui4" if zero_point else ""
    storage = "ui4" if zero_point else "i4"
    results = "tensor<3x3xf32>" + (", tensor<3x3xi8>" if zero_point else "")
    names = "%s, %z" if zero_point else "%s"
    return f"""
#e = #quant_tensor.encoding<{{storage = {storage}, block = [1, 32], scale = f32{point}}}>
func.func @f(%x: tensor<3x70xf32>) -> ({results}) {{
  {names} = quant_tensor.choose_params %x method({method}) encoding(#e) {attributes} : tensor<3x70xf32> -> {results}
  return {names} : {results}
}}
"""


def asymmetric(low, high):
    low, high = min(low, np.float32(0)), max(high, np.float32(0))
    scale = np.float32(high - low) / np.float32(15) or np.float32(1)
    return scale, np.clip(np.rint(np.float32(0) - np.float32(low) / scale), 0, 15)


@pytest.mark.parametrize("percent", [100.0, 99.0, 90.0, 50.0])
def test_percentile(tmp_path, percent):
    x = data(1)
    symmetric = f"{{percent = {percent} : f64}}"
    (output,) = run(tmp_path, module("percentile", symmetric), [("f", {"arg0": x})])
    for i, j, part in blocks(x):
        clip = np.percentile(np.abs(part).astype(np.float64), percent)
        expected = clip / 7 if clip else 1
        assert output["result0"][i, j] == pytest.approx(expected, rel=1e-6)


def test_percentile_of_both_ends(tmp_path):
    x = data(2)
    text = module("percentile", "{percent = 95.0 : f64}", zero_point=True)
    (output,) = run(tmp_path, text, [("f", {"arg0": x})])
    for i, j, part in blocks(x):
        low, high = np.percentile(part.astype(np.float64), [5.0, 95.0])
        scale, zero = asymmetric(np.float32(low), np.float32(high))
        assert output["result0"][i, j] == pytest.approx(scale, rel=1e-6)
        assert output["result1"][i, j] == zero


def test_percentile_ignores_nan(tmp_path):
    x = data(3)
    x[0, :3] = np.nan
    x[1, 32:64] = np.nan
    text = module("percentile", "{percent = 90.0 : f64}")
    (output,) = run(tmp_path, text, [("f", {"arg0": x})])
    assert output["result0"][1, 1] == 1  # No number at all.
    clip = np.percentile(np.abs(x[0, 3:32]).astype(np.float64), 90)
    assert output["result0"][0, 0] == pytest.approx(clip / 7, rel=1e-6)


def squared_error(part, scale, zero, low, high):
    codes = np.clip(np.rint(part / np.float32(scale)) + zero, low, high)
    decoded = (codes - zero) * np.float64(scale)
    return ((part.astype(np.float64) - decoded) ** 2).sum()


@pytest.mark.parametrize("zero_point", [False, True])
def test_mse(tmp_path, zero_point):
    x, count = data(4), 20
    text = module("mse", f"{{candidates = {count} : i64}}", zero_point)
    (output,) = run(tmp_path, text, [("f", {"arg0": x})])
    for i, j, part in blocks(x):
        best = (np.inf, None, None)
        for candidate in range(count, 0, -1):
            fraction = np.float32(candidate) / np.float32(count)
            if zero_point:
                scale, zero = asymmetric(part.min() * fraction, part.max() * fraction)
                error = squared_error(part, scale, zero, 0, 15)
            else:
                scale, zero = np.abs(part).max() * fraction / np.float32(7) or np.float32(1), 0
                error = squared_error(part, scale, zero, -8, 7)
            if error < best[0]:
                best = (error, scale, zero)
        # Equal errors may be told apart by the order of a sum: compare errors.
        scale = output["result0"][i, j]
        zero = output["result1"][i, j] if zero_point else 0
        error = squared_error(part, scale, zero, *((0, 15) if zero_point else (-8, 7)))
        assert error == pytest.approx(best[0], rel=1e-12)
        assert scale == pytest.approx(best[1], rel=1e-6) or error == best[0]


def divergence(histogram, levels, per_level):
    """KL divergence of a clip after per_level bins for each of the levels."""
    kept = levels * per_level
    p = histogram[:kept].astype(np.float64)
    q = histogram[:kept].reshape(levels, per_level).astype(np.float64)
    inside = max(p.sum(), 1e-4)
    total = histogram.sum()
    p[-1] += total - p.sum()
    occupied = (p.reshape(levels, per_level) > 0).sum(1, keepdims=True)
    q = np.broadcast_to(
        np.maximum(q.sum(1, keepdims=True) / np.maximum(occupied, 1), 1e-4), q.shape
    ).ravel()
    used = p > 0
    return (p[used] / total * np.log(p[used] * inside / (q[used] * total))).sum()


def test_kl(tmp_path):
    count, levels = 16, 8
    rng = np.random.default_rng(5)
    x = rng.laplace(size=(2, 600)).astype(np.float32)
    x[0, 17] = 30
    text = f"""
#e = #quant_tensor.encoding<{{storage = i4, block = [1, 0], scale = f32}}>
func.func @f(%x: tensor<2x600xf32>) -> tensor<2x1xf32> {{
  %s = quant_tensor.choose_params %x method(kl) encoding(#e) {{candidates = {count} : i64}} : tensor<2x600xf32> -> tensor<2x1xf32>
  return %s : tensor<2x1xf32>
}}
"""
    (output,) = run(tmp_path, text, [("f", {"arg0": x})])
    for row, scale in zip(x, output["result0"][:, 0]):
        magnitude = np.abs(row).max()
        bins = count * levels
        share = np.abs(row) / magnitude * np.float32(bins)
        where = np.minimum(share.astype(int), bins - 1)
        histogram = np.bincount(where, minlength=bins)
        found = {c: divergence(histogram, levels, c) for c in range(1, count + 1)}
        chosen = round(float(scale) * 7 / magnitude * count)
        assert scale == pytest.approx(magnitude * chosen / count / 7, rel=1e-6)
        assert found[chosen] <= min(found.values()) + 1e-5
        assert chosen < count  # An outlier is worth clipping.


def test_kl_of_zeros(tmp_path):
    text = """
#e = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32}>
func.func @f(%x: tensor<9xf32>) -> tensor<1xf32> {
  %s = quant_tensor.choose_params %x method(kl) encoding(#e) {candidates = 4 : i64} : tensor<9xf32> -> tensor<1xf32>
  return %s : tensor<1xf32>
}
"""
    (output,) = run(tmp_path, text, [("f", {"arg0": np.zeros(9, np.float32)})])
    assert output["result0"] == 1
