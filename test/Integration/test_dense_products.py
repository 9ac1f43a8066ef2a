"""Contractions of plain floats in the default pipeline.

Floats of 16 and 8 bits go to tensor cores with what follows them fused; one row
or one column of results is a product fused into its sum; f32 is left to plain
loops. Each is run in the emulator and compared with float64.
"""

import json

import ml_dtypes
import numpy as np
import pytest

import reference_runner as reference

MAPS = {
    "nk": "affine_map<(b, m, n, k) -> (b, n, k)>",
    "kn": "affine_map<(b, m, n, k) -> (b, k, n)>",
}


def program(b, m, n, k, element, order):
    """y = relu(x w + bias) in f32; `m` may be "?"."""
    x, y = f"tensor<{b}x{m}x{k}x{element}>", f"tensor<{b}x{m}x{n}xf32>"
    w = f"tensor<{b}x{n}x{k}x{element}>" if order == "nk" else f"tensor<{b}x{k}x{n}x{element}>"
    size, dim = ("%m", f"%m = tensor.dim %x, %c1 : {x}") if m == "?" else ("", "")
    return f"""
func.func @f(%x: {x} {{quant_tensor.name = "x"}}, %w: {w} {{quant_tensor.name = "w"}},
             %bias: tensor<{n}xf32> {{quant_tensor.name = "bias"}}) -> ({y} {{quant_tensor.name = "y"}}) {{
  %c1 = arith.constant 1 : index
  {dim}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty({size}) : {y}
  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %acc = linalg.batch_matmul indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, {MAPS[order]},
                                              affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%x, %w : {x}, {w}) outs(%i : {y}) -> {y}
  %r = linalg.generic {{indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (n)>,
                                        affine_map<(b, m, n) -> (b, m, n)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%acc, %bias : {y}, tensor<{n}xf32>) outs(%e : {y}) {{
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    %t = arith.maximumf %s, %zero : f32
    linalg.yield %t : f32
  }} -> {y}
  return %r : {y}
}}
"""


