"""Functions of f32 as kernels compute them, against float64.

Their bounds are those that lib/Dialect/QuantTile/Transforms/Functions.cpp states:
what the hardware's approximations may be off is in them. Arguments are of every
exponent, and dense where a function changes from one formula to another.
"""

import math
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "Integration"))
from reference_runner import run_artifact  # noqa: E402

erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3e38, -3e38], np.float32)


def arguments(*borders):
    rng = np.random.default_rng(5)
    bits = np.arange(1 << 14, dtype=np.uint32) << 18
    bits |= rng.integers(0, 1 << 18, bits.size, dtype=np.uint32)
    near = [rng.uniform(-b, b, 8192) for b in (1, 12, 110)]
    edges = [np.float32(s * b) + np.spacing(np.float32(b)) * np.arange(-64, 64) for b in borders for s in (1, -1)]
    x = np.concatenate([bits.view(np.float32), *(a.astype(np.float32) for a in near + edges)])
    return np.concatenate([SPECIAL, x[np.isfinite(x)]])


def compute(tool, tmp_path, body, x):
    """%r of %x, elementwise, by the kernel in the emulator."""
    n = x.size
    text = f"""
#id = affine_map<(i) -> (i)>
func.func @f(%x: tensor<{n}xf32> {{quant_tensor.name = "x"}}) -> tensor<{n}xf32> {{
  %empty = tensor.empty() : tensor<{n}xf32>
  %y = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel"]}}
      ins(%x : tensor<{n}xf32>) outs(%empty : tensor<{n}xf32>) {{
  ^bb0(%x_: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %half = arith.constant 0.5 : f32
    %root = arith.constant 0.70710678118654752 : f32
{body.replace("%x", "%x_")}
    linalg.yield %r : f32
  }} -> tensor<{n}xf32>
  return %y : tensor<{n}xf32>
}}
"""
    (_, bits), _ = run_artifact(tool, tmp_path, text, {"x": x})
    return bits.view(np.float32)


def check(x, y, exact, bound):
    """Within the bound where `exact` is finite and f32 holds it; else it itself."""
    with np.errstate(over="ignore"):
        narrow = exact.astype(np.float32)
    special = ~np.isfinite(narrow)
    np.testing.assert_array_equal(y[special], narrow[special])
    error = np.abs(y[~special].astype(np.float64) - exact[~special])
    share = error / bound[~special]
    worst = np.argmax(share)
    print(f"worst {share[worst]:.3f} of the bound at {x[~special][worst]}")
    assert share[worst] <= 1, (x[~special][worst], y[~special][worst], exact[~special][worst])


def test_erf(tool, tmp_path):
    x = arguments(0.6)
    y = compute(tool, tmp_path, "    %r = math.erf %x : f32", x)
    exact = erf(x.astype(np.float64))
    check(x, y, exact, 2.0**-22 * np.abs(exact) + 2.0**-149)
    zero = x == 0
    assert (np.signbit(y) == np.signbit(x))[zero].all()


def test_one_plus_erf(tool, tmp_path):
    x = arguments(10, 4)
    y = compute(tool, tmp_path, "    %e = math.erf %x : f32\n    %r = arith.addf %one, %e : f32", x)
    check(x, y, erfc(-x.astype(np.float64)), np.full(x.shape, 2.0**-21))
    # Far out it is what it tends to.
    assert (y[x < -10] == 0).all() and (y[x > 10] == 2).all()


GELU = {
    "x * (p * half)": "    %h = arith.mulf %p, %half : f32\n    %r = arith.mulf %x, %h : f32",
    "(half * x) * p": "    %h = arith.mulf %half, %x : f32\n    %r = arith.mulf %h, %p : f32",
    "half * (x * p)": "    %h = arith.mulf %x, %p : f32\n    %r = arith.mulf %half, %h : f32",
}


