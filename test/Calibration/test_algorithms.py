"""GPTQ, AWQ, SmoothQuant and rotations against brute force in float64."""

import numpy as np
import pytest
import quantmlir


def layer(rows=37, columns=96, samples=300, seed=1):
    """Weights, and correlated inputs whose channels differ in size."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((rows, columns)).astype(np.float32)
    common = rng.standard_normal((samples, 3))
    inputs = rng.standard_normal((samples, columns)) + common @ rng.standard_normal((3, columns))
    inputs *= rng.uniform(0.1, 3, columns)
    return weights, inputs.astype(np.float32)


def hessian_of(inputs):
    wide = inputs.astype(np.float64)
    return wide.T @ wide


def grid_of(row, bits, asymmetric):
    """Scale and zero point of a row, as choose_params has them in f32."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    row = row.astype(np.float32)
    if not asymmetric:
        return np.abs(row).max() / np.float32(high) or np.float32(1), np.float32(0)
    least, most = min(row.min(), np.float32(0)), max(row.max(), np.float32(0))
    scale = (most - least) / np.float32(high - low) or np.float32(1)
    return scale, np.clip(np.rint(np.float32(low) - least / scale), low, high)


def brute_force_gptq(weights, hessian, bits, group, *, asymmetric=False,
                     damping=0.01, act_order=False, ordered=False):
    """What W means after GPTQ: the inverse of H, its factor, one column at a
    time, everything in float64 except the grid."""
    w = weights.astype(np.float64)
    rows, columns = w.shape
    order = np.argsort(-np.diag(hessian), kind="stable") if act_order else np.arange(columns)
    h = hessian[np.ix_(order, order)]
    h = h + damping * np.diag(h).mean() * np.eye(columns)
    upper = np.linalg.cholesky(np.linalg.inv(h)).T
    w = w[:, order]
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    group = group or columns
    static = [[grid_of(row[g:g + group], bits, asymmetric)
               for g in range(0, columns, group)] for row in weights]
    result = np.empty_like(w)
    for r in range(rows):
        for k in range(columns):
            if act_order and not ordered:
                scale, zero = static[r][order[k] // group]
            elif k % group == 0:
                scale, zero = grid_of(w[r, k:k + group], bits, asymmetric)
            code = np.clip(np.rint(np.float32(w[r, k]) / scale) + zero, low, high)
            result[r, k] = (code - zero) * np.float64(scale)
            error = (w[r, k] - result[r, k]) / upper[k, k]
            w[r, k + 1:] -= error * upper[k, k + 1:]
    return result[:, np.argsort(order)]


@pytest.mark.parametrize("bits, group, asymmetric, act_order", [
    (4, 0, False, False), (3, 32, False, False), (4, 32, True, False),
    (2, 0, True, True), (4, 48, False, True), (8, 0, False, False)])
def test_gptq_equals_brute_force(bits, group, asymmetric, act_order):
    weights, inputs = layer()
    hessian = hessian_of(inputs)
    scheme = f"int{bits}" + (f",group={group}" if group else ",channel")
    scheme += ",asymmetric" if asymmetric else ""
    result = quantmlir.gptq(weights, hessian, scheme, act_order=act_order)
    expected = brute_force_gptq(weights, hessian, bits, group,
                                asymmetric=asymmetric, act_order=act_order)
    np.testing.assert_allclose(result.dequantize(), expected, rtol=1e-5, atol=1e-6)
    for name, decoded in (
            ("objective", result.dequantize()),
            ("rounding_objective", quantmlir.quantize_weights(weights, scheme).dequantize())):
        error = (weights.astype(np.float64) - decoded) @ inputs.T.astype(np.float64)
        assert result.report[name] == pytest.approx((error**2).sum(), rel=1e-9)
    assert result.report["objective"] < result.report["rounding_objective"]
    assert result.report["dead_columns"] == 0


@pytest.mark.parametrize("bits, group, asymmetric", [(4, 32, False), (3, 48, True)])
def test_gptq_with_groups_in_order_of_quantization(bits, group, asymmetric):
    weights, inputs = layer()
    hessian = hessian_of(inputs)
    scheme = f"int{bits},group={group}" + (",asymmetric" if asymmetric else "")
    result = quantmlir.gptq(weights, hessian, scheme, act_order=True, ordered_groups=True)
    expected = brute_force_gptq(weights, hessian, bits, group, asymmetric=asymmetric,
                                act_order=True, ordered=True)
    np.testing.assert_allclose(result.dequantize(), expected, rtol=1e-5, atol=1e-6)
    order = np.argsort(-np.diag(hessian), kind="stable")
    np.testing.assert_array_equal(result.group_index[order], np.arange(len(order)) // group)
    error = (weights.astype(np.float64) - result.dequantize()) @ inputs.T.astype(np.float64)
    assert result.report["objective"] == pytest.approx((error**2).sum(), rel=1e-9)
    for options in ({}, {"act_order": True, "static_groups": True}):
        with pytest.raises(ValueError, match="in the order of quantization go with act-order"):
            quantmlir.gptq(weights, hessian, scheme, ordered_groups=True, **options)


def test_gptq_is_accurate_in_wide_layers():
    """Updates are in f32: over 1500 columns few codes differ from f64's, where
    a weight was in the middle, and the objective does not."""
    weights, inputs = layer(rows=6, columns=1500, samples=2000)
    hessian = hessian_of(inputs)
    result = quantmlir.gptq(weights, hessian, "int4,group=50")
    expected = brute_force_gptq(weights, hessian, 4, 50)
    close = np.isclose(result.dequantize(), expected, rtol=1e-3, atol=1e-5)
    assert close.mean() > 0.99
    error = (weights - expected) @ inputs.T.astype(np.float64)
    assert result.report["objective"] == pytest.approx((error**2).sum(), rel=1e-3)


def test_hessian_in_batches():
    _, inputs = layer(samples=1100)
    expected = hessian_of(inputs)
    np.testing.assert_allclose(quantmlir.hessian(inputs), expected, rtol=1e-12, atol=1e-9)
    batches = quantmlir.hessian(inputs[:400])
    assert quantmlir.hessian(inputs[400:], into=batches) is batches
    np.testing.assert_allclose(batches, expected, rtol=1e-12, atol=1e-9)
    # Where a copy would be added to.
    zeros = np.zeros_like(batches)
    for into in (zeros.astype(np.float32), zeros.T[::1, ::1].copy(order="F"), zeros.tolist(),
                 np.broadcast_to(0.0, zeros.shape)):
        with pytest.raises(ValueError, match="into: expected a writable array of float64"):
            quantmlir.hessian(inputs, into=into)


def test_gptq_of_one_block():
    """A block that is wider than the matrix is all of it, however wide."""
    weights, inputs = layer()
    hessian, columns = hessian_of(inputs), weights.shape[1]
    expected = quantmlir.gptq(weights, hessian, "int4,group=24", block_size=4 * columns)
    for block_size in (columns + 24, 2**62):
        found = quantmlir.gptq(weights, hessian, "int4,group=24", block_size=block_size)
        np.testing.assert_array_equal(found.codes, expected.codes)


def test_gptq_tells_what_it_did_to_a_singular_hessian():
    weights, inputs = layer(samples=20)
    inputs[:, 5] = 0
    hessian = hessian_of(inputs)
    result = quantmlir.gptq(weights, hessian, "int4,group=32", damping=0.0)
    assert result.report["damping"] > 0 and result.report["damping_steps"] > 0
    assert result.report["dead_columns"] == 1


def test_gptq_refuses():
    weights, inputs = layer()
    hessian = hessian_of(inputs)
    with pytest.raises(ValueError, match="KxK"):
        quantmlir.gptq(weights, hessian[:5, :5], "int4")
    hessian[3, 4] = np.inf
    with pytest.raises(ValueError, match="hessian: there is a NaN or infinity"):
        quantmlir.gptq(weights, hessian, "int4")


#===-- Methods of parameters -----------------------------------------------===#

@pytest.mark.parametrize("planted", [20, 256])
def test_clipping_beats_the_range_where_there_are_outliers(planted):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 4096)).astype(np.float32)
    x[:, ::1000] = planted
    # Of all but the outliers: they are what is given up.
    inner = np.abs(x) < planted
    errors = {}
    for method in ("absmax", "percentile=99.8", "mse", "kl"):
        decoded = quantmlir.quantize_weights(x, f"int8,channel,{method}").dequantize()
        errors[method] = ((x - decoded)[inner]**2).mean()
    for method in ("percentile=99.8", "kl"):
        assert errors[method] < 0.5 * errors["absmax"], errors
    assert errors["mse"] <= errors["absmax"], errors
    # With few bits the outliers are worth less than the rest, to mse as well.
    total = {method: ((x - quantmlir.quantize_weights(x, f"int4,channel,{method}").dequantize())**2).mean()
             for method in ("absmax", "mse")}
    assert total["mse"] <= total["absmax"], total


