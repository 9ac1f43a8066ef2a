"""The weight quantizer in C++ against the dialect's reference: every bit.

Codes, scales and zero points of `quantmlir.quantize_weights` must be those of
`quant_tensor.choose_params` and `quantize`, which other tests hold to NumPy.
"""

import numpy as np
import pytest
import quantmlir
from reference_runner import unpack

ROWS, COLUMNS = 13, 90

SCHEMES = [
    *(f"int{bits},group=32" for bits in range(2, 9)),
    *(f"int{bits},group=32,asymmetric" for bits in range(2, 9)),
    "int4,group=90", "int4,group=128", "int4,block=64x128",
    "int8,tensor", "int4,tensor,asymmetric", "int4,channel", "int4,block=4x32",
    "int4,block=0x16,asymmetric", "int5,block=5x0", "int8,block=1x1",
    "int4,group=32,scale=bf16", "int4,group=32,scale=f16,asymmetric",
    "int8,channel,scale=f8E8M0FNU", "int4,group=16,scale=f8E4M3FN",
    "fp8,channel", "fp8,tensor,scale=bf16", "fp8_e5m2,channel", "fp8,block=8x32",
    "fp4,group=16,scale=f8E4M3FN", "mxfp4", "fp4,group=32",
    "nf4,group=64", "nf4,group=16,scale=bf16", "nf4,channel,scale=f16",
    *(f"{kind},{method}"
      for kind in ("int4,group=32", "int8,channel,asymmetric",
                   "nf4,group=32", "mxfp4", "int3,block=3x40,scale=f16")
      for method in ("percentile=97.5", "mse=12", "kl=6")),
]

METHODS = {"percentile": ("percentile", "{{percent = {} : f64}}"),
           "mse": ("mse", "{{candidates = {} : i64}}"),
           "kl": ("kl", "{{candidates = {} : i64}}")}


def matrices():
    rng = np.random.default_rng(7)
    plain = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    wild = np.ldexp(plain, rng.integers(-20, 20, plain.shape)).astype(np.float32)
    wild[3] = 0
    wild[4, ::3] *= -0.0
    wild[5, :40] = np.abs(wild[5, :40])
    # Ties and ends of every grid.
    grid = (rng.integers(-33, 33, plain.shape) / 2).astype(np.float32)
    grid[:, 0] = 16
    tiny = plain * np.float32(1e-41)
    # Up to 2^125; more is refused, since scales of blocks may be more than f32 holds.
    huge = np.clip(plain * np.float32(2e37), -4.25e37, 4.25e37).astype(np.float32)
    return {"plain": plain, "wild": wild, "grid": grid, "tiny": tiny, "huge": huge}


def module(scheme, encoding):
    """MLIR of choose_params and quantize for the scheme's encoding."""
    method, attributes = ("minmax" if "asymmetric" in scheme else "absmax"), ""
    for word in scheme.split(","):
        name, _, value = word.partition("=")
        if name in METHODS:
            method = METHODS[name][0]
            attributes = METHODS[name][1].format(
                float(value) if name == "percentile" else value)
    tensor = f"tensor<{ROWS}x{COLUMNS}xf32>"
    encoded = f"tensor<{ROWS}x{COLUMNS}xf32, #e>"
    block = [int(extent) for extent in
             encoding.split("block = [")[1].split("]")[0].split(",")]
    grid = "x".join(str(-(-size // (extent or size)))
                    for size, extent in zip((ROWS, COLUMNS), block))
    scales = f"tensor<{grid}x{encoding.split('scale = ')[1].split(',')[0].rstrip('}>')}>"
    points = f", tensor<{grid}xi8>" if "zero_point" in encoding else ""
    given = f" zero_points(%z : {points[2:]})" if points else ""
    return f"""
#e = {encoding}
func.func @f(%x: {tensor} {{quant_tensor.name = "x"}}) -> {encoded} {{
  %s{", %z" if points else ""} = quant_tensor.choose_params %x method({method}) encoding(#e) {attributes} : {tensor} -> {scales}{points}
  %q = quant_tensor.quantize %x scales(%s : {scales}){given} : {tensor} -> {encoded}
  return %q : {encoded}
}}
"""


def bits_of(array):
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_equals_the_reference(scheme):
    inputs = matrices()
    results = {name: quantmlir.quantize_weights(x, scheme)
               for name, x in inputs.items()}
    reference = quantmlir.Reference(module(scheme, results["plain"].encoding))
    for name, x in inputs.items():
        expected = reference.run(x=x)
        codes, scales, *points = expected.values()
        result = results[name]
        np.testing.assert_array_equal(bits_of(result.scales), bits_of(scales), name)
        np.testing.assert_array_equal(bits_of(result.codes), bits_of(codes), name)
        assert (result.zero_points is None) == (not points)
        if points:
            np.testing.assert_array_equal(result.zero_points, points[0], name)


@pytest.mark.parametrize("scheme", ["int4,group=32,asymmetric", "int3,channel",
                                    "fp8,channel", "nf4,group=64", "mxfp4"])
def test_dequantize_equals_the_reference(scheme):
    x = matrices()["wild"]
    result = quantmlir.quantize_weights(x, scheme)
    encoded = f"tensor<{ROWS}x{COLUMNS}xf32, #e>"
    reference = quantmlir.Reference(f"""
#e = {result.encoding}
func.func @f(%q: {encoded} {{quant_tensor.name = "q"}}) -> tensor<{ROWS}x{COLUMNS}xf32> {{
  %x = quant_tensor.dequantize %q : {encoded} -> tensor<{ROWS}x{COLUMNS}xf32>
  return %x : tensor<{ROWS}x{COLUMNS}xf32>
}}
""")
    (expected,) = reference.run(q=result).values()
    np.testing.assert_array_equal(bits_of(result.dequantize()), bits_of(expected))


def test_codes_use_the_whole_range():
    x = np.linspace(-7, 7, 15, dtype=np.float32)[None]
    codes = unpack(quantmlir.quantize_weights(x, "int4,channel").codes, 4, 15, True)
    np.testing.assert_array_equal(codes[0], np.arange(-7, 8))


@pytest.mark.parametrize("scheme, message", [
    ("int9", "int2 to int8"), ("none", "leaves weights"),
    ("int4,minmax", "minmax gives zero points"), ("nf4,asymmetric", "only integer")])
def test_refuses_schemes(scheme, message):
    with pytest.raises(ValueError, match=message):
        quantmlir.quantize_weights(matrices()["plain"], scheme)


def test_refuses_weights():
    x = matrices()["plain"]
    x[2, 5] = np.nan
    with pytest.raises(ValueError, match=r"weight at \[2, 5\] is NaN or infinite"):
        quantmlir.quantize_weights(x, "int4")
    with pytest.raises(ValueError, match="rank 1"):
        quantmlir.quantize_weights(x[0], "int4")
    with pytest.raises(TypeError, match="expected floats, got int64"):
        quantmlir.quantize_weights(np.ones((2, 2), np.int64), "int4")