@pytest.mark.parametrize("form", GELU)
def test_gelu(tool, tmp_path, form):
    """As programs write it; infinities and zeros are those of its definition."""
    x = arguments(10 * 2**0.5)
    body = """    %z = arith.mulf %x, %root : f32
    %e = math.erf %z : f32
    %p = arith.addf %e, %one : f32
""" + GELU[form]
    y = compute(tool, tmp_path, body, x)
    wide = x.astype(np.float64)
    with np.errstate(invalid="ignore"):
        exact = wide * (0.5 * erfc(-wide * 0.5**0.5))
    exact[np.isneginf(x)] = np.nan
    check(x, y, exact, 2.0**-22 * np.abs(wide) + 2.0**-149)
    assert (y[x > 15] == x[x > 15]).all() and (y[(x < -15) & (x > -np.inf)] == 0).all()


def test_exp(tool, tmp_path):
    x = arguments(104, 88.72284, 87.33655)
    y = compute(tool, tmp_path, "    %r = math.exp %x : f32", x)
    with np.errstate(over="ignore", under="ignore"):
        exact = np.exp(x.astype(np.float64))
    # The last few numbers that f32 holds may be infinite already.
    last = (x > 88.722) & np.isfinite(exact) & (exact < 2.0**128)
    check(x[~last], y[~last], exact[~last], 2.0**-21 * exact[~last] + 2.0**-126)
    assert (y[last] >= 3.3e38).all()


@pytest.mark.parametrize("numerator", ["%one", "%x"])
def test_sigmoid_and_silu(tool, tmp_path, numerator):
    x = arguments(88, 87.33655)
    body = f"""    %n = arith.negf %x : f32
    %e = math.exp %n : f32
    %d = arith.addf %e, %one : f32
    %r = arith.divf {numerator}, %d : f32"""
    y = compute(tool, tmp_path, body, x)
    wide = x.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        above = np.ones_like(wide) if numerator == "%one" else wide
        exact = above / (1 + np.exp(-wide))
    finite = np.where(np.isfinite(wide), np.abs(wide), 0)
    # An argument that is one ulp off changes the power by so much of itself.
    bound = (3 * 2.0**-23 + 2.0**-23 * np.minimum(finite, 128)) * np.abs(exact)
    check(x, y, exact, bound + np.abs(np.where(np.isfinite(above), above, 1)) * 2.0**-126 + 2.0**-149)


def test_tanh(tool, tmp_path):
    x = arguments(0.55)
    y = compute(tool, tmp_path, "    %r = math.tanh %x : f32", x)
    exact = np.tanh(x.astype(np.float64))
    check(x, y, exact, 2.0**-21 * np.abs(exact) + 2.0**-149)
    assert (np.signbit(y) == np.signbit(x))[x == 0].all()


def test_remainder(tool, tmp_path):
    """Exact for any quotient, with the signs, infinities and NaNs of fmod."""
    x = arguments()
    for y in (np.float32(3.0), np.float32(-0.1), np.float32(1e-45), np.float32(np.inf), np.float32(0.0)):
        word = int(y.view(np.uint32))
        body = f"""    %w = arith.constant {word} : i32
    %d = arith.bitcast %w : i32 to f32
    %r = arith.remf %x, %d : f32"""
        actual = compute(tool, tmp_path, body, x)
        with np.errstate(invalid="ignore"):
            exact = np.fmod(x, y)
        assert np.array_equal(np.isnan(actual), np.isnan(exact))
        known = ~np.isnan(exact)
        assert np.array_equal(actual[known].view(np.uint32), exact[known].view(np.uint32)), y


def test_copied_signs(tool, tmp_path):
    """Functions that upstream expands to a copied sign, and the op itself."""
    x = arguments()
    actual = compute(tool, tmp_path, "    %m = arith.constant 2.5 : f32\n    %r = math.copysign %m, %x : f32", x)
    known = ~np.isnan(x)
    assert np.array_equal(actual[known], np.copysign(np.float32(2.5), x)[known])
    actual = compute(tool, tmp_path, "    %r = math.cbrt %x : f32", x)
    inner = known & (np.abs(x) > 1e-30) & (np.abs(x) < 1e30)
    assert np.allclose(actual[inner], np.cbrt(x[inner].astype(np.float64)), rtol=1e-5, atol=0)