@pytest.mark.parametrize("bits", [3, 4])
@pytest.mark.parametrize("planted", [6, 8, 12])
def test_clipping_beats_the_range_with_the_outliers_counted(planted, bits):
    """Mean squared error of the whole tensor: with few bits, few outliers are worth less than the rest."""
    x = np.random.default_rng(3).standard_normal((4, 4096)).astype(np.float32)
    x[:, ::1000] = planted
    errors = {method: ((x - quantmlir.quantize_weights(x, f"int{bits},channel,{method}").dequantize())**2).mean()
              for method in ("absmax", "percentile=99.8", "mse", "kl")}
    for method in ("percentile=99.8", "mse", "kl"):
        assert errors[method] < 0.5 * errors["absmax"], errors


#===-- AWQ -----------------------------------------------------------------===#

def awq_scales(mean, alpha):
    powers = mean**alpha
    live = powers[mean > 0]
    scales = np.where(mean > 0, powers / np.sqrt(live.min() * live.max()), 1)
    return scales.astype(np.float32)


def loss(weights, decoded, inputs):
    error = (weights.astype(np.float64) - decoded) @ inputs.T.astype(np.float64)
    return (error**2).sum()


@pytest.mark.parametrize("scheme", ["int4,group=32", "int3,group=32,asymmetric"])
def test_awq_searches_alpha(scheme):
    weights, inputs = layer()
    inputs[:, 17] *= 40  # A salient channel.
    inputs[:, 3] = 0
    mean = np.abs(inputs).mean(axis=0, dtype=np.float64)
    result = quantmlir.awq(weights, mean, hessian_of(inputs), scheme, clip=False)
    losses = []
    for step in range(20):
        scales = awq_scales(mean, step / 20)
        decoded = quantmlir.quantize_weights(weights * scales, scheme).dequantize() / scales
        losses.append(loss(weights, decoded, inputs))
    np.testing.assert_allclose(result.report["searched"], losses, rtol=1e-4)
    best = int(np.argmin(losses))
    assert best > 0 and result.report["alpha"] == best / 20
    np.testing.assert_allclose(result.channel_scales, awq_scales(mean, best / 20), rtol=1e-6)
    assert result.report["objective"] == pytest.approx(losses[best], rel=1e-4)
    assert result.report["rounding_objective"] == pytest.approx(losses[0], rel=1e-4)
    assert result.channel_scales[3] == 1


