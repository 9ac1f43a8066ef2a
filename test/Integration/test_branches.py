"""Branches of a program: both write one buffer, whatever each computes in."""

import ml_dtypes
import numpy as np
import pytest

from reference_runner import expand_blocks, pack, to_bits

# Several schedules, dispatched by M, of an op that writes into an argument.
DISPATCHED = """
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
func.func @f(%x: tensor<?x256xbf16> {quant_tensor.name = "x"},
             %w: tensor<19x256xbf16, #w4> {quant_tensor.name = "w"},
             %init: tensor<?x19xf32> {quant_tensor.name = "init"})
    -> (tensor<?x19xf32> {quant_tensor.name = "y"}) {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x256xbf16>, tensor<19x256xbf16, #w4>)
      maps [] outs(%init : tensor<?x19xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x19xf32>
  return %y : tensor<?x19xf32>
}
"""

# Results of two sizes, one of them there already, one computed into what is read.
CHOSEN = """
func.func @f(%x: tensor<?x8xf32> {quant_tensor.name = "x"}, %y: tensor<?x8xf32> {quant_tensor.name = "y"})
    -> (tensor<?x8xf32> {quant_tensor.name = "r"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %m = tensor.dim %x, %c0 : tensor<?x8xf32>
  %many = arith.cmpi ugt, %m, %c2 : index
  %r = scf.if %many -> tensor<?x8xf32> {
    %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>],
                         iterator_types = ["parallel", "parallel"]} outs(%x : tensor<?x8xf32>) {
    ^bb0(%a: f32):
      %t = arith.addf %a, %a : f32
      linalg.yield %t : f32
    } -> tensor<?x8xf32>
    scf.yield %s : tensor<?x8xf32>
  } else {
    scf.yield %y : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
"""


def run(tool, tmp_path, device, inputs):
    np.savez(tmp_path / "in.npz", **inputs)
    output = tmp_path / f"{device}.npz"
    tool("quant-run", tmp_path / "f.qmlir", f"--device={device}", "--bits",
         f"--inputs={tmp_path}/in.npz", f"--output={output}")
    return np.load(output)


@pytest.mark.parametrize("device", ["cpu", "emulator"])
def test_dispatched(tool, tmp_path, device):
    (tmp_path / "f.mlir").write_text(DISPATCHED)
    tool("quant-compile", tmp_path / "f.mlir", "-o", tmp_path / "f.qmlir")
    rng = np.random.default_rng(3)
    codes = rng.integers(-8, 8, (19, 256))
    scales = rng.choice([0.5, 1.0, -2.0], (19, 2))
    weights = {"w.codes": pack(codes, 4).view(np.int8),
               "w.scales": to_bits(scales.astype(ml_dtypes.bfloat16))}
    for rows in [0, 1, 5, 16, 40]:
        x = rng.integers(-4, 5, (rows, 256))
        inputs = weights | {"x": to_bits(x.astype(ml_dtypes.bfloat16)),
                            "init": np.full((rows, 19), np.nan, np.float32)}
        got = run(tool, tmp_path, device, inputs)["y"]
        np.testing.assert_array_equal(got, x @ (codes * expand_blocks(scales, [1, 128], (19, 256))).T)


@pytest.mark.parametrize("device", ["cpu", "emulator"])
def test_chosen(tool, tmp_path, device):
    (tmp_path / "f.mlir").write_text(CHOSEN)
    tool("quant-compile", tmp_path / "f.mlir", "-o", tmp_path / "f.qmlir")
    for m, n in [(3, 1), (2, 4), (0, 2), (5, 0), (0, 0)]:
        x = np.arange(m * 8, dtype=np.float32).reshape(m, 8)
        y = -np.arange(n * 8, dtype=np.float32).reshape(n, 8)
        got = run(tool, tmp_path, device, {"x": x, "y": y})["r"]
        np.testing.assert_array_equal(got, 2 * x if m > 2 else y)
