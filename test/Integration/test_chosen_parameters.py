"""choose_params in kernels: the emulator agrees with the reference on the CPU."""

import numpy as np
import pytest

PROGRAM = """
#token = #quant_tensor.encoding<{{storage = i8, block = [1, {group}], scale = f32}}>
func.func @f(%x: tensor<?x96xf32> {{quant_tensor.name = "x"}}) -> (tensor<?x{groups}xf32> {{quant_tensor.name = "s"}}) {{
  %s = quant_tensor.choose_params %x method({method}) encoding(#token){attrs} : tensor<?x96xf32> -> tensor<?x{groups}xf32>
  return %s : tensor<?x{groups}xf32>
}}
"""


@pytest.mark.parametrize("group", [0, 32])
@pytest.mark.parametrize("method, attrs", [
    ("absmax", ""),
    ("percentile", " {percent = 95.0 : f64}"),
    ("mse", " {candidates = 12 : i64}"),
])
def test_method(tool, tmp_path, method, attrs, group):
    program = PROGRAM.format(method=method, attrs=attrs, group=group, groups=96 // group if group else 1)
    (tmp_path / "f.mlir").write_text(program)
    tool("quant-compile", tmp_path / "f.mlir", "-o", tmp_path / "f.qmlir")
    x = np.random.default_rng(group).standard_normal((5, 96)).astype(np.float32)
    x[2] = 0
    np.save(tmp_path / "x.npy", x)
    results = []
    for device in ("cpu", "emulator"):
        output = tmp_path / f"{device}.npz"
        tool("quant-run", tmp_path / "f.qmlir", f"--device={device}", f"--input=x={tmp_path}/x.npy",
             f"--output={output}")
        results.append(np.load(output)["s"])
    assert results[0].shape == (5, 96 // group if group else 1)
    # The order of sums may decide between neighbouring candidates.
    np.testing.assert_allclose(results[1], results[0], rtol=2e-2 if method == "mse" else 1e-6)