def test_awq_clips_blocks_for_the_output():
    weights, inputs = layer(rows=5)
    weights[2] *= 0.3
    weights[2, 40] = 6
    inputs[:, 40] *= 1e-3  # Its outlier does not matter at the output.
    mean, hessian = np.abs(inputs).mean(axis=0, dtype=np.float64), hessian_of(inputs)
    plain = quantmlir.awq(weights, mean, hessian, "int4,group=32", clip=False, grid=1)
    clipped = quantmlir.awq(weights, mean, hessian, "int4,group=32", grid=1)
    assert plain.report["alpha"] == 0 and plain.report["clipped"] == 0
    np.testing.assert_array_equal(plain.channel_scales, 1)
    assert clipped.report["blocks"] == 15 and clipped.report["clipped"] > 0
    expected = np.empty((5, 3))
    for r in range(5):
        for g in range(3):
            part = weights[r, 32 * g:32 * g + 32]
            x = inputs[:, 32 * g:32 * g + 32].astype(np.float64)
            best = np.inf
            for step in range(11):
                fraction = np.float32(1) - np.float32(0.5) * np.float32(step) / np.float32(10)
                scale = max((part.max() * fraction), -(part.min() * fraction)) / np.float32(7)
                decoded = np.clip(np.rint(part / scale), -8, 7) * np.float64(scale)
                error = (((part - decoded) @ x.T)**2).sum()
                if error < best:
                    best, expected[r, g] = error, scale
    np.testing.assert_allclose(clipped.scales, expected, rtol=1e-6)
    # Down from the outlier's 6 to about what the other weights need.
    assert clipped.scales[2, 1] < 0.85 * 6 / 7


