"""Static quantization folded into the epilogue in front of it: layers chain in int8.

linear -> bias, GELU -> quantize by a calibrated scale -> linear, in plain linalg:
one kernel quantizes the input, and each layer is one more. What lies between the
layers is int8, and nothing else is.
"""

import json
import math

import numpy as np
import pytest

import reference_runner as reference

erf = np.vectorize(math.erf, otypes=[np.float64])


def program(n, k, out, storage="i8", point=False):
    """Codes of the second layer's input are of `storage`, with a zero point if so."""
    zero = f", zero_point = {storage}" if point else ""
    points = 'tensor<1x1xi8>'
    argument = f', %p: {points} {{quant_tensor.name = "p"}}' if point else ""
    given = f" zero_points(%p : {points})" if point else ""
    return f"""
#in = #quant_tensor.encoding<{{storage = i8, block = [0, 0], scale = f32}}>
#mid = #quant_tensor.encoding<{{storage = {storage}, block = [0, 0], scale = f32{zero}}}>
#w = #quant_tensor.encoding<{{storage = i8, block = [1, 0], scale = f32}}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
func.func @chain(%x: tensor<?x{k}xbf16> {{quant_tensor.name = "x"}}, %w1: tensor<{n}x{k}xbf16, #w> {{quant_tensor.name = "w1"}},
                 %b1: tensor<{n}xf32> {{quant_tensor.name = "b1"}}, %w2: tensor<{out}x{n}xbf16, #w> {{quant_tensor.name = "w2"}},
                 %s1: tensor<1x1xf32> {{quant_tensor.name = "s1"}}, %s2: tensor<1x1xf32> {{quant_tensor.name = "s2"}}{argument})
    -> (tensor<?x{out}xf32> {{quant_tensor.name = "y"}}) {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x{k}xbf16>
  %q1 = quant_tensor.quantize %x scales(%s1 : tensor<1x1xf32>) : tensor<?x{k}xbf16> -> tensor<?x{k}xbf16, #in>
  %e1 = tensor.empty(%m) : tensor<?x{n}xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x{n}xf32>) -> tensor<?x{n}xf32>
  %y1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%q1, %w1 : tensor<?x{k}xbf16, #in>, tensor<{n}x{k}xbf16, #w>)
      outs(%i1 : tensor<?x{n}xf32>) -> tensor<?x{n}xf32>
  %h = linalg.generic {{indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}}
      ins(%y1, %b1 : tensor<?x{n}xf32>, tensor<{n}xf32>) outs(%e1 : tensor<?x{n}xf32>) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %root = arith.constant 0.70710677 : f32
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %v = arith.addf %a, %b : f32
    %t = arith.mulf %v, %root : f32
    %r = math.erf %t : f32
    %u = arith.addf %r, %one : f32
    %w = arith.mulf %v, %half : f32
    %g = arith.mulf %u, %w : f32
    linalg.yield %g : f32
  }} -> tensor<?x{n}xf32>
  %q2 = quant_tensor.quantize %h scales(%s2 : tensor<1x1xf32>){given} : tensor<?x{n}xf32> -> tensor<?x{n}xf32, #mid>
  %e2 = tensor.empty(%m) : tensor<?x{out}xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x{out}xf32>) -> tensor<?x{out}xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%q2, %w2 : tensor<?x{n}xf32, #mid>, tensor<{out}x{n}xbf16, #w>)
      outs(%i2 : tensor<?x{out}xf32>) -> tensor<?x{out}xf32>
  return %y : tensor<?x{out}xf32>
}}
"""


@pytest.mark.parametrize("n, k, out, storage, point", [
    (96, 64, 32, "i8", False), (72, 80, 37, "ui8", False), (69, 51, 20, "i8", False), (96, 64, 32, "i8", True),
])
def test_chain(tool, tmp_path, n, k, out, storage, point):
    (tmp_path / "f.mlir").write_text(program(n, k, out, storage, point))
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    manifest = json.loads((artifact / "manifest.json").read_text())
    main = next(f for f in manifest["functions"] if f["name"] == "chain")
    temporaries = [b for b in main["buffers"] if b["role"] == "temporary"]
    wide = [b for b in temporaries if b["element"] not in ("i8", "ui8") and b["shape"][-1] in (n, k, out)]
    assert temporaries and not wide, wide

    rows = 19
    rng = np.random.default_rng(n)
    x = rng.standard_normal((rows, k)).astype(reference.BFLOAT16)
    w1, w2 = (rng.integers(-127, 128, s, dtype=np.int8) for s in ((n, k), (out, n)))
    c1, c2 = (rng.uniform(0.0005, 0.002, (s, 1)).astype(np.float32) for s in (n, out))
    s1, s2 = np.float32([[3 / 127]]), np.float32([[2 / 127]])
    b1 = rng.standard_normal(n).astype(np.float32)
    low, high = (0, 255) if storage == "ui8" else (-128, 127)
    p = np.int8([[-20]]) if point else np.int8([[0]])

    codes = np.clip(np.rint((x.astype(np.float32) / s1)), -128, 127)
    acc = (codes.astype(np.float64) @ w1.T.astype(np.float64)) * s1 * c1.T + b1
    gelu = acc * 0.5 * (1 + erf(acc / 2**0.5))
    middle = gelu / s2 + p
    # Codes that lie next to a boundary may be either.
    slack = 2e-4 + 2.0**-18 * np.abs(middle)
    least = np.clip(np.rint(middle - slack), low, high) - p
    most = np.clip(np.rint(middle + slack), low, high) - p
    a, b = (m[:, None, :] * w2[None].astype(np.float64) for m in (least, most))
    scale = s2 * c2.T.astype(np.float64)
    bounds = [f(a, b).sum(-1) * scale for f in (np.minimum, np.maximum)]
    inputs = {"x": x, "b1": b1, "s1": s1, "s2": s2, "w1.codes": w1, "w1.scales": c1,
              "w2.codes": w2, "w2.scales": c2}
    if point:
        inputs["p"] = p
    np.savez(tmp_path / "in.npz", **{name: reference.to_bits(v) for name, v in inputs.items()})
    for device in ("emulator", "cpu"):
        tool("quant-run", artifact, f"--device={device}", "--bits", f"--inputs={tmp_path}/in.npz",
             f"--output={tmp_path}/out.npz")
        y = np.load(tmp_path / "out.npz")["y"].view(np.float32).astype(np.float64)
        loose = 2.0**-21 * np.abs(y) + 1e-6
        assert ((y >= bounds[0] - loose) & (y <= bounds[1] + loose)).all()
