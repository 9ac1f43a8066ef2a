"""Compiled artifacts in the emulator against the reference on the CPU."""

import numpy as np
import pytest

SCALE = """
func.func @f(%x: tensor<?x37xf32> {quant_tensor.name = "x"}, %y: tensor<37xf32> {quant_tensor.name = "y"}) -> tensor<?x37xf32> {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x37xf32>
  %e = tensor.empty(%d) : tensor<?x37xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<?x37xf32>, tensor<37xf32>) outs(%e : tensor<?x37xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.mulf %a, %b : f32
    %t = arith.addf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<?x37xf32>
  return %r : tensor<?x37xf32>
}
"""

ROW_SUM = """
func.func @f(%x: tensor<?x37xf32> {quant_tensor.name = "x"}, %y: tensor<37xf32> {quant_tensor.name = "y"}) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %d = tensor.dim %x, %c0 : tensor<?x37xf32>
  %e = tensor.empty(%d) : tensor<?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x, %y : tensor<?x37xf32>, tensor<37xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.mulf %a, %b : f32
    %t = arith.addf %o, %s : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}
"""


@pytest.mark.parametrize("program", [SCALE, ROW_SUM], ids=["elementwise", "reduction"])
@pytest.mark.parametrize("rows", [1, 50])
def test_plain_kernels(tool, tmp_path, program, rows):
    source, artifact = tmp_path / "f.mlir", tmp_path / "f.qmlir"
    source.write_text(program)
    tool("quant-compile", source, "-o", artifact)
    r = np.random.default_rng(rows)
    np.save(tmp_path / "x.npy", r.integers(-99, 99, (rows, 37)).astype(np.float32))
    np.save(tmp_path / "y.npy", r.integers(-99, 99, 37).astype(np.float32))
    results = {}
    for device in ("cpu", "emulator"):
        tool("quant-run", artifact, f"--device={device}", f"--input=x={tmp_path}/x.npy",
             f"--input=y={tmp_path}/y.npy", f"--output={tmp_path}/{device}.npz")
        results[device] = np.load(tmp_path / f"{device}.npz")["result0"]
    # Whole numbers: exact in any order of summation.
    np.testing.assert_array_equal(results["emulator"], results["cpu"])