def test_awq_leaves_float_outputs_as_they_are():
    weights, inputs = layer()
    scales = quantmlir.awq(weights, np.abs(inputs).mean(axis=0, dtype=np.float64),
                           hessian_of(inputs), "int4,group=32").channel_scales
    exact = inputs.astype(np.float64) @ weights.T
    scaled = (inputs / scales).astype(np.float64) @ (weights * scales).T
    np.testing.assert_allclose(scaled, exact, atol=1e-6 * np.abs(exact).max())


def test_awq_then_gptq():
    weights, inputs = layer(samples=600)
    inputs[:, 17] *= 40
    mean, hessian = np.abs(inputs).mean(axis=0, dtype=np.float64), hessian_of(inputs)
    scheme = "int3,group=32"
    awq = quantmlir.awq(weights, mean, hessian, scheme, clip=False)
    s = awq.channel_scales
    both = quantmlir.gptq(weights * s, hessian / np.outer(s, s).astype(np.float64), scheme)
    assert both.report["objective"] < awq.report["objective"]
    assert both.report["rounding_objective"] == pytest.approx(awq.report["objective"], rel=1e-3)


def test_awq_refuses():
    weights, inputs = layer()
    mean, hessian = np.abs(inputs).mean(axis=0, dtype=np.float64), hessian_of(inputs)
    with pytest.raises(ValueError, match="one mean for each column"):
        quantmlir.awq(weights, mean[:4], hessian, "int4,group=32")
    with pytest.raises(ValueError, match="channel 0 is negative"):
        quantmlir.awq(weights, -mean, hessian, "int4,group=32")
    with pytest.raises(ValueError, match="blocks of one row"):
        quantmlir.awq(weights, mean, hessian, "int4,tensor")
    assert quantmlir.awq(weights, mean, hessian, "int4,tensor", clip=False).scales.shape == (1, 1)


#===-- SmoothQuant ---------------------------------------------------------===#

def test_smooth_scales():
    inputs = np.array([10, 1, 0, 4], np.float32)
    weights = np.array([0.1, 0.5, 1, 0], np.float32)
    np.testing.assert_allclose(
        quantmlir.smooth_scales(inputs, weights, 0.75),
        [10**0.75 / 0.1**0.25, 1 / 0.5**0.25, 1, 1], rtol=1e-6)
    for bad in (np.nan, np.inf, -1):
        with pytest.raises(ValueError, match="input_abs_max: a magnitude is negative, NaN or"):
            quantmlir.smooth_scales(np.where(inputs == 1, bad, inputs), weights)
        with pytest.raises(ValueError, match="weight_abs_max: a magnitude"):
            quantmlir.smooth_scales(inputs, np.where(weights == 1, bad, weights))
    for alpha in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"is not in \[0, 1\]"):
            quantmlir.smooth_scales(inputs, weights, alpha)


def quantize_int8(x, axis):
    scale = np.abs(x).max(axis=axis, keepdims=True) / np.float32(127)
    return (np.clip(np.rint(x / scale), -128, 127) * scale).astype(np.float64)


