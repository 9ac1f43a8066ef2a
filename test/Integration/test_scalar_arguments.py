"""Functions that take scalars: each is a buffer with one element."""

import json

import numpy as np
import pytest

PLAIN = """
func.func @f(%x: tensor<?x37xf32> {quant_tensor.name = "x"}, %s: f32 {quant_tensor.name = "s"},
             %i: i32 {quant_tensor.name = "i"}, %j: i64 {quant_tensor.name = "j"},
             %c: i1 {quant_tensor.name = "c"}, %h: bf16 {quant_tensor.name = "h"})
    -> (tensor<?x37xf32> {quant_tensor.name = "y"}) {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x37xf32>
  %e = tensor.empty(%d) : tensor<?x37xf32>
  %if = arith.sitofp %i : i32 to f32
  %jf = arith.sitofp %j : i64 to f32
  %hf = arith.extf %h : bf16 to f32
  %sel = arith.select %c, %if, %jf : f32
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>,
                                        affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<?x37xf32>, f32) outs(%e : tensor<?x37xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.mulf %a, %b : f32
    %u = arith.addf %t, %sel : f32
    %v = arith.addf %u, %hf : f32
    linalg.yield %v : f32
  } -> tensor<?x37xf32>
  return %r : tensor<?x37xf32>
}
"""

SCALED = """
func.func @f(%x: tensor<5x64xi8> {quant_tensor.name = "x"}, %w: tensor<9x64xi8> {quant_tensor.name = "w"},
             %s: f32 {quant_tensor.name = "s"}) -> (tensor<5x9xf32> {quant_tensor.name = "y"}) {
  %zero = arith.constant dense<0> : tensor<5x9xi32>
  %acc = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                        affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<5x64xi8>, tensor<9x64xi8>) outs(%zero : tensor<5x9xi32>) -> tensor<5x9xi32>
  %e = tensor.empty() : tensor<5x9xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<5x9xi32>) outs(%e : tensor<5x9xf32>) {
  ^bb0(%a: i32, %o: f32):
    %f = arith.sitofp %a : i32 to f32
    %t = arith.mulf %f, %s : f32
    linalg.yield %t : f32
  } -> tensor<5x9xf32>
  return %y : tensor<5x9xf32>
}
"""


def run(tool, tmp_path, program, inputs):
    """The results of both devices, and the names of the artifact's kernels."""
    (tmp_path / "f.mlir").write_text(program)
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    np.savez(tmp_path / "in.npz", **inputs)
    results = []
    for device in ("cpu", "emulator"):
        output = tmp_path / f"{device}.npz"
        tool("quant-run", artifact, f"--device={device}", "--bits",
             f"--inputs={tmp_path}/in.npz", f"--output={output}")
        results.append(np.load(output)["y"])
    return results, json.loads((artifact / "manifest.json").read_text())


@pytest.mark.parametrize("condition", [False, True])
def test_plain(tool, tmp_path, condition):
    x = np.random.default_rng(1).integers(-99, 99, (3, 37)).astype(np.float32)
    inputs = {"x": x, "s": np.float32(3), "i": np.int32(-5), "j": np.int64(7),
              "c": np.bool_(condition), "h": np.uint16(0x4000)}
    results, manifest = run(tool, tmp_path, PLAIN, inputs)
    for y in results:
        np.testing.assert_array_equal(y, 3 * x + (-5 if condition else 7) + 2)
    shapes = {b["name"]: b["shape"] for b in manifest["functions"][0]["buffers"]}
    assert shapes["s"] == [] and shapes["j"] == []


def test_epilogue(tool, tmp_path):
    """A scalar that scales the int8 product is read in its epilogue."""
    rng = np.random.default_rng(2)
    inputs = {"x": rng.integers(-128, 128, (5, 64), dtype=np.int8),
              "w": rng.integers(-128, 128, (9, 64), dtype=np.int8), "s": np.float32(0.25)}
    results, manifest = run(tool, tmp_path, SCALED, inputs)
    exact = inputs["x"].astype(np.float64) @ inputs["w"].T.astype(np.float64) / 4
    for y in results:
        np.testing.assert_array_equal(y, exact)
    assert [kernel["name"].rsplit("_", 1)[0] for kernel in manifest["kernels"]] == ["matmul_wgmma"]


def test_python():
    import quantmlir

    program = SCALED
    x = np.full((5, 64), 2, np.int8)
    w = np.full((9, 64), 3, np.int8)
    y = quantmlir.compile(program).run(x=x, w=w, s=np.float32(0.5))
    y = y["y"] if isinstance(y, dict) else y
    np.testing.assert_array_equal(np.asarray(y), np.full((5, 9), 192, np.float32))


def test_size_on_the_host(tool, tmp_path):
    """A scalar in device memory cannot be a size: a located error."""
    (tmp_path / "f.mlir").write_text("""
func.func @f(%n: i64) -> tensor<?xf32> {
  %i = arith.index_cast %n : i64 to index
  %z = arith.constant 0.0 : f32
  %e = tensor.empty(%i) : tensor<?xf32>
  %y = linalg.fill ins(%z : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
""")
    result = tool("quant-compile", tmp_path / "f.mlir", "-o", tmp_path / "f.qmlir", check=False)
    assert result.returncode == 1
    assert "f.mlir:2:14: error:" in result.stderr
    assert "reads device memory for a size or a condition of the host" in result.stderr