@pytest.mark.parametrize("element", ["f32", "bf16", "f16"])
@pytest.mark.parametrize("order", ["nk", "kn"])
@pytest.mark.parametrize("b, m, n, k", [
    (1, 1, 40, 97), (1, 33, 1, 96), (3, 20, 37, 70), (2, "?", 40, 64), (2, 1, 1, 1),
])
def test_product(tool, tmp_path, element, order, b, m, n, k):
    (tmp_path / "f.mlir").write_text(program(b, m, n, k, element, order))
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    manifest = json.loads((artifact / "manifest.json").read_text())
    names = [kernel["name"] for kernel in manifest["kernels"]]
    on_tensor_cores = element != "f32" and m != 1 and n != 1
    multiplies = ("mma_sync", "wgmma")
    assert any(part in name for name in names for part in multiplies) == on_tensor_cores, names
    [function] = manifest["functions"]
    # No product of rank 4 between it and its sum.
    assert all(len(buffer["shape"]) < 4 for buffer in function["buffers"])

    rows = 5 if m == "?" else m
    rng = np.random.default_rng(k)
    kind = np.dtype({"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}[element])
    x = rng.standard_normal((b, rows, k)).astype(kind)
    w = rng.standard_normal((b, n, k) if order == "nk" else (b, k, n)).astype(kind)
    bias = rng.standard_normal(n).astype(np.float32)
    inputs = {"x": x, "w": w, "bias": bias}
    np.savez(tmp_path / "in.npz", **{name: reference.to_bits(a) for name, a in inputs.items()})
    wide = w.astype(np.float64)
    wide = np.swapaxes(wide, 1, 2) if order == "nk" else wide
    exact = np.maximum(x.astype(np.float64) @ wide + bias, 0)
    size = np.abs(x.astype(np.float64)) @ np.abs(wide) + np.abs(bias)
    bound = (k + 2) * 2.0**-23 * size
    tool("quant-run", artifact, "--device=emulator", "--bits", f"--inputs={tmp_path}/in.npz",
         f"--output={tmp_path}/out.npz")
    y = np.load(tmp_path / "out.npz")["y"]
    assert (np.abs(y - exact) <= bound).all(), np.abs(y - exact).max()


FLOAT8 = {"f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2}


@pytest.mark.parametrize("lhs, rhs", [
    ("f8E4M3FN", "f8E4M3FN"), ("f8E4M3FN", "f8E5M2"), ("f8E5M2", "f8E4M3FN")])
@pytest.mark.parametrize("m, k", [(20, 64), (33, 97), ("?", 80)])
def test_float8_product(tool, tmp_path, lhs, rhs, m, k):
    """wgmma multiplies 8-bit floats of either type where its loads can have rows
    of K, mma.sync elsewhere, and sums with the precision that the manifest states."""
    x, y = f"tensor<{m}x{k}x{lhs}>", f"tensor<{m}x40xf32>"
    (tmp_path / "f.mlir").write_text(f"""
func.func @f(%x: {x}, %w: tensor<40x{k}x{rhs}>, %i: {y}) -> {y} {{
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                      affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : {x}, tensor<40x{k}x{rhs}>) outs(%i : {y}) -> {y}
  return %y : {y}
}}
""")
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    kernels = json.loads((artifact / "manifest.json").read_text())["kernels"]
    family = "wgmma" if k % 16 == 0 else "mma_sync"
    assert all(family in kernel["name"] for kernel in kernels)
    rows = 20 if m == "?" else m
    rng = np.random.default_rng(k)
    x = rng.standard_normal((rows, k)).astype(FLOAT8[lhs])
    w = rng.standard_normal((40, k)).astype(FLOAT8[rhs])
    init = rng.standard_normal((rows, 40)).astype(np.float32)
    np.savez(tmp_path / "in.npz", arg0=x.view(np.uint8), arg1=w.view(np.uint8), arg2=init)
    tool("quant-run", artifact, "--device=emulator", "--bits", f"--inputs={tmp_path}/in.npz",
         f"--output={tmp_path}/out.npz")
    y = np.load(tmp_path / "out.npz")["result0"]
    x, w = x.astype(np.float64), w.astype(np.float64)
    rounding = max(kernel["contract"]["u_acc"] for kernel in kernels)
    bound = (k + 2) * rounding * (np.abs(x) @ np.abs(w).T + np.abs(init))
    assert (np.abs(y - (x @ w.T + init)) <= bound).all()


@pytest.mark.parametrize("element, out", [
    ("bf16", "bf16"), ("f16", "f16"), ("f8E4M3FN", "bf16"), ("f8E5M2", "f16")])
@pytest.mark.parametrize("m, k", [(20, 512), ("?", 97)])
def test_narrow_result(tool, tmp_path, element, out, m, k):
    """A result of 16 bits is a sum in f32, rounded once: nothing is lost along K."""
    kinds = FLOAT8 | {"bf16": ml_dtypes.bfloat16, "f16": np.float16}
    x, y = f"tensor<{m}x{k}x{element}>", f"tensor<{m}x40x{out}>"
    (tmp_path / "f.mlir").write_text(f"""
func.func @f(%x: {x}, %w: tensor<{k}x40x{element}>, %i: {y}) -> {y} {{
  %y = linalg.matmul ins(%x, %w : {x}, tensor<{k}x40x{element}>) outs(%i : {y}) -> {y}
  return %y : {y}
}}
""")
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    kernels = json.loads((artifact / "manifest.json").read_text())["kernels"]
    assert any("mma" in kernel["name"] for kernel in kernels)
    rng = np.random.default_rng(k)
    x = rng.standard_normal((20, k)).astype(kinds[element])
    w = rng.standard_normal((k, 40)).astype(kinds[element])
    init = rng.standard_normal((20, 40)).astype(kinds[out])
    inputs = {"arg0": x, "arg1": w, "arg2": init}
    np.savez(tmp_path / "in.npz", **{name: reference.to_bits(a) for name, a in inputs.items()})
    x, w, init = (a.astype(np.float64) for a in (x, w, init))
    rounding = max(2.0**-24, *(kernel["contract"]["u_acc"] for kernel in kernels))
    exact = x @ w + init
    bound = (k + 2) * rounding * (np.abs(x) @ np.abs(w) + np.abs(init))
    bound += {"bf16": 2.0**-9, "f16": 2.0**-12}[out] * (np.abs(exact) + bound) * 2
    # The reference on the CPU rounds each partial sum, as the program says.
    tool("quant-run", artifact, "--device=emulator", "--bits", f"--inputs={tmp_path}/in.npz",
         f"--output={tmp_path}/out.npz")
    y = np.load(tmp_path / "out.npz")["result0"].view(kinds[out]).astype(np.float64)
    assert (np.abs(y - exact) <= bound).all(), np.abs(y - exact).max()


def test_float8_batches(tool, tmp_path):
    """Each with a right-hand side of its own."""
    (tmp_path / "f.mlir").write_text("""
func.func @f(%x: tensor<3x20x64xf8E5M2>, %w: tensor<3x64x40xf8E4M3FN>, %i: tensor<3x20x40xf32>) -> tensor<3x20x40xf32> {
  %y = linalg.batch_matmul ins(%x, %w : tensor<3x20x64xf8E5M2>, tensor<3x64x40xf8E4M3FN>)
      outs(%i : tensor<3x20x40xf32>) -> tensor<3x20x40xf32>
  return %y : tensor<3x20x40xf32>
}
""")
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    kernels = json.loads((artifact / "manifest.json").read_text())["kernels"]
    assert any("mma_sync" in kernel["name"] for kernel in kernels)
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3, 20, 64)).astype(FLOAT8["f8E5M2"])
    w = rng.standard_normal((3, 64, 40)).astype(FLOAT8["f8E4M3FN"])
    init = rng.standard_normal((3, 20, 40)).astype(np.float32)
    np.savez(tmp_path / "in.npz", arg0=x.view(np.uint8), arg1=w.view(np.uint8), arg2=init)
    tool("quant-run", artifact, "--device=emulator", "--bits", f"--inputs={tmp_path}/in.npz",
         f"--output={tmp_path}/out.npz")
    y = np.load(tmp_path / "out.npz")["result0"]
    x, w = x.astype(np.float64), w.astype(np.float64)
    bound = 66 * 2.0**-23 * (np.abs(x) @ np.abs(w) + np.abs(init))
    assert (np.abs(y - (x @ w + init)) <= bound).all()


SMALL = """
func.func @f(%x: tensor<?x37xf8E4M3FN> {quant_tensor.name = "x"}, %z: tensor<?x37xf8E5M2> {quant_tensor.name = "z"})
    -> (tensor<?x37xf8E4M3FN> {quant_tensor.name = "y"}, tensor<?x37xf32> {quant_tensor.name = "s"}) {
  %a = arith.extf %x : tensor<?x37xf8E4M3FN> to tensor<?x37xf32>
  %b = arith.extf %z : tensor<?x37xf8E5M2> to tensor<?x37xf32>
  %s = arith.addf %a, %b : tensor<?x37xf32>
  %y = arith.truncf %s : tensor<?x37xf32> to tensor<?x37xf8E4M3FN>
  return %y, %s : tensor<?x37xf8E4M3FN>, tensor<?x37xf32>
}
"""


def test_float8(tool, tmp_path):
    """8-bit floats are read and rounded by kernels: every code, against ml_dtypes."""
    (tmp_path / "f.mlir").write_text(SMALL)
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    rng = np.random.default_rng(8)
    codes = np.resize(np.arange(256, dtype=np.uint8), (14, 37))
    x, z = codes, rng.permutation(codes.ravel()).reshape(codes.shape)
    np.savez(tmp_path / "in.npz", x=x, z=z)
    wide = x.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    wide = wide + z.view(ml_dtypes.float8_e5m2).astype(np.float32)
    with np.errstate(invalid="ignore"):
        narrow = wide.astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
    nan = (narrow & 0x7F) == 0x7F
    for device in ("cpu", "emulator"):
        tool("quant-run", artifact, f"--device={device}", "--bits", f"--inputs={tmp_path}/in.npz",
             f"--output={tmp_path}/{device}.npz")
        results = np.load(tmp_path / f"{device}.npz")
        np.testing.assert_array_equal(results["s"], wide)
        y = results["y"].view(np.uint8)
        np.testing.assert_array_equal((y & 0x7F) == 0x7F, nan)
        np.testing.assert_array_equal(y[~nan], narrow[~nan])