@pytest.mark.parametrize("scheme, axis", [("int8,channel/int8,token", 1),
                                          ("int8,channel/int8,tensor", None)])
def test_smooth_alpha_is_searched(scheme, axis):
    weights, inputs = layer()
    inputs[:, 11] *= 100
    other = layer(rows=20, seed=5)[0]
    alpha, scales, losses = quantmlir.search_smooth_alpha(
        inputs, [weights, other], scheme, steps=10)
    joint = np.maximum(np.abs(weights).max(0), np.abs(other).max(0))
    expected = {}
    for step in range(11):
        s = quantmlir.smooth_scales(np.abs(inputs).max(0), joint, step / 10)
        expected[step / 10] = sum(
            ((quantize_int8(inputs / s, axis) @ quantize_int8(w * s, 1).T
              - inputs.astype(np.float64) @ w.T)**2).sum() for w in (weights, other))
    assert losses.keys() == expected.keys()
    for step, value in expected.items():
        assert losses[step] == pytest.approx(value, rel=2e-2)
    assert alpha == min(losses, key=losses.get)
    np.testing.assert_array_equal(
        scales, quantmlir.smooth_scales(np.abs(inputs).max(0), joint, alpha))
    # Moving the outlier is what helps.
    unsmoothed = sum(((quantize_int8(inputs, axis) @ quantize_int8(w, 1).T
                       - inputs.astype(np.float64) @ w.T)**2).sum()
                     for w in (weights, other))
    assert losses[alpha] < 0.5 * unsmoothed


def test_smooth_alpha_refuses():
    weights, inputs = layer()
    with pytest.raises(ValueError, match="weights and activations"):
        quantmlir.search_smooth_alpha(inputs, [weights], "int8")
    with pytest.raises(ValueError, match="needs weights"):
        quantmlir.search_smooth_alpha(inputs, [], "int8/int8")
    inputs[7, 2] = np.nan
    with pytest.raises(ValueError, match="sample 7 is NaN or infinite in channel 2"):
        quantmlir.search_smooth_alpha(inputs, [weights], "int8/int8")


#===-- Rotations -----------------------------------------------------------===#

@pytest.mark.parametrize("size", [1, 2, 4, 12, 20, 24, 28, 36, 64, 76, 172, 384,
                                  1536, 11008])
def test_rotation_is_orthogonal(size):
    if size <= 384:
        q = quantmlir.rotate(np.eye(size)).astype(np.float64)
        np.testing.assert_allclose(q @ q.T, np.eye(size), atol=1e-6)
        # All entries have one magnitude: Q is a Hadamard matrix.
        np.testing.assert_allclose(np.abs(q), size**-0.5, rtol=1e-6)
    weights, inputs = layer(rows=5, columns=size, samples=7)
    exact = inputs.astype(np.float64) @ weights.T
    for seed in (0, 3):
        x, w = (quantmlir.rotate(m, seed=seed) for m in (inputs, weights))
        np.testing.assert_allclose(x.astype(np.float64) @ w.T, exact,
                                   atol=2e-6 * np.abs(exact).max())
        np.testing.assert_allclose(quantmlir.rotate(x, seed=seed, inverse=True),
                                   inputs, atol=1e-5)
    if size > 2:
        assert not np.array_equal(quantmlir.rotate(inputs, seed=1),
                                  quantmlir.rotate(inputs, seed=2))


def test_rotation_spreads_an_outlier():
    _, inputs = layer(columns=384)
    inputs[:, 100] *= 100
    rotated = quantmlir.rotate(inputs)
    ratio = lambda x: np.abs(x).max() / np.sqrt((x**2).mean())
    assert ratio(rotated) < 0.3 * ratio(inputs)


@pytest.mark.parametrize("size", [3, 6, 14, 7 * 13])
def test_rotation_of_other_sizes(size):
    with pytest.raises(ValueError, match=f"no Hadamard matrix of order {size} "):
        quantmlir.rotate(np.ones((1, size)))
